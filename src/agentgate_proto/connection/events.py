"""What a connection reports to its adapter: one event at a time, each says all that is known."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agentgate_proto.rpc.jsonrpc import ErrorObject, RequestId
from agentgate_proto.rpc.messages import Auth, AuthResult
from agentgate_proto.rpc.tool_methods import CallTool
from agentgate_proto.wire.events import NO_VALUES
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Route


class HttpRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a whole plain HTTP request. Answer it with ``send_http``, or with ``start_http``,
    ``send_http_body`` and ``end_http``.

    Attributes:
        route: of the face that owns the path; None: nobody does.
        values: what stands for the names in the route's path, as it was written.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    route: Route | None = None
    values: Mapping[str, str] = NO_VALUES


class BodyOffered(msgspec.Struct, frozen=True, kw_only=True):
    """Server: somebody who is not known yet wants to send a large body with a plain HTTP request.
    Look who asks, then ``take_body`` or ``refuse_body``. ``HttpRequested`` comes when it is whole.

    Attributes:
        route: of the face that owns the path, with the method; None: nobody does.
    """

    target: str
    headers: Headers
    route: Route | None = None


class UpgradeAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a WebSocket is asked for on a path of a face: ``accept_upgrade`` (and ``close``, if
    the reason can only be told by a close code) or ``refuse_upgrade``."""

    route: Route
    values: Mapping[str, str]
    target: str
    headers: Headers
    subprotocols: tuple[str, ...]


class MessageReceived(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a message on a face's WebSocket; bytes only where its route takes binary ones."""

    data: str | bytes


class Progressed(msgspec.Struct, frozen=True, kw_only=True):
    """Input was dealt with that concerns nobody, and there may be more: a turn may end here."""


class AuthAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Server: the client says who it is. Nothing more is read until ``accept_auth``,
    ``refuse_auth`` or ``turn_away``; call ``next_event`` again after it."""

    auth: Auth


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a permitted request with valid parameters; their type tells the method.

    Answer ``id`` exactly once with ``send_result``, ``send_error`` or ``send_outcome``.
    ``size``: bytes that the parameters came in.
    ``repeated``: a tool request with this id is in flight already, so this may be the same one
    again; it is answered together with the first.
    """

    id: RequestId
    params: msgspec.Struct
    repeated: bool = False
    size: int = 0


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """Server: a request had parameters of so many bytes that it was refused unread.

    It is answered. It has cost as much as one that is taken, so it counts as much.
    """

    size: int


class ToolAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Client: the gateway asks for a tool. Answer ``id`` exactly once with ``send_result`` or
    ``send_error``."""

    id: RequestId
    call: CallTool


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
        retry_after_s: how long the gateway wants to be left alone; 0.0: it does not say.
    """

    code: int
    message: str
    final: bool
    retry_after_s: float = 0.0


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is over; the last event. Flush the output, briefly, then close the socket.

    Attributes:
        code: the WebSocket close code: the peer's if it sent one, else what we close with; 1006
            where nobody closed (RFC 6455 section 7.1.5).
        reason: for people and logs.
        by_peer: the peer began it.
        cap: what the peer had too much of, or may not be, in one word; "": of nothing.
    """

    code: int
    reason: str
    by_peer: bool
    cap: str = ""


Event = (
    HttpRequested
    | BodyOffered
    | UpgradeAsked
    | MessageReceived
    | Progressed
    | AuthAsked
    | Called
    | Unread
    | ToolAsked
    | Notified
    | Received
    | Authenticated
    | Answered
    | Refused
    | Closed
)
