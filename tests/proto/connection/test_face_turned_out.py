"""A connection whose place somebody else needs: it ends at once, and is told so where it can be."""

from __future__ import annotations

from tests.proto.byhand import Visitor
from tests.proto.face_visitor import HEALTH, http_asked, streaming, visitor
from tests.proto.support import PONG

from agentgate_proto.connection.events import Closed
from agentgate_proto.connection.state import State

NEEDED = "somebody needs the place"
BUSY = b"HTTP/1.1 503 Service Unavailable"


def turned_out(at: Visitor) -> bytes:
    """What the client is told."""
    at.head, at.rest = b"", b""
    at.server.turn_out(NEEDED)
    at.drain()
    assert at.events[-1] == Closed(code=1013, reason=NEEDED, by_peer=False)
    assert at.server.state is State.CLOSED
    return at.head + at.rest


def test_who_has_said_nothing_or_half_of_it_is_told_to_come_back() -> None:
    assert turned_out(visitor()).startswith(BUSY)
    at = visitor()
    at.send(HEALTH[:9])
    assert turned_out(at).startswith(BUSY)


def test_who_waits_for_an_answer_has_that() -> None:
    at = http_asked()
    assert not at.server.is_idle_http
    assert turned_out(at).startswith(BUSY)


def test_what_was_begun_is_only_cut() -> None:
    assert turned_out(streaming()) == b""


def test_between_two_requests_nobody_expects_a_word() -> None:
    at = http_asked()
    assert at.server.heads == 1
    at.server.send_http(200, b"", "text/plain")
    at.drain()
    assert at.server.is_idle_http
    assert turned_out(at) == b""


def test_half_of_the_next_request_is_no_idleness() -> None:
    at = http_asked()
    at.server.send_http(200, b"", "text/plain")
    at.drain()
    at.send(HEALTH[:9])
    assert not at.server.is_idle_http
    assert turned_out(at).startswith(BUSY)


def test_on_a_websocket_it_is_the_reason_of_the_close() -> None:
    at = visitor().upgrade()
    assert not at.server.is_idle_http
    payload = (1013).to_bytes(2, "big") + NEEDED.encode()
    assert turned_out(at) == bytes([0x88, len(payload)]) + payload


def test_what_is_over_stays_over() -> None:
    at = visitor()
    at.server.receive_eof(at.now)
    at.drain()
    at.server.turn_out(NEEDED)
    at.drain()
    assert sum(isinstance(event, Closed) for event in at.events) == 1


def test_who_does_not_answer_whether_it_is_there_is_doubted() -> None:
    at = visitor().enter()
    assert not at.server.is_doubted
    at.tick(at.server.limits.silence_s)
    assert at.server.is_doubted
    at.send(at.frame(PONG))
    assert not at.server.is_doubted
