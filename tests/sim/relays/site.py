"""A site: one of the two gateways of a world, over all its lives, with its own disk and oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.agents import SdkAgent
from tests.sim.gateway import Life
from tests.sim.oracle import DENIALS, Oracle
from tests.sim.people import PEOPLE, Terminal
from tests.sim.plan import AgentPlan, Ask, Plan
from tests.sim.relays.face import controller_face, manager_face
from tests.sim.relays.link import SimLinks, SiteTools
from tests.sim.relays.plan import (
    AGENTS,
    DEVICE,
    HALL,
    OWN_CONTENTS,
    PASSWORD,
    READS,
    RELAY,
    UPSTREAM,
)
from tests.sim.session_desk import conversations
from tests.sim.tools import CATALOGUE, RULES
from tests.sim.watched_gate import Inside, WatchedGate
from tests.sim.world import World, identity

from agentgate_proto.errors import AgentGateError
from agentgate_proto.ledger.effects import ApprovalChanged, Effect
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_server.config.agents import NamedAgentConfig
from agentgate_server.config.upstreams import UpstreamConfig, Upstreams
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.policy import Policy
from agentgate_server.relay.link import LinkNeeds

if TYPE_CHECKING:
    from tests.sim.relays.world import RelayWorld

FRONT_POLICY = Policy.parse(
    """
rules:
  - {tool: m.forbidden, action: deny, description: "no"}
  - {tool: m.set, action: ask, description: "somebody has to look"}
  - {tool: "m.*", action: allow}
"""
)
BACK_POLICY = Policy.parse(
    RULES
    + """
  - {tool: kitchen.ask_act, action: ask, description: "somebody has to look"}
  - {tool: "kitchen.*", action: allow}
"""
)


class SiteOracle(Oracle):
    """The oracle of one gateway; what concerns both is for the one of the world."""

    world: Site

    def effect(self, gate: WatchedGate, effect: Effect) -> None:
        """See :class:`Oracle`."""
        match effect:
            case ApprovalChanged(record) if record.phase is Phase.WAITING:
                content = msgspec.json.decode(record.args).get("n", 0)
                if content < OWN_CONTENTS and record.effects is Effects.WRITE:
                    self.world.whole.oracle.person_is_asked(content, self.world.name, record.rid)
            case _:
                pass
        super().effect(gate, effect)
        self.world.whole.oracle.look_at_starts()

    def says_never(self, ask: Ask, error: AgentGateError) -> bool:
        """See :class:`Oracle`: a tool that runs elsewhere has started here all the same."""
        if "." not in ask.tool:
            return super().says_never(ask, error)
        never = error.code in DENIALS or "it was not started" in error.message
        if never and not ask.tool.endswith(READS):
            self.world.whole.oracle.never_runs(ask)
        return False

    def settled(
        self, agent: AgentPlan, ask: Ask, result: Any, error: AgentGateError | None
    ) -> None:
        """See :class:`Oracle`."""
        super().settled(agent, ask, result, error)
        if error is None and "." in ask.tool:
            self.world.whole.oracle.has_run(ask)


class Site(World):
    """See the module.

    Args:
        whole: the world.
        name: "front" (the controller) or "back" (the manager).
        plan: of it; what is asked and goes wrong is the world's.
        behind: the site behind this one; None: there is none.
    """

    def __init__(self, whole: RelayWorld, name: str, plan: Plan, behind: Site | None) -> None:
        super().__init__(plan, None, whole.timeline)
        self.whole = whole
        self.name = name
        self.behind = behind
        self.places: Sequence[Any] = ()
        self.links: list[SimLinks] = []
        self.oracle = SiteOracle(self)
        self.masks = whole.masks
        self.disk.epoch = f"epoch of {name}"

    def boot(self) -> None:
        """See :class:`World`."""
        super().boot()
        if self.life is not None and self.links and self.links[-1].all[0]._client is None:
            for link in self.links[-1].all:
                self.life.enter(link.begin)

    def gateway_died(self, life: Life, why: str) -> None:
        """See :class:`World`; what it had dialled ends as well."""
        was_alive = life.alive
        super().gateway_died(life, why)
        if was_alive and self.links:
            for link in self.links[-1].all:
                if link._client is not None:
                    link.sim_driver.let_go()

    def inside(self, life: Life) -> Inside:
        """See :class:`World`."""
        if self.behind is None:
            setup = conversations(self.plan)
            assert setup is not None
            agents = {
                agent: NamedAgentConfig(
                    name=f"Agent {agent}",  # type: ignore[arg-type]
                    password=PASSWORD,
                    model="m",
                )
                for agent in AGENTS
            }
            return Inside(
                policy=BACK_POLICY,
                catalogue=CATALOGUE,
                conversations=replace(setup, agents=agents),  # type: ignore[arg-type]
                faces=[partial(manager_face, life)],
                tools=SiteTools,
            )
        needs = LinkNeeds(
            upstreams=upstreams_of(self.whole.plan.approvals),
            epoch=lambda: life.gate.authenticator.epoch,
            record=lambda rid: life.gate.ledger.record(rid),  # noqa: PLW0108  # no gate yet
        )
        links = SimLinks(life, self.behind, needs)
        self.links.append(links)
        return Inside(
            policy=FRONT_POLICY,
            catalogue=CATALOGUE.with_live(links.tools),
            upstreams=links,
            faces=[partial(controller_face, life)],
            tools=SiteTools,
        )

    def tokens(self) -> Keyring:
        """See :class:`World`."""
        people = [identity(name, Role.APPROVER) for name in (*PEOPLE, Terminal.WHO)]
        consoles = [identity(name, Role.CONSOLE) for name in ("anna", "bert")]
        if self.behind is not None:
            return Keyring([*people, *consoles, identity("p0", Role.AGENT)])
        relay = Principal(name=RELAY, role=Role.RELAY, approves=True)
        own = [identity(name, Role.AGENT) for name in (DEVICE, "p1", HALL)]
        return Keyring([*people, *consoles, *own, Identity(relay, hash_token(f"token of {RELAY}"))])

    def _place_of(self, client: Any) -> int:
        places = [place for place, each in enumerate(self.places) if each.process is client]
        return places[0] if places else 99

    def is_doubled(self, ask: Ask) -> bool:
        """See :class:`World`: nobody shares a name here."""
        return False

    def look_for_receipt(self, row: Record) -> None:
        """See :class:`World`: only those who ask for tools get outcomes."""
        everybody, self.agents = self.agents, [a for a in self.agents if isinstance(a, SdkAgent)]
        super().look_for_receipt(row)
        self.agents = everybody

    def tell(self, *words: object) -> None:
        """See :class:`World`."""
        self.whole.tell(f"{self.name}:", *words)

    def fail(self, text: str) -> None:
        """See :class:`World`."""
        self.whole.fail(f"{self.name}: {text}")


def upstreams_of(approvals: str) -> Upstreams:
    """The configuration of what is behind."""
    form = {
        "url": "ws://127.0.0.1:1",
        "token": f"token of {RELAY}",
        "agents": {AGENTS[0]: {"password": PASSWORD.value}},
        "tools": ["*"],
        "approvals": approvals,
        "timeout_s": 600.0,
    }
    return msgspec.convert({UPSTREAM: form}, dict[str, UpstreamConfig], dec_hook=texts)  # type: ignore[return-value]


def texts(kind: type[Any], value: Any) -> Any:
    """Make one of the checked texts of a configuration."""
    return kind(value)
