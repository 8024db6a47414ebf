"""The person's terminal: lines that are typed, and none that were typed for something else."""

from __future__ import annotations

import io
import os
import shutil
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import anyio
import click

from agentgate_cli.line_editor import LineEditor
from agentgate_cli.style import say
from agentgate_cli.terminal_output import TerminalOutput

T = TypeVar("T")

CODE_QUESTION = "  one-time code: "
LINE_BYTES_MAX = 4_096
"""What a terminal hands over at once, at most."""

END = b"\x04"
"""What Ctrl-D is, where keys come one by one."""

CURSOR_UP = "\x1b[%dA"
ERASE_BELOW = "\x1b[J"
"""What terminals have taken for fifty years (ECMA-48 sections 8.3.22 and 8.3.39)."""

BELL = "\a"

KEPT_LINES = 1_000
"""Of what others have to say while another program has the terminal: the newest."""

SOON_S = 0.2
"""How long what was said may take to be shown before another program has the terminal."""

SETTLE_S = 0.5
"""No key may have been pressed for so long before a question is asked: people need a quarter of a
second to see that it is there at all."""

SWAPPED_S = 2.0
"""The same, where another question has gone that nobody had answered: whoever was about to answer
that one needs a moment to read that this is another."""


def echo(*, on: bool) -> None:
    """Let the terminal show what is typed, or keep it to itself while something is drawn.

    What is typed meanwhile is not lost: whoever reads next gets it.
    """
    import termios

    try:
        descriptor = sys.stdin.fileno()
        modes = termios.tcgetattr(descriptor)
    except (termios.error, OSError, ValueError, AttributeError):  # no terminal, or it is gone
        return
    modes[3] = modes[3] | termios.ECHO if on else modes[3] & ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)


def terminal_width() -> int:
    """Characters in a line that is read, on a terminal however wide."""
    return min(shutil.get_terminal_size().columns, 100)


@contextmanager
def keys(descriptor: int) -> Iterator[None]:
    """Get each key at once, and show none of them; what was not read is forgotten at the end."""
    import termios

    modes = termios.tcgetattr(descriptor)
    raw = [*modes[:3], modes[3] & ~(termios.ICANON | termios.ECHO), *modes[4:]]
    termios.tcsetattr(descriptor, termios.TCSANOW, raw)
    try:
        yield
    finally:
        # Not TCSAFLUSH, which waits for all output to be shown: a terminal may be stopped (Ctrl-S)
        termios.tcsetattr(descriptor, termios.TCSANOW, modes)
        termios.tcflush(descriptor, termios.TCIFLUSH)


