"""Sight: which entities of a house an agent may read one by one, for what shows it many."""

from __future__ import annotations

from collections.abc import Callable

from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.gate.judge import Judge
from agentgate_server.observing.context import current_rid
from agentgate_server.policy import Policy

ONE = "ha_get_state"
"""The tool that reads one entity; what its rules deny is not shown among others either."""

KNOWN_MAX = 100_000
"""Pairs of agent and entity of which is remembered what the policy says; a large house has some
thousand entities, and to decide about each takes a tenth of a millisecond."""


class Sight:
    """Says what whoever has asked for the running tool may see.

    Args:
        judge: has the policy in force.
        ledger: knows who asked.
        utc: UTC seconds.
    """

    def __init__(self, judge: Judge, ledger: Ledger, utc: Callable[[], float]) -> None:
        self.judge = judge
        self.ledger = ledger
        self.utc = utc
        self._policy: Policy | None = None
        self._known: dict[tuple[str, str], bool] = {}

    def __call__(self) -> Callable[[str], bool] | None:
        """Return what says whether an entity may be shown; None: all may. A person who would be
        asked about one is not asked here, so only what is denied is left out."""
        record = self.ledger.record(current_rid.get())
        if record is None:
            return shows_nothing
        agent = record.principal
        policy, now = self.judge.policy, self.utc()
        if Action.DENY not in policy.possible(agent=agent, tool=ONE, effects=Effects.READ):
            return None
        known = self._known_of(policy)

        def shows(entity: str) -> bool:
            seen = known.get((agent, entity))
            if seen is None:
                seen = decides(entity)
                if len(known) < KNOWN_MAX:
                    known[agent, entity] = seen
            return seen

        def decides(entity: str) -> bool:
            decision = policy.decide(
                agent=agent,
                tool=ONE,
                effects=Effects.READ,
                args={"entity_id": entity},
                now=now,
                counts=False,
            )
            return decision.action is not Action.DENY

        return shows

    def _known_of(self, policy: Policy) -> dict[tuple[str, str], bool]:
        """What this policy has said already; nothing where it goes by the time or by counts."""
        if policy is not self._policy:
            self._policy, self._known = policy, {}
        rules = (each.rule for each in policy.rules_for(ONE))
        changes = any(rule.hours is not None or rule.rate is not None for rule in rules)
        return {} if changes else self._known


def shows_nothing(entity: str) -> bool:
    """Nobody knows who asks."""
    return False
