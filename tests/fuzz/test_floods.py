"""What a peer may send to fill our memory or take our time: refused at the cap."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from tests.proto.byhand import Visitor
from tests.proto.face_visitor import (
    DOORS,
    GET_STREAM,
    http_asked,
    messaging,
    streaming,
    upgrade_asked,
    visitor,
)
from tests.proto.support import (
    BINARY,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    frame,
    frames_in,
    from_client,
)
from tests.proto.wires import open_client, open_end, open_server
from tests.vectors.websocket import FRAGMENTS_MAX, MESSAGE_MAX

from agentgate_proto.connection.events import BodyOffered, Closed, HttpRequested
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import State
from agentgate_proto.limits import Limits
from agentgate_proto.wire.events import Text

ENDS = pytest.mark.parametrize("end", ["server", "client"])


@ENDS
@pytest.mark.parametrize("announced", [1_000, 2**30, 2**63 - 1])
def test_a_giant_frame_is_refused_once_more_than_the_cap_has_come_and_not_before(
    end: str, announced: int
) -> None:
    seen, mask = open_end(end)
    seen.receive(frame(TEXT, b"", mask=mask, announced=announced), b"x" * MESSAGE_MAX)
    if mask is not None:
        seen, _ = open_end(end)  # what the mask makes of the bytes must be ASCII too
        seen.receive(frame(TEXT, b"\0" * MESSAGE_MAX, mask=mask, announced=announced))
    assert (seen.events, seen.failed) == ([], None)
    seen.receive(b"\0" if mask is None else MASK[:1])
    assert seen.code == 1009


def test_a_message_in_the_smallest_parts_takes_no_more_room_than_it_has_bytes() -> None:
    seen = open_client(Limits(message_bytes_max=100_000))
    data = frame(TEXT, "\u20ac".encode() * 20_000)
    tracemalloc.start()
    try:
        for at in range(0, len(data) - 3, 3):
            seen.wire.receive_data(data[at : at + 3])
            while seen.wire.next_event() is not None:
                pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 10 * len(data)
    assert seen.receive(data[len(data) - len(data) % 3 :]).events == [Text("\u20ac" * 20_000)]


@ENDS
def test_a_flood_of_empty_fragments_is_refused_at_the_cap(end: str) -> None:
    seen, mask = open_end(end)
    flood = frame(TEXT, b"", fin=False, mask=mask)
    flood += frame(CONTINUATION, b"", fin=False, mask=mask) * 100_000
    assert seen.receive(flood).code == 1009
    assert "fragments" in str(seen.failed)


def test_the_caps_count_each_message_anew() -> None:
    seen = open_server()
    message = from_client(TEXT, b"x" * MESSAGE_MAX, fin=False)
    message += from_client(CONTINUATION, b"", fin=False) * (FRAGMENTS_MAX - 2)
    message += from_client(CONTINUATION, b"")
    assert len(seen.receive(message * 5).events) == 5
    assert seen.failed is None


@ENDS
def test_a_flood_of_pings_is_not_answered_beyond_the_cap_of_the_output(end: str) -> None:
    seen, mask = open_end(end, Limits(queued_bytes_max=1_000))
    seen.wire.receive_data(frame(PING, b"x" * 100, mask=mask) * 500)
    while seen.wire.next_event() is not None:
        pass
    answers = frames_in(seen.wire.data_to_send())
    assert 1_000 / 106 <= len(answers) <= 1_000 / 102 + 1
    seen.receive(frame(PING, b"again", mask=mask))
    assert frames_in(seen.sent) == [(PONG, b"again")]


# Faces

DOOR_LIMITS = Limits(
    http_head_bytes_max=1_000,
    http_body_bytes_max=1_000,
    http_held_bytes_max=2_000,
    stream_bytes_max=5_000,
)
HELD_MAX = DOOR_LIMITS.http_held_bytes_max


def peak_of(act: Callable[[], object]) -> int:
    """How much memory was taken at most, in bytes."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("waiting", [http_asked, upgrade_asked, streaming])
@pytest.mark.parametrize("size", [1, 100, 1_999, 65_536])
def test_before_the_answer_of_a_face_at_most_one_request_more_is_held(
    waiting: Callable[[Limits], Visitor], size: int
) -> None:
    at = waiting(DOOR_LIMITS)
    sent = 0
    while at.machine.state is not State.CLOSED:
        assert sent <= HELD_MAX
        at.send(b"x" * size)
        sent += size
    assert sent > HELD_MAX
    at.send(b"x" * 1_000_000)
    assert [type(event) for event in at.happened()] == [Closed]


