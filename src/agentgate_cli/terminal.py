"""The person's terminal: lines that are typed, and none that were typed for something else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import anyio

from agentgate_cli.style import say

T = TypeVar("T")

CODE_QUESTION = "  one-time code: "
LINE_BYTES_MAX = 4_096
"""What a terminal hands over at once, at most."""

END = b"\x04"
"""What Ctrl-D is, where keys come one by one."""

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
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, modes)


class Terminal:
    """Standard input and output, if both are a terminal.

    A terminal keeps what is typed until somebody reads it. An answer must not hit a question that
    was not yet there when it was typed, nor one that has come too late to be read: before each
    question no key may have been pressed for a while.
    """

    def __init__(self) -> None:
        self.input = sys.stdin.fileno()

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

    def question(self, text: str) -> None:
        """Print a question, without a new line."""
        sys.stdout.write(text)
        sys.stdout.flush()

    async def line(self) -> str | None:
        """Wait for a line; None: the input has ended (Ctrl-D)."""
        await anyio.wait_readable(self.input)
        data = os.read(self.input, LINE_BYTES_MAX)
        return data.decode(errors="replace").strip().lower() if data else None

    async def quiet(self, seconds: float) -> bool:
        """Wait until no key was pressed for so long; what is typed meanwhile counts for nothing.

        Returns:
            Whether the input is still open.
        """
        with keys(self.input):
            while True:
                with anyio.move_on_after(seconds):
                    await anyio.wait_readable(self.input)
                    data = os.read(self.input, LINE_BYTES_MAX)
                    if not data or END in data:
                        return False
                    continue
                return True

    async def choice(
        self, question: str, answers: Mapping[str, T], quiet_s: float = SETTLE_S
    ) -> T | None:
        """Ask until a line is one of the answers; None: the input was closed.

        Args:
            question: what is asked.
            answers: by what is typed.
            quiet_s: for how long no key may have been pressed before it is asked.
        """
        if not await self.quiet(quiet_s):
            say()
            return None
        while True:
            self.question(question)
            line = await self.line()
            if line is None:
                say()
                return None
            if line in answers:
                return answers[line]

    async def code(self) -> str:
        """Ask for a one-time code; "": the person has none."""
        self.discard()
        self.question(CODE_QUESTION)
        return await self.line() or ""
