"""The AG-UI face: runs of the gateway's models as events for a page. What is asked and answered,
the core knows."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.faces.agui.run_input import read_input
from agentgate_proto.faces.agui.thread_run import FACE, ThreadRun
from agentgate_proto.faces.bearer import bearer_token
from agentgate_proto.faces.client_messages import REFUSED_BYTES_MAX, Misfit
from agentgate_proto.faces.http_api import Reply as Response
from agentgate_proto.faces.http_api import problem
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.messages import PEOPLE, DecideApproval
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.entrance import Refused, may_converse_as_person
from agentgate_server.faces.face import FaceEvent, Surroundings
from agentgate_server.faces.http_talker import HttpTalkers
from agentgate_server.sessions.door import as_owner
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply, Reply

REVOKED = problem(401, "this token counts no more")


class AgUiFace:
    """See the module and :class:`~agentgate_server.faces.face.Face`.

    Args:
        around: what it works with.
        path: where runs are asked for.
        is_open: whoever asks on this machine needs no token.
    """

    name = FACE

    def __init__(self, around: Surroundings, *, path: str, is_open: bool) -> None:
        assert around.sessions is not None, "this face is made where there are sessions"
        self.routes: Sequence[Route] = (
            Route(
                face=FACE,
                path=path,
                methods=frozenset({"POST"}),
                body_bytes_max=REFUSED_BYTES_MAX,
                cors=True,
            ),
        )
        self._entrance = around.entrance
        self._is_open = is_open

        def decide(who: Principal, params: DecideApproval, reply: Reply) -> None:
            around.decide(who, params, FACE, reply)

        self._talkers = HttpTalkers(around.sessions, around.spawn, around.entrance.counts, decide)
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
                raise AssertionError("its route has no WebSockets")

    def _answer(self, peer: Peer, request: HttpRequested) -> None:
        token = bearer_token(request.headers)
        found = self._entrance.ask_by_token(peer, token, is_open=self._is_open)
        who = found if isinstance(found, Refused) else may_converse_as_person(found[0])
        if isinstance(who, Refused):
            HttpReply(peer).send(problem(who.status, who.reason, dict(who.headers)))
            return
        try:
            wanted = read_input(request.body)
        except Misfit as misfit:
            HttpReply(peer).send(misfit_reply(misfit))
            return
        assert not isinstance(found, Refused), "they were let in"
        is_person = who.role in PEOPLE
        conversation = ThreadRun(wanted, may_decide=is_person)
        owner = as_owner(who) if is_person else who
        self._talkers.answer(peer, owner, found, conversation)


def misfit_reply(misfit: Misfit) -> Response:
    """Answer a request that can't be answered as it is."""
    body = msgspec.json.encode({"error": str(misfit)})
    return Response(413 if misfit.is_large else 400, body)
