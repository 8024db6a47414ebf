"""Providing: what a gateway asks for of the tools that this client offers.

A call has an id of its own. Asked again on a later connection, because the gateway did not get the
answer, it is the same call: if it still runs, its answer goes where it was asked last; if it is
over, it is answered from memory. It is never run twice. What memory has let go of is answered as
unknown.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import msgspec

from agentgate_proto.client.events import CallAsked, CallStopped, ClientEvent
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import ToolAsked
from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import (
    KEPT_ANSWERS_BYTES_MAX,
    KEPT_ANSWERS_MAX,
    REQUEST_BYTES_MAX,
    TOLD_IDS_MAX,
)
from agentgate_proto.rpc.jsonrpc import RequestId, encode
from agentgate_proto.rpc.tool_methods import ToolCalled

NOT_KEPT = "it has run before, and its answer is not kept any more"
FAILURE_CHARS_MAX = 2_000
"""Of what a tool says went wrong: enough to act on; a gateway passes on no more."""


class Result(msgspec.Struct, frozen=True):
    """A tool's answer as it is sent: encoded, so that its size is known."""

    data: bytes


class Problem(msgspec.Struct, frozen=True):
    """Why there is no result."""

    code: ErrorCode
    message: str


Answer = Result | Problem


class Providing:
    """See the module.

    Args:
        events: the client machine's output queue.
    """

    def __init__(self, events: deque[ClientEvent]) -> None:
        self._events = events
        self._asked: dict[str, list[tuple[ClientConnection, RequestId]]] = {}
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._bytes = 0
        self._past: dict[str, None] = {}

    def asked(self, connection: ClientConnection, event: ToolAsked) -> None:
        """The gateway asks for a tool."""
        call = event.call.call
        if call in self._asked:
            askers = [each for each in self._asked[call] if each[0] is connection]
            self._asked[call] = [*askers, (connection, event.id)]
        elif call in self._kept:
            send(connection, event.id, self._kept[call])
        elif call in self._past:
            send(connection, event.id, Problem(ErrorCode.OUTCOME_UNKNOWN, NOT_KEPT))
        else:
            self._asked[call] = [(connection, event.id)]
            self._events.append(CallAsked(event.call))

    def stop(self, call: str) -> None:
        """The gateway waits for a call no more: stop it, if it runs."""
        if call in self._asked:
            self._events.append(CallStopped(call))

    def returned(self, call: str, data: Any) -> None:
        """A tool has returned; what can't be sent is an error, and says so."""
        why, encoded = "", b""
        try:
            encoded = encode(ToolCalled(data=data))
        except (TypeError, ValueError, RecursionError) as error:
            why = f"it is no JSON: {error}"
        else:
            if len(encoded) > REQUEST_BYTES_MAX:
                why = f"it has {len(encoded)} bytes, and {REQUEST_BYTES_MAX} can be sent"
        text = f"it ran, but its result can't be sent: {why}"
        self._answer(call, Problem(ErrorCode.OUTCOME_UNKNOWN, text) if why else Result(encoded))

    def failed(self, call: str, code: ErrorCode, message: str) -> None:
        """A tool has failed, or could not be run."""
        self._answer(call, Problem(code, message[:FAILURE_CHARS_MAX]))

    def end(self) -> None:
        """The client is closed, or has given up: stop what runs."""
        self._events.extend(CallStopped(call) for call in self._asked)

    def _answer(self, call: str, answer: Answer) -> None:
        for connection, request_id in self._asked.pop(call, ()):
            send(connection, request_id, answer)
        self._kept[call] = answer
        self._bytes += size_of(answer)
        while len(self._kept) > KEPT_ANSWERS_MAX or self._bytes > KEPT_ANSWERS_BYTES_MAX:
            old, gone = self._kept.popitem(last=False)
            self._bytes -= size_of(gone)
            self._past[old] = None
        while len(self._past) > TOLD_IDS_MAX:
            del self._past[next(iter(self._past))]


def send(connection: ClientConnection, request_id: RequestId, answer: Answer) -> None:
    """Answer a request, on a connection that may have ended meanwhile."""
    if isinstance(answer, Result):
        connection.send_result(request_id, msgspec.Raw(answer.data))
    else:
        connection.send_error(request_id, answer.code, answer.message)


def size_of(answer: Answer) -> int:
    """Return about how many bytes an answer takes."""
    return len(answer.data) if isinstance(answer, Result) else len(answer.message)
