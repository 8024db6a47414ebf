"""A face: a foreign wire format at the edge, and whom the events of its connections go to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from agentgate_proto.connection.events import (
    BodyOffered,
    Closed,
    HttpRequested,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.principal import Principal
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.call_desk import CallDesk
from agentgate_server.faces.entrance import Entrance
from agentgate_server.relay.link import Upstreams
from agentgate_server.sessions.agents import AgentDesk
from agentgate_server.sessions.door import SessionDoor
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import Reply
from agentgate_server.tools.mcp.offers import Offers
from agentgate_server.tools.provided.desk import ProviderDesk

FaceEvent = HttpRequested | UpgradeAsked | MessageReceived | Closed


class Face(Protocol):
    """Translates between its wire format and the native protocol.

    Attributes:
        name: unique among the faces; its routes carry it.
        routes: the paths that are its own.
    """

    name: str
    routes: Sequence[Route]

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """Act on an event of a connection that has asked for one of its paths, without waiting.

        ``HttpRequested`` and ``UpgradeAsked`` are answered by the verbs of ``peer.connection``, now
        or later (then ``peer.poke()`` follows); ``Closed`` ends everything that is under way.
        """
        ...


@runtime_checkable
class Vouching(Protocol):
    """A face that knows its clients by other signs than a token in each request."""

    def vouches(self, offer: BodyOffered) -> bool:
        """Whether a request is of a client that was let in before."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a face is given to work with.

    Attributes:
        entrance: finds out who asks.
        spawn: starts an async function with its arguments, in a task that lasts at most as long as
            the gateway serves.
        decide: takes a person's answer to an approval: who, what, by which channel; the reply gets
            ``ApprovalView`` when it is durable, or an error, ``FORBIDDEN`` for roles that may not.
        sessions: conversations with models; None: the gateway has none.
        agents: the named agents, whose sessions are among these; None as well.
        providers: takes tools that are provided by the face's connections.
        upstreams: the gateways behind this one; None: there are none.
        calls: takes calls of tools; None: nobody does.
        offers: what MCP servers offer besides tools; None: there are none.
        approval_changed: called with each approval that is asked, answered, or over.
        closing: called when the gateway begins to shut down, while all connections are there.
        clients: return how many clients a face has at this moment, by its name; for the metrics.
        reports: say how a face is, by its name, in ``/health``; without names and secrets.
    """

    entrance: Entrance
    spawn: Callable[..., None]
    decide: Callable[[Principal, DecideApproval, str, Reply], None]
    sessions: SessionDoor | None = None
    agents: AgentDesk | None = None
    providers: ProviderDesk | None = None
    upstreams: Upstreams | None = None
    calls: CallDesk | None = None
    offers: Offers | None = None
    approval_changed: list[Callable[[ApprovalView], None]] = field(default_factory=list)
    closing: list[Callable[[], None]] = field(default_factory=list)
    clients: dict[str, Callable[[], int]] = field(default_factory=dict)
    reports: dict[str, Callable[[], Any]] = field(default_factory=dict)


FaceFactory = Callable[[Surroundings], Face]


class FaceRouter:
    """Brings events to the faces whose paths they are about.

    Args:
        faces: all of them.
        fallback: gets requests for paths that are nobody's.
        entrance: finds out who asks.
    """

    def __init__(self, faces: Iterable[Face], fallback: Face, entrance: Entrance) -> None:
        self._entrance = entrance
        self._faces = {face.name: face for face in faces}
        self._fallback = fallback
        self._busy: dict[int, Face] = {}  # whose each connection is, by number

    @property
    def routes(self) -> list[Route]:
        """The routes of all faces."""
        return [route for face in self._faces.values() for route in face.routes]

    @property
    def names(self) -> frozenset[str]:
        """The names of all faces."""
        return frozenset(self._faces)

    def offered(self, peer: Peer, offer: BodyOffered) -> None:
        """Let a large body come, if it is known from whom: nobody collects it for strangers."""
        face: object = None if offer.route is None else self._faces[offer.route.face]
        if isinstance(face, Vouching) and face.vouches(offer):
            peer.connection.take_body()
            return
        refused = self._entrance.may_send(peer, offer)
        if refused is None:
            peer.connection.take_body()
        else:
            peer.connection.refuse_body(refused.status, refused.reason, refused.headers)

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """Hand an event on. That a connection is over is told to the face that it used last."""
        match event:
            case HttpRequested(route=route) | UpgradeAsked(route=route):
                face = self._fallback if route is None else self._faces[route.face]
                self._busy[peer.number] = face
                face.handle(peer, event)
            case MessageReceived():
                self._busy[peer.number].handle(peer, event)
            case Closed():
                last = self._busy.pop(peer.number, None)
                if last is not None:
                    last.handle(peer, event)
