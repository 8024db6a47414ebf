"""WebSocket frames by hand, good and bad ones, over a blocking socket: nothing of ours under test.

A conformance test must be able to send what no library would, and must not share the code of what
it tests. RFC 6455 section 5.2.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import socket
import ssl
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
ABNORMAL = 1006
NO_STATUS = 1005

READ_BYTES = 65_536
HEAD_BYTES_MAX = 65_536
HANDSHAKE_S = 10.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class HandshakeError(Exception):
    """No WebSocket came about; the text says why."""


class Frame(msgspec.Struct, frozen=True):
    """One frame that came. ``opcode`` CLOSE with ``code`` 1006: the socket ended without one.

    Attributes:
        opcode, payload, fin: as RFC 6455 has them, without the mask.
        reserved: the three reserved bits.
        mask: the masking key; empty: it was not masked.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    reserved: int = 0
    mask: bytes = b""

    @property
    def close_code(self) -> int:
        """The code of a close frame."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else NO_STATUS


GONE = Frame(CLOSE, ABNORMAL.to_bytes(2, "big"))


class Wire:
    """One WebSocket.

    Args:
        sock: connected, the opening handshake done.
        rest: what came after the handshake.
        masking: it is the client's end.
        head: the opening request that it took, at the gateway's end.
    """

    def __init__(self, sock: socket.socket, rest: bytes, *, masking: bool, head: str = "") -> None:
        self.sock = sock
        self.head = head
        self.masking = masking
        self.ended = False
        self._buffer = bytearray(rest)

    def send_json(self, message: Any) -> None:
        """Send a text message."""
        self.send(TEXT, msgspec.json.encode(message))

    def send(
        self,
        opcode: int,
        payload: bytes,
        *,
        fin: bool = True,
        reserved: int = 0,
        masked: bool | None = None,
        times: int = 1,
    ) -> None:
        """Send a frame, so many times. That the peer is gone shows when the answer is read."""
        masked = self.masking if masked is None else masked
        head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
        length, bit = len(payload), 0x80 if masked else 0
        if length <= 125:
            head += bytes([bit | length])
        elif length <= 0xFFFF:
            head += bytes([bit | 126]) + length.to_bytes(2, "big")
        else:
            head += bytes([bit | 127]) + length.to_bytes(8, "big")
        if masked:
            head += bytes(4)  # a mask of zeros leaves the payload as it is
        with suppress(OSError):
            self.sock.settimeout(HANDSHAKE_S)
            self.sock.sendall((head + payload) * times)

    def receive(self, within_s: float) -> Frame | None:
        """Return the next frame, or None: none came in time. After GONE comes GONE again."""
        until = time.monotonic() + within_s
        while (frame := self._cut()) is None:
            if self.ended:
                return GONE
            data = read_until(self.sock, until)
            if data is None:
                return None
            self.ended = not data
            self._buffer += data
        return frame

    def _cut(self) -> Frame | None:
        data = self._buffer
        if len(data) < 2:
            return None
        masked, length, at = data[1] & 0x80, data[1] & 0x7F, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            length = int.from_bytes(data[2:at], "big")
        mask_at, at = at, at + (4 if masked else 0)
        if len(data) < at + length:
            return None
        payload = bytes(data[at : at + length])
        if masked:
            key = (bytes(data[mask_at:at]) * (length // 4 + 1))[:length]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(
                length, "big"
            )
        mask = bytes(data[mask_at:at])
        first = data[0]
        frame = Frame(first & 0x0F, payload, bool(first & 0x80), first >> 4 & 7, mask)
        del data[: at + length]
        return frame

    def drop(self) -> None:
        """Close the socket without a word."""
        self.sock.close()


def read_until(sock: socket.socket, until: float) -> bytes | None:
    """What comes next on a socket; b"": its end; None: nothing until then, in monotonic seconds."""
    pause = until - time.monotonic()
    if pause < 0:
        return None
    try:
        sock.settimeout(max(pause, 0.001))
        return sock.recv(READ_BYTES)
    except TimeoutError:
        return None
    except OSError:
        return b""


def dial(url: str) -> socket.socket:
    """Connect to where a gateway listens; with ``wss://`` TLS is there, too.

    Raises:
        OSError: nobody listens, or no TLS came about.
        HandshakeError: the URL is none of a gateway.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise HandshakeError(f"not a ws:// or wss:// URL: {url}")
    secure = parts.scheme == "wss"
    try:
        port = parts.port or (443 if secure else 80)
    except ValueError as error:
        raise HandshakeError(f"not a ws:// or wss:// URL: {url}: {error}") from None
    sock = socket.create_connection((parts.hostname, port), HANDSHAKE_S)
    if secure:
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=parts.hostname)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def host_of(url: str) -> str:
    """The value of ``Host`` for a URL."""
    return urlsplit(url).netloc.rpartition("@")[2]


def origin_of(url: str) -> str:
    """The value of ``Origin`` of a page that came from there."""
    return f"{'https' if url.startswith('wss:') else 'http'}://{host_of(url)}"


def connect(url: str) -> Wire:
    """Open a WebSocket as a client.

    Raises:
        OSError: nobody listens, or no TLS came about.
        HandshakeError: whoever listens declined.
    """
    sock = dial(url)
    try:
        return upgraded(sock, url)
    except BaseException:
        sock.close()
        raise


def upgraded(sock: socket.socket, url: str) -> Wire:
    """Ask for a WebSocket on a socket that is connected. Raises as ``connect``."""
    key = base64.b64encode(os.urandom(16))
    head = f"GET {urlsplit(url).path or '/'} HTTP/1.1\r\nHost: {host_of(url)}\r\n"
    head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    sock.sendall(head.encode() + b"Sec-WebSocket-Key: " + key + b"\r\n\r\n")
    answer, rest = read_head(sock)
    status = answer.split("\r\n")[0]
    if not status.startswith("HTTP/1.1 101 "):
        raise HandshakeError(f"the answer to the upgrade was: {status[:200]}")
    if header(answer, "sec-websocket-accept") != accept_key(key.decode()):
        raise HandshakeError("the answer to the upgrade has another Sec-WebSocket-Accept")
    return Wire(sock, rest, masking=True)


def accept(sock: socket.socket, refusal: bytes = b"") -> Wire:
    """Take a client's opening handshake.

    Args:
        sock: just accepted.
        refusal: what to answer instead, and then to hang up.

    Raises:
        OSError: the client went away.
        HandshakeError: it did not ask for a WebSocket, or it was refused.
    """
    sock.settimeout(HANDSHAKE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head, rest = read_head(sock)
    key = header(head, "sec-websocket-key")
    if not key:
        sock.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
        raise HandshakeError(f"no WebSocket was asked for: {head.splitlines()[0][:200]}")
    if refusal:
        sock.sendall(refusal)
        sock.close()
        raise HandshakeError("refused")
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
    )
    return Wire(sock, rest, masking=False, head=head)


def read_head(sock: socket.socket) -> tuple[str, bytes]:
    """Read an HTTP head; return it, and what came after it."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = sock.recv(READ_BYTES)
        if not chunk or len(data) > HEAD_BYTES_MAX:
            raise HandshakeError("the peer sent no HTTP head")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def header(head: str, name: str) -> str:
    """The value of a header, or ""."""
    match = re.search(rf"(?im)^{name}: *(\S+) *\r?$", head)
    return match[1] if match else ""


def accept_key(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2)."""
    digest = hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
