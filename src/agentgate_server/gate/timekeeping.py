"""Timekeeping: the ledger is woken when something in it is due, and the clock is watched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import anyio

from agentgate_proto.ledger.clockwatch import ClockWatch

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 60.0
"""The longest sleep: a system clock that was set is noticed within it."""


class Timekeeper:
    """See the module.

    Args:
        deadline: says when something is due, UTC seconds, or None.
        wake: does what is due.
        utc: the clock of the deadlines.
        monotonic: one that nobody sets.

    Attributes:
        clock: watches the former by the latter.
    """

    def __init__(
        self,
        deadline: Callable[[], float | None],
        wake: Callable[[], None],
        utc: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline = deadline
        self._wake = wake
        self._utc = utc
        self._monotonic = monotonic
        self.clock = ClockWatch()
        self._alarm = anyio.Event()
        self._armed: float | None = None

    async def run(self) -> None:
        """Wake whoever it is for, until cancelled."""
        while True:
            self._watch_clock()
            self._armed = deadline = self._deadline()
            pause = LOOK_AGAIN_S if deadline is None else deadline - self._utc()
            with anyio.move_on_after(min(max(pause, 0.0), LOOK_AGAIN_S)):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            self._wake()

    def _watch_clock(self) -> None:
        jump = self.clock.look(self._utc(), self._monotonic())
        if jump is not None:
            log.log(logging.ERROR if jump.is_back else logging.WARNING, "%s", jump.text)

    def look(self) -> None:
        """The deadline may be another one than it was."""
        if self._deadline() != self._armed:
            self._alarm.set()
