"""News: which lines a log gets of something that is away, so that none is missed and none floods.

One line when it begins; while it lasts rarer and rarer ones, and one for a reason that is new; one
when it is over, with how long it was and how often it failed. What comes and goes all the time is
told like something that stays away.

The words are the caller's: it is told whether to say something, and what to add to it.
"""

from __future__ import annotations

import re
from collections import deque

from agentgate_proto.durations import format_duration

PAUSES_S = (300.0, 1_800.0, 7_200.0, 21_600.0)
"""Between two lines about one outage; the last pause repeats: four lines a day."""

REASONS_MAX = 5
"""Reasons of one outage that get a line at once."""

OUTAGES_MAX = 3
"""Beginnings that are said within ``FLAPPING_S``; what follows is as if it had never been back."""

FLAPPING_S = 600.0

NUMBER = re.compile(r"[0-9]+")
"""What may differ between two texts of one reason: seconds that are counted down, ports."""


class News:
    """What is said of one thing that may be away. Time is monotonic seconds.

    Attributes:
        is_away: it is, as far as is known.
    """

    def __init__(self) -> None:
        self.is_away = False
        self._since = 0.0
        self._failures = 0
        self._said = 0
        self._due = 0.0
        self._is_silent = False
        self._reasons: set[str] = set()
        self._begun: deque[float] = deque(maxlen=OUTAGES_MAX)

    def failed(self, why: str, now: float) -> str | None:
        """It failed.

        Returns:
            what to add to the line that says so ("" at the beginning); None: say nothing.
        """
        reason = NUMBER.sub("#", why)
        if not self.is_away:
            self._begin(now)
        self._failures += 1
        is_new = reason not in self._reasons and len(self._reasons) < REASONS_MAX
        if is_new:
            self._reasons.add(reason)
        is_due = now >= self._due
        if not is_due and (self._is_silent or not is_new):
            return None
        if is_due:
            self._due = now + PAUSES_S[min(self._said, len(PAUSES_S) - 1)]
            self._said += 1
        self._is_silent = False
        if self._failures == 1:
            return ""
        lasted = format_duration(round(now - self._since))
        return f" (for {lasted}, {self._failures} times)"

    def well(self, now: float) -> str | None:
        """It works.

        Returns:
            what to add to the line that says so; None: it was not away, or nobody was told.
        """
        if not self.is_away:
            return None
        self.is_away = False
        if self._is_silent:
            return None
        lasted = format_duration(round(now - self._since))
        times = "once" if self._failures == 1 else f"{self._failures} times"
        return f" after {lasted} (it failed {times})"

    def _begin(self, now: float) -> None:
        """It is away, for the first time or again."""
        self.is_away = True
        is_flapping = len(self._begun) == OUTAGES_MAX and now - self._begun[0] < FLAPPING_S
        self._begun.append(now)
        if is_flapping:
            self._is_silent = True
            return  # it goes on as it was: since when, how often, and when something is due
        self._since, self._failures, self._said = now, 0, 0
        self._due, self._is_silent = now, False
        self._reasons.clear()
