"""What is sent to MCP clients: the envelopes around results, errors, requests and notifications.

A response has no members beside those of JSON-RPC: clients made with the TypeScript SDK never take
one that has more for an answer. A message is one line, whatever a backend put into its result.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import msgspec

from agentgate_proto.faces.mcp.eras import MODERN, SUBSCRIPTION_KEY, VERSIONS
from agentgate_proto.faces.mcp.messages import ProgressParams, Token
from agentgate_proto.rpc.jsonrpc import (
    VERSION,
    ErrorObject,
    RequestId,
    encode_failure,
    encode_notification,
    encode_request,
    encode_success,
)


class Code(IntEnum):
    """The error codes that MCP clients get, beside those that JSON-RPC defines.

    Those of MCP itself begin at -32020; none of ours is within JSON-RPC's reserved range.
    """

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    NO_RESOURCE = -32002
    """Legacy; a modern server says INVALID_PARAMS."""
    HEADER_MISMATCH = -32020
    MISSING_CAPABILITY = -32021
    UNSUPPORTED_VERSION = -32022
    BUSY = 429
    """Too much at once, or too often: outside of all that is reserved."""


HTTP_STATUS: Final[dict[int, int]] = {
    Code.PARSE_ERROR: 400,
    Code.INVALID_REQUEST: 400,
    Code.METHOD_NOT_FOUND: 404,
    Code.INVALID_PARAMS: 400,
    Code.HEADER_MISMATCH: 400,
    Code.MISSING_CAPABILITY: 400,
    Code.UNSUPPORTED_VERSION: 400,
}
"""What a modern error goes out with, if nothing went out before it."""


class NamelessFrame(msgspec.Struct, frozen=True):
    """An error about a message whose id can't be told: it has none, for null is no id in MCP."""

    jsonrpc: str
    error: ErrorObject


class MaybeError(msgspec.Struct, frozen=True):
    """A response, as far as it may be an error."""

    error: ErrorObject | None = None


NAMELESS: Final = None
"""The id of what has none."""


def one_line(message: bytes) -> bytes:
    """Return a message without line breaks: in JSON they can stand between tokens alone."""
    if b"\n" in message or b"\r" in message:
        return message.replace(b"\n", b" ").replace(b"\r", b" ")
    return message


def http_status(code: int, version: str) -> int:
    """Return the HTTP status of an error response. For a legacy client anything but 200 is a broken
    server: it does not look at the error then."""
    return HTTP_STATUS.get(code, 200) if version in MODERN else 200


def status_of(message: bytes, version: str) -> int:
    """Return the HTTP status of a response that is the whole answer to a request."""
    if version not in MODERN or b'"error"' not in message:
        return 200
    error = msgspec.json.decode(message, type=MaybeError).error
    return 200 if error is None else http_status(error.code, version)


def success(request_id: RequestId, result: bytes) -> bytes:
    """A response; ``result`` is a JSON object, which goes out as it is."""
    return one_line(encode_success(request_id, msgspec.Raw(result)))


def failure(request_id: RequestId, code: int, message: str, data: Any = None) -> bytes:
    """An error response; without an id (None), it is about a message as a whole."""
    if request_id is NAMELESS:
        return msgspec.json.encode(NamelessFrame(VERSION, ErrorObject(code, message, data)))
    return one_line(encode_failure(request_id, code, message, data))


def unsupported(request_id: RequestId, requested: str) -> bytes:
    """This revision is not spoken here; it says which are."""
    return failure(
        request_id,
        Code.UNSUPPORTED_VERSION,
        f"Unsupported protocol version; this gateway speaks {', '.join(VERSIONS)}",
        {"supported": list(VERSIONS), "requested": requested},
    )


def missing_capability(request_id: RequestId, capabilities: dict[str, Any], why: str) -> bytes:
    """The client would have to be able to do more (``requiredCapabilities``); modern."""
    return failure(request_id, Code.MISSING_CAPABILITY, why, {"requiredCapabilities": capabilities})


def unknown_method(request_id: RequestId, method: str) -> bytes:
    """There is no such method, or nothing behind it here."""
    return failure(request_id, Code.METHOD_NOT_FOUND, f"Method not found: {method}")


def unknown_tool(request_id: RequestId, name: str) -> bytes:
    """Nothing is published under this name for this principal."""
    return failure(request_id, Code.INVALID_PARAMS, f"Unknown tool: {name}")


def no_resource(request_id: RequestId, uri: str, version: str) -> bytes:
    """Nothing is offered under this URI."""
    code = Code.INVALID_PARAMS if version in MODERN else Code.NO_RESOURCE
    return failure(request_id, code, "Resource not found", {"uri": uri})


def question(request_id: RequestId, method: str, params: bytes) -> bytes:
    """A request to a client, in the midst of a call of its own (legacy)."""
    return one_line(encode_request(request_id, method, msgspec.Raw(params)))


def notification(method: str, params: bytes = b"{}") -> bytes:
    """A notification; ``params`` is a JSON object, which goes out as it is."""
    return one_line(encode_notification(method, msgspec.Raw(params)))


def progress(
    token: Token, progressed: float, total: float | None = None, message: str = ""
) -> bytes:
    """How far the call is that wants to hear of it under this token; must increase each time."""
    told = ProgressParams(progress_token=token, progress=progressed, total=total, message=message)
    return encode_notification("notifications/progress", told)


def subscribed(request_id: RequestId, method: str, params: dict[str, Any] | None = None) -> bytes:
    """A notification on the stream that this ``subscriptions/listen`` opened (modern)."""
    meta = {"_meta": {SUBSCRIPTION_KEY: request_id}}
    return encode_notification(method, meta | (params or {}))


def subscription_over(request_id: RequestId) -> bytes:
    """The response to ``subscriptions/listen``, by which its stream ends in order (modern)."""
    result = {"resultType": "complete", "_meta": {SUBSCRIPTION_KEY: request_id}}
    return encode_success(request_id, result)
