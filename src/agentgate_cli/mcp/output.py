"""Standard output of a server on a pipe, written by a thread: nothing waits for its reader."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

BYTES_MAX = 67_108_864
"""What may wait for a client that does not read: a few of the largest results. Beyond it the client
is taken for dead."""

FLUSH_S = 0.3
"""How long the end of the process waits for a client to take the last lines."""


class Output:
    """Writes bytes in order.

    Args:
        descriptor: of the pipe.

    Attributes:
        is_broken: nobody reads any more, or what waits is too much.
        on_break: called once when that happens, by whatever thread notices.
    """

    def __init__(self, descriptor: int) -> None:
        self.is_broken = False
        self.on_break: Callable[[], None] | None = None
        self._descriptor = descriptor
        self._waiting: list[bytes] = []
        self._size = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, data: bytes) -> None:
        """Take bytes to write."""
        if not data:
            return
        with self._changed:
            if self.is_broken:
                return
            if self._thread is None:
                # A daemon: it may hang in a write when the process is to end
                self._thread = threading.Thread(target=self._write_all, name="out", daemon=True)
                self._thread.start()
            self._waiting.append(data)
            self._size += len(data)
            is_full = self._size > BYTES_MAX
            self._changed.notify_all()
        if is_full:
            self._break()

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: self._size == 0 or self.is_broken, FLUSH_S)

    def _break(self) -> None:
        with self._changed:
            was_broken, self.is_broken = self.is_broken, True
            self._changed.notify_all()
        if not was_broken and self.on_break is not None:
            self.on_break()

    def _write_all(self) -> None:
        while not self.is_broken:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self.is_broken)
                data = b"".join(self._waiting)
                self._waiting.clear()
            try:
                write(self._descriptor, data)
            except OSError:
                self._break()
                return
            with self._changed:
                self._size -= len(data)
                self._changed.notify_all()


def write(descriptor: int, data: bytes) -> None:
    """Write all of it, whether the pipe blocks or not.

    Raises:
        OSError: nobody reads.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # who made the pipe wanted it so
            select.select([], [descriptor], [])
