"""What a WebSocket or the HTTP around it tells the connection machines; see ``websocket``."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Route

NO_VALUES: Mapping[str, str] = {}


class Upgraded(msgspec.Struct, frozen=True):
    """The opening handshake is complete."""


class UpgradeRequest(msgspec.Struct, frozen=True):
    """A WebSocket is asked for on a path of a face: ``accept_upgrade`` or ``refuse_upgrade``."""

    route: Route
    values: Mapping[str, str]
    target: str
    headers: Headers
    subprotocols: tuple[str, ...]


class Rejected(msgspec.Struct, frozen=True):
    """The opening handshake failed.

    Attributes:
        status: the HTTP status; 0: the answer was no HTTP.
        reason: for people and logs.
        retry_after_s: how long to wait, if that was said in seconds; else 0.0.
        is_final: the same URL will always meet the same.
        is_told: the reason is a gateway's own, which leaves nothing to guess.
    """

    status: int
    reason: str
    retry_after_s: float = 0.0
    is_final: bool = False
    is_told: bool = False


class HttpRequest(msgspec.Struct, frozen=True):
    """A whole plain HTTP request; header names are lower case. Answer it with ``send_http``.

    ``route`` and ``values`` say whose it is, and what stands for the names in the route's path;
    no route: the path is nobody's.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    route: Route | None = None
    values: Mapping[str, str] = NO_VALUES


class BodyOffer(msgspec.Struct, frozen=True):
    """The head of a plain HTTP request with a large body, of which nothing is read before somebody
    says that it is wanted. ``HttpRequest`` follows when it is whole."""

    target: str
    headers: Headers
    route: Route | None = None


class Served(msgspec.Struct, frozen=True):
    """A plain HTTP request to which there is but one answer, which was given."""


class Text(msgspec.Struct, frozen=True):
    """A whole text message."""

    text: str


class Binary(msgspec.Struct, frozen=True):
    """A whole binary message."""

    data: bytes


class Pong(msgspec.Struct, frozen=True):
    """A pong frame."""

    payload: bytes


class Alive(msgspec.Struct, frozen=True):
    """A frame that needs nothing further: a ping, which has been answered, or a part of a text."""


class Close(msgspec.Struct, frozen=True):
    """The peer's close frame; 1005 if it named no code."""

    code: int
    reason: str


WireEvent = (
    Upgraded
    | UpgradeRequest
    | Rejected
    | HttpRequest
    | BodyOffer
    | Served
    | Text
    | Binary
    | Pong
    | Alive
    | Close
)
