"""Logs by a thread of their own: whoever reads them may stop, and the gateway goes on.

Standard error is often a pipe. Once its reader is stuck and the pipe is full, a write to it blocks;
in the event loop that would stop every request, and the shutdown too. So records are made lines
where they come up (masked, and knowing their request), and a thread writes them. What waits for it
is bounded; what finds no room is dropped and counted, and the log says how much that was.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections import deque
from contextlib import suppress
from io import TextIOBase
from typing import TextIO

QUEUE_CHARS_MAX = 4_000_000
"""What may wait to be written: some ten thousand lines."""

FLUSH_S = 2.0
"""How long the end of a process waits for a reader to take the last lines."""


class BackgroundHandler(logging.Handler):
    """Writes records to a stream, without ever waiting for it.

    Args:
        stream: standard error; it is written to by its descriptor, if it has one. None: it was
            closed when the process began, and nothing is written.

    Attributes:
        dropped: lines that found no room since the log said so last.
    """

    def __init__(self, stream: TextIO | TextIOBase | None) -> None:
        super().__init__()
        self.stream = stream
        self.dropped = 0
        self._lines: deque[str] = deque()
        self._chars = 0
        self._writing = self._stuck = False
        self._pid = 0
        # The handler's own lock: logging sees to it that it is free in a process that was forked
        assert self.lock is not None
        self._changed = threading.Condition(self.lock)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            line = self.format(record)
        except Exception:
            self.handleError(record)
        else:
            self.say(line)

    def say(self, line: str) -> None:
        """Take a line that is no record."""
        with self._changed:
            self._see_to_the_thread()
            if self._chars and self._chars + len(line) > QUEUE_CHARS_MAX:
                self.dropped += 1
                return
            if self.dropped:
                self._put(self._dropped_line())
            self._put(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long, and not twice for a reader that is stuck."""
        with self._changed:
            timeout_s = 0.0 if self._stuck else FLUSH_S
            self._stuck = not self._changed.wait_for(self._is_idle, timeout_s)

    def _is_idle(self) -> bool:
        return os.getpid() != self._pid or not (self._lines or self._writing or self.dropped)

    def _put(self, line: str) -> None:
        self._lines.append(line)
        self._chars += len(line)

    def _see_to_the_thread(self) -> None:
        """Start the thread; a process that was forked has none, and its lines are its parent's."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._lines.clear()
            self._chars = self.dropped = 0
            self._writing = self._stuck = False
            # A daemon: it may hang in a write when the process is to end
            threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def _dropped_line(self) -> str:
        text = f"{self.dropped} lines of this log were dropped: whoever reads it is too slow"
        self.dropped = 0
        fields = {"name": "agentgate", "levelno": logging.WARNING, "levelname": "WARNING"}
        return self.format(logging.makeLogRecord({**fields, "msg": text}))

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._lines or self.dropped)
                if not self._lines:
                    self._put(self._dropped_line())
                text = "\n".join([*self._lines, ""])
                self._lines.clear()
                self._chars, self._writing = len(text), True
            if self.stream is not None:
                with suppress(OSError, ValueError):  # no reader, a full disk: not for ever, perhaps
                    write(self.stream, text)
            with self._changed:
                self._chars -= len(text)
                self._stuck = False


def write(stream: TextIO | TextIOBase, text: str) -> None:
    """Write all of a text, whether the stream blocks or not.

    Raises:
        OSError, ValueError: it can't be written.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        stream.write(text)
        stream.flush()
        return
    data = memoryview(text.encode(stream.encoding or "utf-8", "backslashreplace"))
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # somebody else made the terminal so
            select.select([], [descriptor], [])
