"""Plain HTTP requests: the HTTP face of the core, made real."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.events import HttpRequested
from agentgate_proto.faces import http_api
from agentgate_proto.principal import Principal
from agentgate_server.peer import Peer
from agentgate_server.replies import HttpReply
from agentgate_server.version import VERSION

if TYPE_CHECKING:
    from agentgate_server.gate import Gate


class Web:
    """Serves the HTTP face.

    Args:
        gate: the inside of the gateway.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.closing = False
        self._started = time.monotonic()

    def serve(self, peer: Peer, request: HttpRequested) -> None:
        """Answer a request, now or when the decision in it is durable."""
        reply = HttpReply(peer)
        match http_api.read_request(request):
            case http_api.Health():
                reply.send(self._health())
            case http_api.Reply() as ready:
                reply.send(ready)
            case http_api.NativeCall(token, params):
                self._call(peer, token, params, reply)

    def _call(self, peer: Peer, token: str, params: msgspec.Struct, reply: HttpReply) -> None:
        principal = self.gate.identify(peer, token)
        if not isinstance(principal, Principal):
            if principal:
                text = "too many wrong tokens from this address"
                data = {"retry_after_s": principal}
                reply.error(ErrorCode.LIMIT_EXCEEDED, text, data)
            else:
                reply.error(ErrorCode.AUTHENTICATION, "Invalid token", None)
        elif not http_api.may_call(principal, params):
            text = f"approvals are not for the role {principal.role.value}"
            reply.error(ErrorCode.FORBIDDEN, text, None)
        else:
            self.gate.calls.answer(principal, params, "http", reply)

    def _health(self) -> http_api.Reply:
        """Say how the gateway is: 200 if it serves, 503 if it can't. No secrets, no names."""
        problem = self.gate.ledger.problem
        status = "closing" if self.closing else "failing" if problem else "ok"
        body: dict[str, Any] = {
            "status": status,
            "version": VERSION,
            "uptime_s": round(time.monotonic() - self._started, 3),
            "connections": len(self.gate.peers),
            "waiting_approvals": len(self.gate.ledger.waiting),
            "store": problem or "ok",
        }
        code = 200 if status == "ok" else 503
        return http_api.Reply(code, msgspec.json.encode(body))
