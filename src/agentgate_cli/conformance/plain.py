"""Plain HTTP/1.1 by hand: the opening handshake of a WebSocket, and the HTTP face.

A request is lines of text as a vector has them, good and bad ones. A response is cut out of bytes
by a few lines of our own, so that nothing under test judges itself. RFC 9112.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any

import msgspec

from agentgate_cli.conformance.frames import HANDSHAKE_S, read_until

HEAD_BYTES_MAX = 65_536
"""A head that is longer is none."""

BODY_BYTES_MAX = 16 * 1_048_576
"""More than any answer of a gateway has: what says that it is longer is not waited for."""

NO_BODY = frozenset({101, 204, 304})


class BadResponse(Exception):
    """What came is no HTTP response; the text says why."""


class Response(msgspec.Struct, frozen=True):
    """One response.

    Attributes:
        status: such as 404.
        headers: by name, in small letters; several lines of one name are joined by ", ".
        body: without its chunks.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""

    def as_step(self) -> dict[str, Any]:
        """The response as the vectors name it: a body that is JSON as what it says."""
        try:
            body = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            body = self.body.decode(errors="replace")
        return {"status": self.status, "headers": self.headers, "body": body}


def request_bytes(request: dict[str, Any]) -> bytes:
    """Write a ``request`` step's value.

    Args:
        request: ``head``, its lines; ``body``, if there is one, a text or anything else as JSON,
            for which a Content-Length is added; ``raw``, a text that is sent instead as it is;
            ``unfinished``: the empty line is left out.
    """
    head = "".join(f"{line}\r\n" for line in request["head"])
    if request.get("unfinished"):
        return head.encode()
    if "raw" in request:
        return f"{head}\r\n{request['raw']}".encode()
    body = request.get("body", "")
    data = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    length = f"Content-Length: {len(data)}\r\n" if "body" in request else ""
    return f"{head}{length}\r\n".encode() + data


def cut_response(data: bytearray) -> Response | None:
    """Cut a whole response off the front of what came; None: it is not all there.

    Raises:
        BadResponse: it is none.
    """
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        if len(data) > HEAD_BYTES_MAX:
            raise BadResponse("an HTTP head without an end")
        return None
    status, headers = read_head(head.decode("latin-1"))
    at = len(head) + len(blank)
    if status in NO_BODY:
        length = 0
    elif "chunked" in headers.get("transfer-encoding", "").lower():
        return cut_chunks(data, at, status, headers)
    else:
        length = number(headers.get("content-length", ""), 10)
    if len(data) < at + length:
        return None
    body = bytes(data[at : at + length])
    del data[: at + length]
    return Response(status, headers, body)


def read_head(head: str) -> tuple[int, dict[str, str]]:
    """Return the status and the headers.

    Raises:
        BadResponse: there is no status.
    """
    first, *lines = head.split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise BadResponse(f"no HTTP response: {first[:100]}")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = f"{known}, {value.strip()}" if known else value.strip()
    return int(rest[:3]), headers


def cut_chunks(data: bytearray, at: int, status: int, headers: dict[str, str]) -> Response | None:
    """Cut off a response whose body comes in chunks (section 7.1).

    Raises:
        BadResponse: they are none.
    """
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size = number(data[at:end].partition(b";")[0].decode("latin-1"), 16)
        if len(data) < end + 2 + size + 2:
            return None
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if not size:  # no gateway has a use for trailers
            del data[:at]
            return Response(status, headers, body)


def number(text: str, base: int) -> int:
    """Return a length.

    Raises:
        BadResponse: it is none, or too much.
    """
    try:
        length = int(text, base)
    except ValueError:
        raise BadResponse(f"no length of a body: {text[:20]!r}") from None
    if not 0 <= length <= BODY_BYTES_MAX:
        raise BadResponse(f"a body of {length} bytes")
    return length


class Plain:
    """A connection that is no WebSocket, or none yet.

    Args:
        sock: connected.

    Attributes:
        ended: the other end has closed it.
        rest: what came and was not read yet.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.ended = False
        self.rest = bytearray()

    def send(self, data: bytes) -> None:
        """Send bytes. That the peer is gone shows when the answer is read."""
        with suppress(OSError):
            self.sock.settimeout(HANDSHAKE_S)
            self.sock.sendall(data)

    def receive(self, within_s: float) -> Response | None:
        """Return the next response, or None: none came in time, or the connection has ended.

        Raises:
            BadResponse: what came is none.
        """
        until = time.monotonic() + within_s
        while (response := cut_response(self.rest)) is None and not self.ended:
            data = read_until(self.sock, until)
            if data is None:
                return None
            self.ended = not data
            self.rest += data
        return response

    def drop(self) -> None:
        """Close the socket without a word."""
        self.sock.close()
