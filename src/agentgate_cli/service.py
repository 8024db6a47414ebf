"""What the system tells a gateway: to end, or to read its files anew."""

from __future__ import annotations

import os
import signal
import sys
from typing import Literal

import anyio
from anyio.abc import TaskStatus

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """The signals of a process that serves, as news for one task.

    SIGHUP means to reload, as services have it, unless it came because the terminal that the
    gateway runs at is gone: then nobody is there to end it later.
    """

    def __init__(self) -> None:
        self._at_terminal = sys.stdin is not None and sys.stdin.isatty()
        self._ending = False
        self._reload = False
        self._news = anyio.Event()

    async def watch(self, *, task_status: TaskStatus[None]) -> None:
        """Take signals from now on; the second that says to end ends the process."""
        with anyio.open_signal_receiver(*NUMBERS) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP and not (self._at_terminal and is_gone(0)):
                    self._reload = True
                elif self._ending:
                    # Not sys.exit: that would wait for threads and tasks, which is what hangs.
                    os._exit(128 + number)
                else:
                    self._ending = True
                self._news.set()

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
    import termios

    try:
        termios.tcgetattr(terminal)
    except (OSError, termios.error):
        return True
    return False
