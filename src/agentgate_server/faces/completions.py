"""The completions face: OpenAI's chat completions, by which chat programs talk to the gateway's
models. What is asked and answered, the core knows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.faces.client_messages import Misfit
from agentgate_proto.faces.completions import replies
from agentgate_proto.faces.completions.completion import Completion
from agentgate_proto.faces.completions.request import read_request
from agentgate_proto.faces.completions.routes import FACE, ROUTES
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.rpc.usage_methods import ListModels
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.http_talker import HttpTalkers
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply

REVOKED = replies.entrance_reply(401, "this token counts no more", {})


class CompletionsFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        is_open: whoever asks on this machine needs no token.
        tells_tools: answers tell of tools and thinking, as reasoning.
    """

    name = FACE
    routes: Sequence[Route] = ROUTES

    def __init__(self, around: Surroundings, *, is_open: bool, tells_tools: bool) -> None:
        assert around.sessions is not None, "this face is made where there are sessions"
        self._entrance = around.entrance
        self._sessions = around.sessions
        self._is_open = is_open
        self._tells_tools = tells_tools
        self._talkers = HttpTalkers(around.sessions, around.spawn, around.entrance.counts)
        self._began_at = int(time.time())
        around.closing.append(self._talkers.close)
        around.clients[self.name] = lambda: self._talkers.count
        around.entrance.on_change(lambda: self._talkers.look(REVOKED))

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """See :class:`~agentgate_server.faces.face.Face`."""
        match event:
            case HttpRequested():
                self._answer(peer, event)
            case Closed():
                self._talkers.leave(peer)
            case _:
                raise AssertionError("its routes have no WebSockets")

    def _answer(self, peer: Peer, request: HttpRequested) -> None:
        token = bearer_token(request.headers)
        found = self._entrance.ask_by_token(peer, token, is_open=self._is_open)
        who = found if isinstance(found, Refused) else may_converse(found[0])
        if isinstance(who, Refused):
            refusal = replies.entrance_reply(who.status, who.reason, dict(who.headers))
            HttpReply(peer).send(refusal)
            return
        if request.method != "POST":
            name = unquote(request.values.get("name", ""))
            self._sessions.call(who, ListModels(), ModelsReply(peer, name, self._began_at))
            return
        try:
            wanted = read_request(request.body, request.headers)
        except Misfit as misfit:
            HttpReply(peer).send(replies.misfit_reply(misfit))
            return
        assert not isinstance(found, Refused), "they were let in"
        conversation = Completion(wanted, tells_tools=self._tells_tools)
        self._talkers.answer(peer, who, found, conversation)


class ModelsReply(HttpReply):
    """Answers which models there are, or whether there is this one."""

    def __init__(self, peer: Peer, name: str, created: int) -> None:
        super().__init__(peer)
        self._name = name
        self._created = created

    def result(self, result: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        reply: Reply
        if self._name:
            reply = replies.model_reply(result, self._name, self._created)
        else:
            reply = replies.models_reply(result, self._created)
        self.send(reply)

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.send(replies.refusal_reply(code, message, data))
