"""The command at a terminal that is drawn: what a person sees, not which bytes were written."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte
from tests.cli.support import AGENT_GATE, BOUND_S, environment
from tests.nursery import nursery

SCROLLED_MAX = 5_000


class Looking:
    """A person before a terminal.

    Attributes:
        written: all bytes that the command has written.
    """

    def __init__(self, args: tuple[str, ...], columns: int, rows: int, cwd: Path, **variables: str):
        self.written = b""
        self._screen = pyte.HistoryScreen(columns, rows, history=SCROLLED_MAX)
        self._stream = pyte.ByteStream(self._screen)
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        env = environment(variables)
        del env["COLUMNS"]
        ends = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = nursery().bear(AGENT_GATE, *args, env=env, cwd=cwd, new_session=True, **ends)
        os.close(slave)

    @property
    def lines(self) -> list[str]:
        """What is on the screen, and what has scrolled off it."""
        columns = range(self._screen.columns)
        scrolled = ["".join(row[x].data for x in columns) for row in self._screen.history.top]
        return [line.rstrip() for line in (*scrolled, *self._screen.display)]

    @property
    def text(self) -> str:
        """The same, with what was wrapped put together: blanks and ends of lines are one blank."""
        return re.sub(r"\s+", " ", "\n".join(self.lines))

    def see(self, text: str, times: int = 1) -> None:
        """Wait until a text is there, so often."""
        end = time.monotonic() + BOUND_S
        while self.text.count(text) < times:
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise AssertionError(f"{text!r} did not appear, but:\n" + "\n".join(self.lines))

    def see_no_more(self, text: str) -> None:
        """Wait until a text is gone."""
        end = time.monotonic() + BOUND_S
        while text in self.text:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} stayed:\n" + "\n".join(self.lines)
            self._read(left)

    def type(self, text: str) -> None:
        """Type."""
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        """Ctrl-C, as the process gets it."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        """Read what is left, and return the exit code."""
        while self._read(BOUND_S):
            pass
        return self.process.wait(BOUND_S)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(BOUND_S)
        os.close(self.master)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self.master], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self.master, 65_536)
        except OSError:  # EIO: nobody has the other end open any more
            return False
        self.written += data
        self._stream.feed(data)
        return bool(data)


@contextmanager
def looking(
    *args: str, cwd: Path, columns: int = 80, rows: int = 40, **variables: str
) -> Iterator[Looking]:
    """Have the command at a terminal of this size; it is ended with the block."""
    person = Looking(args, columns, rows, cwd, **variables)
    try:
        yield person
    finally:
        person.close()
