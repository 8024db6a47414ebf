"""A face that speaks Socket.IO: the machines of the core on the gateway's connections.

It moves what comes on connections into the engine, brings the events from machine to machine (the
engine's to the server of Socket.IO, the server's to the application), and does to connections what
the engine says. It knows who asks (``Entrance``), and has one timer for all sessions. What is
spoken, the application knows: see :mod:`agentgate_proto.faces.socketio.application`. It is made by
``make``, with the verbs that it has and with ``settle``, which is called after verbs were used from
outside of ``handle`` and ``handle_timer``: then what they left to do is done.
"""

from __future__ import annotations

import logging
import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import anyio

from agentgate_proto.connection.events import (
    BodyOffered,
    Closed,
    HttpRequested,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.faces.engineio.engine import METHODS, Engine
from agentgate_proto.faces.engineio.events import (
    CLOSE_CODES,
    POLICY,
    Accept,
    AwaitRoom,
    Belongs,
    Effect,
    Ended,
    Ending,
    HangUp,
    Refuse,
    Respond,
    SendMessage,
)
from agentgate_proto.faces.engineio.settings import EngineSettings
from agentgate_proto.faces.socketio.application import Application, Sockets
from agentgate_proto.faces.socketio.credentials import token_in
from agentgate_proto.faces.socketio.events import ConnectAsked, SocketEvent
from agentgate_proto.faces.socketio.server import CONNECT_S, SocketServer
from agentgate_proto.principal import Principal
from agentgate_proto.wire.routes import Route
from agentgate_server.config.faces import OPEN
from agentgate_server.faces.entrance import Refused
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.sockets.peer import Peer

log = logging.getLogger(__name__)

SID_BYTES = 15
"""Of chance in a session's id, as in the reference: nobody guesses it."""

PATH = "/socket.io/"

FAULT_PAUSE_S = 1.0
"""After a failure that may well come again at once."""

ApplicationFactory = Callable[[Sockets, Callable[[], None]], Application]
"""Makes an application with its verbs, and with ``settle``."""


@dataclass(slots=True)
class Link:
    """A connection that has asked for one of our paths.

    Attributes:
        peer: the connection.
        token: in the header of its last request, or "".
    """

    peer: Peer
    token: str = ""


@dataclass(slots=True)
class Owner:
    """Whose a session is.

    Attributes:
        principal: who connected first.
        tokens: with whose hash it was connected to namespaces, and as whom.
    """

    principal: Principal
    tokens: list[tuple[Principal, str]] = field(default_factory=list)


class SocketIoFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        make: makes the application.
        name: of the face; another one for each of several.
        path: where it is; it ends in a slash.
        is_open: whoever asks on this machine needs no token.
        open_as: who they are then.
        origins: pages that may connect, besides those that may connect to the whole gateway.
        settings: times and caps of the sessions.
        connect_s: how long a session may be connected to no namespace.
    """

    def __init__(
        self,
        around: Surroundings,
        make: ApplicationFactory,
        *,
        name: str = "socketio",
        path: str = PATH,
        is_open: bool = False,
        open_as: Principal = OPEN,
        origins: frozenset[str] = frozenset(),
        settings: EngineSettings | None = None,
        connect_s: float = CONNECT_S,
    ) -> None:
        self.name = name
        self.engine = Engine(new_sid, settings)
        self.routes: Sequence[Route] = routes_of(name, path, origins, self.engine.settings)
        self.server = SocketServer(self.engine, new_sid, connect_s)
        self.application = make(self.server, self.settle)
        self.server.namespaces = self.application.namespaces
        self._entrance = around.entrance
        self._spawn = around.spawn
        self._is_open = is_open
        self._open_as = open_as
        self._links: dict[int, Link] = {}  # by number of the connection
        self._owners: dict[int, Owner] = {}  # by number of the session
        self._is_settling = False
        self._is_timed = False
        self._alarm = anyio.Event()
        self._armed_at = math.inf
        around.entrance.on_change(self._look_at_tokens)
        around.closing.append(self.close)
        around.clients[name] = lambda: self.engine.count

    # Input

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        now = anyio.current_time()
        number = peer.number
        match event:
            case HttpRequested(method=method, target=target, body=body):
                self._link(peer, event)
                self.engine.request(number, method, target, body, peer.address, now)
            case UpgradeAsked(target=target):
                self._link(peer, event)
                self.engine.ask_websocket(number, target, peer.address, now)
            case MessageReceived(data=data):
                self.engine.message(number, data, now)
            case Closed():
                self.engine.lost(number, now)
                self._links.pop(number, None)
        self.settle()

    def vouches(self, offer: BodyOffered) -> bool:
        """See :class:`~agentgate_server.faces.face.Vouching`: a session's id is nobody else's."""
        session = self.engine.session_in(offer.target)
        return session is not None and session in self._owners

    def close(self) -> None:
        """The gateway shuts down: end all transports, so that clients go to the next process."""
        self.application.closing(anyio.current_time())
        self.settle()
        self.engine.end_all(Ending.RESTART)
        self.settle()

    def settle(self) -> None:
        """Do all that is to be done; what is told meanwhile adds to it."""
        if self._is_settling:
            return
        self._is_settling = True
        now = anyio.current_time()
        try:
            while True:
                if (told := self.server.next_event()) is not None:
                    self._tell(told, now)
                elif (happened := self.engine.next_event()) is not None:
                    self.server.handle(happened, now)
                    if isinstance(happened, Ended):
                        self._ended(happened)
                elif (effect := self.engine.next_effect()) is not None:
                    self._do(effect)
                else:
                    break
        finally:
            self._is_settling = False
        self._rearm()

    def _link(self, peer: Peer, asked: HttpRequested | UpgradeAsked) -> None:
        link = self._links.get(peer.number)
        if link is None:
            link = self._links[peer.number] = Link(peer)
        link.token = bearer_token(asked.headers)
        peer.connection.principal = None  # whose the last request was says nothing of this one

    # Who it is

    def _decide(self, asked: ConnectAsked) -> None:
        """Let a client in, or refuse it; to everybody who may not come it is said the same."""
        link = self._links.get(asked.connection)
        session = self.server.session_of(asked.socket)
        if link is None or session is None:
            return  # it has gone
        token = token_in(asked.auth) or link.token
        found = self._entrance.ask_by_token(
            link.peer, token, is_open=self._is_open, open_as=self._open_as
        )
        if isinstance(found, Refused) or found[0].role not in self.application.roles:
            self.server.refuse(asked.socket)
            return
        principal, _ = found
        owner = self._owners.get(session)
        if owner is None:
            owner = self._owners[session] = Owner(principal)
            self._entrance.came(principal, link.peer.address)
        if found not in owner.tokens:
            owner.tokens.append(found)
        link.peer.connection.principal = owner.principal
        self.server.accept(asked.socket, principal, link.peer.address)

    def _look_at_tokens(self) -> None:
        """End the sessions that were let in by a token that counts no more."""
        for session, owner in list(self._owners.items()):
            if not all(self._entrance.counts(*token) for token in owner.tokens):
                self.engine.end(session, Ending.REVOKED)
        self.settle()

    def _ended(self, ended: Ended) -> None:
        owner = self._owners.pop(ended.session, None)
        if owner is not None:
            self._entrance.went(owner.principal, CLOSE_CODES.get(ended.ending, POLICY))

    # Output

    def _tell(self, event: ConnectAsked | SocketEvent, now: float) -> None:
        """Bring an event to whom it concerns: a bug there must cost one session, not all."""
        try:
            if isinstance(event, ConnectAsked):
                self._decide(event)
            else:
                self.application.handle(event, now)
        except Exception:
            log.exception("%s: %s could not be handled", self.name, type(event).__name__)
            self.server.close(event.socket)

    def _do(self, effect: Effect) -> None:
        link = self._links.get(effect.connection)
        if link is None:
            return  # it has gone, and the engine hears of it
        peer = link.peer
        try:
            match effect:
                case SendMessage(data=data):
                    peer.connection.send_message(data)
                case Respond(_, status, body, content_type):
                    peer.connection.send_http(status, body, content_type)
                case Belongs(session=session):
                    owner = self._owners.get(session)
                    peer.connection.principal = None if owner is None else owner.principal
                    if owner is not None:
                        peer.seat(owner.principal)
                case Accept():
                    peer.connection.accept_upgrade()
                case Refuse(_, status, reason):
                    peer.connection.refuse_upgrade(status, reason)
                case AwaitRoom(connection, queued_bytes):
                    self._spawn(self._await_room, peer, connection, queued_bytes)
                case HangUp(_, code, reason):
                    peer.connection.close(code, reason)
        except ConnectionClosedError:
            return  # its end is under way
        peer.poke()

    async def _await_room(self, peer: Peer, connection: int, queued_bytes: int) -> None:
        await peer.wait_for_room(queued_bytes)
        self.engine.made_room(connection)
        self.settle()

    # Time

    def _deadline(self) -> float:
        deadlines = (
            self.engine.next_deadline(),
            self.server.next_deadline(),
            self.application.next_deadline(),
        )
        return min((each for each in deadlines if each is not None), default=math.inf)

    def _rearm(self) -> None:
        """Wake up earlier if need be; that a deadline was put off is found when waking up."""
        if self._deadline() >= self._armed_at:
            return
        if self._is_timed:
            self._alarm.set()
        else:
            self._is_timed = True
            self._spawn(self._keep_time)

    async def _keep_time(self) -> None:
        while True:
            self._alarm = anyio.Event()
            self._armed_at = self._deadline()
            with anyio.CancelScope(deadline=self._armed_at):
                await self._alarm.wait()
            try:
                self._wake(anyio.current_time())
            except Exception:  # a bug in an application must not stop the heartbeats
                log.exception("%s: the timer failed", self.name)
                await anyio.sleep(FAULT_PAUSE_S)

    def _wake(self, now: float) -> None:
        for connection in self.engine.overdue(now):
            link = self._links.get(connection)
            if link is not None:
                self.engine.heard(connection, link.peer.connection.heard_at)
        self.engine.handle_timer(now)
        self.server.handle_timer(now)
        self.application.handle_timer(now)
        self.settle()


def new_sid() -> str:
    """Make an id that nobody guesses."""
    return secrets.token_urlsafe(SID_BYTES)


def routes_of(
    name: str, path: str, origins: frozenset[str], settings: EngineSettings
) -> Sequence[Route]:
    """Return the routes of such a face: for polls, for WebSockets, and for what is answered as the
    protocol says and not as HTTP would."""
    spoken = frozenset({"GET", "POST"})
    return (
        Route(
            face=name,
            path=path,
            methods=spoken,
            websocket=True,
            binary=True,
            body_bytes_max=settings.payload_bytes_max,
            message_bytes_max=settings.payload_bytes_max,
            cors=True,
            origins=origins,
        ),
        Route(face=name, path=path, methods=METHODS - spoken),
    )
