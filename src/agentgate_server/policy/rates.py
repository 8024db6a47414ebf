"""Rates: how often an allow rule may decide before the next rule does.

``rate: 10/min`` counts the requests that this rule has allowed, for each agent by itself, in the
last 60 seconds, not in the calendar minute. The count is the only thing about a policy that
changes; it lives in memory and starts at nothing with the gateway.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

RATE = re.compile(r"([1-9][0-9]*)\s*/\s*(s|sec|second|min|minute|h|hour)")
SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0}
HOUR_S = 3_600.0

COUNT_MAX = 10_000
"""The highest count of a rate: each request within it is remembered, 8 bytes."""

COUNTERS_MAX = 10_000
"""Pairs of rule and agent that are counted; beyond, a rule with a rate allows nothing."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in so many seconds."""

    count: int
    period_s: float


@dataclass(slots=True)
class Rates:
    """The counts of a policy.

    Attributes:
        taken: when requests were allowed, by (rule, agent).
    """

    taken: dict[tuple[int, str], deque[float]] = field(default_factory=dict)

    def take(self, rule: int, agent: str, rate: Rate, now: float) -> bool:
        """Count one request, if the rule still allows it; else change nothing.

        Args:
            rule: number of the rule in its policy.
            agent: name of the agent.
            rate: the rule's rate.
            now: UTC seconds. A clock that was put back may hold requests back, never let more
                through.
        """
        if not self.has_room(rule, agent, rate, now):
            return False
        times = self.taken.get((rule, agent))
        if times is None:
            times = self.taken[rule, agent] = deque(maxlen=rate.count)
        times.append(max(now, times[-1]) if times else now)
        return True

    def go_on(self, rule: int, former: Rates, former_rule: int) -> None:
        """Take over what a rule of another policy has counted, for all agents."""
        for (number, agent), times in former.taken.items():
            if number == former_rule:
                self.taken[rule, agent] = times

    def has_room(self, rule: int, agent: str, rate: Rate, now: float) -> bool:
        """Whether the rule would allow one more request now; counts nothing. Args as ``take``."""
        times = self.taken.get((rule, agent))
        if times is None:
            return len(self.taken) < COUNTERS_MAX
        return len(times) < rate.count or max(now, times[-1]) - times[0] >= rate.period_s


def parse_rate(text: str) -> Rate:
    """Make a rate from its text.

    Raises:
        ValueError: the text is not of that form, or the count too high.
    """
    match = RATE.fullmatch(text.strip())
    if match is None or len(match[1]) > len(str(COUNT_MAX)) or int(match[1]) > COUNT_MAX:
        raise ValueError(
            f"{text!r} is not a rate: write it like 10/min, 5/s or 100/hour, at most {COUNT_MAX}"
        )
    return Rate(int(match[1]), SECONDS.get(match[2], HOUR_S))
