"""Bodies in chunks: read to the letter, bounded in all parts, the same however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import cuts, quick

from agentgate_proto.wire.chunks import (
    EXTRA_BYTES_MAX,
    LINE_BYTES_MAX,
    STEPS_AT_ONCE,
    ChunkedBody,
    ChunkError,
)

BODY_MAX = 300
END = b"0\r\n\r\n"
TRAILER = b"X: " + b"y" * 123 + b"\r\n"


def read(*pieces: bytes, bytes_max: int = BODY_MAX) -> tuple[bytes, bytes, str]:
    """Return the body, what is left of the input, and whether it is over, open, or a status."""
    chunks, data, body = ChunkedBody(bytes_max), bytearray(), bytearray()
    for piece in pieces:
        data += piece
        try:
            while chunks.read(data, body):
                pass
        except ChunkError as error:
            return b"", b"", str(error.status)
    return bytes(body), bytes(data), "over" if chunks.over else "open"


GOOD = {
    "no chunk but the last": (END, b""),
    "one chunk": (b"3\r\nabc\r\n" + END, b"abc"),
    "two chunks": (b"3\r\nabc\r\n1\r\nd\r\n" + END, b"abcd"),
    "capitals and small letters": (
        b"A\r\n0123456789\r\nb\r\n0123456789a\r\n" + END,
        b"0123456789" * 2 + b"a",
    ),
    "leading zeros": (b"0000000000000003\r\nabc\r\n" + END, b"abc"),
    "many zeros at the end": (b"3\r\nabc\r\n0000000000000000\r\n\r\n", b"abc"),
    "line ends in a chunk": (b"4\r\n\r\n\r\n\r\n" + END, b"\r\n\r\n"),
    "a chunk that looks like the end": (b"5\r\n" + END + b"\r\n" + END, END),
    "an extension": (b"3;a\r\nabc\r\n0;b=c\r\n\r\n", b"abc"),
    "an extension in quotes": (b'3;a="b;\tc\xff"\r\nabc\r\n' + END, b"abc"),
    "an empty extension": (b"3;\r\nabc\r\n" + END, b"abc"),
    "the longest line": (b"3;" + b"x" * (LINE_BYTES_MAX - 4) + b"\r\nabc\r\n" + END, b"abc"),
    "a trailer": (b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n", b"abc"),
    "trailers that frame nothing": (
        b"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil\r\n\r\n",
        b"",
    ),
    "an empty trailer": (b"0\r\nX:\r\n\r\n", b""),
    "the largest chunk": (b"12c\r\n" + b"x" * BODY_MAX + b"\r\n" + END, b"x" * BODY_MAX),
}

BAD = {
    "no size": (b"\r\nabc\r\n" + END, 400),
    "an extension without a size": (b";a\r\nabc\r\n" + END, 400),
    "no number": (b"xyz\r\nabc\r\n" + END, 400),
    "a minus": (b"-3\r\nabc\r\n" + END, 400),
    "a plus": (b"+3\r\nabc\r\n" + END, 400),
    "a prefix": (b"0x3\r\nabc\r\n" + END, 400),
    "an underscore": (b"0_3\r\nabc\r\n" + END, 400),
    "digits of other scripts": ("\u0663\r\nabc\r\n".encode() + END, 400),
    "a point": (b"3.0\r\nabc\r\n" + END, 400),
    "a blank before": (b" 3\r\nabc\r\n" + END, 400),
    "a blank behind": (b"3 \r\nabc\r\n" + END, 400),
    "a tab behind": (b"3\t\r\nabc\r\n" + END, 400),
    "a blank before an extension": (b"3 ;a\r\nabc\r\n" + END, 400),
    "a NUL behind": (b"3\x00\r\nabc\r\n" + END, 400),
    "two sizes": (b"3,3\r\nabc\r\n" + END, 400),
    "seventeen digits": (b"0" * 16 + b"3\r\nabc\r\n" + END, 400),
    "a size ended by LF": (b"3\nabc\r\n" + END, 400),
    "a size ended by CR alone": (b"3\rabc\r\n" + END, 400),
    "a size ended by CR CR LF": (b"3\r\r\nabc\r\n" + END, 400),
    "a bare CR in an extension": (b"3;a\rb\r\nabc\r\n" + END, 400),
    "an extension ended by LF": (b"3;a\nabc\r\n" + END, 400),
    "a NUL in an extension": (b"3;a\x00\r\nabc\r\n" + END, 400),
    "a chunk ended by LF": (b"3\r\nabc\n" + END, 400),
    "a chunk ended by CR alone": (b"3\r\nabc\r" + END, 400),
    "a chunk ended by LF CR": (b"3\r\nabc\n\r" + END, 400),
    "a chunk not ended": (b"3\r\nabc" + END, 400),
    "a chunk that is longer than it says": (b"3\r\nabcd\r\n" + END, 400),
    "a chunk that is shorter than it says": (b"5\r\nabc\r\n" + END, 400),
    "a last chunk ended by LF": (b"0\n\n", 400),
    "trailers ended by LF": (b"0\r\n\n", 400),
    "a trailer ended by LF": (b"0\r\nX: 1\n\r\n", 400),
    "a trailer without a colon": (b"0\r\nX\r\n\r\n", 400),
    "a trailer without a name": (b"0\r\n: 1\r\n\r\n", 400),
    "a blank before the colon of a trailer": (b"0\r\nX : 1\r\n\r\n", 400),
    "a folded trailer": (b"0\r\nX: 1\r\n 2\r\n\r\n", 400),
    "a request for a trailer": (b"0\r\nGET /next HTTP/1.1\r\n\r\n", 400),
    "a NUL in a trailer": (b"0\r\nX: \x00\r\n\r\n", 400),
    "a bare CR in a trailer": (b"0\r\nX: a\rb\r\n\r\n", 400),
    "a line too long": (b"3;" + b"x" * (LINE_BYTES_MAX - 3) + b"\r\nabc\r\n" + END, 400),
    "a line that never ends": (b"3;" + b"x" * LINE_BYTES_MAX, 400),
    "a trailer that never ends": (b"0\r\nX:" + b" " * EXTRA_BYTES_MAX, 400),
    "more trailers than there may be": (b"0\r\n" + TRAILER * (EXTRA_BYTES_MAX // 128 + 1), 400),
    "a size of one byte too much": (b"12d\r\n", 413),
    "two chunks of one byte too much": (b"12c\r\n" + b"x" * BODY_MAX + b"\r\n1\r\n", 413),
    "a size of sixteen digits": (b"ffffffffffffffff\r\n", 413),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_body_is_read_however_it_arrives_and_what_is_behind_it_is_left(name: str) -> None:
    data, body = GOOD[name]
    for pieces in cuts(data):
        assert read(*pieces) == (body, b"", "over")
    assert read(data + b"GET /next") == (body, b"GET /next", "over")


@pytest.mark.parametrize("name", GOOD)
def test_a_body_is_open_until_its_last_byte(name: str) -> None:
    data = GOOD[name][0]
    for size in range(len(data)):
        assert read(data[:size])[2] == "open"


@pytest.mark.parametrize("name", BAD)
def test_what_are_no_chunks_is_refused_however_it_arrives(name: str) -> None:
    data, status = BAD[name]
    for pieces in cuts(data):
        assert read(*pieces)[2] == str(status)


def test_extensions_of_all_chunks_together_are_bounded() -> None:
    many = b"1;" + b"x" * 252 + b"\r\na\r\n"
    assert len(many.partition(b"\r\n")[0]) + 2 == LINE_BYTES_MAX
    assert read(many * (EXTRA_BYTES_MAX // 253) + END)[2] == "over"
    assert read(many * (EXTRA_BYTES_MAX // 253 + 1))[2] == "400"


def test_a_flood_of_small_chunks_is_read_in_turns() -> None:
    flood = b"1\r\nx\r\n" * 1_000 + END
    chunks, data, body = ChunkedBody(1_000), bytearray(flood), bytearray()
    turns, sizes = 1, [len(data)]
    while chunks.read(data, body):
        turns += 1
        sizes.append(len(data))
    assert (bytes(body), chunks.over, bytes(data)) == (b"x" * 1_000, True, b"")
    assert turns > 2_000 // STEPS_AT_ONCE
    assert max(one - two for one, two in pairwise(sizes)) <= 6 * STEPS_AT_ONCE


def encoded(chunks: list[bytes], upper: bool, zeros: int, extension: bytes) -> bytes:
    lines = []
    for chunk in [*chunks, b""]:
        size = f"{len(chunk):{'X' if upper else 'x'}}".rjust(zeros, "0").encode()
        lines.append(size + extension + b"\r\n" + chunk + (b"\r\n" if chunk else b""))
    return b"".join(lines) + b"\r\n"


@quick
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    upper=st.booleans(),
    zeros=st.integers(1, 16),
    extension=st.sampled_from([b"", b";a", b";a=b;c"]),
    at=st.lists(st.integers(0, 1_000), max_size=20),
    behind=st.binary(max_size=10),
)
def test_any_chunks_in_any_pieces_are_their_body(
    chunks: list[bytes], upper: bool, zeros: int, extension: bytes, at: list[int], behind: bytes
) -> None:
    data = encoded(chunks, upper, zeros, extension) + behind
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    body = b"".join(chunks)
    assert read(*pieces) == (body, behind, "over")
    if body:
        assert read(*pieces, bytes_max=len(body) - 1)[2] == "413"


@quick
@given(data=st.lists(st.sampled_from([b"0", b"3", b"a", b"\r", b"\n", b"\r\n", b";", b" ", b":"])))
def test_any_bytes_are_read_the_same_however_they_arrive(data: list[bytes]) -> None:
    whole = read(b"".join(data))
    assert read(*data) == whole