class Terminal:
    """Standard input and output, if both are a terminal.

    A terminal keeps what is typed until somebody reads it. An answer must not hit a question that
    was not yet there when it was typed, nor one that has come too late to be read: before each
    question no key may have been pressed for a while.

    What others have to say meanwhile, as a log in the same terminal, goes :meth:`above` the
    question, from whatever thread.
    """

    def __init__(self) -> None:
        self.input = sys.stdin.fileno()
        self._drawing = threading.Lock()
        self._open = ""
        self._typed = ""
        self._kept: deque[str] | None = None

    @staticmethod
    def is_there() -> bool:
        """Whether a person can be asked."""
        try:
            return sys.stdin.isatty() and sys.stdout.isatty()
        except (ValueError, AttributeError):  # closed
            return False

    @property
    def width(self) -> int:
        """Characters in a line."""
        return terminal_width()

    def discard(self) -> None:
        """Forget what was typed so far, a line that is not finished included."""
        import termios

        termios.tcflush(self.input, termios.TCIFLUSH)

    def ring(self) -> None:
        """Call the person: a sound, or a mark at the window."""
        sys.stdout.write(BELL)
        sys.stdout.flush()

    def above(self, text: str) -> None:
        """Print lines; a question that is open stays below them, with what was typed."""
        with self._drawing:
            if self._kept is not None:
                self._kept.append(text)
                return
            gone = erased(self._open + self._typed) if self._open else ""
            sys.stdout.write(f"{gone}{text.rstrip()}\n{self._open}{self._typed}")
            sys.stdout.flush()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let another program have the terminal; what is said meanwhile is said after."""
        kept: deque[str] = deque(maxlen=KEPT_LINES)
        with self._drawing:
            self._kept = kept
        if isinstance(sys.stdout, TerminalOutput):
            sys.stdout.drain(SOON_S)
        try:
            yield
        finally:
            with self._drawing:
                self._kept = None
            for text in kept:
                self.above(text)

    async def line(self, question: str = "") -> str | None:
        """Wait for a line; None: the input has ended (Ctrl-D).

        Args:
            question: stands before it.
        """
        with keys(self.input):
            return await self._edited(question)

    async def _edited(self, question: str) -> str | None:
        """Show a question, and make a line of keys."""
        editor = LineEditor()
        try:
            self._draw(question, "")
            while not editor.ended:
                await anyio.wait_readable(self.input)
                data = os.read(self.input, LINE_BYTES_MAX)
                if not data:
                    return None
                if (line := editor.feed(data)) is not None:
                    self._draw(question, line)
                    return line.strip()
                self._draw(question, editor.typed)
        finally:
            with self._drawing:
                self._open = self._typed = ""
        return None

    def _draw(self, question: str, typed: str) -> None:
        """Show what was typed: what is new, or all anew."""
        with self._drawing:
            if self._open == question and typed.startswith(self._typed):
                new = typed.removeprefix(self._typed)
            else:
                new = (erased(self._open + self._typed) if self._open else "") + question + typed
            self._open, self._typed = question, typed
            sys.stdout.write(new)
            sys.stdout.flush()

    async def typed_meanwhile(self) -> bool:
        """Wait for a line that nobody has asked for; return whether the input is still open."""
        await anyio.wait_readable(self.input)
        return bool(os.read(self.input, LINE_BYTES_MAX))

    async def quiet(self, seconds: float) -> bool:
        """Wait until no key was pressed for so long; what is typed meanwhile counts for nothing.

        Returns:
            Whether the input is still open.
        """
        with keys(self.input):
            return await self._quiet(seconds)

    async def _quiet(self, seconds: float) -> bool:
        while True:
            with anyio.move_on_after(seconds):
                await anyio.wait_readable(self.input)
                data = os.read(self.input, LINE_BYTES_MAX)
                if not data or END in data:
                    return False
                continue
            return True

    async def answer(self, question: str, quiet_s: float = SETTLE_S) -> str | None:
        """Ask once; None: the input was closed.

        Args:
            question: what is asked.
            quiet_s: for how long no key may have been pressed before it is asked.
        """
        with keys(self.input):  # without a gap in which the terminal would take a line by itself
            is_open = await self._quiet(quiet_s)
            self.discard()
            line = await self._edited(question) if is_open else None
        say()
        return line

    async def choice(
        self, question: str, answers: Mapping[str, T], quiet_s: float = SETTLE_S
    ) -> T | None:
        """Ask until a line is one of the answers; None: the input was closed.

        Args:
            question: what is asked.
            answers: by what is typed.
            quiet_s: for how long no key may have been pressed before it is asked.
        """
        while (line := await self.answer(question, quiet_s)) is not None:
            if line.lower() in answers:
                return answers[line.lower()]
            quiet_s = 0.0
        return None

    async def code(self) -> str:
        """Ask for a one-time code; "": the person has none."""
        return await self.answer(CODE_QUESTION, 0.0) or ""


def erased(text: str) -> str:
    """Return what takes a text away that ends where the cursor is, and may fill several rows."""
    if os.environ.get("TERM") == "dumb":
        return "\n"
    from rich.cells import cell_len

    columns = max(shutil.get_terminal_size().columns, 1)
    rows = max(cell_len(click.unstyle(text)) - 1, 0) // columns
    return f"\r{CURSOR_UP % rows if rows else ''}{ERASE_BELOW}"


class AboveQuestion(io.TextIOBase):
    """A stream for a log: its lines go above what the terminal asks.

    Args:
        terminal: whose question it is.
        wait: waits until there is room for more lines.
    """

    def __init__(self, terminal: Terminal, wait: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self._terminal = terminal
        self._wait = wait

    def write(self, text: str, /) -> int:
        """Print whole lines."""
        self._wait()  # before the terminal is taken, which the event loop needs
        self._terminal.above(text)
        return len(text)
