"""The server of Socket.IO: namespaces, events and acknowledgements, on sessions of Engine.IO.

It hears the events of the engine (:meth:`SocketServer.handle`), and tells its own by
``next_event``: whether a client may connect (``ConnectAsked``, which is answered by ``accept`` or
``refuse``), and what an application hears. Drain them after every call.

A client is never sent a DISCONNECT, which would keep stock clients from coming back: what ends,
ends by its transport. CONNECT_ERROR does the same to them, so it is for those alone who need not
try again: a namespace that there is not, a token that is wrong. What is no packet, or goes to a
namespace that the client is not in, ends the session. Whoever connects to nothing is sent away.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.faces.engineio import events as engineio
from agentgate_proto.faces.engineio.engine import Engine
from agentgate_proto.faces.engineio.events import Ending
from agentgate_proto.faces.socketio.events import (
    Answered,
    ConnectAsked,
    Connected,
    Disconnected,
    EventReceived,
    RoomMade,
    SocketEvent,
)
from agentgate_proto.faces.socketio.packets import (
    RESERVED,
    Decoder,
    Kind,
    Packet,
    PacketError,
    write,
)
from agentgate_proto.principal import Principal

CONNECT_S = 10.0
"""How long a session may be connected to no namespace: clients connect at once."""

SOCKETS_OF_PRINCIPAL_MAX = 256
"""Sockets of one principal: a person has a few consoles, a controller one socket for each of
them."""

ASKED_MAX = 1_024
"""What one socket was asked and has not answered; beyond it the client is taken for a slow one."""

INVALID_NAMESPACE = "Invalid namespace"
UNAUTHORIZED = "Unauthorized"


class Socket:
    """A client in one namespace.

    Attributes:
        number: by which applications know it.
        session: of the engine.
        namespace: which.
        principal: who it is; None: that is being decided.
        asked: what it was asked and has not answered.
        next_ack: the id of the next ask.
    """

    __slots__ = ("asked", "auth", "namespace", "next_ack", "number", "principal", "session")

    def __init__(self, number: int, session: int, namespace: str, auth: dict[str, Any]) -> None:
        self.number = number
        self.session = session
        self.namespace = namespace
        self.auth = auth
        self.principal: Principal | None = None
        self.asked: set[int] = set()
        self.next_ack = 0


class Client:
    """One session.

    Attributes:
        decoder: has what has come in part.
        sockets: by namespace.
        is_over: it has been ended here: what had come before that was looked at does not count.
    """

    __slots__ = ("decoder", "is_over", "sockets")

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.sockets: dict[str, Socket] = {}
        self.is_over = False


class SocketServer:
    """See the module. ``now`` is monotonic seconds.

    Args:
        engine: whose sessions these are; drained by who drives both.
        new_sid: makes a text that was never used before, by which a client knows its socket.
        connect_s: how long a session may be connected to nothing.

    Attributes:
        namespaces: where clients may connect to.
    """

    def __init__(
        self,
        engine: Engine,
        new_sid: Callable[[], str],
        connect_s: float = CONNECT_S,
    ) -> None:
        self._engine = engine
        self.namespaces: frozenset[str] = frozenset()
        self._new_sid = new_sid
        self._connect_s = connect_s
        self._clients: dict[int, Client] = {}
        self._sockets: dict[int, Socket] = {}
        self._of_principal: Counter[Principal] = Counter()
        self._idle: OrderedDict[int, float] = OrderedDict()  # sessions in no namespace, until when
        self._numbers = 0
        self._events: deque[ConnectAsked | SocketEvent] = deque()

    # Input

    def handle(self, event: engineio.Event, now: float) -> None:
        """Take an event of the engine."""
        match event:
            case engineio.Received(session, connection, data):
                self._receive(session, connection, data, now)
            case engineio.Opened(session):
                self._clients[session] = Client()
                self._idle[session] = now + self._connect_s
            case engineio.RoomMade(session):
                self._made_room(session)
            case _:
                self._idle.pop(event.session, None)
                for socket in self._clients.pop(event.session).sockets.values():
                    self._forget(socket, event.ending.value)

    def next_event(self) -> ConnectAsked | SocketEvent | None:
        """Return what happened next; None: nothing more."""
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        return next(iter(self._idle.values()), None)

    def handle_timer(self, now: float) -> None:
        """End sessions that have connected to nothing in time."""
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            session, _ = self._idle.popitem(last=False)
            self._end(session, Ending.NO_CONNECT)

    # Answers to ConnectAsked

    def accept(self, socket: int, principal: Principal, address: str = "") -> None:
        """Let a client in, who is at that address; ``Connected`` follows. One that has too many
        sockets is sent away."""
        found = self._sockets.get(socket)
        if found is None:
            return  # it has gone
        if found.principal is not None:
            raise LocalProtocolError("the socket has been let in")
        if self._of_principal[principal] >= SOCKETS_OF_PRINCIPAL_MAX:
            self._end(found.session, Ending.BUSY)
            return
        found.principal = principal
        self._of_principal[principal] += 1
        self._idle.pop(found.session, None)
        self._engine.know(found.session)
        sid = {"sid": self._new_sid()}
        self._engine.send(found.session, write(Kind.CONNECT, found.namespace, sid))
        self._events.append(
            Connected(
                socket=socket,
                namespace=found.namespace,
                principal=principal,
                auth=found.auth,
                address=address,
            )
        )

    def refuse(self, socket: int, message: str = UNAUTHORIZED) -> None:
        """Do not let a client in, whose stock implementations will not try again."""
        found = self._sockets.pop(socket, None)
        if found is not None:
            del self._clients[found.session].sockets[found.namespace]
            self._send_error(found.session, found.namespace, message)

    # The verbs of applications: see ``application.Sockets``

    def emit(self, sockets: int | Iterable[int], name: str, *args: Any) -> None:
        """Send an event to one socket, or to several."""
        check_name(name)
        numbers = (sockets,) if isinstance(sockets, int) else sockets
        written: dict[str, list[str | bytes]] = {}
        for number in numbers:
            socket = self._joined(number)
            if socket is not None:
                frames = written.get(socket.namespace)
                if frames is None:
                    frames = write(Kind.EVENT, socket.namespace, [name, *args])
                    written[socket.namespace] = frames
                self._engine.send(socket.session, frames)

    def ask(self, socket: int, name: str, *args: Any) -> int:
        """Send an event and want an answer."""
        check_name(name)
        found = self._joined(socket)
        if found is None:
            return 0
        ack, found.next_ack = found.next_ack, found.next_ack + 1
        self._engine.send(found.session, write(Kind.EVENT, found.namespace, [name, *args], ack))
        found.asked.add(ack)
        if len(found.asked) > ASKED_MAX:
            self._end(found.session, Ending.SLOW)
        return ack

    def answer(self, socket: int, ack: int, *args: Any) -> None:
        """Answer an event."""
        found = self._joined(socket)
        if found is not None:
            self._engine.send(found.session, write(Kind.ACK, found.namespace, list(args), ack))

    def has_room(self, socket: int) -> bool:
        """Whether little waits for the client."""
        found = self._joined(socket)
        return found is None or self._engine.has_room(found.session)

    def close(self, socket: int, ending: Ending = Ending.APPLICATION) -> None:
        """End the transport of a socket."""
        found = self._sockets.get(socket)
        if found is not None:
            self._end(found.session, ending)

    def session_of(self, socket: int) -> int | None:
        """Return the engine's session of a socket; None: it is gone."""
        found = self._sockets.get(socket)
        return None if found is None else found.session

    # The work

    def _joined(self, socket: int) -> Socket | None:
        """Return a socket that was let in; None: it is gone.

        Raises:
            LocalProtocolError: it was not let in.
        """
        found = self._sockets.get(socket)
        if found is not None and found.principal is None:
            raise LocalProtocolError("the socket has not been let in")
        return found

    def _receive(self, session: int, connection: int, data: str | bytes, now: float) -> None:
        client = self._clients[session]
        if client.is_over:
            return
        try:
            packet = client.decoder.receive(data)
        except PacketError:
            self._end(session, Ending.BAD_PACKET)
            return
        if packet is None:
            return
        socket = client.sockets.get(packet.namespace)
        if packet.kind is Kind.CONNECT:
            self._connect(session, connection, client, packet, now)
        elif socket is None or socket.principal is None:
            self._end(session, Ending.BAD_PACKET)
        elif packet.kind is Kind.EVENT:
            name, *args = packet.data
            self._events.append(
                EventReceived(socket=socket.number, name=name, args=args, ack=packet.ack)
            )
        elif packet.kind is Kind.DISCONNECT:
            del client.sockets[packet.namespace]
            self._forget(socket, "the client disconnected")
            if not client.sockets:
                self._engine.know(session, is_known=False)
                self._idle[session] = now + self._connect_s
        elif packet.ack in socket.asked:
            socket.asked.remove(packet.ack)
            self._events.append(Answered(socket=socket.number, ack=packet.ack, args=packet.data))

    def _connect(
        self, session: int, connection: int, client: Client, packet: Packet, now: float
    ) -> None:
        name = packet.namespace
        if name not in self.namespaces:
            self._send_error(session, name, INVALID_NAMESPACE)
        elif name in client.sockets:
            self._end(session, Ending.BAD_PACKET)
        else:
            self._numbers += 1
            auth = packet.data if isinstance(packet.data, dict) else {}
            socket = Socket(self._numbers, session, name, auth)
            client.sockets[name] = self._sockets[socket.number] = socket
            self._events.append(
                ConnectAsked(socket=socket.number, namespace=name, auth=auth, connection=connection)
            )

    def _made_room(self, session: int) -> None:
        for socket in self._clients[session].sockets.values():
            if socket.principal is not None:
                self._events.append(RoomMade(socket=socket.number))

    def _send_error(self, session: int, namespace: str, message: str) -> None:
        self._engine.send(session, write(Kind.CONNECT_ERROR, namespace, {"message": message}))

    def _end(self, session: int, ending: Ending) -> None:
        self._clients[session].is_over = True
        self._engine.end(session, ending)

    def _forget(self, socket: Socket, reason: str) -> None:
        """A socket is gone; whoever was let in hears of it."""
        del self._sockets[socket.number]
        if socket.principal is not None:
            self._of_principal[socket.principal] -= 1
            if not self._of_principal[socket.principal]:
                del self._of_principal[socket.principal]
            self._events.append(Disconnected(socket=socket.number, reason=reason))


def check_name(name: str) -> None:
    """Raise LocalProtocolError if no event may have this name."""
    if name in RESERVED:
        raise LocalProtocolError(f"the event name {name!r} is reserved")
