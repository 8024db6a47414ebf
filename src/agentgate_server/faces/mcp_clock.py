"""One timer for everything of the MCP face that waits.

An allowed call costs no timer: it is over before its first deadline, which is found out when the
clock wakes up for it, at most once a second for all that there were.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Callable
from itertools import count
from typing import Protocol

import anyio

log = logging.getLogger(__name__)


class Timed(Protocol):
    """What has deadlines.

    Attributes:
        armed_at: when the clock looks after it; ``math.inf``: it does not. For the clock alone.
    """

    armed_at: float

    def next_deadline(self) -> float | None:
        """When ``handle_timer`` is to be called, on anyio's clock; None: never."""
        ...

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        ...

    def timer_failed(self) -> None:
        """``handle_timer`` raised, which is logged: end what nobody looks after any more."""
        ...


class Clock:
    """See the module.

    Args:
        spawn: starts an async function with its arguments, in a task.
    """

    def __init__(self, spawn: Callable[..., None]) -> None:
        self._spawn = spawn
        self._heap: list[tuple[float, int, Timed]] = []
        self._numbers = count()
        self._sleeps_until = math.inf
        self._alarm = anyio.Event()
        self._runs = False

    def rearm(self, timed: Timed) -> None:
        """Look at the deadline of something. That it was put off is found when waking up."""
        deadline = timed.next_deadline()
        if deadline is None or deadline >= timed.armed_at:
            return
        timed.armed_at = deadline
        heapq.heappush(self._heap, (deadline, next(self._numbers), timed))
        if deadline >= self._sleeps_until:
            return
        if self._runs:
            self._alarm.set()
        else:
            self._runs = True
            self._spawn(self._keep_time)

    async def _keep_time(self) -> None:
        while True:
            self._alarm = anyio.Event()
            self._sleeps_until = self._heap[0][0] if self._heap else math.inf
            with anyio.CancelScope(deadline=self._sleeps_until):
                await self._alarm.wait()
            self._wake(anyio.current_time())

    def _wake(self, now: float) -> None:
        while self._heap and self._heap[0][0] <= now:
            at, _, timed = heapq.heappop(self._heap)
            if at != timed.armed_at:
                continue  # it was armed for an earlier time as well
            timed.armed_at = math.inf
            deadline = timed.next_deadline()
            if deadline is not None and deadline <= now:
                try:
                    timed.handle_timer(now)
                except Exception:  # a bug in one call must not stop the others
                    log.exception("mcp: a timer failed")
                    self._give_up(timed)
                    continue
            self.rearm(timed)

    def _give_up(self, timed: Timed) -> None:
        """What can't do what is due would be due for ever: it ends, and is not looked after."""
        try:
            timed.timer_failed()
        except Exception:
            log.exception("mcp: what failed can't be ended")