FLOODS = {
    "extensions": b"1;" + b"x" * 250 + b"\r\nx\r\n",
    "an extension without an end": b";" * 1_000,
    "trailers": b"0\r\n" + b"X: y\r\n" * 1_000,
    "a trailer without an end": b"0\r\nX: " + b" " * 10_000,
    "leading zeros": b"0" * 1_000,
    "an announcement": b"ffffffffffffffff\r\n" + b"x" * 1_000,
    "small chunks": b"1\r\nx\r\n" * 2_000,
}


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("size", [7, 4_096])
@pytest.mark.parametrize("is_taken", [True, False])
def test_a_flood_between_chunks_is_refused_before_it_takes_room(
    name: str, size: int, is_taken: bool
) -> None:
    at = visitor(DOOR_LIMITS)
    at.send(b"POST /any HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert [type(event) for event in at.happened()] == [BodyOffered]
    if is_taken:
        at.machine.take_body()

    def flood() -> None:
        data = FLOODS[name] * 100
        for start in range(0, len(data), size):
            at.send(data[start : start + size])
            if at.machine.state is State.CLOSED:
                return

    peak_bytes = peak_of(flood) - len(FLOODS[name]) * 100
    assert peak_bytes < 100_000
    [end] = at.happened()
    assert end.reason.startswith(("HTTP 400: ", "HTTP 413: "))


def test_the_body_of_a_route_is_bounded_by_its_own_cap_and_by_no_other() -> None:
    head = b"POST /upload HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    at = visitor(DOOR_LIMITS)
    at.send(head)
    at.machine.take_body()
    at.send(b"1f4\r\n" + b"x" * 500 + b"\r\n0\r\n\r\n")
    assert [type(event) for event in at.happened()] == [BodyOffered, HttpRequested]
    at = visitor(DOOR_LIMITS)
    at.send(head)
    at.machine.take_body()
    at.send(b"1f4\r\n" + b"x" * 500 + b"\r\n1\r\n")
    assert at.head.startswith(b"HTTP/1.1 413 ")


def test_a_stream_that_nobody_takes_holds_no_more_than_its_cap() -> None:
    at = streaming(DOOR_LIMITS)

    def flood() -> None:
        while at.machine.state is not State.CLOSED:
            at.machine.send_http_body(b"x" * 100)
            assert at.machine.queued_bytes <= DOOR_LIMITS.stream_bytes_max

    assert peak_of(flood) < 4 * DOOR_LIMITS.stream_bytes_max


def test_what_the_routes_answer_holds_no_more_than_the_output_may() -> None:
    limits = Limits(queued_bytes_max=10_000)
    server = ServerConnection(0.0, limits, DOORS)
    most = 0
    for _ in range(1_000):
        server.receive_data(GET_STREAM.replace(b"GET", b"OPTIONS"), 0.0)
        while server.next_event() is not None:
            pass
        most = max(most, server.queued_bytes)
    assert server.state is State.CLOSED
    assert most <= 10_000


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_a_face_is_refused_at_the_cap_of_its_route(opcode: int) -> None:
    at = messaging()
    at.send(frame(opcode, b"x" * 300, mask=MASK, announced=2**40))
    assert at.happened() == []
    at.send(bytes([MASK[0] ^ ord("x")]))
    assert [event.code for event in at.happened()] == [1009]


def test_binary_in_empty_fragments_is_refused_at_the_cap() -> None:
    at = messaging()
    flood = from_client(BINARY, b"", fin=False)
    flood += from_client(CONTINUATION, b"", fin=False) * (Limits().fragments_max + 1)
    at.send(flood)
    [end] = at.happened()
    assert end.code == 1009


def test_a_face_that_is_sent_more_than_it_takes_is_closed() -> None:
    at = messaging(Limits(queued_bytes_max=10_000))

    def flood() -> None:
        while at.machine.state is State.FACE:
            at.machine.send_message(b"x" * 1_000)

    assert peak_of(flood) < 50_000
    at.drain()
    assert [event.code for event in at.happened()] == [1013]
