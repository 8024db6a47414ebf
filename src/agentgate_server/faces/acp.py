"""The ACP face: editors that talk to the gateway's models on a WebSocket, a message a frame.

What their messages mean, the core knows (``agentgate_proto.faces.acp``). A connection watches any
number of sessions; each has a place of its own, and waits in its log while the client is slow.

Source of the transport: agentclientprotocol.com, RFD "Streamable HTTP & WebSocket Transport".
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from agentgate_proto.connection.events import Closed, MessageReceived, UpgradeAsked
from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.faces.acp import editor
from agentgate_proto.faces.acp.effects import About, Decide, Effect, Leave
from agentgate_proto.faces.conversing import Call, Send, Watch
from agentgate_proto.principal import Principal
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse_as_person
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.talker import QUEUED_BYTES
from agentgate_server.sessions.door import Attachment, as_owner
from agentgate_server.sockets.peer import Peer
from agentgate_server.version import VERSION

ID_BYTES = 12
"""Of chance in the id of a connection, with which the names of its messages begin."""

CONNECTION_ID = "acp-connection-id"
"""The header by which the client is told the id of its connection; it means nothing more here."""


class AcpFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        path: where its WebSocket is.
        is_open: whoever asks on this machine needs no token.
    """

    name = editor.FACE

    def __init__(self, around: Surroundings, *, path: str, is_open: bool) -> None:
        route = Route(face=self.name, path=path, websocket=True, binary=True)
        self.routes: Sequence[Route] = (route,)
        assert around.sessions is not None, "this face is made where there are sessions"
        self._around = around
        self._is_open = is_open
        self._seats: dict[int, EditorSeat] = {}  # by number of the connection
        around.approval_changed.append(self._approval_changed)
        around.clients[self.name] = lambda: len(self._seats)

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case UpgradeAsked():
                self._accept(peer, event)
            case MessageReceived(data=str(text)):
                self._seats[peer.number].receive(text)
            case Closed():
                seat = self._seats.pop(peer.number, None)
                if seat is not None:
                    seat.close()
            case _:
                pass  # binary messages mean nothing here; plain HTTP is answered by the core

    def _accept(self, peer: Peer, asked: UpgradeAsked) -> None:
        entrance = self._around.entrance
        who = may_converse_as_person(entrance.ask(peer, asked, is_open=self._is_open))
        if isinstance(who, Refused):
            peer.connection.refuse_upgrade(who.status, who.reason, who.headers)
            return
        name = secrets.token_urlsafe(ID_BYTES)
        peer.connection.accept_upgrade(headers=[(CONNECTION_ID, name)])
        self._seats[peer.number] = EditorSeat(peer, who, name, self._around)

    def _approval_changed(self, view: ApprovalView) -> None:
        for seat in list(self._seats.values()):
            seat.approval_changed(view)


class EditorSeat:
    """One connection of an editor, made real: what the core wants done is done in order.

    Args:
        peer: the connection, which has been accepted.
        principal: who is on the other end.
        name: of the connection; never used before.
        around: what it works with.
    """

    def __init__(self, peer: Peer, principal: Principal, name: str, around: Surroundings) -> None:
        assert around.sessions is not None, "this face is made where there are sessions"
        self.peer = peer
        self.spawn: Callable[..., None] = around.spawn
        self.is_over = False
        self._principal = principal
        self._owner = as_owner(principal)
        self._sessions = around.sessions
        self._decide = around.decide
        may_decide = principal.role in PEOPLE
        self.editor = editor.Editor(name, may_decide=may_decide, version=VERSION)
        self._watchers: dict[str, EditorWatcher] = {}
        self._is_draining = False

    def receive(self, text: str) -> None:
        """Take a message of the client."""
        self.editor.receive(text)
        self.drain()

    def approval_changed(self, view: ApprovalView) -> None:
        """An approval has changed."""
        self.editor.approval_changed(view)
        self.drain()

    def close(self) -> None:
        """The connection is over; what it watched goes on."""
        self.is_over = True
        for watcher in self._watchers.values():
            watcher.end()
        self._watchers.clear()

    def drain(self) -> None:
        """Do all that is to be done; what is answered at once adds to it."""
        if self._is_draining or self.is_over:
            return
        self._is_draining = True
        try:
            while (effect := self.editor.next_effect()) is not None:
                self._do(effect)
        except ConnectionClosedError:
            self.close()  # it ends, and this has not been told yet
        finally:
            self._is_draining = False
        self.peer.poke()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                self.peer.connection.send_message(text)
            case Call(about, params):
                self._sessions.call(self._owner, params, EditorReply(self, about))
            case Watch(about, params):
                self._end(params.session)
                watcher = self._watchers[params.session] = EditorWatcher(self, params.session)
                reply = EditorReply(self, about)
                watcher.place = self._sessions.attach(self._owner, params, watcher, reply)
            case Leave(session):
                self._end(session)
            case Decide(about, params):
                reply = EditorReply(self, about)
                self._decide(self._principal, params, editor.CHANNEL, reply)

    def _end(self, session: str) -> None:
        watcher = self._watchers.pop(session, None)
        if watcher is not None:
            watcher.end()


class EditorReply:
    """Brings an answer back to an editor's connection; see ``sockets.replies.Reply``."""

    def __init__(self, seat: EditorSeat, about: About) -> None:
        self._seat = seat
        self._about = about

    def result(self, result: Any) -> None:
        """See the class."""
        if not self._seat.is_over:
            self._seat.editor.succeeded(self._about, result)
            self._seat.drain()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See the class."""
        if not self._seat.is_over:
            self._seat.editor.failed(self._about, code, message)
            self._seat.drain()


class EditorWatcher:
    """Takes the events of one session; see :class:`agentgate_server.sessions.door.Watcher`.

    Attributes:
        place: what hands them over.
    """

    def __init__(self, seat: EditorSeat, session: str) -> None:
        self.place: Attachment | None = None
        self._seat = seat
        self._session = session
        self._is_over = False
        self._is_waiting = False  # for room

    def end(self) -> None:
        """Nothing more is wanted."""
        self._is_over = True
        if self.place is not None:
            self.place.end()

    @property
    def has_room(self) -> bool:
        """See the class."""
        if self._seat.peer.connection.queued_bytes <= QUEUED_BYTES or self._is_over:
            return True
        if not self._is_waiting:
            self._is_waiting = True
            self._seat.spawn(self._wait_for_room)
        return False

    def take(self, events: Sequence[SessionEvent]) -> None:
        """See the class."""
        if not self._is_over:
            self._seat.editor.take(self._session, events)
            self._seat.drain()

    def gone(self) -> None:
        """See the class."""
        if not self._is_over:
            self._seat.editor.gone(self._session)
            self._seat.drain()

    async def _wait_for_room(self) -> None:
        await self._seat.peer.wait_for_room(QUEUED_BYTES)
        self._is_waiting = False
        if self.place is not None:
            self.place.has_room()
