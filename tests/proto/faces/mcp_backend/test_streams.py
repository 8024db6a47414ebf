"""Server-sent events: whole, in pieces, and what is no event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.mcp_backend.streams import (
    EVENT_ID_CHARS_MAX,
    RETRY_S_MAX,
    RETRY_S_MIN,
    EventReader,
    EventTooLong,
    StreamEvent,
)

STREAM = (
    b'\xef\xbb\xbf: hello\nid: e1\nretry: 3000\ndata:\n\ndata: {"a":\r\ndata: 1}\r\n\r\n'
    b"event: message\rdata: x\r\rodd\nid: \xc3\xa4\nid: e2\ndata:y\n\n"
)
EVENTS = [b'{"a":\n1}', b"x", b"y"]


def read(*pieces: bytes) -> tuple[EventReader, list[bytes]]:
    reader = EventReader()
    events: list[StreamEvent] = []
    for piece in pieces:
        events += reader.receive_data(piece)
    return reader, [event.data for event in events]


def test_events_are_read_with_where_the_stream_stands() -> None:
    reader, events = read(STREAM)
    assert events == EVENTS
    assert (reader.last_id, reader.retry_s) == ("e2", 3.0)


@pytest.mark.parametrize("at", range(len(STREAM)))
def test_they_may_come_in_pieces(at: int) -> None:
    assert read(STREAM[:at], STREAM[at:])[1] == EVENTS


def test_they_may_come_byte_by_byte() -> None:
    assert read(*(bytes([each]) for each in STREAM))[1] == EVENTS


def test_an_event_that_is_not_whole_is_none() -> None:
    assert read(b"data: x\n")[1] == []


def test_what_can_not_be_meant_is_left_out() -> None:
    long = b"id: " + b"x" * (EVENT_ID_CHARS_MAX + 1)
    reader, _ = read(b"id: a\n" + long + b"\nretry: soon\nretry: 99999999999\n\n")
    assert (reader.last_id, reader.retry_s) == ("a", None)
    assert read(b"retry: 9999999\n")[0].retry_s == RETRY_S_MAX
    assert read(b"retry: 0\n")[0].retry_s == RETRY_S_MIN


@pytest.mark.parametrize(
    "data", [b"data: " + b"x" * 40, b"data: xxxxxxxxxxxxx\n" * 3, b"data\n" * 40]
)
def test_an_event_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(EventTooLong):
        EventReader(32).receive_data(data)


@given(st.lists(st.binary(max_size=20)))
def test_anything_may_come(pieces: list[bytes]) -> None:
    read(*pieces)
