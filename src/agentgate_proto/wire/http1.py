"""Plain HTTP/1.1 on the gateway's port, by h11: requests in, responses out, everything bounded.

What is malformed or ambiguous is answered with its status, and the connection ends: after bad
framing nobody can know where the next request begins (RFC 9112 section 6.3). Stricter than h11 in
what RFC 9112 leaves to the server: no folded header lines (section 5.2), no ``CONNECT``, no line
twice of those that say who asks whom. Besides closing the classic smuggling shapes, this keeps long
runs of blanks from h11, whose patterns need a second for 16 kB of them.

h11 is given one head at a time, so that what a read brings is looked at once and not once for each
request in it, and no chunks, which are read by ``chunks``. An answer is whole (``respond``) or
streamed (``start_response``, ``send_body``, ``end_response``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import h11

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.chunks import ChunkedBody, ChunkError
from agentgate_proto.wire.cors import is_own, may_connect, shown_to
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.headers import Headers, Lines, encoded
from agentgate_proto.wire.heads import (
    REASON_HEADER,
    RequestHead,
    framing_objection,
    head_objection,
    in_origin_form,
    raw_objection,
)
from agentgate_proto.wire.routes import Found
from agentgate_proto.wire.upgrade import wants_websocket

HEAD_END = re.compile(rb"\n\r?\n")
"""What ends a head, as h11 sees it."""

LAST_CHUNK = b"0\r\n\r\n"
"""What h11 sees of a body in chunks: that it is over."""

BODILESS = (204, 304)
"""Statuses whose answers have no body (RFC 9110 section 6.4.1)."""

SWITCHING = b"Switching Protocols"


class HttpServer:
    """The server's half of HTTP/1.1 on one connection.

    Args:
        limits: caps for head and body.
        out: where output is queued; shared with the WebSocket layer, which follows an upgrade.
        doors: who may come in, and where to.

    Attributes:
        headers: of the last request.
        goes_on: ``next_request`` had to stop, and is to be called again without more bytes.
    """

    def __init__(self, limits: Limits, out: bytearray, doors: Doors) -> None:
        self.limits = limits
        self.doors = doors
        self._out = out
        self._h11 = h11.Connection(h11.SERVER, limits.http_head_bytes_max)
        self._input = bytearray()
        self._head: h11.Request | None = None
        self.headers = Headers()
        self.goes_on = False
        self._found: Found | None = None
        self._body = bytearray()
        self._body_left = 0  # of a body with a length
        self._chunks: ChunkedBody | None = None
        self._shown_to = ""  # the page of another origin that may read the answer
        self._varies = False  # whether there may be such pages
        self._answerable = False
        self._streams = False

    @property
    def finished(self) -> bool:
        """Whether the connection must end once the output is flushed; input is dropped then."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    @property
    def has_input_behind(self) -> bool:
        """Whether more than a request that waits for its answer has come."""
        return self._answerable and bool(self._input)

    @property
    def is_idle(self) -> bool:
        """Whether nothing was asked that is not answered, nor begun to be."""
        return not self._answerable and self._head is None and not self._input

    @property
    def streams(self) -> bool:
        """Whether a streamed answer is under way."""
        return self._streams

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the peer."""
        if not self.finished:
            self._input += data

    def forget_input(self) -> None:
        """Drop what was not read: nobody will."""
        self._input.clear()
        self._body.clear()

    def next_request(self) -> RequestHead | None:
        """Return the next whole request, or None: more bytes are needed, the last request has not
        been answered yet, or it ``goes_on``.

        Raises:
            RemoteProtocolError: the request is malformed, too large or from a foreign origin. It
                has been answered; flush the output, then close. Nothing more will come.
        """
        if self._answerable:
            self._bound_pipelined()
            return None
        while not self.finished:
            if self._chunks is not None and not self._read_chunks(self._chunks):
                return None
            self._feed()
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

        Raises:
            LocalProtocolError: the headers are no HTTP.
        """
        with our_own_errors():
            switching = h11.InformationalResponse(
                status_code=101, headers=headers, reason=SWITCHING
            )
        self._answerable = False
        self._send(switching)
        rest = bytes(self._input)
        self._input.clear()
        return rest

    def respond(
        self,
        status: int,
        body: bytes,
        content_type: str,
        headers: Lines = (),
    ) -> None:
        """Queue the answer to the last request, and get ready for the next one.

        Args:
            status: the HTTP status.
            body: left out where the request was ``HEAD``.
            content_type: of the body; "": the answer has none, as with 204 and 304.
            headers: further ones; a name may come several times.

        Raises:
            LocalProtocolError: there is no request to answer, or the answer is no HTTP.
        """
        if body and status in BODILESS:
            raise LocalProtocolError(f"an answer {status} has no body")
        lines = self._answer_lines(content_type, headers)
        if content_type and status not in BODILESS:
            lines.append((b"content-length", b"%d" % len(body)))
        self._begin_answer(status, lines)
        if body and not self._is_head_request:
            self._send(h11.Data(data=body))
        self._end()

    def start_response(
        self,
        status: int,
        content_type: str,
        headers: Lines = (),
    ) -> None:
        """Begin an answer of unknown length; to ``HEAD`` it is all. Raises as ``respond``."""
        if status in BODILESS:
            raise LocalProtocolError(f"an answer {status} has no body")
        lines = self._answer_lines(content_type, headers)
        if self._is_head_request:
            lines.append((b"connection", b"close"))
        self._begin_answer(status, lines)
        self._streams = True
        if (
            self._is_head_request
        ):  # nothing of it would ever be sent, nor tell that the peer is gone
            self.end_response()

    def send_body(self, data: bytes) -> None:
        """Queue a part of the body; raises LocalProtocolError if no answer is under way."""
        self._check_streams()
        if data:
            self._send(h11.Data(data=data))

    def end_response(self) -> None:
        """End the streamed answer, and get ready for the next request. Raises as ``send_body``."""
        self._check_streams()
        self._streams = False
        self._end()

    def turn_out(self) -> None:
        """Say that the place is needed, if that can be said; the connection is to end then."""
        if not self.finished and not self._streams:
            self._out += BUSY_RESPONSE

    def refuse(
        self, status: int, reason: str, headers: list[tuple[bytes, bytes]] | None = None
    ) -> NoReturn:
        """Answer with an error instead of a response, and end the connection.

        Raises:
            RemoteProtocolError: always.
            LocalProtocolError: instead, if the answer is no HTTP; nothing has changed then.
        """
        body = json.dumps({"error": reason}).encode()
        lines = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
            (REASON_HEADER, reason.encode("ascii", "backslashreplace")),
            *self._cors_lines(),
            *(headers or []),
        ]
        with our_own_errors():
            response = h11.Response(status_code=status, headers=lines)
        self._answerable = False
        self._input.clear()
        self._send(response)
        if not self._is_head_request:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        raise RemoteProtocolError(f"HTTP {status}: {reason}")

    # Reading

    def _feed(self) -> None:
        """Give h11 what belongs to this request."""
        if self._head is None:
            end = self._check_head_bytes()
        else:
            end = min(self._body_left, len(self._input))
            self._body_left -= end
        if end:  # to h11, no data is the end of the input
            self._h11.receive_data(bytes(self._input[:end]))
            del self._input[:end]

    def _read_chunks(self, chunks: ChunkedBody) -> bool:
        """Read what is there of a body in chunks; return whether it is whole."""
        self.goes_on = False
        try:
            self.goes_on = chunks.read(self._input, self._body)
        except ChunkError as error:
            self.refuse(error.status, error.reason)
        if chunks.over:
            self._chunks = None
            self._h11.receive_data(LAST_CHUNK)
        return chunks.over

    def _check_head_bytes(self) -> int:
        """Return how long the next head is, 0 if it is not all there.

        Refuse one that h11 should not see; it is as strict however the bytes are split.
        """
        found = HEAD_END.search(self._input, 0, self.limits.http_head_bytes_max + 1)
        end = found.end() if found else 0
        self._refuse_if(raw_objection(self._input, end, self.limits.http_head_bytes_max))
        return end

    def _check_head(self, head: h11.Request) -> None:
        """Refuse by the head alone what must not be read any further."""
        self.headers = headers = Headers.from_bytes(head.headers)
        self._refuse_if(head_objection(head, headers, self.doors))
        self._found = self.doors.routes.find(head.target.decode("ascii"))
        method = head.method.decode("ascii")
        self._check_origin(method, headers.get("host"))
        body_max = self._body_cap(method)
        self._refuse_if(framing_objection(head, headers, body_max))
        self._body_left = int(headers.get("content-length", "0"))
        self._chunks = ChunkedBody(body_max) if "transfer-encoding" in headers else None

    def _refuse_if(self, objection: tuple[int, str] | None) -> None:
        if objection is not None:
            self.refuse(*objection)

    def _body_cap(self, method: str) -> int:
        route = None if self._found is None else self._found.place.by_method.get(method)
        own = None if route is None else route.body_bytes_max
        return self.limits.http_body_bytes_max if own is None else own

    def _check_origin(self, method: str, host: str) -> None:
        """Refuse browsers on foreign pages; remember one that may read the answer."""
        upgrade = wants_websocket(self.headers)
        routes = [] if self._found is None else self._found.place.concerned(method, upgrade)
        self._varies = any(route.cors for route in routes)
        if "origin" not in self.headers:
            return
        origin = self.headers.get("origin")
        if not may_connect(origin, host, self.doors.origins, routes):
            self.refuse(403, f"origin {origin} is not in gateway.allowed_origins")
        if self._varies and not is_own(origin, host):
            self._shown_to = origin

    def _bound_pipelined(self) -> None:
        """Bound what comes before the answer to the last request; see ``has_input_behind``."""
        held_max = self.limits.http_held_bytes_max
        if len(self._input) > held_max:
            if self._streams:  # the answer has begun, so no other can follow
                raise RemoteProtocolError(f"over {held_max} bytes during a streamed answer")
            self.refuse(400, f"over {held_max} bytes before the answer to the last request")

    def _whole_request(self, head: h11.Request | None) -> RequestHead:
        assert head is not None, "h11 ends no message that it did not begin"
        request = RequestHead(
            head.method.decode("ascii"),
            head.target.decode("ascii"),
            self.headers,
            bytes(self._body),
            head.http_version,
            self._found,
        )
        self._body.clear()
        self._answerable = True
        return request

    # Writing

    @property
    def _is_head_request(self) -> bool:
        return self._head is not None and self._head.method == b"HEAD"

    def _cors_lines(self) -> list[tuple[bytes, bytes]]:
        if self._shown_to:
            return encoded(shown_to(self._shown_to))
        return [(b"vary", b"origin")] if self._varies else []  # a cache must not mix the two

    def _answer_lines(self, content_type: str, headers: Lines) -> list[tuple[bytes, bytes]]:
        given = encoded(headers)
        lines = encoded([("content-type", content_type)] if content_type else [])
        if all(name.lower() != b"cache-control" for name, _ in given):
            lines.append((b"cache-control", b"no-store"))
        return [*lines, *self._cors_lines(), *given]

    def _begin_answer(self, status: int, lines: list[tuple[bytes, bytes]]) -> None:
        if not self._answerable or self._streams:
            raise LocalProtocolError("there is no request to answer")
        with our_own_errors():
            response = h11.Response(status_code=status, headers=lines)
        self._send(response)

    def _check_streams(self) -> None:
        if not self._streams:
            raise LocalProtocolError("no streamed answer is under way")

    def _end(self) -> None:
        self._send(h11.EndOfMessage())
        self._head = None
        self._answerable = False
        self._shown_to = ""
        self._varies = False
        if not self.finished:
            self._h11.start_next_cycle()

    def _send(self, event: h11.Event) -> None:
        self._out += self._h11.send(event) or b""


@contextmanager
def our_own_errors() -> Iterator[None]:
    """Tell what h11 says of our own messages as we do."""
    try:
        yield
    except h11.LocalProtocolError as error:
        raise LocalProtocolError(str(error)) from None


BUSY_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-type: application/json\r\n"
    b"content-length: 50\r\n"
    b"retry-after: 5\r\n"
    b"connection: close\r\n\r\n"
    b'{"error": "too many connections; try again later"}'
)
"""What a connection too many gets before it is closed: it need not even ask."""
