"""What a connection reports to its adapter: one event at a time, each says all that is known."""

from __future__ import annotations

import msgspec

from agentgate_proto.rpc.jsonrpc import ErrorObject, RequestId
from agentgate_proto.rpc.messages import Auth, AuthResult


class HttpRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a whole plain HTTP request; answer it with ``send_http``."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class AuthAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Server: the client says who it is. Nothing more is read until ``accept_auth``,
    ``refuse_auth`` or ``turn_away``; call ``next_event`` again after it."""

    auth: Auth


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a permitted request with valid parameters; their type tells the method.

    Answer ``id`` exactly once with ``send_result``, ``send_error`` or ``send_outcome``.
    ``repeated``: a tool request with this id is in flight already, so this may be the same one
    again; it is answered together with the first.
    """

    id: RequestId
    params: msgspec.Struct
    repeated: bool = False


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """The peer's notification with valid parameters."""

    params: msgspec.Struct


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Server: the client has these outcomes for certain."""

    rids: tuple[str, ...]


class Authenticated(msgspec.Struct, frozen=True, kw_only=True):
    """Client: the gateway took the token."""

    result: AuthResult


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The peer answered a request of ours: a result (raw JSON), or an error."""

    id: RequestId
    method: str
    result: msgspec.Raw
    error: ErrorObject | None


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Client: no connection came about, and why. ``Closed`` follows.

    Attributes:
        code: -32005 where ``auth`` is the reason, else -32000.
        final: trying again with the same ``auth`` is pointless.
    """

    code: int
    message: str
    final: bool


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is over; the last event. Flush the output, briefly, then close the socket.

    Attributes:
        code: the WebSocket close code: the peer's if it sent one, else what we close with; 1006
            where nobody closed (RFC 6455 section 7.1.5).
        reason: for people and logs.
        by_peer: the peer began it.
    """

    code: int
    reason: str
    by_peer: bool


Event = (
    HttpRequested
    | AuthAsked
    | Called
    | Notified
    | Received
    | Authenticated
    | Answered
    | Refused
    | Closed
)
