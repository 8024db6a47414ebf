"""Shrinking: leave things out of a plan for as long as the world still fails in the same way.

What fails is taken for the same if its text is, numbers aside. Agents, faults and requests go in
halves, then in smaller parts, then one by one; so what is left is what it takes.
"""

from __future__ import annotations

import re
import time
from typing import Any

from msgspec.structs import replace
from tests.sim.plan import Plan
from tests.sim.world import World

from agentgate_proto.limits import LedgerLimits, Limits

NUMBERS = re.compile(r"\d+")
CALM = {
    "split": 0.0,
    "jitter_s": 0.0,
    "tool_trouble": 0.0,
    "human_trouble": 0.0,
    "gateway_rate": 1.0,
    "window_bytes": 65_536,
    "limits": Limits(),
    "ledger": LedgerLimits(),
}
"""What a quieter world has in place of what was drawn."""


def code_of(text: str) -> str:
    """The invariant that a failure is about, or its first words."""
    return " ".join(NUMBERS.sub("#", text).split()[:3])


class Shrinker:
    """Makes one failing plan small.

    Args:
        plan: that fails.
        text: how.
        seconds: how long to try.
    """

    def __init__(self, plan: Plan, text: str, seconds: float) -> None:
        self.plan = plan
        self.code = code_of(text)
        self.until = time.monotonic() + seconds
        self.tries = 0

    def shrink(self) -> Plan:
        """Return the smallest plan that was found."""
        size = -1
        while size != self._size() and time.monotonic() < self.until:
            size = self._size()
            self._without_parts("faults")
            self._without_agents()
            self._without_parts("asks")
            self._without_parts("talks")
            self._calmer()
        return self.plan

    def fails(self, plan: Plan) -> bool:
        """Whether a plan fails in the same way."""
        self.tries += 1
        violation = World(plan).run()
        return violation is not None and code_of(str(violation)) == self.code

    def _size(self) -> int:
        return len(self.plan.asks) + len(self.plan.faults) + len(self.plan.talks)

    def _try(self, plan: Plan) -> bool:
        if time.monotonic() < self.until and self.fails(plan):
            self.plan = plan
            return True
        return False

    def _without_parts(self, name: str) -> None:
        """Leave out parts of a list: halves first, single ones last."""
        size = max(1, len(getattr(self.plan, name)) // 2)
        while True:
            at = 0
            while at < len(getattr(self.plan, name)):
                parts: tuple[Any, ...] = getattr(self.plan, name)
                if not self._try(self.plan.without(**{name: parts[:at] + parts[at + size :]})):
                    at += size
            if size == 1 or time.monotonic() >= self.until:
                return
            size = max(1, size // 2)

    def _without_agents(self) -> None:
        """Silence agents that are not needed; the last ones can go altogether."""
        for place in range(len(self.plan.agents)):
            asks = tuple(ask for ask in self.plan.asks if ask.agent != place)
            faults = tuple(fault for fault in self.plan.faults if fault.agent != place)
            talks = tuple(talk for talk in self.plan.talks if talk.agent != place)
            self._try(self.plan.without(asks=asks, faults=faults, talks=talks))
        used = [ask.agent for ask in self.plan.asks]
        used += [talk.agent for talk in self.plan.talks]
        used += [fault.agent for fault in self.plan.faults]
        self._try(self.plan.without(agents=self.plan.agents[: max(used, default=0) + 1]))

    def _calmer(self) -> None:
        """Take the weather and the troubles out that are not needed."""
        for name, calm in CALM.items():
            if getattr(self.plan, name) != calm:
                self._try(self.plan.without(**{name: calm}))
        agents = tuple(replace(agent, rate=1.0) for agent in self.plan.agents)
        if agents != self.plan.agents:
            self._try(self.plan.without(agents=agents))
        moments = [ask.at for ask in self.plan.asks] + [fault.at for fault in self.plan.faults]
        moments += [talk.at for talk in self.plan.talks]
        last = max(moments, default=0.0)
        self._try(self.plan.without(until=min(self.plan.until, last + 1.0)))
