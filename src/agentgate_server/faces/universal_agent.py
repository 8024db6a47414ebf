"""The universal_agent face: seed 003's sessions over HTTP, and its runs on a WebSocket. What is
asked and answered, the core knows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec

from agentgate_proto.connection.events import Closed, HttpRequested, MessageReceived, UpgradeAsked
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces import universal_agent
from agentgate_proto.faces.http_api import Reply as Response
from agentgate_proto.faces.universal_agent_stream import SESSION_UNKNOWN, Execution
from agentgate_proto.principal import Principal
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.talker import Talker
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply

ID_BYTES = 12
"""Of chance in the id that a message is given which does not name itself."""


class UniversalAgentFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        is_open: whoever asks on this machine needs no token.
    """

    name = universal_agent.FACE
    routes: Sequence[Route] = universal_agent.ROUTES

    def __init__(self, around: Surroundings, *, is_open: bool) -> None:
        assert around.sessions is not None, "this face is made where there are sessions"
        self._entrance = around.entrance
        self._sessions = around.sessions
        self._spawn = around.spawn
        self._is_open = is_open
        self._asking: set[int] = set()  # connections whose session is being looked for
        self._talkers: dict[int, Talker] = {}  # by number of the connection

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case HttpRequested():
                self._answer(peer, event)
            case UpgradeAsked():
                self._look(peer, event)
            case MessageReceived(data=data):
                self._talkers[peer.number].receive(data)
            case Closed():
                self._asking.discard(peer.number)
                talker = self._talkers.pop(peer.number, None)
                if talker is not None:
                    talker.close()

    # Plain HTTP

    def _answer(self, peer: Peer, request: HttpRequested) -> None:
        who = may_converse(self._entrance.ask(peer, request, is_open=self._is_open))
        if isinstance(who, Refused):
            refusal = universal_agent.problem(who.status, who.reason, dict(who.headers))
            HttpReply(peer).send(refusal)
            return
        asked = universal_agent.read_request(request)
        if isinstance(asked, Response):
            HttpReply(peer).send(asked)
        else:
            self._sessions.call(who, asked, RestReply(peer, asked))

    # WebSockets

    def _look(self, peer: Peer, asked: UpgradeAsked) -> None:
        """Look for the session first: the socket of one that there is not is closed at once."""
        who = may_converse(self._entrance.ask(peer, asked, is_open=self._is_open))
        if isinstance(who, Refused):
            peer.connection.refuse_upgrade(who.status, who.reason, who.headers)
            return
        wanted = universal_agent.read_session(asked.values)
        self._asking.add(peer.number)
        reply = UpgradeReply(self, peer, who)
        if wanted is None:
            reply.error(ErrorCode.SESSION_NOT_FOUND, "", None)
        else:
            self._sessions.call(who, wanted, reply)

    def found(self, peer: Peer, who: Principal, session: SessionView) -> None:
        """There is that session: let the client talk to it."""
        if peer.number not in self._asking:
            return  # it has gone
        self._asking.remove(peer.number)
        peer.connection.accept_upgrade()
        conversation = Execution(session, secrets.token_urlsafe(ID_BYTES))
        talker = Talker(peer, who, conversation, self._sessions, self._spawn)
        self._talkers[peer.number] = talker
        peer.poke()

    def not_found(self, peer: Peer, code: ErrorCode, message: str) -> None:
        """There is no such session, or nobody can tell."""
        self._asking.discard(peer.number)
        if code is ErrorCode.SESSION_NOT_FOUND:
            peer.connection.accept_upgrade()
            peer.connection.close(SESSION_UNKNOWN, universal_agent.NOT_FOUND)
        else:
            status = universal_agent.STATUSES.get(code, 500)
            peer.connection.refuse_upgrade(status, message or ERRORS[code].message)
        peer.poke()


class RestReply(HttpReply):
    """Answers a request as seed 003 does."""

    def __init__(self, peer: Peer, asked: msgspec.Struct) -> None:
        super().__init__(peer)
        self._asked = asked

    def result(self, result: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.send(universal_agent.result_reply(result))

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.send(universal_agent.error_reply(self._asked, code, message, data))


class UpgradeReply:
    """Goes on with an upgrade when it is known whether there is that session."""

    def __init__(self, face: UniversalAgentFace, peer: Peer, who: Principal) -> None:
        self._face = face
        self._peer = peer
        self._who = who

    def result(self, result: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self._face.found(self._peer, self._who, result)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self._face.not_found(self._peer, code, message)
