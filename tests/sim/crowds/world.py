"""A crowded world: the honest must be served in time, and lose nothing, whatever the others take.

Nothing goes wrong in it but that there are others. I14: what an honest one asks for is settled
within a bounded time, is not refused for what others take, and nothing of theirs is cut off or
forgotten for it.
"""

from __future__ import annotations

from typing import Any

from tests.sim.agents import SdkProcess
from tests.sim.crowds.hostiles import KINDS
from tests.sim.crowds.plan import CrowdPlan
from tests.sim.crowds.processor import CrowdLife
from tests.sim.links import Link
from tests.sim.oracle import Oracle
from tests.sim.people import People, Terminal
from tests.sim.plan import AgentPlan, Ask
from tests.sim.rest import look_for_leftovers
from tests.sim.world import BEGIN_S, DIAL_TIMEOUT_S, World, identity

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.principal import Role
from agentgate_proto.quotas.turns import TURN_S
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.retention import Rank, rank_of
from agentgate_server.identity.keyring import Keyring

OTHERS_FROM = 10_000_000
"""What hostile ones ask for has numbers from here on."""

ROUNDS = 6
"""Turns that one request may take: it is read, run, written, said; a person's comes besides."""

OWNERS_BESIDES = 2
"""Strangers, and one more who is a person."""

ENTRANCE_S = 2.0
"""A person may come newly to answer, by a door at which strangers crowd."""

ROUND_TRIPS = 6
SLACK_S = 0.02

REST_S = 10.0

TROUBLES = (ErrorCode.LIMIT_EXCEEDED, ErrorCode.INTERNAL_ERROR, ErrorCode.OUTCOME_UNKNOWN)
"""What an honest one is never told here."""


class CrowdOracle(Oracle):
    """The oracle, which also looks at the clock."""

    world: CrowdWorld

    def asks(self, agent: AgentPlan, ask: Ask) -> None:
        """See :class:`Oracle`."""
        super().asks(agent, ask)
        if ask.number < OTHERS_FROM:
            bound_s = self.world.bound_s(ask)
            self.world.timeline.after(bound_s, self._look, agent, ask, bound_s)

    def _look(self, agent: AgentPlan, ask: Ask, bound_s: float) -> None:
        if ask.number not in self.ended:
            self.fail(f"I14: {agent.name} waits for more than {bound_s:.2f} s for {ask}")

    def settled(
        self, agent: AgentPlan, ask: Ask, result: Any, error: AgentGateError | None
    ) -> None:
        """See :class:`Oracle`."""
        if error is not None and error.code in TROUBLES:
            self.fail(f"I14: {agent.name} is refused {ask}: {error.message}")
        super().settled(agent, ask, result, error)


class DutifulPeople(People):
    """People who answer whatever the honest ask, and let all others wait."""

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`People`."""
        self.world.oracle.consent.shown(view)
        honest = view.agent in {agent.principal for agent in self.world.plan.agents}
        if view.status != "waiting" or view.id in self.seen or not honest:
            return
        self.seen.add(view.id)
        self._plan(view.id, self.rng.random() * self.world.plan.human_s, yes=True)

    def _draw_grant(self) -> None:
        """Nobody gives grants in a crowd."""


class CrowdWorld(World):
    """See the module.

    Args:
        crowd: the plan.
        story: where to tell it, or None.
    """

    life_type = CrowdLife
    oracle_type = CrowdOracle
    people_type = DutifulPeople

    def __init__(self, crowd: CrowdPlan, story: list[str] | None = None) -> None:
        self.crowd = crowd
        super().__init__(crowd.world, story)
        self.others = 0
        self.hostiles = [
            KINDS[plan.kind](self, plan, plan.name if plan.name[0] == "1" else f"10.8.0.{place}")
            for place, plan in enumerate(crowd.hostiles)
        ]

    def bound_s(self, ask: Ask) -> float:
        """Within which an honest request is settled."""
        plan, crowd = self.plan, self.crowd
        owners = len(self.hostiles) + len(plan.agents) + OWNERS_BESIDES
        rounds_s = ROUNDS * owners * (TURN_S + crowd.event_s)
        ways_s = ROUND_TRIPS * (plan.latency_s + plan.jitter_s) * 2.0
        work_s = 4.0 * plan.disk_s + plan.tool_s + SLACK_S
        if not ask.tool.startswith("ask_"):
            return rounds_s + ways_s + work_s
        return plan.human_s + ENTRANCE_S + 2.0 * (rounds_s + ways_s + work_s)

    def others_ask(self, principal: str, tool: str) -> int:
        """A hostile one asks for something; return its content."""
        self.others += 1
        content = OTHERS_FROM + self.others
        self.oracle.owner[content] = principal
        self.oracle.by_content[content].append(Ask(content, 0, 0.0, tool, content))
        return content

    def tokens(self) -> Keyring:
        """See :class:`World`."""
        return Keyring(
            [
                *super().tokens().identities,
                *(identity(each.name, Role.AGENT) for each in self.hostiles if each.is_known),
            ]
        )

    def dial(self, client: Any, dial: int) -> None:
        """See :class:`World`; nobody but the hostile ever has to dial again."""
        if dial > 1 and isinstance(client, SdkProcess | Terminal):
            self.fail(f"I14: {client.name} was cut off")
        super().dial(client, dial)

    def _connect(self, client: Any, dial: int) -> None:
        life = self.life
        if life is None or not life.accepting:
            self.timeline.after(DIAL_TIMEOUT_S, client.dial_failed, "refused", dial)
            return
        link = Link(self.timeline, self.weather, client)
        address = getattr(client, "address", "") or f"10.0.0.{self._place_of(client)}"
        life.accept(link, address)
        client.dialed(link, dial)

    def _play(self) -> None:
        for hostile, plan in zip(self.hostiles, self.crowd.hostiles, strict=True):
            self.timeline.at(BEGIN_S + plan.at, hostile.begin)
        super()._play()
        self.counts["asked by others"] += self.others

    def _heal(self) -> None:
        for hostile in self.hostiles:
            hostile.stop()
        super()._heal()

    def _rest(self) -> None:
        """Nothing honest is left behind; that nothing spins, the other worlds look at."""
        for agent in self.agents:
            agent.collect()
        self._run_until(self.timeline.now + REST_S)
        if not self.settled():
            self.fail("I14: it begins again")
        look_for_leftovers(self)
        honest = {agent.principal for agent in self.plan.agents}
        for rid, row in self.disk.gone.items():
            if row.principal in honest and rank_of(row) is Rank.GUARD:
                self.fail(f"I14: {rid} of {row.principal} is forgotten: {row.signature}")
