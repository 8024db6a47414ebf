"""Timekeeping: the ledger is woken when something in it is due."""

from __future__ import annotations

from collections.abc import Callable

import anyio

LOOK_AGAIN_S = 60.0
"""The longest sleep: a system clock that was set is noticed within it."""


class Timekeeper:
    """See the module.

    Args:
        deadline: says when something is due, UTC seconds, or None.
        wake: does what is due.
        utc: the clock of the deadlines.
    """

    def __init__(
        self,
        deadline: Callable[[], float | None],
        wake: Callable[[], None],
        utc: Callable[[], float],
    ) -> None:
        self._deadline = deadline
        self._wake = wake
        self._utc = utc
        self._alarm = anyio.Event()
        self._armed: float | None = None

    async def run(self) -> None:
        """Wake whoever it is for, until cancelled."""
        while True:
            self._armed = deadline = self._deadline()
            pause = LOOK_AGAIN_S if deadline is None else deadline - self._utc()
            with anyio.move_on_after(min(max(pause, 0.0), LOOK_AGAIN_S)):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            self._wake()

    def look(self) -> None:
        """The deadline may be another one than it was."""
        if self._deadline() != self._armed:
            self._alarm.set()
