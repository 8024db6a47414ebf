"""Plain HTTP/1.1 on the gateway's port, by h11: requests in, responses out, everything bounded.

Anything that h11 refuses (smuggling shapes, bad framing, oversize heads) is answered with its
status, and the connection ends: after bad framing nobody can know where the next request begins
(RFC 9112 section 6.3).
"""

from __future__ import annotations

import json
from typing import NoReturn

import h11
import msgspec

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits


class RequestHead(msgspec.Struct, frozen=True):
    """One whole request. Header names are lower case; of repeated headers the last one counts."""

    method: str
    target: str
    headers: dict[str, str]
    raw_headers: list[tuple[bytes, bytes]]
    body: bytes
    version: bytes


class HttpServer:
    """The server's half of HTTP/1.1 on one connection.

    Args:
        limits: caps for head and body.
        out: where output is queued; shared with the WebSocket layer, which follows an upgrade.
        origins: browser origins that may talk to us, besides our own.
    """

    def __init__(self, limits: Limits, out: bytearray, origins: frozenset[str]) -> None:
        self.limits = limits
        self.origins = origins
        self._out = out
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.http_head_bytes_max)
        self._head: h11.Request | None = None
        self._body = bytearray()

    @property
    def finished(self) -> bool:
        """Whether the connection must end once the output is flushed."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the peer."""
        self._h11.receive_data(data)

    def next_request(self) -> RequestHead | None:
        """Return the next whole request, or None: more bytes are needed.

        Raises:
            RemoteProtocolError: the request is malformed, too large or from a foreign origin. It
                has been answered; flush the output, then close.
        """
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                self.refuse(error.error_status_hint, str(error))
            match event:
                case h11.Request():
                    self._head = event
                    if self._h11.they_are_waiting_for_100_continue:
                        self._send(h11.InformationalResponse(status_code=100, headers=[]))
                case h11.Data():
                    self._body += event.data
                    if len(self._body) > self.limits.http_body_bytes_max:
                        self.refuse(413, f"body over {self.limits.http_body_bytes_max} bytes")
                case h11.EndOfMessage():
                    return self._whole_request()
                case _:
                    return None

    def wants_upgrade(self, request: RequestHead) -> bool:
        """Whether the request asks for a WebSocket; one that must not is refused.

        Raises:
            RemoteProtocolError: it does, in a way that RFC 6455 section 4.1 does not allow.
        """
        if "websocket" not in request.headers.get("upgrade", "").lower():
            return False
        if request.version < b"1.1":
            self.refuse(400, "a WebSocket needs HTTP/1.1")
        if request.body:
            self.refuse(400, "a WebSocket handshake has no body")
        return True

    def trailing_data(self) -> bytes:
        """Return what came after the upgrade request."""
        return self._h11.trailing_data[0]

    def respond(self, status: int, body: bytes, content_type: str, headers: dict[str, str]) -> None:
        """Queue the answer to the last request, and get ready for the next one.

        Raises:
            LocalProtocolError: there is no request to answer.
        """
        lines = [
            (b"content-type", content_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *((name.encode(), value.encode()) for name, value in headers.items()),
        ]
        try:
            self._send(h11.Response(status_code=status, headers=lines))
            if self._head is None or self._head.method != b"HEAD":
                self._send(h11.Data(data=body))
            self._send(h11.EndOfMessage())
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from None
        self._head = None
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()

    def refuse(
        self, status: int, reason: str, headers: list[tuple[bytes, bytes]] | None = None
    ) -> NoReturn:
        """Answer with an error, if it is still possible to answer, and end the connection.

        Raises:
            RemoteProtocolError: always.
        """
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": reason}).encode()
            lines = [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
                (b"connection", b"close"),
                *(headers or []),
            ]
            self._send(h11.Response(status_code=status, headers=lines))
            self._send(h11.Data(data=body))
            self._send(h11.EndOfMessage())
        raise RemoteProtocolError(f"HTTP {status}: {reason}")

    def _whole_request(self) -> RequestHead:
        head = self._head
        assert head is not None, "h11 ends no message that it did not begin"
        raw = list(head.headers)
        request = RequestHead(
            head.method.decode("ascii"),
            head.target.decode("ascii"),
            {name.decode("ascii"): value.decode("latin-1") for name, value in raw},
            raw,
            bytes(self._body),
            head.http_version,
        )
        self._body.clear()
        self._check_origin(request.headers)
        return request

    def _check_origin(self, headers: dict[str, str]) -> None:
        """Refuse browsers on foreign pages (RFC 6455 section 10.2)."""
        origin = headers.get("origin")
        if origin is None or origin in self.origins:
            return
        if origin.partition("://")[2] != headers.get("host", ""):
            self.refuse(403, f"origin {origin} is not in gateway.allowed_origins")

    def _send(self, event: h11.Event) -> None:
        self._out += self._h11.send(event) or b""
