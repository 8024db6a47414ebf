from __future__ import annotations

import msgspec

from agentgate_proto.records.session import (
    MERGED,
    WATCHED_ONLY,
    EventKind,
    LogRow,
    as_many_rows_as,
    log_row_bytes,
)


def row(first: int, text: str, count: int = 1, blocks: bytes = b"") -> LogRow:
    data = msgspec.Raw(msgspec.json.encode({"text": text}))
    return LogRow(first=first, count=count, kind=EventKind.TEXT, at=1.5, data=data, blocks=blocks)


def test_a_row_ends_where_the_next_begins() -> None:
    assert row(7, "abc", count=3).end == 10


def test_the_size_of_a_row_is_that_of_what_it_says_and_of_what_the_vendor_said() -> None:
    small = log_row_bytes(row(0, ""))
    assert log_row_bytes(row(0, "x" * 100)) == small + 100
    assert log_row_bytes(row(0, "", blocks=b"y" * 50)) == small + 50


def test_rows_are_taken_up_to_the_one_with_which_they_are_too_much() -> None:
    rows = [row(number, "x" * 1_000) for number in range(5)]
    each = log_row_bytes(rows[0])
    assert as_many_rows_as(rows, 0) == rows[:1]
    assert as_many_rows_as(rows, each) == rows[:2]
    assert as_many_rows_as(rows, 2 * each - 1) == rows[:2]
    assert as_many_rows_as(rows, 5 * each) == rows
    assert as_many_rows_as([], 0) == []


def test_what_is_merged_is_for_watchers_only() -> None:
    """A history is read without it: its rows need not be whole there."""
    assert set(MERGED) < set(WATCHED_ONLY)
