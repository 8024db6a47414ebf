"""What a WebSocket or the HTTP around it tells the connection machines; see ``websocket``."""

from __future__ import annotations

import msgspec


class Upgraded(msgspec.Struct, frozen=True):
    """The opening handshake is complete."""


class Rejected(msgspec.Struct, frozen=True):
    """The opening handshake failed; ``status`` is the HTTP status, 0 if the answer was no HTTP."""

    status: int
    reason: str


class HttpRequest(msgspec.Struct, frozen=True):
    """A whole plain HTTP request; header names are lower case. Answer it with ``send_http``."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Text(msgspec.Struct, frozen=True):
    """A whole text message."""

    text: str


class Pong(msgspec.Struct, frozen=True):
    """A pong frame."""

    payload: bytes


class Alive(msgspec.Struct, frozen=True):
    """A frame that needs nothing further: a ping, which has been answered, or a part of a text."""


class Close(msgspec.Struct, frozen=True):
    """The peer's close frame; 1005 if it named no code."""

    code: int
    reason: str


WireEvent = Upgraded | Rejected | HttpRequest | Text | Pong | Alive | Close
