"""What a peer may send to fill our memory or take our time: refused at the cap."""

from __future__ import annotations

import tracemalloc

import pytest
from tests.proto.support import CONTINUATION, MASK, PING, PONG, TEXT, frame, frames_in, from_client
from tests.proto.wires import open_client, open_end, open_server
from tests.vectors.websocket import FRAGMENTS_MAX, MESSAGE_MAX

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
