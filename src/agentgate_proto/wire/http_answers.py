"""The answers of HTTP/1.1 on the gateway's port, by h11: the half of ``http1`` that writes.

An answer is whole (``respond``) or streamed (``start_response``, ``send_body``, ``end_response``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import h11

from agentgate_proto.errors import LocalProtocolError, RemoteProtocolError
from agentgate_proto.wire.cors import shown_to
from agentgate_proto.wire.headers import Lines, encoded
from agentgate_proto.wire.heads import REASON_HEADER

BODILESS = (204, 304)
"""Statuses whose answers have no body (RFC 9110 section 6.4.1)."""

BUSY_RESPONSE = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-type: application/json\r\n"
    b"content-length: 50\r\n"
    b"retry-after: 5\r\n"
    b"connection: close\r\n\r\n"
    b'{"error": "too many connections; try again later"}'
)
"""What a connection gets for which there is no place, before it is closed: it need not even ask."""


class HttpAnswers:
    """See the module; ``HttpServer`` reads, and says what there is to answer.

    Args:
        parser: h11's end of the connection.
        out: where output is queued.
    """

    def __init__(self, parser: h11.Connection, out: bytearray) -> None:
        self._h11 = parser
        self._out = out
        self._input = bytearray()  # what was not read yet
        self._head: h11.Request | None = None
        self._shown_to = ""  # the page of another origin that may read the answer
        self._varies = False  # whether there may be such pages
        self._answerable = False
        self._streams = False

    @property
    def finished(self) -> bool:
        """Whether the connection must end once the output is flushed; input is dropped then."""
        return self._h11.our_state in (h11.MUST_CLOSE, h11.CLOSED, h11.ERROR)

    @property
    def streams(self) -> bool:
        """Whether a streamed answer is under way."""
        return self._streams

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
        self,
        status: int,
        reason: str,
        headers: list[tuple[bytes, bytes]] | None = None,
        cap: str = "",
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
        raise RemoteProtocolError(f"HTTP {status}: {reason}", cap=cap)

    # Their parts

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
