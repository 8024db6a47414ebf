"""Replies: where the answer to one call goes, whichever face it came by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces import http_api
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_server.sockets.peer import Peer


class Reply(Protocol):
    """Takes the answer to one call: a result or an error, once, now or later."""

    def result(self, result: Any) -> None:
        """The call went well."""
        ...

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """The call went wrong."""
        ...


class NativeReply:
    """Answers a JSON-RPC request."""

    def __init__(self, peer: Peer, request_id: RequestId) -> None:
        self.peer = peer
        self.request_id = request_id

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        self.peer.connection.send_result(self.request_id, result)
        self.peer.poke()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        self.peer.connection.send_error(self.request_id, code, message, data)
        self.peer.poke()


class HttpReply:
    """Answers a plain HTTP request."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        self.send(http_api.result_reply(result))

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        self.send(http_api.error_reply(code, message, data))

    def send(self, reply: http_api.Reply) -> None:
        """Send a response of the HTTP face."""
        self.peer.connection.send_http(reply.status, reply.body, reply.content_type, reply.headers)
        self.peer.poke()


class TicketReply(HttpReply):
    """Answers whoever has a ticket for an approval: what became of it, and nothing else of it."""

    def result(self, result: Any) -> None:
        """See :class:`Reply`."""
        self.send(http_api.answered(result))

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`Reply`."""
        if isinstance(data, ApprovalView):
            data = {"id": data.id, "status": data.status}
        super().error(code, message, data)


def answer_with(reply: Reply, make: Callable[[], msgspec.Struct]) -> None:
    """Answer with what can be said at once; -32011 if it asks for what is not there, -32003 if
    policy is what speaks against it."""
    try:
        result = make()
    except LookupError as error:
        reply.error(ErrorCode.NOT_FOUND, str(error), None)
    except PermissionError as error:
        reply.error(ErrorCode.DENIED_BY_POLICY, str(error), None)
    except ValueError as error:
        reply.error(ErrorCode.INVALID_PARAMS, str(error), None)
    else:
        reply.result(result)
