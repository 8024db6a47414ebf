"""What the oracle asks a world, whether it is played on virtual time or by real processes."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from tests.sim.plan import OURS, AgentPlan, Ask


class AnyWorld:
    """What has happened, and who is who.

    Attributes:
        agents: those who ask, in the order of the plan.
        oracle: what looks on.
        counts: how often things have happened.
        masks: where simulated clients take the masks of their frames from.
    """

    agents: list[Any]
    oracle: Any

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.masks = Random(0)

    def may_mistake(self, agent: AgentPlan, ask: Ask) -> bool:
        """Whether a client may take another's outcome for its own, which no gateway can prevent.

        An old client whose request was lost, or whose former connection still seems to stand, may
        get the one of its predecessor that had the same id. And two processes that share one name,
        against all advice, share their ids as well.
        """
        mine = next(other for other in self.agents if other.plan is agent)
        if agent.kind in OURS:
            return bool(mine.doubled)
        return mine.is_lost(ask) or agent.principal in self.oracle.two_at_once

    def is_doubled(self, ask: Ask) -> bool:
        """Whether two processes have lived at once under the name of the one that made it."""
        agent = self.agents[ask.agent]
        return agent.plan.kind in OURS and agent.doubled

    def count(self, what: str) -> None:
        """Note that something has happened."""
        self.counts[what] += 1
