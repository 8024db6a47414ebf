"""What faces use of a connection: answers, whole and streamed, and where a request comes from."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.byhand import UPGRADE, Visitor
from tests.proto.face_visitor import (
    ALIVE,
    ASK_CHAT,
    DOORS,
    GET_STREAM,
    HEALTH,
    STREAM,
    http_asked,
    streaming,
    visitor,
)
from tests.proto.support import quick

from agentgate_proto.connection.base import PROGRESSED
from agentgate_proto.connection.events import (
    Closed,
    HttpRequested,
)
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import State
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ConnectionClosedError, LocalProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import Doors

SMALL = Limits(
    stream_bytes_max=1_000,
    stream_idle_s=10.0,
    stream_stall_s=40.0,
    queued_bytes_max=1_000,
    http_head_bytes_max=1_000,
    http_body_bytes_max=1_000,
    http_held_bytes_max=2_000,
)


def taken(at: Visitor) -> bytes:
    """What the client has received since the last look."""
    at.drain()
    said, at.rest = at.rest, b""
    return said


def reasons(at: Visitor) -> list[str]:
    return [event.reason for event in at.happened() if isinstance(event, Closed)]


def decoded(chunks: bytes) -> bytes:
    """The body of a streamed answer, as far as it has come."""
    body = b""
    while chunks:
        size, _, chunks = chunks.partition(b"\r\n")
        body, chunks = body + chunks[: int(size, 16)], chunks[int(size, 16) + 2 :]
    return body


# Plain HTTP


def test_a_request_says_whose_it_is() -> None:
    at = visitor()
    at.send(GET_STREAM)
    [event] = at.happened()
    assert isinstance(event, HttpRequested)
    assert (event.method, event.target, event.route) == ("GET", "/stream", STREAM)


def test_what_the_routes_answer_is_not_the_faces_business() -> None:
    at = visitor()
    at.send(GET_STREAM.replace(b"GET", b"OPTIONS") + GET_STREAM.replace(b"GET", b"PUT"))
    assert at.happened() == []
    assert at.head.startswith(b"HTTP/1.1 204 ")
    assert at.rest.count(b"HTTP/1.1 405 ") == 1
    at.tick(0.0)
    assert at.server.next_deadline() == (at.now + at.server.limits.http_idle_s, Timer.OPENING)
    at.tick(at.server.limits.http_idle_s)
    assert reasons(at) == ["no whole request in time"]


def test_an_answer_by_the_routes_may_be_the_last_one() -> None:
    at = visitor()
    at.send(
        GET_STREAM.replace(b"GET", b"OPTIONS").replace(
            b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"
        )
    )
    assert reasons(at) == ["plain HTTP is done"]


def test_a_flood_that_the_routes_answer_ends_its_turns_and_is_bounded() -> None:
    server = ServerConnection(0.0, SMALL, DOORS)
    server.receive_data(GET_STREAM.replace(b"GET", b"OPTIONS") * 100, 0.0)
    events = []
    while (event := server.next_event()) is not None:
        events.append(event)
    *turns, end = events
    assert set(turns) == {PROGRESSED}
    assert isinstance(end, Closed)
    assert (end.code, end.reason) == (1013, "slow consumer")
    server = ServerConnection(0.0, Limits(), DOORS)
    server.receive_data(GET_STREAM.replace(b"GET", b"OPTIONS") * 1_000, 0.0)
    count = 0
    while True:
        while server.next_event() == PROGRESSED:
            count += 1
        if not server.data_to_send() or not server.sent(0):
            break
    assert count == 1_000


def test_a_flood_of_small_chunks_ends_its_turns() -> None:
    server = ServerConnection(0.0, Limits(), DOORS)
    server.recognise()
    head = b"POST /any HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.receive_data(head + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n", 0.0)
    turns = 0
    while (event := server.next_event()) == PROGRESSED:
        turns += 1
    assert isinstance(event, HttpRequested)
    assert len(event.body) == 10_000
    assert turns > 600


@pytest.mark.parametrize(("size", "is_taken"), [(500, True), (501, False)])
def test_a_body_is_as_large_as_its_route_lets_it(size: int, is_taken: bool) -> None:
    at = visitor()
    head = b"POST /upload HTTP/1.1\r\nHost: g\r\nContent-Length: %d\r\n\r\n" % size
    at.send(head + b"x" * size)
    assert [type(event) for event in at.happened()] == [HttpRequested if is_taken else Closed]


# Where a request comes from


def test_the_address_of_each_request_is_what_trusted_proxies_tell() -> None:
    doors = Doors(trusted_proxies=(ip_network("10.0.0.0/8"),))
    at = visitor(doors=doors, peer="10.0.0.1")
    assert (at.server.address, at.server.is_local) == ("10.0.0.1", False)
    seen = []
    for hops in (b"192.0.2.7", b"127.0.0.1, 192.0.2.7", b"127.0.0.1", b"unknown"):
        at.send(HEALTH.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: " + hops + b"\r\n\r\n"))
        seen.append((at.server.address, at.server.is_local))
        at.server.send_http(200, b"", "text/plain")
        at.drain()
    assert seen == [
        ("192.0.2.7", False),
        ("192.0.2.7", False),
        ("127.0.0.1", True),
        ("10.0.0.1", False),
    ]


@pytest.mark.parametrize("data", [UPGRADE, ASK_CHAT, HEALTH])
def test_what_comes_over_loopback_without_a_proxy_is_local(data: bytes) -> None:
    at = visitor(peer="127.0.0.1")
    at.send(data.replace(b"Host: gate.example", b"Host: localhost"))
    assert at.server.is_local
    at = visitor(peer="127.0.0.1")
    at.send(data)
    assert not at.server.is_local, "a proxy passed on its name"
    at = visitor(peer="127.0.0.1")
    at.send(data.replace(b"\r\n\r\n", b"\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"))
    assert (at.server.address, at.server.is_local) == ("127.0.0.1", False)


# Streams


def test_a_stream_flows_until_it_is_ended_and_then_the_next_request_is_served() -> None:
    at = streaming()
    at.server.send_http_body(b"data: 1\n\n")
    assert decoded(taken(at)) == b"data: 1\n\n"
    at.send(GET_STREAM)
    assert at.happened() == []
    at.server.end_http()
    assert taken(at) == b"0\r\n\r\n"
    assert [type(event) for event in at.happened()] == [HttpRequested]
    assert at.server.next_deadline() is None
    at.server.send_http(200, b"", "text/plain")
    at.tick(0.0)
    assert at.server.next_deadline() == (at.now + at.server.limits.http_idle_s, Timer.OPENING)


def test_a_stream_to_a_client_of_old_ends_the_connection() -> None:
    at = streaming(request=GET_STREAM.replace(b"1.1", b"1.0"))
    at.server.send_http_body(b"one")
    at.server.end_http()
    assert taken(at) == b"one"
    assert reasons(at) == ["plain HTTP is done"]


def test_a_stream_that_has_nothing_to_say_says_that_it_is_alive() -> None:
    at = streaming(SMALL)
    at.tick(10.0)
    assert taken(at) == b"", "its head was said since the last look"
    for _ in range(100):
        at.tick(10.0)
        assert decoded(taken(at)) == ALIVE
    at.tick(5.0)
    at.server.send_http_body(b"x")
    at.tick(5.0)
    assert decoded(taken(at)) == b"x"
    at.tick(10.0)
    assert decoded(taken(at)) == ALIVE
    assert at.server.state is State.OPENING


def test_the_head_of_a_stream_is_all_of_it_to_a_head_request() -> None:
    """Nothing would ever be sent on such a connection, nor be found out that its peer is gone."""
    at = http_asked(SMALL, GET_STREAM.replace(b"GET", b"HEAD"))
    at.server.start_http(200, "text/event-stream", alive=ALIVE)
    sent = at.server.data_to_send()
    assert sent.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in sent
    assert sent.endswith(b"\r\n\r\n")
    assert at.server.state is State.CLOSED
    at.server.end_http()
    with pytest.raises(ConnectionClosedError):
        at.server.send_http_body(b"data: 1\n\n")


def test_a_stream_without_a_sign_of_life_is_silent() -> None:
    at = streaming(SMALL, GET_STREAM, b"")
    for _ in range(20):
        at.tick(10.0)
        assert taken(at) == b""
    assert at.server.state is State.OPENING


def test_a_peer_that_takes_nothing_of_a_stream_is_cut() -> None:
    server = ServerConnection(0.0, SMALL, DOORS)
    server.receive_data(GET_STREAM, 0.0)
    server.next_event()
    server.start_http(200, "text/event-stream", alive=ALIVE)
    server.handle_timer(0.0)
    server.data_to_send()
    times = []
    while server.state is State.OPENING:
        deadline = server.next_deadline()
        assert deadline is not None
        times.append(deadline.at)
        server.handle_timer(deadline.at)
    end = server.next_event()
    assert isinstance(end, Closed)
    assert end.reason == "the peer takes nothing"
    assert SMALL.stream_stall_s <= times[-1] <= SMALL.stream_stall_s + 3 * SMALL.stream_idle_s
    assert server.queued_bytes < SMALL.stream_bytes_max


def test_a_peer_that_takes_too_little_of_a_stream_is_cut_at_the_cap() -> None:
    at = streaming(SMALL)
    sent = 0
    while at.server.state is State.OPENING:
        at.server.send_http_body(b"x" * 100)
        sent += 100
        assert at.server.queued_bytes <= SMALL.stream_bytes_max
    assert SMALL.stream_bytes_max - 200 <= sent <= SMALL.stream_bytes_max
    assert taken(at) == b"", "what is cut short has no end"
    [end] = at.happened()
    assert (end.code, end.reason, end.by_peer) == (1013, "slow consumer", False)
    with pytest.raises(ConnectionClosedError):
        at.server.send_http_body(b"x")
    at.server.end_http()


def test_whoever_streams_sees_how_much_is_queued() -> None:
    at = streaming()
    assert at.server.queued_bytes == 0
    at.server.send_http_body(b"x" * 100)
    assert 100 <= at.server.queued_bytes <= 110
    taken(at)
    assert at.server.queued_bytes == 0


def test_during_a_stream_what_a_client_sends_is_bounded() -> None:
    at = streaming(SMALL)
    for _ in range(20):
        at.send(b"x" * 100)
    assert at.happened() == []
    at.send(b"x")
    assert reasons(at) == ["over 2000 bytes during a streamed answer"]
    assert at.rest == b""


def test_a_stream_is_cut_with_its_connection() -> None:
    at = streaming()
    at.server.close(1012, "restart")
    at.drain()
    assert reasons(at) == ["restart"]
    assert at.server.next_deadline() is None


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, {"content-length": "5"}])
def test_headers_that_would_change_an_answer_leave_the_request_to_be_answered(
    headers: dict[str, str],
) -> None:
    at = http_asked()
    with pytest.raises(LocalProtocolError):
        at.server.start_http(200, "text/plain", headers)
    with pytest.raises(LocalProtocolError):
        at.server.send_http(200, b"", "text/plain", headers)
    assert at.server.next_deadline() is None
    at.server.send_http(200, b"{}", "application/json")
    at.drain()
    assert at.head.startswith(b"HTTP/1.1 200 ")


class Consumer:
    """A plain model of a stream: what was said, and what was taken of it."""

    def __init__(self) -> None:
        self.at = streaming(SMALL)
        self.said = b""
        self.chunks = b""

    def say(self, data: bytes) -> None:
        room = self.at.server.queued_bytes + len(data) + 10 <= SMALL.stream_bytes_max
        if room:
            self.at.server.send_http_body(data)
            self.said += data

    def take(self) -> None:
        self.chunks += self.at.server.data_to_send()

    def wait(self, seconds: float) -> None:
        self.at.now += seconds
        deadline = self.at.server.next_deadline()
        if deadline is not None and deadline.at <= self.at.now:
            self.at.server.handle_timer(self.at.now)
            assert self.at.server.next_event() is None


@quick
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.just("take"),
            st.floats(0.0, 9.0),
        ),
        max_size=40,
    )
)
def test_however_a_stream_is_taken_all_of_it_arrives_in_order(steps: list[Any]) -> None:
    consumer = Consumer()
    since_taken = 0.0
    for step in steps:
        if isinstance(step, bytes):
            consumer.say(step)
        elif isinstance(step, float):
            since_taken += step
            if since_taken >= 30.0:
                consumer.take()
                since_taken = 0.0
            consumer.wait(step)
        else:
            consumer.take()
            since_taken = 0.0
        assert consumer.at.server.queued_bytes <= SMALL.stream_bytes_max
    assert consumer.at.server.state is State.OPENING
    consumer.at.server.end_http()
    consumer.take()
    assert consumer.chunks.endswith(b"0\r\n\r\n")
    body = decoded(consumer.chunks[: -len(b"0\r\n\r\n")])
    assert body.replace(ALIVE, b"") == consumer.said.replace(ALIVE, b"")


def test_behind_a_request_that_waits_for_its_answer_nothing_more_need_be_read() -> None:
    at = Visitor()
    assert at.server.takes_input
    at.send(HEALTH)
    assert at.server.takes_input, "its client may go away"
    at.send(HEALTH[:5])
    assert not at.server.takes_input
    at.server.send_http(200, b"", "text/plain")
    at.drain()
    assert at.server.takes_input
    assert Visitor().upgrade().server.takes_input
