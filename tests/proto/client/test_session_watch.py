"""The readers of one session, and what is asked of the gateway for them."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from tests.chance import seeds
from tests.proto.client.test_session_feed import AT, brief, drain, event, feed_at, text

from agentgate_proto.client.session_feed import Cursor, Event, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.errors import AgentGateError, ErrorCode, SessionNotFound
from agentgate_proto.limits import FEED_BYTES_MAX
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    DetachSession,
    SessionEvents,
)


def attach(offset: int | None, epoch: str = "e1") -> AttachSession:
    return AttachSession(session="s1", epoch=epoch if offset is not None else "", offset=offset)


def events(*rows: SessionEvent) -> SessionEvents:
    return SessionEvents(session="s1", events=list(rows))


def attached(watch: SessionWatch, offset: int, next_offset: int = 100, **more: Any) -> None:
    watch.attached(Attached(epoch="e1", offset=offset, next=next_offset, **more))


def watched(*feeds: SessionFeed, offset: int) -> SessionWatch:
    """A watch that is attached from an offset on."""
    watch = SessionWatch("s1")
    for feed in feeds:
        watch.add(feed)
    assert watch.next_call() is not None
    attached(watch, offset)
    assert watch.next_call() is None
    return watch


def test_with_nobody_there_it_asks_for_nothing_and_may_be_forgotten() -> None:
    watch = SessionWatch("s1")
    assert watch.next_call() is None
    assert watch.is_over


def test_the_log_is_read_from_the_lowest_cursor_on() -> None:
    early, late = feed_at(3), feed_at(8)
    watch = SessionWatch("s1")
    watch.add(late)
    watch.add(early)
    assert watch.next_call() == attach(3)
    assert watch.next_call() is None
    assert not watch.is_over
    attached(watch, 3)
    assert watch.next_call() is None
    watch.take(events(*(event(offset) for offset in range(3, 10))))
    assert [each.offset for each in drain(early)] == list(range(3, 10))
    assert [each.offset for each in drain(late)] == [8, 9]


def test_a_reader_without_a_cursor_is_asked_for_first_and_the_others_again() -> None:
    follower, new = feed_at(3), SessionFeed(None)
    watch = watched(follower, offset=3)
    watch.add(new)
    assert watch.next_call() == attach(None)
    attached(watch, 7)
    assert new.wanted == Cursor("e1", 7)
    assert watch.next_call() == attach(3)
    attached(watch, 3)
    watch.take(events(*(event(offset) for offset in range(3, 9))))
    assert [each.offset for each in drain(follower)] == list(range(3, 9))
    assert [each.offset for each in drain(new)] == [7, 8]


def test_a_reader_that_comes_after_the_question_is_asked_for_next() -> None:
    feed, new = feed_at(3), SessionFeed(None)
    watch = SessionWatch("s1")
    watch.add(feed)
    assert watch.next_call() == attach(3)
    watch.add(new)
    attached(watch, 3)
    assert watch.next_call() == attach(None)


def test_nothing_is_taken_between_the_question_and_its_answer() -> None:
    follower, new = feed_at(3), feed_at(1)
    watch = watched(follower, offset=3)
    watch.add(new)
    assert watch.next_call() == attach(1)
    watch.take(events(event(3)))
    attached(watch, 1)
    watch.take(events(event(1), event(2), event(3)))
    assert brief(drain(new)) == [("note", 1, 1), ("note", 2, 1), ("note", 3, 1)]
    assert brief(drain(follower)) == [("note", 3, 1)]


def test_after_a_reconnect_it_goes_on_where_the_readers_are() -> None:
    feed = feed_at(0)
    watch = watched(feed, offset=0)
    watch.take(events(text(0, "a", "b")))
    watch.reconnected()
    assert watch.next_call() == attach(2)
    attached(watch, 2)
    watch.take(events(text(2, "c")))
    assert "".join(each.data["text"] for each in drain(feed)) == "abc"


def test_a_question_that_is_open_at_a_reconnect_is_made_again_by_the_call_book() -> None:
    feed = feed_at(4)
    watch = SessionWatch("s1")
    watch.add(feed)
    assert watch.next_call() == attach(4)
    watch.reconnected()
    assert watch.next_call() is None
    attached(watch, 4)
    watch.take(events(event(4)))
    assert brief(drain(feed)) == [("note", 4, 1)]


def test_when_the_last_reader_is_gone_it_detaches() -> None:
    feed = feed_at(0)
    watch = watched(feed, offset=0)
    feed.close()
    assert watch.next_call() == DetachSession(session="s1")
    assert watch.next_call() is None
    assert watch.is_over


def test_the_end_of_a_run_is_the_end_of_its_reader() -> None:
    run, session = feed_at(0, "r1"), feed_at(0)
    watch = watched(run, session, offset=0)
    watch.take(events(event(0, "run_ended", run="r1"), event(1)))
    assert run.ended
    assert watch.next_call() is None
    assert len(drain(session)) == 2
    session.close()
    assert watch.next_call() == DetachSession(session="s1")


def test_a_reader_that_is_slow_is_left_out_and_taken_in_again() -> None:
    slow, fast = feed_at(0), feed_at(0)
    watch = watched(slow, fast, offset=0)
    big = "x" * (FEED_BYTES_MAX + 1)
    watch.take(events(event(0, text=big), event(1)))
    assert slow.full
    assert fast.full
    assert watch.next_call() == DetachSession(session="s1")
    assert len(drain(fast)) == 1
    assert watch.next_call() == attach(1)
    attached(watch, 1)
    watch.take(events(event(1), event(2)))
    assert [each.offset for each in drain(fast)] == [1, 2]
    assert len(drain(slow)) == 1
    assert watch.next_call() == attach(1)
    attached(watch, 1)
    watch.take(events(event(1), event(2)))
    assert [each.offset for each in drain(slow)] == [1, 2]
    assert drain(fast) == []


def test_a_reader_that_became_full_while_it_was_asked_for_is_not_attached() -> None:
    slow, new = feed_at(0), feed_at(0)
    watch = watched(slow, offset=0)
    watch.take(events(event(0, text="x" * FEED_BYTES_MAX)))
    watch.add(new)
    assert watch.next_call() == attach(0)
    attached(watch, 0)
    watch.take(events(event(0), event(1)))
    assert [each.offset for each in drain(new)] == [0, 1]
    assert [each.offset for each in drain(slow)] == [0]
    assert watch.next_call() == attach(1)


def test_a_cursor_of_another_log_is_asked_for_alone() -> None:
    fine, odd = feed_at(4), SessionFeed(Cursor("e0", 2))
    watch = watched(fine, offset=4)
    watch.add(odd)
    assert watch.next_call() == attach(4)
    attached(watch, 4)
    assert watch.next_call() == attach(2, "e0")
    attached(watch, 1, gap="epoch", oldest=1)
    assert watch.next_call() is None
    watch.take(events(event(1), event(2), event(3), event(4)))
    assert brief(drain(odd)) == [("gap", 2, 0), *(("note", place, 1) for place in range(1, 5))]
    assert brief(drain(fine)) == [("note", 4, 1)]


def test_a_cursor_ahead_of_the_log_is_asked_for_alone_and_the_others_go_on() -> None:
    fine, ahead = feed_at(4), feed_at(50)
    watch = SessionWatch("s1")
    watch.add(fine)
    watch.add(ahead)
    assert watch.next_call() == attach(4)
    attached(watch, 4, 9)
    assert watch.next_call() == attach(50)
    attached(watch, 9, 9, gap="ahead")
    assert brief(drain(ahead)) == [("gap", 50, 0)]
    assert watch.next_call() == attach(4)
    attached(watch, 4, 9)
    assert watch.next_call() is None
    watch.take(events(*(event(offset) for offset in range(4, 11))))
    assert [each.offset for each in drain(fine)] == list(range(4, 11))
    assert [each.offset for each in drain(ahead)] == [9, 10]


def test_a_gateway_that_does_not_mind_a_cursor_ahead_is_not_asked_again() -> None:
    feed = feed_at(50)
    watch = SessionWatch("s1")
    watch.add(feed)
    assert watch.next_call() == attach(50)
    attached(watch, 9, 9)
    assert watch.next_call() is None


def test_a_refusal_is_told_to_those_who_wanted_it() -> None:
    feed, full = feed_at(0), feed_at(0)
    watch = watched(full, offset=0)
    watch.take(events(event(0, text="x" * FEED_BYTES_MAX)))
    watch.add(feed)
    assert watch.next_call() == attach(0)
    error = AgentGateError(ErrorCode.LIMIT_EXCEEDED, "too many")
    watch.refused(error)
    assert feed.error is error
    assert not full.ended
    assert watch.next_call() is None
    drain(full)
    assert watch.next_call() == attach(1)


def test_a_session_that_was_deleted_ends_every_reader() -> None:
    one, other = feed_at(0), feed_at(0)
    watch = watched(one, other, offset=0)
    gone = SessionEvent(offset=0, kind="gone", at=AT, data=msgspec.Raw(b"{}"))
    watch.take(events(event(0), gone, event(1)))
    for feed in (one, other):
        assert isinstance(feed.error, SessionNotFound)
        assert brief(drain(feed)) == [("note", 0, 1)]
    assert watch.is_over


def test_a_client_that_was_closed_answers_no_question_any_more() -> None:
    feed = feed_at(0)
    watch = SessionWatch("s1")
    watch.add(feed)
    assert watch.next_call() == attach(0)
    watch.closed(None)
    assert (feed.ended, feed.error) == (True, None)
    assert watch.is_over


def test_an_answer_that_comes_after_the_last_reader_left_is_followed_by_detaching() -> None:
    feed = feed_at(0)
    watch = SessionWatch("s1")
    watch.add(feed)
    assert watch.next_call() == attach(0)
    feed.close()
    assert watch.next_call() is None
    attached(watch, 0)
    assert watch.next_call() == DetachSession(session="s1")


class World:
    """A log of single letters, a gateway that merges them at random, a link that breaks."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.log = "".join(rng.choice("abcäöü😀") for _ in range(rng.randint(1, 200)))
        self.shown = 0
        self.sent: int | None = None
        self.question: AttachSession | None = None
        self.watch = SessionWatch("s1")
        self.readers: list[tuple[SessionFeed, int, list[Event]]] = []

    def step(self) -> None:
        rng = self.rng
        match rng.randint(0, 6):
            case 0 if len(self.readers) < 6:
                start = rng.randint(0, self.shown)
                feed = feed_at(start)
                self.readers.append((feed, start, []))
                self.watch.add(feed)
            case 1:
                self.sent = None
                self.watch.reconnected()
            case 2 if self.question is not None:
                self.answer()
            case 3 if self.sent is not None:
                self.send(rng.randint(1, 30))
            case 4 if self.readers:
                feed, _, got = rng.choice(self.readers)
                got.extend(drain(feed))
            case 5 if self.readers and rng.random() < 0.3:
                rng.choice(self.readers)[0].full = True  # as if it had been read slowly
            case _:
                self.shown = min(len(self.log), self.shown + rng.randint(0, 20))
        self.ask()

    def ask(self) -> None:
        call = self.watch.next_call()
        if isinstance(call, AttachSession):
            assert self.question is None
            self.question = call
        elif call is not None:
            self.sent = None

    def answer(self) -> None:
        assert self.question is not None
        assert self.question.offset is not None
        self.sent, self.question = self.question.offset, None
        attached(self.watch, self.sent, self.shown)

    def send(self, count: int) -> None:
        assert self.sent is not None
        rows = []
        while count > 0 and self.sent < self.shown:
            width = min(self.rng.randint(1, 7), self.shown - self.sent)
            rows.append(text(self.sent, *self.log[self.sent : self.sent + width]))
            self.sent += width
            count -= 1
        self.watch.take(events(*rows))

    def finish(self) -> None:
        """No more faults, and everybody reads."""
        self.shown = len(self.log)
        for _ in range(20):
            for feed, _, got in self.readers:
                got.extend(drain(feed))
                feed.full = False
            self.ask()
            if self.question is not None:
                self.answer()
            while self.sent is not None and self.sent < self.shown:
                self.send(30)


