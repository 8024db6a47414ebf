"""The watch on the system's clock: whether it was set, and whether it is behind what was written.

The ledger's deadlines are times of that clock. Where it goes back, what waits waits longer, and the
audit's times are not in their order; where it leaps forward, what waits may expire at once. None of
it may go unnoticed. It is held against a clock that nobody sets, and against the newest entry that
a former process wrote.

A machine that slept looks like a clock that went forward (``CLOCK_MONOTONIC`` stands still then),
so that is told with less alarm.
"""

from __future__ import annotations

from typing import NamedTuple

from agentgate_proto.durations import format_duration

JUMP_S = 10.0
"""Less is no jump: time servers move a clock by milliseconds a second, and a look may come late."""

BEHIND_S = 60.0
"""So far may the clock be behind what was written before it was set right."""


class Jump(NamedTuple):
    """The clock was set, by so many seconds; below 0: back."""

    by_s: float

    @property
    def is_back(self) -> bool:
        """Whether it went back."""
        return self.by_s < 0

    @property
    def text(self) -> str:
        """Say so, and what follows."""
        by = format_duration(round(abs(self.by_s)))
        if self.is_back:
            return (
                f"the system's clock went back by {by}: what waits for people waits longer by that,"
                " grants from later than now do not count, and times in the audit are not in order"
            )
        return (
            f"the system's clock went forward by {by}, or this machine slept: what waits for people"
            " may have expired"
        )


class ClockWatch:
    """See the module.

    Args:
        newest: of the newest entry that was written before this process; 0: there is none.

    Attributes:
        highest: the latest time that is known to have been, UTC seconds.
    """

    def __init__(self, newest: float = 0.0) -> None:
        self.highest = newest
        self._last: tuple[float, float] | None = None
        self._now = newest

    def look(self, utc: float, monotonic: float) -> Jump | None:
        """Look at both clocks; returns that this one was set since the last look, if it was."""
        before, self._last = self._last, (utc, monotonic)
        self._now = utc
        jump = None
        if before is not None:
            drift = (utc - before[0]) - (monotonic - before[1])
            if abs(drift) >= JUMP_S:
                jump = Jump(drift)
        self.highest = max(self.highest, utc)
        return jump

    @property
    def problem(self) -> str:
        """That the clock is behind, for whoever asks for the gateway's health; "": it is not."""
        behind_s = self.highest - self._now
        if behind_s <= BEHIND_S:
            return ""
        return (
            f"behind what was written before by {format_duration(round(behind_s))}: set the clock"
        )
