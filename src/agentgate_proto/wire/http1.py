"""Plain HTTP/1.1 on the gateway's port, by h11: requests in, responses out, everything bounded.

What is malformed or ambiguous is answered with its status, and the connection ends: after bad
framing nobody can know where the next request begins (RFC 9112 section 6.3). Stricter than h11 in
what RFC 9112 leaves to the server: no folded header lines (section 5.2), no chunked bodies (411,
section 6.3), no ``CONNECT``. Besides closing the classic smuggling shapes, this keeps long runs of
blanks from h11, whose patterns need a second for 16 kB of them.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

import h11
import msgspec

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits

HEAD_END = re.compile(rb"\n\r?\n")
"""What ends a head, as h11 sees it."""

SPACE = 0x20
FOLDED_OR_BLANK = re.compile(rb"\n[ \t]|[ \t]{64}")
MAJOR_VERSION = b"1."
ORIGIN = re.compile(rb"(?i)https?://([^/?#]+)")
"""What stands before the path in absolute form (RFC 9112 section 3.2.2)."""

HOST = re.compile(r"(?ia)(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9._~!$&'()*+,;=%-]{0,255})(?::[0-9]{0,5})?")
"""A Host (RFC 9110 section 7.2, RFC 3986 section 3.2.2, which bounds names to 255 characters)."""

SWITCHING = b"Switching Protocols"


class RequestHead(msgspec.Struct, frozen=True):
    """One whole request. Header names are lower case; of repeated headers the last one counts.

    The target begins with ``/``, or is ``*`` for ``OPTIONS``; of a whole URL it is the path, and
    the header ``host`` is its host (RFC 9112 section 3.2.2).
    """

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
        self._headers: dict[str, str] = {}
        self._body = bytearray()
        self._answerable = False

    @property
    def finished(self) -> bool:
        """Whether the connection must end once the output is flushed; input is dropped then."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the peer."""
        if data and not self.finished:  # to h11, no data is the end of the input
            self._h11.receive_data(data)

    def next_request(self) -> RequestHead | None:
        """Return the next whole request, or None: more bytes are needed, or the last request has
        not been answered yet.

        Raises:
            RemoteProtocolError: the request is malformed, too large or from a foreign origin. It
                has been answered; flush the output, then close. Nothing more will come.
        """
        if self._answerable:
            self._bound_pipelined()
            return None
        while not self.finished:
            if self._head is None:
                self._check_head_bytes()
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                # h11 quotes the bytes, and there may be a token among them
                self.refuse(error.error_status_hint, str(error).partition(": bytearray(")[0])
            match event:
                case h11.Request():
                    self._head = event = in_origin_form(event)
                    self._check_head(event)
                    if self._h11.they_are_waiting_for_100_continue:
                        self._send(h11.InformationalResponse(status_code=100, headers=[]))
                case h11.Data():
                    self._body += event.data
                case h11.EndOfMessage():
                    return self._whole_request(self._head)
                case _:
                    break
        return None

    def switch_protocols(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Answer the last request with 101; return what has come after it. HTTP is over then.

        The request must have the header Upgrade.
        """
        self._answerable = False
        self._send(h11.InformationalResponse(status_code=101, headers=headers, reason=SWITCHING))
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
        if not self._answerable:
            raise LocalProtocolError("there is no request to answer")
        try:
            self._write(h11.Response(status_code=status, headers=lines), body)
        except h11.LocalProtocolError as error:
            raise LocalProtocolError(str(error)) from None
        self._head = None
        self._answerable = False
        if not self.finished:
            self._h11.start_next_cycle()

    def refuse(
        self, status: int, reason: str, headers: list[tuple[bytes, bytes]] | None = None
    ) -> NoReturn:
        """Answer with an error instead of a response, and end the connection.

        Raises:
            RemoteProtocolError: always.
        """
        body = json.dumps({"error": reason}).encode()
        lines = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            *(headers or []),
        ]
        self._answerable = False
        self._write(h11.Response(status_code=status, headers=lines), body)
        raise RemoteProtocolError(f"HTTP {status}: {reason}")

    def _check_head_bytes(self) -> None:
        """Refuse a head that h11 should not see; it is as strict however the bytes are split."""
        buffered = self._h11.trailing_data[0]
        end = HEAD_END.search(buffered)
        if (end.end() if end else len(buffered)) > self.limits.http_head_bytes_max:
            self.refuse(431, f"a request head of over {self.limits.http_head_bytes_max} bytes")
        if buffered and buffered[0] <= SPACE:
            self.refuse(400, "illegal request line")
        if end and FOLDED_OR_BLANK.search(buffered, 0, end.end()):
            self.refuse(400, "a folded header line, or 64 blanks in a row")

    def _check_head(self, head: h11.Request) -> None:
        """Refuse by the head alone what must not be read any further."""
        self._headers = headers = {
            name.decode("ascii"): value.decode("latin-1") for name, value in head.headers
        }
        if not head.http_version.startswith(MAJOR_VERSION):
            self.refuse(505, "speak HTTP/1.1")
        if head.method == b"CONNECT":
            self.refuse(501, "this is no proxy")
        if not (head.target.startswith(b"/") or (head.method, head.target) == (b"OPTIONS", b"*")):
            self.refuse(400, "the target of a request is a path, or a whole URL")
        if b"#" in head.target:
            self.refuse(400, "a fragment in the target")
        if not HOST.fullmatch(headers.get("host", "")):
            self.refuse(400, "a Host that cannot be one")
        if "transfer-encoding" in headers:
            if "content-length" in headers:
                self.refuse(400, "both Content-Length and Transfer-Encoding")
            self.refuse(411, "send a Content-Length: chunked bodies are not taken")
        if int(headers.get("content-length", "0")) > self.limits.http_body_bytes_max:
            self.refuse(413, f"a body of over {self.limits.http_body_bytes_max} bytes")
        self._check_origin(headers.get("origin"), headers.get("host", ""))

    def _check_origin(self, origin: str | None, host: str) -> None:
        """Refuse browsers on foreign pages (RFC 6455 section 10.2)."""
        if origin is None or origin in self.origins:
            return
        own = origin.partition("://")[2].lower()  # nothing, for the opaque origin "null"
        if not own or own != host.lower():
            self.refuse(403, f"origin {origin} is not in gateway.allowed_origins")

    def _bound_pipelined(self) -> None:
        """Bound what comes before the answer to the last request: at most one more request."""
        held_max = self.limits.http_head_bytes_max + self.limits.http_body_bytes_max
        if len(self._h11.trailing_data[0]) > held_max:
            self.refuse(400, f"over {held_max} bytes before the answer to the last request")

    def _whole_request(self, head: h11.Request | None) -> RequestHead:
        assert head is not None, "h11 ends no message that it did not begin"
        request = RequestHead(
            head.method.decode("ascii"),
            head.target.decode("ascii"),
            self._headers,
            list(head.headers),
            bytes(self._body),
            head.http_version,
        )
        self._body.clear()
        self._answerable = True
        return request

    def _write(self, response: h11.Response, body: bytes) -> None:
        self._send(response)
        if self._head is None or self._head.method != b"HEAD":
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        self._out += self._h11.send(event) or b""


def in_origin_form(head: h11.Request) -> h11.Request:
    """Take a target that is a whole URL apart."""
    origin = ORIGIN.match(head.target)
    if origin is None:
        return head
    rest = head.target[origin.end() :]
    target = rest if rest.startswith(b"/") else b"/" + rest
    others = [(name, value) for name, value in head.headers if name != b"host"]
    return h11.Request(
        method=head.method,
        target=target,
        headers=[(b"host", origin[1]), *others],
        http_version=head.http_version,
    )


BUSY_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-type: application/json\r\n"
    b"content-length: 50\r\n"
    b"retry-after: 5\r\n"
    b"connection: close\r\n\r\n"
    b'{"error": "too many connections; try again later"}'
)
"""What a connection too many gets before it is closed: it need not even ask."""
