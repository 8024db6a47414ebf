"""The server's half of the opening handshake (RFC 6455 section 4.2), on a request that was read.

No extension is taken, whatever is offered; a subprotocol only if the owner of the path wants it.
"""

from __future__ import annotations

from base64 import b64decode

from wsproto.utilities import generate_accept_token

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.wire.headers import Headers, Lines, encoded
from agentgate_proto.wire.heads import RequestHead

VERSION = "13"
NONCE_BYTES = 16

BAD_REQUEST = 400
UPGRADE_REQUIRED = 426

OFFER = [(b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"), (b"connection", b"upgrade")]
"""What goes with 426 (RFC 6455 section 4.4, RFC 9110 section 15.5.22)."""


def wants_websocket(headers: Headers) -> bool:
    """Whether a request asks for a WebSocket, be it in a bad way."""
    return "websocket" in headers.get("upgrade").lower()


def objection(request: RequestHead) -> tuple[int, str] | None:
    """Return the status and the words with which the handshake must be refused, or None."""
    headers = request.headers
    if request.method != "GET":
        return BAD_REQUEST, "a WebSocket handshake is a GET request"
    if request.version < b"1.1":
        return BAD_REQUEST, "a WebSocket needs HTTP/1.1"
    if request.body or "transfer-encoding" in headers:
        return BAD_REQUEST, "a WebSocket handshake has no body"
    if not all(value.isascii() for name, value in headers if is_ours(name)):
        return BAD_REQUEST, "a header of the WebSocket handshake is not ASCII"
    if headers.get("upgrade").lower() != "websocket":
        return BAD_REQUEST, "not the header Upgrade: websocket"
    if "upgrade" not in map(str.lower, headers.items_of("connection")):
        return BAD_REQUEST, "missing header Connection: Upgrade"
    version = headers.get("sec-websocket-version")
    if version != VERSION:
        status = UPGRADE_REQUIRED if version else BAD_REQUEST
        return status, f"not the header Sec-WebSocket-Version: {VERSION}"
    if not is_nonce(headers.get("sec-websocket-key")):
        return BAD_REQUEST, f"no Sec-WebSocket-Key of {NONCE_BYTES} bytes in base64"
    return None


def acceptance(
    request: RequestHead, subprotocol: str = "", headers: Lines = ()
) -> list[tuple[bytes, bytes]]:
    """Return the headers of the 101 that answers a good handshake (section 4.2.2).

    Raises:
        LocalProtocolError: the subprotocol is none that the client offered, or the headers have
            something to say of the handshake.
    """
    given = encoded(headers)
    for name, _ in given:
        if is_ours(name.decode().lower()) or name.lower() == b"upgrade":
            raise LocalProtocolError(f"the header {name.decode()} is the handshake's own")
    lines = [
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Accept", generate_accept_token(key_of(request))),
    ]
    if subprotocol:
        if subprotocol not in subprotocols(request):
            raise LocalProtocolError(f"the client did not offer the subprotocol {subprotocol!r}")
        lines.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
    return [*lines, *given]


def subprotocols(request: RequestHead) -> list[str]:
    """What the client offers to speak, best first (section 4.1, item 10)."""
    return request.headers.items_of("sec-websocket-protocol")


def key_of(request: RequestHead) -> bytes:
    """The client's nonce, as it was written."""
    return request.headers.get("sec-websocket-key").encode()


def is_ours(name: str) -> bool:
    """Whether a header belongs to the handshake, besides Upgrade."""
    return name == "connection" or name.startswith("sec-websocket-")


def is_nonce(key: str) -> bool:
    """Whether this is a Sec-WebSocket-Key (section 4.1, item 7)."""
    try:
        return len(b64decode(key, validate=True)) == NONCE_BYTES
    except ValueError:
        return False
