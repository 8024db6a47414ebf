"""Virtual time: what happens next. And the clocks that machines read, which need not agree."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

NOON = 1_800_000_000.0
"""When every world begins, UTC seconds."""

ROUNDING_S = 1e-6
"""A timer is woken this much late, so that a clock that is converted twice does not come short."""


class Endless(Exception):
    """More has happened than should in a whole world."""


class Timeline:
    """A queue of what is going to happen, in the order of time; at one moment, in that of adding.

    Attributes:
        now: seconds since the world began.
        steps: how many things have happened.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self._added = 0
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Let something happen in so many seconds."""
        self._added += 1
        heappush(self._queue, (self.now + seconds, self._added, act, args))

    def at(self, moment: float, act: Callable[..., None], *args: Any) -> None:
        """Let something happen at a moment, or now if that has passed."""
        self._added += 1
        if moment < self.now:
            moment = self.now
        heappush(self._queue, (moment, self._added, act, args))

    def run(self, until: float, steps_max: int) -> None:
        """Let everything happen until then; raise ``Endless`` if that is too much."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            self.now, _, act, args = heappop(queue)
            self.steps += 1
            act(*args)
            if self.steps > steps_max:
                raise Endless(f"{self.steps} things have happened, and there is no end")
        self.now = until


class Clock:
    """The monotonic clock of one process: it starts anywhere, and may run slow or fast.

    Args:
        timeline: what the time really is.
        start: what it shows now.
        rate: its seconds in one real one.
    """

    def __init__(self, timeline: Timeline, start: float, rate: float) -> None:
        self.timeline = timeline
        self.rate = rate
        self.offset = start - timeline.now * rate

    def now(self) -> float:
        """What it shows."""
        return self.offset + self.timeline.now * self.rate

    def moment(self, shown: float) -> float:
        """When it will show this, in the world's time."""
        return (shown - self.offset) / self.rate + ROUNDING_S


class Alarm:
    """One timer of a machine, armed again only for an earlier moment; later ones it finds itself.

    Args:
        timeline: where it is armed.
        ring: what to do; it must call ``arm`` in the end.
    """

    __slots__ = ("armed", "ring", "timeline")

    def __init__(self, timeline: Timeline, ring: Callable[[], None]) -> None:
        self.timeline = timeline
        self.ring = ring
        self.armed = float("inf")

    def arm(self, moment: float) -> None:
        """Ring at a moment, if it would not ring before."""
        if moment < self.armed:
            self.armed = max(moment, self.timeline.now)
            self.timeline.at(self.armed, self._due, self.armed)

    def _due(self, moment: float) -> None:
        if moment == self.armed:
            self.armed = float("inf")
            self.ring()
