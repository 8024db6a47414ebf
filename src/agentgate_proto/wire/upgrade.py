"""The server's half of the opening handshake (RFC 6455 section 4.2), on a request that was read.

No extension and no subprotocol is taken, whatever is offered.
"""

from __future__ import annotations

from base64 import b64decode

from wsproto.utilities import generate_accept_token

from agentgate_proto.wire.http1 import RequestHead

VERSION = "13"
NONCE_BYTES = 16

BAD_REQUEST = 400
UPGRADE_REQUIRED = 426

OFFER = [(b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"), (b"connection", b"upgrade")]
"""What goes with 426 (RFC 6455 section 4.4, RFC 9110 section 15.5.22)."""


def wants_websocket(request: RequestHead) -> bool:
    """Whether a request asks for a WebSocket, be it in a bad way."""
    return "websocket" in request.headers.get("upgrade", "").lower()


def objection(request: RequestHead) -> tuple[int, str] | None:
    """Return the status and the words with which the handshake must be refused, or None."""
    headers = request.headers
    if request.method != "GET":
        return BAD_REQUEST, "a WebSocket handshake is a GET request"
    if request.version < b"1.1":
        return BAD_REQUEST, "a WebSocket needs HTTP/1.1"
    if request.body:
        return BAD_REQUEST, "a WebSocket handshake has no body"
    if not all(value.isascii() for name, value in request.raw_headers if is_ours(name)):
        return BAD_REQUEST, "a header of the WebSocket handshake is not ASCII"
    if headers["upgrade"].lower() != "websocket":
        return BAD_REQUEST, "not the header Upgrade: websocket"
    if b"upgrade" not in connection_options(request):
        return BAD_REQUEST, "missing header Connection: Upgrade"
    version = headers.get("sec-websocket-version")
    if version != VERSION:
        status = UPGRADE_REQUIRED if version else BAD_REQUEST
        return status, f"not the header Sec-WebSocket-Version: {VERSION}"
    if not is_nonce(headers.get("sec-websocket-key", "")):
        return BAD_REQUEST, f"no Sec-WebSocket-Key of {NONCE_BYTES} bytes in base64"
    return None


def acceptance(request: RequestHead) -> list[tuple[bytes, bytes]]:
    """Return the headers of the 101 that answers a good handshake (section 4.2.2)."""
    key = request.headers["sec-websocket-key"].encode()
    return [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", generate_accept_token(key)),
    ]


def is_ours(name: bytes) -> bool:
    """Whether a header belongs to the handshake, besides Upgrade."""
    return name == b"connection" or name.startswith(b"sec-websocket-")


def connection_options(request: RequestHead) -> list[bytes]:
    """The list in the header Connection, which may come in several lines (RFC 9110 5.3)."""
    lines = [value for name, value in request.raw_headers if name == b"connection"]
    return [option.strip().lower() for option in b",".join(lines).split(b",")]


def is_nonce(key: str) -> bool:
    """Whether this is a Sec-WebSocket-Key (section 4.1, item 7)."""
    try:
        return len(b64decode(key, validate=True)) == NONCE_BYTES
    except ValueError:
        return False
