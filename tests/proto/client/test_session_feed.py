"""What one reader gets of a log: each event once, and what is not to be had as a gap."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from tests.chance import seeds

from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed, cuts_of
from agentgate_proto.errors import AgentGateConnectionError, AgentGateError, ErrorCode
from agentgate_proto.limits import EVENT_BYTES, FEED_BYTES_MAX
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.session_methods import Attached

AT = "2026-11-29T18:00:00Z"


def event(offset: int, kind: str = "note", count: int = 1, **data: Any) -> SessionEvent:
    raw = msgspec.Raw(msgspec.json.encode(data))
    return SessionEvent(offset=offset, count=count, kind=kind, at=AT, data=raw)


def text(offset: int, *deltas: str, **more: Any) -> SessionEvent:
    """Deltas of a text as one event."""
    cuts = [len("".join(deltas[: place + 1])) for place in range(len(deltas) - 1)]
    data = {"run": "r1", "text": "".join(deltas)} | ({"cuts": cuts} if cuts else {}) | more
    return event(offset, "text", len(deltas), **data)


def feed_at(offset: int, run: str = "") -> SessionFeed:
    return SessionFeed(Cursor("e1", offset), run)


def drain(feed: SessionFeed) -> list[Event]:
    events = []
    while (each := feed.next_event()) is not None:
        events.append(each)
    return events


def brief(events: list[Event]) -> list[tuple[str, int, int]]:
    return [(each.kind, each.offset, each.count) for each in events]


def test_events_are_handed_out_in_order_and_move_the_cursor_when_they_are_taken() -> None:
    feed = feed_at(3)
    feed.take(event(3, "tool_call", call="c1"))
    feed.take(text(4, "a", "b"))
    assert (feed.cursor, feed.wanted) == (Cursor("e1", 3), Cursor("e1", 6))
    assert feed.next_event() == Event(kind="tool_call", data={"call": "c1"}, offset=3, at=AT)
    assert feed.cursor == Cursor("e1", 4)
    second = feed.next_event()
    assert second is not None
    assert (second.offset, second.count, second.data["text"]) == (4, 2, "ab")
    assert feed.cursor == Cursor("e1", 6)
    assert feed.next_event() is None


def test_what_is_below_the_cursor_was_taken_before() -> None:
    feed = feed_at(5)
    for offset in range(8):
        feed.take(event(offset))
        feed.take(event(offset))
    assert [each.offset for each in drain(feed)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("offset", "said", "cuts"),
    [
        (10, "añ€😀e", [1, 2, 3, 4]),
        (11, "ñ€😀e", [1, 2, 3]),
        (13, "😀e", [1]),
        (14, "e", None),
    ],
)
def test_a_text_that_begins_below_the_cursor_is_cut_there(
    offset: int, said: str, cuts: list[int] | None
) -> None:
    feed = feed_at(offset)
    feed.take(text(10, "a", "ñ", "€", "😀", "e", style="loud"))
    [got] = drain(feed)
    assert (got.offset, got.count, got.at) == (offset, 15 - offset, AT)
    assert got.data == {"run": "r1", "text": said, "style": "loud"} | (
        {"cuts": cuts} if cuts else {}
    )


def test_an_empty_delta_is_one_of_them() -> None:
    feed = feed_at(11)
    feed.take(text(10, "ab", "", "c"))
    [got] = drain(feed)
    assert (got.data["text"], got.data["cuts"]) == ("c", [0])


@pytest.mark.parametrize(
    "odd",
    [
        {"text": "abc"},
        {"text": 7, "cuts": [1, 2]},
        {"text": "abc", "cuts": 7},
        {"text": "abc", "cuts": [1]},
        {"text": "abc", "cuts": [1, True]},
        {"text": "abc", "cuts": [2, 1]},
        {"text": "abc", "cuts": [1, 9]},
        {"text": "abc", "cuts": [-1, 1]},
    ],
)
def test_a_text_that_cannot_be_cut_is_not_to_be_had_and_nothing_of_it_twice(odd: Any) -> None:
    assert cuts_of(odd, 3) == []
    feed = feed_at(1)
    feed.take(event(0, "text", 3, **odd))
    feed.take(event(3))
    assert brief(drain(feed)) == [("gap", 1, 2), ("note", 3, 1)]


def test_a_gap_that_begins_below_the_cursor_begins_at_it() -> None:
    feed = feed_at(4)
    feed.take(event(2, "gap", 5, reason="retention"))
    [got] = drain(feed)
    assert (got.kind, got.offset, got.count, got.data) == ("gap", 4, 3, {"reason": "retention"})
    assert feed.cursor == Cursor("e1", 7)


def test_a_hole_that_nobody_told_is_told() -> None:
    feed = feed_at(0)
    feed.take(event(0))
    feed.take(event(4))
    assert brief(drain(feed)) == [("note", 0, 1), ("gap", 1, 3), ("note", 4, 1)]


def test_to_be_behind_moves_nothing() -> None:
    feed = feed_at(2)
    feed.take(event(9, "behind"))
    feed.take(event(2))
    assert brief(drain(feed)) == [("behind", 9, 1), ("note", 2, 1)]
    assert feed.cursor == Cursor("e1", 3)


@pytest.mark.parametrize("raw", [b"[1]", b'{"run": 1e999}', b'{"run": %b}' % (b"9" * 5_000)])
@pytest.mark.parametrize("kind", ["note", "run_ended"])
def test_data_that_cannot_be_read_says_nothing(raw: bytes, kind: str) -> None:
    feed = feed_at(0, "r1")
    feed.take(SessionEvent(offset=0, kind=kind, at=AT, data=msgspec.Raw(raw)))
    assert drain(feed)[0].data == {}
    assert not feed.ended


# Attaching


def test_without_a_cursor_it_begins_where_the_gateway_says() -> None:
    feed = SessionFeed(None)
    feed.take(event(0))
    assert (feed.cursor, feed.wanted, drain(feed)) == (None, None, [])
    feed.attached(Attached(epoch="e1", offset=7, next=9))
    assert feed.cursor == feed.wanted == Cursor("e1", 7)
    feed.take(event(7))
    assert brief(drain(feed)) == [("note", 7, 1)]


@pytest.mark.parametrize("offset", [0, 5])
def test_what_is_read_from_before_its_cursor_leaves_it_where_it_is(offset: int) -> None:
    feed = feed_at(5)
    feed.attached(Attached(epoch="e1", offset=offset, next=9))
    assert (feed.wanted, drain(feed)) == (Cursor("e1", 5), [])


@pytest.mark.parametrize(
    ("reply", "gap"),
    [
        (
            Attached(epoch="e1", offset=8, next=9, gap="retention", oldest=8),
            (5, 3, {"reason": "retention", "oldest": 8}),
        ),
        (
            Attached(epoch="e1", offset=2, next=2, gap="ahead", oldest=1),
            (5, 0, {"reason": "ahead", "oldest": 1}),
        ),
        (
            Attached(epoch="e2", offset=9, next=9, gap="epoch"),
            (5, 0, {"reason": "epoch", "oldest": 0}),
        ),
        (Attached(epoch="e2", offset=1, next=9), (5, 0, {})),
        (Attached(epoch="e1", offset=7, next=9), (5, 2, {})),
    ],
)
def test_what_begins_elsewhere_than_at_its_cursor_is_told_as_a_gap(
    reply: Attached, gap: tuple[int, int, dict[str, Any]]
) -> None:
    feed = feed_at(5)
    feed.attached(reply)
    [got] = drain(feed)
    assert (got.kind, got.at) == ("gap", "")
    assert (got.offset, got.count, got.data) == gap
    assert feed.cursor == feed.wanted == Cursor(reply.epoch, reply.offset)


# A run


def test_a_feed_of_a_run_ends_after_the_end_of_that_run() -> None:
    feed = feed_at(0, "r1")
    feed.take(event(0, "run_ended", run="r0"))
    assert not feed.ended
    feed.take(event(1, "run_ended", run="r1"))
    assert feed.ended
    feed.take(event(2))
    assert len(drain(feed)) == 2
    assert feed.error is None


def test_a_feed_of_a_session_does_not_end_with_a_run() -> None:
    feed = feed_at(0)
    feed.take(event(0, "run_ended", run="r1"))
    assert not feed.ended


@pytest.mark.parametrize(("offset", "after"), [(9, 0), (7, 2)])
def test_a_run_that_is_over_and_whose_end_is_lost_ends_with_what_there_is(
    offset: int, after: int
) -> None:
    feed = feed_at(0, "r1")
    feed.attached(Attached(epoch="e1", offset=offset, next=9, run="r2", gap="retention"))
    for place in range(offset, offset + after):
        assert not feed.ended
        feed.take(event(place))
    assert feed.ended
    assert len(drain(feed)) == 1 + after


def test_a_gap_in_a_run_that_is_under_way_does_not_end_it() -> None:
    feed = feed_at(0, "r1")
    feed.attached(Attached(epoch="e1", offset=9, next=9, run="r1", gap="retention"))
    assert not feed.ended


# The end


def test_what_waits_is_still_read_after_the_end_and_the_first_reason_counts() -> None:
    feed = feed_at(0)
    feed.take(event(0))
    error = AgentGateError(ErrorCode.SESSION_NOT_FOUND, "gone")
    feed.end(error)
    feed.end(AgentGateError(ErrorCode.INTERNAL_ERROR, "later"))
    feed.take(event(1))
    assert (feed.ended, feed.error) == (True, error)
    assert brief(drain(feed)) == [("note", 0, 1)]


def test_a_run_whose_client_is_closed_before_its_end_says_so() -> None:
    session, run = feed_at(0), feed_at(0, "r1")
    session.end(None)
    run.end(None)
    assert session.error is None
    assert isinstance(run.error, AgentGateConnectionError)


def test_a_feed_that_its_reader_has_closed_keeps_nothing() -> None:
    feed = feed_at(0, "r1")
    feed.take(event(0))
    feed.close()
    feed.end(None)
    assert (feed.ended, feed.error, feed.waiting_bytes, drain(feed)) == (True, None, 0, [])


# A slow reader


def test_a_feed_takes_so_much_and_goes_on_from_there_when_half_of_it_is_read() -> None:
    feed = feed_at(0)
    big = "x" * (FEED_BYTES_MAX // 8)
    offset = 0
    while not feed.full:
        feed.take(event(offset, text=big))
        offset += 1
    assert offset == 8
    assert FEED_BYTES_MAX < feed.waiting_bytes < FEED_BYTES_MAX + len(big) + EVENT_BYTES
    feed.take(event(offset))
    assert feed.wanted == Cursor("e1", offset)
    read = 0
    while feed.full:
        feed.next_event()
        read += 1
    assert read == 5
    feed.take(event(offset))
    assert [each.offset for each in drain(feed)] == [5, 6, 7, 8]
    assert feed.waiting_bytes == 0


# All at once


@pytest.mark.parametrize("seed", seeds(100))
def test_however_the_log_is_read_the_text_is_the_same(seed: int) -> None:
    """Read from places at or below the cursor, in rows merged at random, again and again."""
    rng = Random(seed)
    said = ["".join(rng.choices("aüλ😀", k=rng.randint(0, 3))) for _ in range(rng.randint(1, 40))]
    feed = feed_at(0)
    got: list[Event] = []
    while feed.wanted != Cursor("e1", len(said)):
        assert feed.wanted is not None
        place = rng.randint(0, feed.wanted.offset)
        feed.attached(Attached(epoch="e1", offset=place, next=len(said)))
        for _ in range(rng.randint(1, 5)):
            row = said[place : place + rng.randint(1, 5)]
            if row:
                feed.take(text(place, *row))
            place += len(row)
        if rng.random() < 0.5:
            got.extend(drain(feed))
    got.extend(drain(feed))
    assert "".join(each.data["text"] for each in got) == "".join(said)
    assert [each.offset for each in got] == [
        sum(each.count for each in got[:place]) for place in range(len(got))
    ]


def test_a_gap_does_not_end_a_run_that_waits_for_its_turn() -> None:
    feed = SessionFeed(Cursor("e", 3), "r2")
    feed.attached(
        Attached(epoch="e", offset=9, next=9, run="r1", waiting=["r2"], gap="retention", oldest=9)
    )
    assert not feed.ended
    feed = SessionFeed(Cursor("e", 3), "r2")
    feed.attached(Attached(epoch="e", offset=9, next=9, run="r1", gap="retention", oldest=9))
    assert feed.ended


def run_ended(offset: int, run: str) -> SessionEvent:
    data = msgspec.Raw(msgspec.json.encode({"run": run, "status": "completed"}))
    return SessionEvent(offset=offset, kind="run_ended", at="", data=data)


def lost(offset: int, count: int) -> SessionEvent:
    return SessionEvent(offset=offset, count=count, kind="gap", at="", data=msgspec.Raw(b"{}"))


@pytest.mark.parametrize("hole", [True, False])
def test_where_the_end_of_its_run_may_be_lost_it_asks_which_runs_there_are(hole: bool) -> None:
    feed = SessionFeed(Cursor("e", 3), "r2")
    feed.attached(Attached(epoch="e", offset=3, next=4, run="r2"))
    if hole:
        feed.take(run_ended(9, "r3"))
    else:
        feed.take(lost(3, 6))
    assert feed.in_doubt
    before = feed.wanted
    feed.take(run_ended(10, "r2"))
    assert (feed.wanted, feed.ended) == (before, False), "it takes nothing meanwhile"
    feed.attached(Attached(epoch="e", offset=9, next=20, run="r4"))
    assert (feed.in_doubt, feed.ended) == (False, False), "its end may yet come"
    feed.take(run_ended(19, "r4"))
    assert feed.ended


@pytest.mark.parametrize("reply", [{"run": "r2"}, {"run": "r1", "waiting": ["r2"]}])
def test_a_run_that_is_not_over_is_waited_for(reply: dict[str, Any]) -> None:
    feed = SessionFeed(Cursor("e", 3), "r2")
    feed.attached(Attached(epoch="e", offset=3, next=4, run="r1", waiting=["r2"]))
    feed.take(lost(3, 6))
    feed.attached(Attached(epoch="e", offset=9, next=9, **reply))
    assert not feed.ended
    feed.take(run_ended(9, "r1"))
    assert not feed.ended
    feed.take(run_ended(10, "r2"))
    assert feed.ended


def test_a_run_whose_end_the_log_has_no_more_when_it_is_joined_is_over() -> None:
    feed = SessionFeed(Cursor("e", 9), "r2")
    feed.attached(Attached(epoch="e", offset=9, next=12, run="r3"))
    assert not feed.ended
    feed.take(run_ended(11, "r3"))
    assert feed.ended
    feed = SessionFeed(Cursor("e", 9), "r2")
    feed.attached(Attached(epoch="e", offset=9, next=9))
    assert feed.ended


def test_who_follows_a_session_and_no_run_is_never_in_doubt() -> None:
    feed = SessionFeed(Cursor("e", 3))
    feed.attached(Attached(epoch="e", offset=3, next=4, run="r2"))
    feed.take(lost(3, 6))
    assert not feed.in_doubt
