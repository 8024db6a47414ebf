"""A terminal that is written to by a thread: whoever stops it (Ctrl-S) stops nothing else.

A gateway that asks at its own terminal says all that it says there in its event loop, and a write
to a terminal that is stopped waits until it goes on. So what is said is queued here, in one order
with the lines of the log, and a thread writes it.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from agentgate_cli.log_writer import write

QUEUE_CHARS_MAX = 4_000_000
"""What may wait to be written: all that is asked in days."""

ROOM_CHARS = 65_536
"""While more waits, a log waits, too: it has a queue of its own, and says what it drops."""

LAST_S = 2.0
"""How long the end of a process waits for the terminal to take the last lines."""


class TerminalOutput(io.TextIOBase):
    """Standard output, without ever waiting for it.

    Args:
        stream: the terminal's; it is written to by its descriptor.
    """

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._texts: deque[str] = deque()
        self._chars = 0
        self._is_full = False
        self._changed = threading.Condition()
        # A daemon: it may hang in a write when the process is to end
        self._thread = threading.Thread(target=self._write_all, name="terminal", daemon=True)

    def isatty(self) -> bool:
        """It is the terminal, for whoever chooses styles by that."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The terminal's descriptor."""
        return self._stream.fileno()

    def writable(self) -> bool:
        """Always, and at once."""
        return True

    def write(self, text: str, /) -> int:
        """Take a text. What finds no room is left out, and a line says so in its place.

        Raises:
            TypeError: it is none; click tries bytes, to see whether a stream is for texts.
        """
        if not isinstance(text, str):
            raise TypeError(f"a text is written here, and no {type(text).__name__}")
        with self._changed:
            if not self._thread.is_alive():
                self._thread.start()
            is_full = self._chars + len(text) > QUEUE_CHARS_MAX
            if is_full and not self._is_full:
                self._put("\n… the terminal was stopped for too long: what came is not shown\n")
            elif not is_full:
                self._put(text)
            self._is_full = is_full
        return len(text)

    def wait_for_room(self) -> None:
        """Wait until less than ``ROOM_CHARS`` is to be written; for threads only."""
        with self._changed:
            self._changed.wait_for(lambda: self._chars < ROOM_CHARS)

    def drain(self, timeout_s: float) -> bool:
        """Wait until all is written, but not for longer; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._chars, timeout_s)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Be standard output for as long as the block takes, and a moment longer."""
        with redirect_stdout(self):
            try:
                yield
            finally:
                self.drain(LAST_S)

    def _put(self, text: str) -> None:
        self._texts.append(text)
        self._chars += len(text)
        self._changed.notify_all()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
                text = "".join(self._texts)
                self._texts.clear()
            with suppress(OSError, ValueError):  # it was hung up: nobody looks
                write(self._stream, text)
            with self._changed:
                self._chars -= len(text)
                self._changed.notify_all()
