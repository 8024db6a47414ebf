"""The gate of the worlds: the real one, with an oracle beside it, and a death at any moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sim.faults import Killed
from tests.sim.session_desk import WatchedDesk
from tests.sim.tools import RUNNER, Tools

from agentgate_proto.connection.events import Called, Event, Received
from agentgate_proto.ledger.effects import Effect
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.faces.face import FaceFactory
from agentgate_server.gate.gate import Gate
from agentgate_server.gate.timekeeping import Timekeeper
from agentgate_server.policy import Policy
from agentgate_server.relay.link import OpenUpstreams
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.desk import Conversations
from agentgate_server.sockets.peer import Peer
from agentgate_server.tools.catalogue import Catalogue

if TYPE_CHECKING:
    from tests.sim.gateway import Life

MASKER = Masker()


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a gateway is made of, in one world.

    Attributes:
        policy, catalogue: what may be done, and what there is.
        conversations: how sessions are set up; None: there are none.
        upstreams: the gateways behind it.
        faces: besides the HTTP one.
        tools: runs them.
    """

    policy: Policy
    catalogue: Catalogue
    conversations: Conversations | None = None
    upstreams: OpenUpstreams | None = None
    faces: Sequence[FaceFactory] = ()
    tools: Callable[..., Tools] = Tools


class WorldTimekeeper(Timekeeper):
    """Leaves the time to the life that it is in."""

    def __init__(self, life: Life) -> None:
        self.life = life

    def look(self) -> None:
        """See :class:`Timekeeper`."""
        self.life.rearming = True


class WatchedGate(Gate):
    """The gate, with an oracle beside it and a death that may come between any two effects.

    Attributes:
        doom: effects that are left before the process dies; None: it lives on.
    """

    def __init__(self, life: Life) -> None:
        world = life.world
        self.life = life
        self.desk_type = partial(WatchedDesk, life)
        inside = world.inside(life)
        super().__init__(
            policy=inside.policy,
            catalogue=inside.catalogue,
            tokens=world.tokens(),
            engine=world.disk,
            runner=RUNNER,
            limits=world.plan.ledger,
            masker=MASKER,
            conversations=inside.conversations,
            upstreams=inside.upstreams,
            faces=inside.faces,
            utc=world.utc,
            monotonic=life.clock.now,
            rids=world.next_rid,
        )
        self.ledger.judge = self.decide
        self.timekeeper = WorldTimekeeper(life)
        plan = world.plan
        self.doom: int | None = None
        self.oracle = world.oracle
        self.running = self.tools = inside.tools(
            world.timeline, world.tool_chance, plan.tool_s, plan.tool_trouble, life.tool_ended
        )
        self.running.catalogue = self.judge.catalogue

    def tool_ended(self, rid: str, outcome: Any) -> None:
        """A tool has ended."""
        self.oracle.finished(self, rid, outcome)
        self._finished(rid, outcome)

    def handle(self, peer: Peer, event: Event) -> None:
        """See :class:`agentgate_server.gate.gate.Gate`."""
        match event:
            case Called(params=ToolRequest()):
                self.oracle.asked(peer)
            case Received(rids=rids):
                self.oracle.received(self, peer, rids)
        super().handle(peer, event)

    def decide(self, record: Record, args: Mapping[str, Any], now: float) -> Decision:
        """What the judge says, with the oracle listening."""
        decision = self.judge.decide(record, args, now)
        self.oracle.consent.judged(record, args, decision)
        live = self.ledger._lifecycle.live
        self.oracle.repeats.judged(live[record.rid], live.values(), now)
        return decision

    def ledger_failed(self, upto: int, reason: str) -> None:
        """See :class:`agentgate_server.gate.gate.Gate`."""
        self.oracle.write_failed(self, upto)
        super().ledger_failed(upto, reason)

    def step(self, effect: object) -> None:
        """Something is about to be done; the process may die before."""
        if self.doom is not None:
            self.doom -= 1
            if self.doom < 0:
                raise Killed(f"before {type(effect).__name__}")

    def _spawn(self, function: Callable[..., Awaitable[Any]], *args: Any) -> None:
        self.life.tasks.spawn(function, *args)

    def _do(self, effect: Effect) -> None:
        self.step(effect)
        self.oracle.effect(self, effect)
        super()._do(effect)
