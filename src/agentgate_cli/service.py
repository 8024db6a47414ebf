"""What the system tells a gateway: to end, or to read its files anew."""

from __future__ import annotations

import os
import signal
import socket
import sys
import termios
from contextlib import suppress
from types import FrameType
from typing import Literal

import anyio
from anyio.abc import TaskStatus

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

NEWS_BYTES_MAX = 4_096
"""Read at once of what the handler sent: a byte a signal, whose number does not matter."""


class Signals:
    """The signals of a process that serves, as news for one task.

    SIGHUP means to reload, as services have it, unless it came because the terminal that the
    gateway runs at is gone: then nobody is there to end it later.

    They are taken by a handler of the process and not by its event loop: a second signal must end
    also a gateway whose loop is stuck.
    """

    def __init__(self) -> None:
        self._at_terminal = sys.stdin is not None and sys.stdin.isatty()
        self._ending = False
        self._reload = False
        self._news = anyio.Event()
        self._listening, self._telling = socket.socketpair()
        for end in (self._listening, self._telling):
            end.setblocking(False)

    async def watch(self, *, task_status: TaskStatus[None]) -> None:
        """Take signals from now on; the second that says to end ends the process."""
        before = {number: signal.signal(number, self._take) for number in NUMBERS}
        try:
            task_status.started()
            while True:
                await anyio.wait_readable(self._listening)
                with suppress(BlockingIOError):
                    self._listening.recv(NEWS_BYTES_MAX)
                self._news.set()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self._listening.close()
            self._telling.close()

    def _take(self, number: int, frame: FrameType | None) -> None:
        """Note a signal, in the midst of whatever the main thread does."""
        if number == signal.SIGHUP and not (self._at_terminal and is_gone(0)):
            self._reload = True
        elif self._ending:
            # Not sys.exit: that would wait for threads and tasks, which is what hangs.
            os._exit(128 + number)
        else:
            self._ending = True
        with suppress(BlockingIOError):  # so many have come that the task knows
            self._telling.send(b"\0")

    async def next(self) -> Literal["reload", "end"]:
        """Wait for what is to be done; several reloads that come together are one."""
        while not self._ending and not self._reload:
            self._news = anyio.Event()
            await self._news.wait()
        if self._ending:
            return "end"
        self._reload = False
        return "reload"


def is_gone(terminal: int) -> bool:
    """Whether a descriptor that was a terminal's has lost it."""
    try:
        termios.tcgetattr(terminal)
    except (OSError, termios.error):
        return True
    return False
