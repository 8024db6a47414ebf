"""What faces use of a connection: upgrades that are asked, and messages that are theirs alone."""

from __future__ import annotations

import json

import pytest
from tests.proto.byhand import Doorman, Visitor
from tests.proto.face_visitor import (
    ASK_CHAT,
    ASK_FILES,
    CHAT,
    DOORS,
    FILES,
    messaging,
    upgrade_asked,
    visitor,
)
from tests.proto.support import BINARY, CLOSE, CONTINUATION, PONG, TEXT, frame, from_client

from agentgate_proto.connection.events import (
    Closed,
    MessageReceived,
    UpgradeAsked,
)
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ConnectionClosedError, LocalProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.routes import Routes

SMALL = Limits(
    stream_bytes_max=1_000,
    stream_idle_s=10.0,
    stream_stall_s=40.0,
    queued_bytes_max=1_000,
    http_head_bytes_max=1_000,
    http_body_bytes_max=1_000,
    http_held_bytes_max=2_000,
)


def reasons(at: Visitor) -> list[str]:
    return [event.reason for event in at.happened() if isinstance(event, Closed)]


# Upgrades


def test_an_upgrade_waits_for_the_face_as_long_as_that_takes() -> None:
    at = visitor()
    at.send(ASK_CHAT.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: a, b\r\n\r\n"))
    [event] = at.happened()
    assert isinstance(event, UpgradeAsked)
    assert (event.route, event.values, event.target) == (CHAT, {"room": "7"}, "/chat/7")
    assert event.subprotocols == ("a", "b")
    assert (at.head, at.server.next_deadline()) == (b"", None)
    at.now += 3_600.0
    at.server.accept_upgrade("b", [("x-a", "1")])
    at.tick(0.0)
    assert b"Sec-WebSocket-Protocol: b\r\nx-a: 1" in at.head
    assert at.server.state is State.FACE
    assert at.server.next_deadline() == (at.now + at.server.limits.silence_s, Timer.SILENCE)


def test_what_came_while_an_upgrade_was_decided_is_read_after_it() -> None:
    at = upgrade_asked()
    at.send(from_client(TEXT, b'"early"'))
    assert at.happened() == []
    at.server.accept_upgrade()
    at.drain()
    assert at.happened() == [MessageReceived(data='"early"')]


def test_while_an_upgrade_is_decided_what_a_client_sends_is_bounded() -> None:
    at = upgrade_asked(SMALL)
    for _ in range(20):
        at.send(b"x" * 100)
    assert at.happened() == []
    at.send(b"x")
    assert reasons(at) == ["HTTP 400: over 2000 bytes before the answer to the last request"]
    assert at.head.startswith(b"HTTP/1.1 400 ")
    at.server.accept_upgrade()
    at.server.refuse_upgrade(403, "no")
    at.drain()
    assert (at.happened(), at.server.state) == ([], State.CLOSED)


def test_what_is_refused_is_told_why_and_nothing_more_is_read() -> None:
    at = upgrade_asked()
    at.server.refuse_upgrade(401, "send a ticket", {"www-authenticate": "Bearer"})
    at.drain()
    assert at.head.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: Bearer" in at.head
    assert json.loads(at.rest) == {"error": "send a ticket"}
    assert reasons(at) == ["HTTP 401: send a ticket"]
    at.send(ASK_CHAT + from_client(TEXT, b"x"))
    assert (at.happened(), at.server.next_deadline()) == ([], None)


def test_a_refusal_that_is_no_http_is_our_own_error_and_the_upgrade_still_waits() -> None:
    at = upgrade_asked()
    with pytest.raises(LocalProtocolError):
        at.server.refuse_upgrade(403, "no", {"x": "a\r\nb"})
    with pytest.raises(LocalProtocolError):
        at.server.accept_upgrade(headers={"x": "a\r\nb"})
    assert (at.server.state, at.server.next_deadline()) == (State.OPENING, None)
    at.server.accept_upgrade()
    assert at.server.state is State.FACE


def test_what_only_a_close_code_can_tell_is_accepted_and_closed() -> None:
    at = upgrade_asked()
    at.server.accept_upgrade()
    at.server.close(4401, "no ticket")
    at.tick(0.0)
    assert at.head.startswith(b"HTTP/1.1 101 ")
    assert at.heard() == ["close 4401 no ticket"]
    at.send(from_client(TEXT, b"late") + from_client(CLOSE, (4401).to_bytes(2)))
    assert at.happened() == [Closed(code=4401, reason="", by_peer=False)]


def test_the_native_protocol_keeps_what_no_face_claims() -> None:
    at = visitor().enter()
    assert at.server.state is State.OPEN


# Messages


def test_messages_come_and_go_as_they_are() -> None:
    at = messaging()
    at.send(from_client(TEXT, "{€".encode()) + from_client(BINARY, b"\xff\x00"))
    at.send(from_client(BINARY, b"a", fin=False) + from_client(CONTINUATION, b"b"))
    assert at.happened() == [
        MessageReceived(data="{€"),
        MessageReceived(data=b"\xff\x00"),
        MessageReceived(data=b"ab"),
    ]
    at.server.send_message('"€"')
    at.server.send_message(b"\xff\x00")
    at.server.send_message("")
    at.drain()
    assert at.frames == [(TEXT, '"€"'.encode()), (BINARY, b"\xff\x00"), (TEXT, b"")]


def test_where_a_route_takes_no_binary_messages_they_are_the_end() -> None:
    at = messaging(request=ASK_CHAT)
    at.send(from_client(TEXT, b"x") + from_client(BINARY, b"x"))
    assert at.heard() == ["close 1003 binary messages are not spoken here"]
    first, end = at.happened()
    assert first == MessageReceived(data="x")
    assert end.code == 1003


def test_a_message_is_as_large_as_its_route_lets_it() -> None:
    assert FILES.message_bytes_max == 300
    at = messaging()
    at.send(from_client(BINARY, b"x" * 300) + from_client(BINARY, b"x" * 301))
    assert at.heard() == ["close 1009 message over 300 bytes"]
    assert [type(event) for event in at.happened()] == [MessageReceived, Closed]


def test_a_face_that_is_silent_is_asked_whether_it_is_there() -> None:
    at = messaging()
    limits = at.server.limits
    assert limits.silence_s == limits.pong_s
    for number in range(1, 4):
        at.tick(limits.silence_s)
        assert at.heard() == ["ping"]
        at.send(from_client(PONG, b"alive:%d" % number))
        assert at.server.state is State.FACE
    at.tick(limits.silence_s)
    at.tick(limits.pong_s)
    assert reasons(at) == ["no sign of life from the peer"]


@pytest.mark.parametrize("message", ["x" * 100, b"x" * 100])
def test_a_peer_that_takes_no_messages_is_closed(message: str | bytes) -> None:
    at = messaging(SMALL)
    for _ in range(9):
        at.server.send_message(message)
    assert at.server.queued_bytes < 1_000
    at.server.send_message(message)
    at.drain()
    assert at.heard() == ["close 1013 slow consumer"]
    assert reasons(at) == ["slow consumer"]
    with pytest.raises(ConnectionClosedError):
        at.server.send_message(message)


@pytest.mark.parametrize("late", [from_client(TEXT, b"{"), from_client(BINARY, b"x")])
def test_what_comes_after_the_face_has_closed_nobody_hears_of(late: bytes) -> None:
    at = messaging()
    at.server.close(1000, "done")
    at.tick(0.0)
    at.heard()
    at.send(late + from_client(TEXT, b'{"jsonrpc":"2.0","method":"ack","params":{"seq":0}}'))
    assert (at.happened(), at.heard()) == ([], [])
    at.tick(at.server.limits.closing_s)
    assert reasons(at) == ["the peer did not answer the close"]


def test_a_client_takes_no_binary_messages() -> None:
    doorman = Doorman().let_in()
    doorman.client.wire.takes_binary = True
    with pytest.raises(AssertionError, match="takes no binary"):
        doorman.send(frame(BINARY, b"x"))


def test_routes_of_one_face_are_what_the_doors_know() -> None:
    assert isinstance(DOORS.routes, Routes)
    at = visitor()
    at.send(ASK_FILES)
    [event] = at.happened()
    assert event.route is FILES
