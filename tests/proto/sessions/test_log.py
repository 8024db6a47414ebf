"""The log: an event has one offset for ever, and whoever reads gets all, or is told of the gap."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chance import examples
from tests.proto.session_seen import events_in

from agentgate_proto.records.session import EventKind, LogRow
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.sessions.log import TEXT_ROW_BYTES_MAX, Log, events_of

TEXT, THINKING, NOTE, MESSAGE, REPLY = (
    EventKind.TEXT,
    EventKind.THINKING,
    EventKind.NOTE,
    EventKind.MESSAGE,
    EventKind.REPLY,
)


def open_log() -> Log:
    """A log of which everything may be shown."""
    return Log(0, 0, 1_000)


def told(events: list[SessionEvent] | None) -> list[tuple[int, int, str]]:
    """Offsets, counts and kinds."""
    assert events is not None
    return [(event.offset, event.count, event.kind) for event in events]


def data(event: SessionEvent | LogRow) -> Any:
    return msgspec.json.decode(event.data)


def test_events_get_their_offsets_when_they_are_appended() -> None:
    log = open_log()
    assert log.append(NOTE, {"text": "one"}, 1.0) == 0
    assert log.append_delta(TEXT, "r", "two", 1.0) == 1
    assert log.append_delta(TEXT, "r", "three", 1.0) == 2
    assert log.next == 3


def test_deltas_that_come_together_are_one_row_that_knows_where_each_ends() -> None:
    log = open_log()
    for text in ("Grü", "ße", "!"):
        log.append_delta(TEXT, "r", text, 1.0)
    (row,) = log.take()
    assert (row.first, row.count, row.kind) == (0, 3, TEXT)
    assert data(row) == {"run": "r", "text": "Grüße!", "cuts": [3, 5]}


@pytest.mark.parametrize("kind", [THINKING, NOTE])
def test_deltas_do_not_join_across_anything_else(kind: EventKind) -> None:
    log = open_log()
    log.append_delta(TEXT, "r", "a", 1.0)
    if kind is NOTE:
        log.append(NOTE, {}, 1.0)
    else:
        log.append_delta(kind, "r", "x", 1.0)
    log.append_delta(TEXT, "r", "b", 1.0)
    assert [row.count for row in log.take()] == [1, 1, 1]


def test_deltas_of_another_run_are_another_row() -> None:
    log = open_log()
    log.append_delta(TEXT, "r1", "a", 1.0)
    log.append_delta(TEXT, "r2", "b", 1.0)
    assert [row.count for row in log.take()] == [1, 1]


def test_what_was_taken_grows_no_more() -> None:
    log = open_log()
    log.append_delta(TEXT, "r", "a", 1.0)
    log.take()
    log.append_delta(TEXT, "r", "b", 1.0)
    assert [(row.first, row.count) for row in log.take()] == [(1, 1)]
    assert not log.has_new


def test_a_row_of_text_has_an_end() -> None:
    log = open_log()
    for _ in range(4):
        log.append_delta(TEXT, "r", "x" * (TEXT_ROW_BYTES_MAX // 2), 1.0)
    assert [row.count for row in log.take()] == [2, 2]


def test_a_cursor_between_two_deltas_stays_good_when_they_were_merged() -> None:
    log = open_log()
    for text in ("a", "bc", "d"):
        log.append_delta(TEXT, "r", text, 1.0)
    (event,) = log.read(1, 1_000) or []
    assert (event.offset, event.count, data(event)["text"]) == (1, 2, "bcd")
    rows = log.take()
    assert events_of(rows, 1, 3) == [event], "the store tells the same"


def test_what_must_be_durable_to_be_shown_hides_itself_and_all_that_follows() -> None:
    log = open_log()
    log.append_delta(TEXT, "r", "a", 1.0)
    log.append(REPLY, {}, 1.0)
    log.append_delta(TEXT, "r", "b", 1.0)
    assert (log.visible, told(log.read(0, 1_000))) == (1, [(0, 1, "text")])
    log.take()
    log.durable(2)
    assert told(log.read(0, 1_000)) == [(0, 1, "text"), (1, 1, "reply"), (2, 1, "text")]


def test_each_event_that_must_be_durable_is_shown_when_it_is_and_no_sooner() -> None:
    log = open_log()
    log.append(MESSAGE, {}, 1.0)
    log.take()
    log.append(REPLY, {}, 1.0)
    log.durable(1)
    assert told(log.read(0, 1_000)) == [(0, 1, "message")]


def test_text_beyond_the_offsets_that_are_reserved_is_shown_later() -> None:
    log = Log(0, 0, 2)
    for text in "abcd":
        log.append_delta(TEXT, "r", text, 1.0)
    assert told(log.read(0, 1_000)) == [(0, 2, "text")]
    assert told(log.read(2, 1_000)) == []
    log.reserved = 3
    assert told(log.read(2, 1_000)) == [(2, 1, "text")]


def test_what_was_put_back_is_taken_again_with_what_came_since() -> None:
    log = open_log()
    log.append(MESSAGE, {}, 1.0)
    log.append_delta(TEXT, "r", "a", 1.0)
    log.take()
    log.put_back()
    log.append_delta(TEXT, "r", "b", 1.0)
    assert [(row.first, row.count) for row in log.take()] == [(0, 1), (1, 2)]


def test_what_is_durable_is_not_put_back() -> None:
    log = open_log()
    log.append(NOTE, {}, 1.0)
    log.take()
    log.durable(1)
    log.append(NOTE, {}, 1.0)
    log.take()
    log.put_back()
    assert [row.first for row in log.take()] == [1]


def test_what_was_undone_was_never_there() -> None:
    log = open_log()
    log.append(NOTE, {"text": "kept"}, 1.0)
    size = log.unwritten_bytes
    log.append(MESSAGE, {}, 1.0)
    log.append(EventKind.RUN_STARTED, {}, 1.0)
    log.undo(1)
    assert (log.next, log.visible, log.unwritten_bytes) == (1, 1, size)
    assert log.append(NOTE, {"text": "next"}, 1.0) == 1


def test_only_what_is_durable_is_left_to_the_store() -> None:
    log = open_log()
    for _ in range(3):
        log.append(NOTE, {"text": "x" * 100}, 1.0)
    log.take()
    log.trim(0)
    assert (log.start, told(log.read(0, 10_000))[0]) == (0, (0, 1, "note"))
    log.durable(2)
    log.trim(500)
    assert (log.start, log.read(0, 1_000)) == (1, None)
    log.trim(0)
    assert (log.start, told(log.read(2, 1_000))) == (2, [(2, 1, "note")])
    assert log.unwritten_bytes > 0
    log.durable(3)
    assert log.unwritten_bytes == 0


def test_a_reader_gets_no_more_than_it_wants_but_for_one_event() -> None:
    log = open_log()
    for _ in range(5):
        log.append(NOTE, {}, 1.0)
    assert len(log.read(0, 0) or []) == 1
    assert len(log.read(0, 10_000) or []) == 5


def test_blocks_are_stored_and_never_shown() -> None:
    log = open_log()
    log.append(REPLY, {"text": "a"}, 1.0, b"[secret]")
    assert log.newest().blocks == b"[secret]"
    assert log.take()[0].blocks == b"[secret]"
    log.durable(1)
    assert b"secret" not in msgspec.json.encode(log.read(0, 1_000))


def row(first: int, kind: EventKind, body: bytes, count: int = 1) -> LogRow:
    return LogRow(first=first, count=count, kind=kind, at=1.0, data=msgspec.Raw(body))


def test_holes_are_told_as_gaps_before_between_and_after() -> None:
    rows = [row(2, NOTE, b"{}"), row(5, TEXT, b'{"run":"r","text":"ab","cuts":[1]}', 2)]
    assert told(events_of(rows, 0, 9)) == [
        (0, 2, "gap"),
        (2, 1, "note"),
        (3, 2, "gap"),
        (5, 2, "text"),
        (7, 2, "gap"),
    ]


def test_rows_before_the_cursor_are_passed_over_and_nothing_at_all_is_one_gap() -> None:
    assert told(events_of([row(2, NOTE, b"{}"), row(3, NOTE, b"{}")], 3, 4)) == [(3, 1, "note")]
    assert told(events_of([], 3, 7)) == [(3, 4, "gap")]
    assert events_of([], 3, 3) == []


class Played:
    """A log and a store beside the plain list of what was said; offsets are reserved a few ahead.

    Attributes:
        plain: the events, by offset.
        lost: offsets that a crash took along.
    """

    def __init__(self) -> None:
        self.log = Log(0, 0, 0)
        self.store: dict[int, LogRow] = {}
        self.next, self.reserved = 0, 0
        self.plain: dict[int, tuple[str, str]] = {}
        self.seen: dict[int, tuple[str, str]] = {}
        self.lost: set[int] = set()
        self.written: tuple[tuple[LogRow, ...], int, int] | None = None

    def append(self, kind: EventKind, text: str) -> None:
        if kind in (TEXT, THINKING):
            offset = self.log.append_delta(kind, "r", text, 1.0)
        else:
            offset = self.log.append(kind, {"text": text}, 1.0)
        self.plain[offset] = kind.value, text

    def take(self) -> None:
        if self.written is None:
            self.written = self.log.take(), self.log.next, self.log.next + 5

    def store_it(self) -> None:
        if self.written is not None:
            rows, self.next, self.reserved = self.written
            self.store.update((row.first, row) for row in rows)
            self.written = None
            self.log.durable(self.next)
            self.log.reserved = self.reserved

    def refuse_it(self) -> None:
        if self.written is not None:
            self.written = None
            self.log.put_back()

    def crash(self) -> None:
        self.written = None
        for offset in [offset for offset in self.plain if offset >= self.next]:
            del self.plain[offset]
        self.lost |= set(range(self.next, self.reserved))
        self.log = Log(0, self.reserved, self.reserved)

    def read(self, cursor: int, bytes_max: int) -> None:
        """Read everything from a cursor on, and compare it with the list."""
        offset = cursor
        while True:
            events = self.log.read(offset, bytes_max)
            if events is None:
                rows = [each for _, each in sorted(self.store.items()) if each.end > offset]
                end = rows[1].end if len(rows) > 2 else self.log.start
                events = events_of(rows[:2], offset, end)
            for event in events:
                assert event.offset == offset
                for place, content in enumerate(events_in(event), offset):
                    self.compare(place, content)
                offset += event.count
            if not events:
                assert offset == max(self.log.visible, cursor), "there is no more"
                return

    def compare(self, place: int, content: tuple[str, Any]) -> None:
        kind, said = content
        if kind == "gap":
            assert place in self.lost
            return
        text = said if isinstance(said, str) else said["text"]
        assert self.plain[place] == (kind, text)
        assert self.seen.setdefault(place, (kind, text)) == (kind, text)


kinds = st.sampled_from([TEXT, TEXT, TEXT, THINKING, NOTE, MESSAGE, REPLY])
steps = st.one_of(
    st.tuples(st.just("append"), kinds, st.text(min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["take", "store_it", "store_it", "refuse_it", "crash"])),
    st.tuples(st.just("trim"), st.integers(0, 1_500)),
    st.tuples(st.just("read"), st.integers(0, 40), st.sampled_from([0, 400, 5_000])),
)


@settings(max_examples=examples(400))
@given(st.lists(steps, max_size=60))
def test_whatever_happens_a_reader_gets_the_plain_list_with_gaps_where_a_crash_took_text(
    steps: list[Any],
) -> None:
    played = Played()
    for name, *args in steps:
        if name == "trim":
            played.log.trim(args[0])
        elif name == "read":
            played.read(min(args[0], played.log.visible), args[1])
        else:
            getattr(played, name)(*args)
    played.read(0, 400)
    played.take()
    played.store_it()
    played.read(0, 400)
    assert sorted(played.plain) == [n for n in range(played.log.next) if n not in played.lost]
