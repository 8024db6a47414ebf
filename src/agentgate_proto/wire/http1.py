"""Plain HTTP/1.1 on the gateway's port, by h11: requests in, responses out, everything bounded.

What is malformed or ambiguous is answered with its status, and the connection ends: after bad
framing nobody can know where the next request begins (RFC 9112 section 6.3). Stricter than h11 in
what RFC 9112 leaves to the server: no folded header lines (section 5.2), no ``CONNECT``, no line
twice of those that say who asks whom. Besides closing the classic smuggling shapes, this keeps long
runs of blanks from h11, whose patterns need a second for 16 kB of them.

h11 is given one head at a time, so that what a read brings is looked at once and not once for each
request in it, and no chunks, which are read by ``chunks``. What is answered is in
``http_answers``.
"""

from __future__ import annotations

import re

import h11
import msgspec

from agentgate_proto.errors import RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.bodies import IncomingBody
from agentgate_proto.wire.chunks import ChunkedBody, ChunkError
from agentgate_proto.wire.cors import is_own, may_connect
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.heads import (
    RequestHead,
    framing_objection,
    head_objection,
    in_origin_form,
    raw_objection,
)
from agentgate_proto.wire.http_answers import HttpAnswers, our_own_errors
from agentgate_proto.wire.routes import Found
from agentgate_proto.wire.upgrade import wants_websocket

HEAD_END = re.compile(rb"\n\r?\n")
"""What ends a head, as h11 sees it."""

LAST_CHUNK = b"0\r\n\r\n"
"""What h11 sees of a body in chunks: that it is over."""

FORBIDDEN = 403

SWITCHING = b"Switching Protocols"


class HttpServer(HttpAnswers):
    """The server's half of HTTP/1.1 on one connection.

    Args:
        limits: caps for head and body.
        out: where output is queued; shared with the WebSocket layer, which follows an upgrade.
        doors: who may come in, and where to.

    Attributes:
        headers: of the last request.
        goes_on: ``next_request`` had to stop, and is to be called again without more bytes.
        is_known: somebody has said who asks on this connection, so that large bodies are read.
    """

    def __init__(self, limits: Limits, out: bytearray, doors: Doors) -> None:
        super().__init__(h11.Connection(h11.SERVER, limits.http_head_bytes_max), out)
        self.limits = limits
        self.doors = doors
        self.headers = Headers()
        self.goes_on = False
        self.is_known = True
        self._found: Found | None = None
        self._body = IncomingBody()
        self._is_new_offer = False

    @property
    def has_input_behind(self) -> bool:
        """Whether more than a request that waits for its answer has come."""
        return self._answerable and bool(self._input)

    @property
    def is_idle(self) -> bool:
        """Whether nothing was asked that is not answered, nor begun to be."""
        return not self._answerable and self._head is None and not self._input

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the peer."""
        if not self.finished:
            self._input += data

    def forget_input(self) -> None:
        """Drop what was not read: nobody will."""
        self._input.clear()
        self._body.data.clear()

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
            if self._body.is_offered:
                self._bound_offered()
                return None
            if self._body.chunks is not None and not self._read_chunks(self._body.chunks):
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
                    self._is_new_offer = self._body.is_offered
                    if not self._body.is_offered:
                        self.take_body()
                case h11.Data():
                    self._body.data += event.data
                case h11.EndOfMessage():
                    return self._whole_request()
                case _:
                    break
        return None

    def next_offer(self) -> RequestHead | None:
        """Return, once, the head of a request with a large body, of which nothing is read before
        ``take_body``, or ``refuse``; None: there is none."""
        if not self._is_new_offer:
            return None
        self._is_new_offer = False
        return self._without_body()

    def take_body(self) -> None:
        """Let the body of the request come."""
        self._body.is_offered = False
        if self._h11.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

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

    # Reading

    def _feed(self) -> None:
        """Give h11 what belongs to this request."""
        if self._head is None:
            end = self._check_head_bytes()
        else:
            end = min(self._body.left, len(self._input))
            self._body.left -= end
        if end:  # to h11, no data is the end of the input
            self._h11.receive_data(bytes(self._input[:end]))
            del self._input[:end]

    def _read_chunks(self, chunks: ChunkedBody) -> bool:
        """Read what is there of a body in chunks; return whether it is whole."""
        self.goes_on = False
        try:
            self.goes_on = chunks.read(self._input, self._body.data)
        except ChunkError as error:
            self.refuse(error.status, error.reason)
        if chunks.over:
            self._body.chunks = None
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
        self._body.begin(headers, body_max, offer_large=not self.is_known)

    def _refuse_if(self, objection: tuple[int, str] | None) -> None:
        if objection is not None:
            cap = (
                "foreign_host" if objection[0] == FORBIDDEN else ""
            )  # the head itself is no reason
            self.refuse(*objection, cap=cap)

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
            reason = f"origin {origin} is not in gateway.allowed_origins"
            self.refuse(FORBIDDEN, reason, cap="foreign_origin")
        if self._varies and not is_own(origin, host):
            self._shown_to = origin

    def _bound_offered(self) -> None:
        """Hold little of a body of which nobody has said yet that it may come."""
        held_max = self.limits.http_held_bytes_max
        if len(self._input) > held_max:
            self.refuse(400, f"over {held_max} bytes before the request was looked at")

    def _bound_pipelined(self) -> None:
        """Bound what comes before the answer to the last request; see ``has_input_behind``."""
        held_max = self.limits.http_held_bytes_max
        if len(self._input) > held_max:
            if self._streams:  # the answer has begun, so no other can follow
                raise RemoteProtocolError(f"over {held_max} bytes during a streamed answer")
            self.refuse(400, f"over {held_max} bytes before the answer to the last request")

    def _whole_request(self) -> RequestHead:
        self._answerable = True
        return msgspec.structs.replace(self._without_body(), body=self._body.take())

    def _without_body(self) -> RequestHead:
        head = self._head
        assert head is not None, "h11 ends no message that it did not begin"
        return RequestHead(
            head.method.decode("ascii"),
            head.target.decode("ascii"),
            self.headers,
            b"",
            head.http_version,
            self._found,
        )
