"""The spool's lines: what was written whole is read, and what was not is cut off, or said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.client.prompts import Answer, Finished, Put, Sent
from agentgate_proto.client.spool import (
    Found,
    Head,
    Unreadable,
    checksum_of,
    decode_line,
    encode_line,
    encode_lines,
    read_lines,
)

HEAD = Head(client_id="pi")
RECORDS = [
    Put(id="a", text="Is it raining?\n", at=1.5),
    Sent(id="a", session="s"),
    Answer(id="a", status="completed", text="No", run="r"),
    Finished(id="a"),
]
FILE = encode_lines([HEAD, *RECORDS])


def test_a_file_is_read_as_it_was_written() -> None:
    assert read_lines(FILE) == Found(head=HEAD, records=RECORDS, end=len(FILE))
    assert encode_line(HEAD) == b'75045b77 {"k":"head","version":1,"client_id":"pi"}\n'
    assert read_lines(b"") == Found(head=None, records=[], end=0)


def test_whatever_is_missing_at_the_end_the_rest_is_good() -> None:
    ends = [0]
    for line in (HEAD, *RECORDS):
        ends.append(ends[-1] + len(encode_line(line)))
    for cut in range(ends[1], len(FILE) + 1):
        found = read_lines(FILE[:cut])
        whole = max(end for end in ends if end <= cut)
        assert (found.end, found.damaged) == (whole, 0)
        assert found.records == RECORDS[: ends.index(whole) - 1]


def test_what_the_disk_never_got_of_the_end_is_cut_off() -> None:
    found = read_lines(FILE + b"\0" * 40 + b"\n" + b"\0" * 9)
    assert (found.end, found.damaged, found.records) == (len(FILE), 0, RECORDS)


@pytest.mark.parametrize("place", range(len(encode_line(HEAD)), len(FILE) - 60))
def test_a_damaged_line_is_left_out_and_counted(place: int) -> None:
    damaged = FILE[:place] + bytes([FILE[place] ^ 1]) + FILE[place + 1 :]
    found = read_lines(damaged)
    assert found.damaged >= 1
    assert found.end == len(FILE)
    assert all(record in RECORDS for record in found.records)
    assert len(found.records) in (2, 3)


@pytest.mark.parametrize("content", [b"x", b"hello\nworld\n", b"\n", FILE[:20], b"\0" * 100])
def test_what_is_no_spool_is_not_touched(content: bytes) -> None:
    with pytest.raises(Unreadable, match="it is no spool"):
        read_lines(content)


def test_a_later_version_is_not_read() -> None:
    with pytest.raises(Unreadable, match="version 2: a newer program"):
        read_lines(encode_lines([Head(version=2, client_id="pi")]))


def test_a_line_of_something_else_is_none() -> None:
    for body in (b"{}", b'{"k":"x"}', b"[" * 100_000, b""):
        assert decode_line(b"%b %b" % (checksum_of(body), body)) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_it(content: bytes) -> None:
    found = read_lines(FILE + content)
    assert found.records[: len(RECORDS)] == RECORDS