@pytest.mark.parametrize("seed", seeds(50))
def test_whoever_comes_whatever_breaks_each_reader_gets_all_from_its_cursor_on(seed: int) -> None:
    world = World(Random(seed))
    for _ in range(200):
        world.step()
    world.finish()
    for _, start, got in world.readers:
        assert "".join(each.data["text"] for each in got) == world.log[start:]


def test_who_is_in_doubt_about_its_run_is_attached_again_and_the_others_hear_of_it_too() -> None:
    watch = SessionWatch("s")
    one, other = SessionFeed(Cursor("e", 3), "r2"), SessionFeed(Cursor("e", 3), "r3")
    for feed in (one, other):
        watch.add(feed)
    assert isinstance(watch.next_call(), AttachSession)
    watch.attached(Attached(epoch="e", offset=3, next=9, run="r2", waiting=["r3"]))
    gap = SessionEvent(offset=3, count=6, kind="gap", at="", data=msgspec.Raw(b"{}"))
    watch.take(SessionEvents(session="s", events=[gap]))
    text = SessionEvent(offset=9, kind="note", at="", data=msgspec.Raw(b"{}"))
    late = SessionFeed(Cursor("e", 5))
    watch.add(late)
    call = watch.next_call()
    assert call == AttachSession(session="s", epoch="e", offset=5)
    watch.attached(Attached(epoch="e", offset=5, next=10, run="r3"))
    watch.take(SessionEvents(session="s", events=[text]))
    assert (one.ended, other.ended) == (True, False)
    assert (one.in_doubt, other.in_doubt) == (False, False)
