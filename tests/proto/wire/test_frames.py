"""Frames that are read without wsproto: the same comes out as with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.test_websocket import STREAMS
from tests.proto.support import (
    CLOSE,
    CONTINUATION,
    MASK,
    PING,
    PONG,
    TEXT,
    frame,
    frames_in,
    quick,
)
from tests.proto.wires import open_end

from agentgate_proto.wire import websocket
from agentgate_proto.wire.frames import masked, measured, whole_frame


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_is_as_long_as_its_head_says(size: int, mask: bytes | None) -> None:
    data = b"before" + frame(TEXT, b"x" * size, mask=mask) + b"behind"
    length = len(data) - len(b"before") - len(b"behind")
    head = length - size - (4 if mask else 0)
    for end in range(len(b"before"), len(data)):
        known = measured(data[:end], len(b"before"))
        assert known == (length if end >= len(b"before") + head else None)
        if end > len(b"before") + head:
            break


@given(text=st.text(max_size=300), key=st.binary(min_size=4, max_size=4))
def test_a_common_frame_is_taken_and_its_mask_with_it(text: str, key: bytes) -> None:
    for opcode, payload in (
        (TEXT, text.encode()),
        (PING, text.encode()[:125]),
        (PONG, text.encode()[:125]),
    ):
        data = b"before" + frame(opcode, payload, mask=key) + b"behind"
        end = len(data) - len(b"behind")
        assert whole_frame(data, 6, is_masked=True) == (0x80 | opcode, payload, end)


def test_the_mask_is_that_of_rfc_6455_section_5_7() -> None:
    assert masked(bytes.fromhex("7f9f4d5158"), bytes.fromhex("37fa213d")) == b"Hello"


NOT_TAKEN = {
    "a fragment": frame(TEXT, b"Hello", fin=False, mask=MASK),
    "the end of a fragmented text": frame(CONTINUATION, b"Hello", mask=MASK),
    "a close": frame(CLOSE, b"\x03\xe8", mask=MASK),
    "a fragment of a ping": frame(PING, b"Hello", fin=False, mask=MASK),
    "a ping of over 125 bytes": frame(PING, b"x" * 126, mask=MASK),
    "a reserved bit": frame(TEXT, b"Hello", reserved=4, mask=MASK),
    "no mask": frame(TEXT, b"Hello"),
    "a long way to write a length": bytes((0x81, 0x80 | 126, 0, 5)) + MASK + b"Hello",
    "over 65,535 bytes": frame(TEXT, b"x" * 65_536, mask=MASK),
    "one byte less than all": frame(TEXT, b"Hello", mask=MASK)[:-1],
    "a half head": frame(TEXT, b"x" * 200, mask=MASK)[:3],
    "one byte": frame(TEXT, b"Hello", mask=MASK)[:1],
}


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_anything_else_is_left_to_wsproto(name: str) -> None:
    assert whole_frame(NOT_TAKEN[name], 0, is_masked=True) is None


@pytest.mark.parametrize("end", ["server", "client"])
@given(stream=STREAMS)
@quick
def test_it_makes_no_difference_whether_a_frame_is_taken_or_left(
    end: str, stream: list[bytes]
) -> None:
    taken = open_end(end)[0].receive(*stream)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(websocket, "whole_frame", lambda data, at, is_masked: None)
        left = open_end(end)[0].receive(*stream)
    assert taken.events == left.events
    assert frames_in(taken.sent) == frames_in(left.sent)
    assert str(taken.failed) == str(left.failed)
