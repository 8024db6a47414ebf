"""The agentspace face: seed 004's chat on a WebSocket. What its messages mean, the core knows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from agentgate_proto.connection.events import Closed, MessageReceived, UpgradeAsked
from agentgate_proto.faces import agentspace
from agentgate_proto.principal import Principal
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.talker import Talker
from agentgate_server.sockets.peer import Peer

PREFIX_BYTES = 12
"""Of chance in the ids that a connection's messages are given."""


class AgentSpaceFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        path: where its WebSocket is.
        is_open: whoever asks on this machine needs no token.
    """

    name = agentspace.FACE

    def __init__(self, around: Surroundings, *, path: str, is_open: bool) -> None:
        self.routes: Sequence[Route] = (Route(face=self.name, path=path, websocket=True),)
        assert around.sessions is not None, "this face is made where there are sessions"
        self._entrance = around.entrance
        self._sessions = around.sessions
        self._spawn = around.spawn
        self._is_open = is_open
        self._talkers: dict[int, Talker] = {}  # by number of the connection

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case UpgradeAsked():
                self._accept(peer, event)
            case MessageReceived(data=data):
                self._talkers[peer.number].receive(data)
            case Closed():
                talker = self._talkers.pop(peer.number, None)
                if talker is not None:
                    talker.close()
            case _:
                pass  # the core answers plain HTTP on the path of a WebSocket

    def _accept(self, peer: Peer, asked: UpgradeAsked) -> None:
        who = may_converse(self._entrance.ask(peer, asked, is_open=self._is_open))
        if isinstance(who, Refused):
            peer.connection.refuse_upgrade(who.status, who.reason, who.headers)
            return
        peer.connection.accept_upgrade()
        self._talkers[peer.number] = self._talker(peer, who)

    def _talker(self, peer: Peer, who: Principal) -> Talker:
        conversation = agentspace.AgentSpace(secrets.token_urlsafe(PREFIX_BYTES))
        return Talker(peer, who, conversation, self._sessions, self._spawn)
