"""What a stranger may send before it is known who that is: little."""

from __future__ import annotations

import pytest
from tests.proto.byhand import Visitor
from tests.proto.face_visitor import ASK_CHAT, visitor
from tests.proto.support import CONTINUATION, TEXT

from agentgate_proto.connection.base import Timer
from agentgate_proto.connection.events import (
    BodyOffered,
    Closed,
    HttpRequested,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.limits import SERVER_LIMITS
from agentgate_proto.wire.bodies import STRANGER_BYTES_MAX

LARGE = STRANGER_BYTES_MAX + 1
HEAD = b"POST /api/approvals HTTP/1.1\r\nHost: gate.example\r\nAuthorization: Bearer x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def head(length: int, extra: bytes = b"") -> bytes:
    return HEAD + extra + b"Content-Length: %d\r\n\r\n" % length


def offered(at: Visitor, data: bytes) -> BodyOffered:
    at.send(data)
    [event] = at.happened()
    assert isinstance(event, BodyOffered)
    return event


def test_of_a_body_that_is_offered_no_more_is_held_than_of_what_is_pipelined() -> None:
    held_max = SERVER_LIMITS.http_held_bytes_max
    at = visitor()
    offered(at, head(LARGE) + b"x" * 100)
    at.send(b"x" * (held_max - 100))
    assert at.happened() == []
    at.send(b"x")
    [end] = at.happened()
    assert isinstance(end, Closed)
    assert end.reason == f"HTTP 400: over {held_max} bytes before the request was looked at"


def test_a_large_body_is_offered_before_anything_of_it_is_read() -> None:
    at = visitor()
    offer = offered(at, head(LARGE) + b"x" * 100)
    assert (offer.target, offer.route) == ("/api/approvals", None)
    assert offer.headers.get("authorization") == "Bearer x"
    assert at.happened() == []
    due = at.server.next_deadline()
    assert due is not None, "the time for the whole request goes on"
    assert due.reason is Timer.OPENING
    at.server.take_body()
    at.drain()
    assert at.happened() == []
    at.send(b"x" * (LARGE - 100))
    [event] = at.happened()
    assert isinstance(event, HttpRequested)
    assert event.body == b"x" * LARGE


def test_so_is_one_of_unknown_length() -> None:
    at = visitor()
    offered(at, CHUNKED + b"1\r\nx\r\n0\r\n\r\n")
    at.server.take_body()
    at.drain()
    [event] = at.happened()
    assert isinstance(event, HttpRequested)
    assert event.body == b"x"


def test_a_small_body_is_none_to_ask_about() -> None:
    at = visitor()
    at.send(head(STRANGER_BYTES_MAX) + b"x" * STRANGER_BYTES_MAX)
    [event] = at.happened()
    assert isinstance(event, HttpRequested)


def test_who_is_known_is_not_asked_about() -> None:
    at = visitor()
    at.server.recognise()
    at.send(head(LARGE) + b"x" * LARGE)
    [event] = at.happened()
    assert isinstance(event, HttpRequested)


def test_who_waits_for_100_is_told_to_go_on_when_the_body_is_wanted() -> None:
    at = visitor()
    offered(at, head(LARGE, b"Expect: 100-continue\r\n"))
    assert at.head == b""
    at.server.take_body()
    at.drain()
    assert at.head.startswith(b"HTTP/1.1 100 ")


def test_an_unwanted_body_ends_the_connection_with_the_reason() -> None:
    at = visitor()
    offered(at, head(LARGE))
    at.server.refuse_body(401, "send a token", [("www-authenticate", "Bearer")])
    at.drain()
    assert at.head.startswith(b"HTTP/1.1 401 ")
    assert at.head.endswith(b"\r\nwww-authenticate: Bearer")
    [event] = at.happened()
    assert isinstance(event, Closed)
    at.server.refuse_body(401, "send a token")
    at.server.take_body()
    at.drain()
    assert at.happened() == []


@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_a_first_message_has_room_for_a_token_and_not_for_more(in_parts: bool) -> None:
    at = visitor().upgrade()
    if in_parts:
        at.send(at.frame(TEXT, b" " * 4_000, fin=False))
        at.send(at.frame(CONTINUATION, b" " * 4_193))
    else:
        at.send(at.frame(TEXT, b" " * LARGE))
    [event] = at.happened()
    reason = "message over 8192 bytes before it is known who sends it"
    assert event == Closed(code=1009, reason=reason, by_peer=False)


def test_who_has_logged_in_may_send_what_the_limits_say() -> None:
    at = visitor().enter()
    at.send(at.frame(TEXT, b" " * LARGE))
    assert at.server.wire.message_bytes_max == at.server.limits.message_bytes_max
    assert not any(isinstance(event, Closed) for event in at.happened())


def test_on_a_face_s_websocket_it_is_the_same() -> None:
    for is_known in (False, True):
        at = visitor()
        at.send(ASK_CHAT)
        [event] = at.happened()
        assert isinstance(event, UpgradeAsked)
        at.server.accept_upgrade()
        at.drain()
        if is_known:
            at.server.recognise()
        at.send(at.frame(TEXT, b"x" * LARGE))
        [event] = at.happened()
        assert isinstance(event, MessageReceived if is_known else Closed)
