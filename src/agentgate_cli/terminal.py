"""The person's terminal: lines that are typed, and none that were typed for something else."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from typing import TypeVar

import anyio

from agentgate_cli.style import say

T = TypeVar("T")

CODE_QUESTION = "  one-time code: "
LINE_BYTES_MAX = 4_096
"""What a terminal hands over at once, at most."""


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


class Terminal:
    """Standard input and output, if both are a terminal.

    A terminal keeps what is typed until somebody reads it. An answer must not hit a question that
    was not yet there when it was typed: call ``discard`` before each question.
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

    async def choice(self, question: str, answers: Mapping[str, T]) -> T | None:
        """Ask until a line is one of the answers; None: the input was closed."""
        self.discard()
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
