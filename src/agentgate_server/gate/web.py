"""Plain HTTP requests: the HTTP face of the core, made real."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from agentgate_proto.connection.events import Closed, HttpRequested
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces import http_api
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.principal import Principal, Role
from agentgate_proto.wire.routes import Route
from agentgate_server.approvals.answers import Answers
from agentgate_server.approvals.reach import Reach
from agentgate_server.faces.entrance import Entrance
from agentgate_server.faces.face import FaceEvent
from agentgate_server.gate.authenticator import Authenticator
from agentgate_server.gate.calls import Calls
from agentgate_server.identity.address_throttle import (
    STRANGERS_REQUESTS_PER_MINUTE,
    AddressThrottle,
)
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import HttpReply, TicketReply
from agentgate_server.version import VERSION

if TYPE_CHECKING:
    from agentgate_server.observing.metrics import Metrics


TURN_S_MAX = 5.0
"""How long a stranger's request waits for its turn; if there are more than that before it, it is
refused then."""


NO_TICKET = "This ticket is none, or its time is long over: look at the newest notification"


class Web:
    """Serves the HTTP face, and says of paths that are nobody's that there is nothing.

    Args:
        authenticator: knows whose token it is.
        entrance: makes tickets.
        spawn: starts an async function with its arguments, in a task.
        calls: the methods that this face offers as well.
        ledger: tells how the store is, and how many wait.
        peers: the connections that were let in.
        reach: knows what has reached nobody.

    Attributes:
        answers: takes answers by ticket.
        closing: the gateway is shutting down.
        refusing: why nothing new is taken at present; "": it is.
        parts: how other parts are, by name; for everybody to read, so without names and secrets.
        metrics: what /metrics answers with; None: there is no such path.
        metrics_are_public: without a token, too.
        face_names: the faces that are on; clients of some look for words of theirs in /health.
        runs: how many runs of sessions are under way.
    """

    name = http_api.FACE
    routes: Sequence[Route] = http_api.ROUTES

    def __init__(
        self,
        authenticator: Authenticator,
        entrance: Entrance,
        spawn: Callable[..., None],
        calls: Calls,
        ledger: Ledger,
        peers: Mapping[int, Peer],
        reach: Reach,
    ) -> None:
        self.authenticator = authenticator
        self.entrance = entrance
        self._spawn = spawn
        self.calls = calls
        self.ledger = ledger
        self.peers = peers
        self.reach = reach
        self.answers = Answers(calls.desk)
        self.closing = False
        self.refusing = ""
        self.parts: dict[str, Callable[[], Any]] = {}
        self.metrics: Metrics | None = None
        self.metrics_are_public = False
        self.face_names: Collection[str] = ()
        self.runs: Callable[[], int] = lambda: 0
        self._clock = time.monotonic
        self._started = self._clock()
        self._waiting: dict[int, anyio.CancelScope] = {}  # strangers, by number of the connection
        self._strangers = AddressThrottle(STRANGERS_REQUESTS_PER_MINUTE)

    def handle(self, peer: Peer, event: FaceEvent) -> None:
        """Answer a request, now or when the decision in it is durable."""
        if isinstance(event, Closed) and peer.number in self._waiting:
            self._waiting[peer.number].cancel()
        if not isinstance(event, HttpRequested):
            return  # this face has no WebSockets
        asked = http_api.read_request(event)
        if isinstance(asked, http_api.Health | http_api.Reply | http_api.TakeAnswer):
            pause = self._strangers.queue(peer.address, self._clock(), TURN_S_MAX)
            if pause:
                self._waiting[peer.number] = anyio.CancelScope()
                self._spawn(self._answer_later, pause, peer, asked)
                return
        self._answer(peer, asked)

    async def _answer_later(self, pause_s: float, peer: Peer, asked: http_api.Asked) -> None:
        """Let a stranger wait for their turn: nothing more of theirs is read meanwhile."""
        try:
            with self._waiting[peer.number]:
                await anyio.sleep(min(pause_s, TURN_S_MAX))
                if pause_s > TURN_S_MAX:
                    HttpReply(peer).send(http_api.too_many(pause_s))
                else:
                    self._answer(peer, asked)
        finally:
            del self._waiting[peer.number]

    def _answer(self, peer: Peer, asked: http_api.Asked) -> None:
        reply = HttpReply(peer)
        match asked:
            case http_api.Health():
                reply.send(self._health())
            case http_api.ReadMetrics(token):
                self._read_metrics(peer, token, reply)
            case http_api.Reply() as ready:
                reply.send(ready)
            case http_api.MakeTicket(token):
                principal = self._identify(peer, token, reply)
                if principal is not None:
                    reply.result(self.entrance.make_ticket(principal, token))
            case http_api.NativeCall(token, params):
                self._call(peer, token, params, reply)
            case http_api.TakeAnswer() as answer:
                self._take_answer(peer, answer)

    def _read_metrics(self, peer: Peer, token: str, reply: HttpReply) -> None:
        """Send the metrics to an operator, or to anybody if they are public."""
        if self.metrics is None:
            reply.send(http_api.problem(404, "no metrics here: set metrics.enabled"))
            return
        if not self.metrics_are_public:
            if not token:
                hint = "send an operator's token: Authorization: Bearer …"
                reply.send(http_api.unauthorized(hint))
                return
            principal = self._identify(peer, token, reply)
            if principal is None:
                return
            if principal.role is not Role.OPERATOR:
                text = f"metrics are not for the role {principal.role.value}"
                reply.error(ErrorCode.FORBIDDEN, text, None)
                return
        from agentgate_server.observing.metrics import CONTENT_TYPE

        reply.send(http_api.Reply(200, self.metrics.text(), content_type=CONTENT_TYPE))

    def _identify(self, peer: Peer, token: str, reply: HttpReply) -> Principal | None:
        """Find out whose token it is, or refuse it."""
        principal = self.authenticator.identify(peer, token)
        if isinstance(principal, Principal):
            return principal
        if principal.pause_s:
            data = {"retry_after_s": principal.pause_s}
            reply.error(ErrorCode.LIMIT_EXCEEDED, principal.reason, data)
        else:
            reply.error(ErrorCode.AUTHENTICATION, principal.reason, None)
        return None

    def _call(self, peer: Peer, token: str, params: msgspec.Struct, reply: HttpReply) -> None:
        principal = self._identify(peer, token, reply)
        if principal is None:
            return
        if not http_api.may_call(principal, params):
            text = f"approvals are not for the role {principal.role.value}"
            reply.error(ErrorCode.FORBIDDEN, text, None)
        else:
            self.calls.answer(principal, params, "http", reply)

    def _take_answer(self, peer: Peer, answer: http_api.TakeAnswer) -> None:
        """Take the answer of whoever has a ticket; who has none is counted as guessing."""
        channels, reply = self.answers.over_http, TicketReply(peer)
        more = {"word": answer.word, "code": answer.code}
        if self.answers.take(answer.ticket, channels, reply, **more) is not None:
            return
        declined = self.authenticator.guessed(peer.address)
        if declined.pause_s:
            HttpReply(peer).send(http_api.too_many(declined.pause_s))
        else:
            HttpReply(peer).error(ErrorCode.NOT_FOUND, NO_TICKET, None)

    def _health(self) -> http_api.Reply:
        """Say how the gateway is: 200 if it serves, 503 if it can't. No secrets, no names."""
        problem = self.ledger.problem or self.refusing
        status = "closing" if self.closing else "failing" if problem else "ok"
        body: dict[str, Any] = {
            "status": status,
            "version": VERSION,
            "uptime_s": round(self._clock() - self._started, 3),
            "connections": len(self.peers),
            "waiting_approvals": len(self.ledger.waiting),
            "unreached_approvals": self.reach.overdue,
            "store": problem or "ok",
            **{name: report() for name, report in self.parts.items()},
        }
        code = 200 if status == "ok" else 503
        told = http_api.health_with(body, self.face_names, self.runs())
        return http_api.Reply(code, msgspec.json.encode(told))
