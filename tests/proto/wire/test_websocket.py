"""WebSocket frames: vectors whole, cut anywhere, with more behind; both ends joined."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.proto.support import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    cuts,
    frame,
    frames_in,
    from_client,
)
from tests.proto.wires import Seen, client, open_client, open_end, open_server, server
from tests.vectors.websocket import (
    BAD,
    BINARY_BAD,
    BINARY_GOOD,
    GOOD,
)

from agentgate_proto.errors import (
    ConnectionClosedError,
)
from agentgate_proto.limits import Limits
from agentgate_proto.wire.events import Alive, Close, Pong, Text
from agentgate_proto.wire.websocket import Wire

ENDS = pytest.mark.parametrize("end", ["server", "client"])


# Frames


@ENDS
@pytest.mark.parametrize("name", GOOD)
def test_good_frames_are_understood_however_they_arrive(name: str, end: str) -> None:
    stream, events, answers = GOOD[name]
    data = stream(open_end(end)[1])
    for pieces in cuts(data):
        seen = open_end(end)[0].receive(*pieces)
        assert seen.failed is None
        assert seen.events == events
        assert frames_in(seen.sent) == answers


@ENDS
@pytest.mark.parametrize("name", GOOD)
def test_the_beginning_of_another_frame_changes_nothing(name: str, end: str) -> None:
    stream, events, answers = GOOD[name]
    seen, mask = open_end(end)
    seen.receive(stream(mask) + frame(PING, b"next", mask=mask)[:-1])
    assert (seen.events, frames_in(seen.sent)) == (events, answers)


@ENDS
@pytest.mark.parametrize("name", BAD)
def test_bad_frames_end_the_connection_with_their_code_however_they_arrive(
    name: str, end: str
) -> None:
    stream, code = BAD[name]
    reasons = set()
    for pieces in cuts(stream(open_end(end)[1])):
        seen = open_end(end)[0].receive(*pieces)
        assert seen.code == code
        assert type(seen.code) is int
        assert seen.failed is not None
        reasons.add(seen.failed.reason)
    assert len(reasons) == 1
    assert all(reasons)


@ENDS
@pytest.mark.parametrize("name", BAD)
def test_after_bad_frames_nothing_is_taken_and_only_a_close_can_be_sent(
    name: str, end: str
) -> None:
    seen, mask = open_end(end)
    seen.receive(BAD[name][0](mask)).forget()
    seen.receive(frame(TEXT, b"more", mask=mask), frame(PING, b"?", mask=mask))
    assert (seen.events, seen.sent) == ([], b"")
    seen.wire.send_close(seen.code, "bad")
    assert frames_in(seen.wire.data_to_send()) == [(CLOSE, seen.code.to_bytes(2) + b"bad")]


def test_a_client_must_mask_and_a_server_must_not() -> None:
    assert open_server().receive(frame(TEXT, b"Hello")).code == 1002
    assert open_client().receive(from_client(TEXT, b"Hello")).code == 1002


def test_the_frames_of_rfc_6455_section_5_7_are_understood() -> None:
    hello = [Text("Hello")]
    assert open_client().receive(bytes.fromhex("810548656c6c6f")).events == hello
    assert open_server().receive(bytes.fromhex("818537fa213d7f9f4d5158")).events == hello
    assert open_client().receive(bytes.fromhex("010348656c80026c6f")).events == hello
    pinged = open_client().receive(bytes.fromhex("890548656c6c6f"))
    assert frames_in(pinged.sent) == [(PONG, b"Hello")]
    assert open_server().receive(bytes.fromhex("8a8537fa213d7f9f4d5158")).events == [Pong(b"Hello")]


@ENDS
def test_nothing_received_is_not_the_end_of_the_input(end: str) -> None:
    seen, mask = open_end(end)
    data = frame(TEXT, b"Hello", mask=mask)
    seen.receive(b"", data[:3], b"", data[3:], b"")
    assert seen.events == [Text("Hello")]


def test_a_part_of_a_message_is_a_sign_of_life() -> None:
    wire = open_server().wire
    wire.receive_data(from_client(TEXT, b"Hello")[:-1])
    assert wire.next_event() == Alive()
    assert wire.next_event() is None


@ENDS
@pytest.mark.parametrize("length", [125, 126, 65_535, 65_536, 1_048_576])
def test_messages_of_every_form_of_length_come_whole(end: str, length: int) -> None:
    seen, mask = open_end(end, Limits(message_bytes_max=1_048_576))
    data = frame(TEXT, b"x" * length, mask=mask)
    seen.receive(*(data[at : at + 65_536] for at in range(0, len(data), 65_536)))
    assert seen.events == [Text("x" * length)]


@ENDS
def test_a_large_read_is_not_kept_when_all_of_it_has_been_looked_at(end: str) -> None:
    seen, mask = open_end(end)
    tracemalloc.start()
    try:
        data = frame(PONG, b"x" * 100, mask=mask) * 1_000
        size = len(data)
        seen.receive(data).forget()
        del data
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < size / 2


# Binary messages


def takes_binary(end: str) -> tuple[Seen[Wire], bytes | None]:
    seen, mask = open_end(end)
    seen.wire.takes_binary = True
    return seen, mask


@ENDS
@pytest.mark.parametrize("name", BINARY_GOOD)
def test_where_binary_is_taken_it_is_understood_however_it_arrives(name: str, end: str) -> None:
    stream, events = BINARY_GOOD[name]
    for pieces in cuts(stream(takes_binary(end)[1])):
        seen = takes_binary(end)[0].receive(*pieces)
        assert (seen.events, seen.failed) == (events, None)
    seen, mask = takes_binary(end)
    seen.receive(stream(mask) + frame(BINARY, b"next", mask=mask)[:-1])
    assert seen.events == events


@ENDS
@pytest.mark.parametrize("name", BINARY_BAD)
def test_where_binary_is_taken_bad_frames_have_their_code_however_they_arrive(
    name: str, end: str
) -> None:
    stream, code = BINARY_BAD[name]
    for pieces in cuts(stream(takes_binary(end)[1])):
        assert takes_binary(end)[0].receive(*pieces).code == code


@ENDS
@pytest.mark.parametrize("name", [name for name in GOOD if "close code" not in name])
def test_where_binary_is_taken_texts_are_the_same(name: str, end: str) -> None:
    stream, events, answers = GOOD[name]
    seen, mask = takes_binary(end)
    seen.receive(stream(mask))
    assert (seen.events, frames_in(seen.sent)) == (events, answers)


@ENDS
def test_where_binary_is_not_taken_what_is_within_is_never_joined(end: str) -> None:
    seen, mask = open_end(end)
    seen.receive(frame(BINARY, b"x" * 150, fin=False, mask=mask)[:-100])
    assert seen.code == 1003


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@ENDS
def test_a_binary_message_is_sent_as_one_frame(end: str, size: int) -> None:
    wire = open_end(end)[0].wire
    wire.send_binary(b"\xff" * size)
    assert frames_in(wire.data_to_send()) == [(BINARY, b"\xff" * size)]
    wire.send_close(1000, "")
    with pytest.raises(ConnectionClosedError):
        wire.send_binary(b"late")


# Sending and closing


@ENDS
@pytest.mark.parametrize("text", ["", "Hello", "\u20ac", "x" * 70_000])
def test_a_text_is_sent_as_one_frame(end: str, text: str) -> None:
    wire = open_end(end)[0].wire
    wire.send_text(text.encode())
    assert frames_in(wire.data_to_send()) == [(TEXT, text.encode())]
    assert wire.data_to_send() == b""


def test_output_leaves_in_the_order_in_which_it_was_made() -> None:
    wire = open_server().wire
    wire.send_text(b"one")
    wire.receive_data(from_client(PING, b"two"))
    wire.next_event()
    wire.send_ping(b"three")
    wire.send_close(1012, "four")
    sent = frames_in(wire.data_to_send())
    assert sent == [(TEXT, b"one"), (PONG, b"two"), (PING, b"three"), (CLOSE, b"\x03\xf4four")]


@ENDS
def test_after_our_close_the_peer_may_finish_and_its_pings_are_not_answered(end: str) -> None:
    seen, mask = open_end(end)
    seen.wire.send_close(1000, "bye")
    seen.wire.data_to_send()
    seen.receive(frame(TEXT, b"last", mask=mask), frame(PING, b"?", mask=mask))
    seen.receive(frame(CLOSE, b"\x03\xe8", mask=mask))
    assert seen.events == [Text("last"), Close(1000, "")]
    assert seen.sent == b""


@ENDS
def test_a_bad_frame_after_our_close_is_still_an_error(end: str) -> None:
    seen, mask = open_end(end)
    seen.wire.send_close(1000, "")
    assert seen.receive(frame(CONTINUATION, b"x", mask=mask)).code == 1002


@ENDS
@pytest.mark.parametrize("by_peer", [True, False])
def test_after_a_close_nothing_can_be_sent_and_the_error_quotes_no_message(
    end: str, by_peer: bool
) -> None:
    seen, mask = open_end(end)
    if by_peer:
        seen.receive(frame(CLOSE, b"\x03\xe8", mask=mask))
    else:
        seen.wire.send_close(1000, "")
        seen.wire.data_to_send()
    state = "closed" if by_peer else "local_closing"
    with pytest.raises(ConnectionClosedError) as caught:
        seen.wire.send_text(b"s3cret")
    assert str(caught.value) == f"the WebSocket is {state}"
    with pytest.raises(ConnectionClosedError):
        seen.wire.send_ping(b"?")
    with pytest.raises(ConnectionClosedError):
        seen.wire.send_close(1000, "again")
    assert seen.wire.data_to_send() == b""


def test_a_long_reason_is_cut_between_characters() -> None:
    wire = open_server().wire
    wire.send_close(4401, "\u20ac" * 100)
    assert frames_in(wire.data_to_send()) == [(CLOSE, (4401).to_bytes(2) + b"\xe2\x82\xac" * 41)]


def test_a_code_that_must_not_travel_is_sent_as_1000() -> None:
    wire = open_server().wire
    wire.send_close(1006, "")
    assert frames_in(wire.data_to_send()) == [(CLOSE, b"\x03\xe8")]


def test_nothing_can_be_sent_before_the_handshake() -> None:
    for wire in (server().wire, client()[0].wire):
        with pytest.raises(ConnectionClosedError, match="the WebSocket is connecting"):
            wire.send_text(b"early")
        with pytest.raises(ConnectionClosedError, match="the WebSocket is connecting"):
            wire.send_close(1000, "early")


@ENDS
def test_what_has_come_of_a_message_can_be_seen_until_it_is_whole(end: str) -> None:
    seen, mask = open_end(end)
    assert seen.wire.partial_bytes == 0
    data = frame(TEXT, b"so far, so good", mask=mask)
    seen.receive(data[:-10])
    assert seen.wire.partial_bytes == 5
    seen.receive(data[-10:])
    assert seen.wire.partial_bytes == 0
    seen.receive(frame(TEXT, b"one, ", fin=False, mask=mask), frame(PING, b"!", mask=mask))
    assert seen.wire.partial_bytes == 5
    seen.receive(frame(CONTINUATION, b"two", mask=mask))
    assert seen.wire.partial_bytes == 0
    assert seen.events == [Text("so far, so good"), Text("one, two")]
