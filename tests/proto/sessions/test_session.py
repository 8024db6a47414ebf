"""A session in memory: what is new of it goes with the next write, what depends on that waits."""

from __future__ import annotations

import msgspec
import pytest
from tests.proto.session_models import model

from agentgate_proto.models.request import Encoded
from agentgate_proto.records.session import (
    EventKind,
    LogRow,
    OpenRun,
    SessionRecord,
    log_row_bytes,
)
from agentgate_proto.records.usage import UsageRow, UsageStatus
from agentgate_proto.sessions.effects import AckTool, AskTool, CallModel
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.run import Run
from agentgate_proto.sessions.session import Session

RUN = OpenRun(id="r", message_id="m", first=0, model="m", max_iterations=5, started_at=1.0)


def session(limits: SessionLimits | None = None, **members: object) -> Session:
    record = SessionRecord(
        id="s", principal="ann", epoch="e", model="m", created_at=1.0, updated_at=1.0
    )
    limits = limits or SessionLimits(ahead=10)
    return Session(msgspec.structs.replace(record, **members), History(10**6, 100), limits)


def usage(name: str, micros: int) -> UsageRow:
    return UsageRow(
        id=name,
        session="s",
        principal="ann",
        run="r",
        model="m",
        model_id="m-1",
        at=1.0,
        day="2027-01-15",
        status=UsageStatus.RESERVED,
        cost_micros=micros,
    )


def ask(call: str) -> AskTool:
    return AskTool(session="s", call=call, tool="t", args=msgspec.Raw(b"{}"))


def test_all_that_is_new_goes_with_one_write() -> None:
    one = session()
    one.log.append(EventKind.NOTE, {}, 1.0)
    one.account(usage("u", 5))
    one.account(usage("u", 7))
    change = one.change(2.0)
    assert [row.first for row in change.rows] == [0]
    assert [row.cost_micros for row in change.usage] == [7]
    assert (change.session.next, change.session.updated_at) == (1, 2.0)
    assert not one.has_news


def test_offsets_are_reserved_ahead_while_a_run_is_under_way_and_only_then() -> None:
    one = session()
    one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.reserved == 1
    one.stored()
    one.record = msgspec.structs.replace(one.record, run=RUN)
    assert one.change(1.0).session.reserved == 11
    assert one.log.reserved == 1, "not before that is durable"
    one.stored()
    assert one.log.reserved == 11
    for _ in range(5):
        one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.reserved == 11
    one.stored()
    one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.reserved == 17


def test_a_session_whose_process_died_goes_on_after_what_was_reserved() -> None:
    one = session(next=3, reserved=13)
    assert one.log.append(EventKind.NOTE, {}, 1.0) == 13
    assert one.log.start == 13


def test_what_depends_on_a_write_waits_for_that_one_or_for_the_next() -> None:
    one = session()
    one.then.append(AckTool("s", "first"))
    one.change(1.0)
    one.then.append(AckTool("s", "second"))
    assert one.stored() == [AckTool("s", "first")]
    one.change(1.0)
    assert one.stored() == [AckTool("s", "second")]


def test_a_write_that_failed_goes_with_the_next_and_what_came_since_wins() -> None:
    one = session()
    one.log.append(EventKind.NOTE, {}, 1.0)
    one.account(usage("u", 5))
    one.account(usage("v", 6))
    one.then.append(AckTool("s", "first"))
    one.change(1.0)
    one.account(usage("u", 7))
    one.then.append(AckTool("s", "second"))
    one.not_stored()
    assert one.urgent
    change = one.change(1.0)
    assert {row.id: row.cost_micros for row in change.usage} == {"u": 7, "v": 6}
    assert len(change.rows) == 1
    assert one.stored() == [AckTool("s", "first"), AckTool("s", "second")]


@pytest.mark.parametrize("is_written", [False, True])
def test_what_waits_for_a_write_can_be_taken_back(is_written: bool) -> None:
    one = session()
    model_call = CallModel(call="c1", session="s", model="m", request=Encoded(body=b"", spans=()))
    one.then.extend([AckTool("s", "c1"), ask("c1"), model_call, ask("c2")])
    if is_written:
        one.change(1.0)
    assert not one.take_back(AskTool, "c3")
    assert one.take_back(AskTool, "c1")
    assert not one.take_back(AskTool, "c1")
    assert one.take_back(CallModel, "c1")
    if not is_written:
        one.change(1.0)
    assert one.stored() == [AckTool("s", "c1"), ask("c2")]


def test_of_a_log_that_has_too_many_events_the_oldest_quarter_goes() -> None:
    one = session(SessionLimits(log_events_max=100))
    one.history.feed(one_row(one))
    for _ in range(100):
        one.log.append(EventKind.NOTE, {}, 1.0)
    change = one.change(1.0)
    assert (change.session.next, change.session.oldest) == (101, 26)
    assert one.history.messages == {}, "and so it is forgotten in memory"


def test_what_a_restart_would_read_of_the_run_under_way_stays_though_the_log_is_full() -> None:
    one = session(SessionLimits(log_events_max=100))
    one.run = run = Run(RUN, model())
    for _ in range(150):
        one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.oldest == RUN.first
    one.stored()
    run.step = 30
    assert one.change(1.0).session.oldest == 30
    one.stored()
    run.step = 120
    assert one.change(1.0).session.oldest == 75
    one.stored()
    run.step = 60  # as a log has it that was full before
    one.log.append(EventKind.NOTE, {}, 1.0)
    for _ in range(50):
        one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.oldest == 75


def test_how_far_a_run_has_come_is_stored_with_each_change() -> None:
    one = session()
    one.run = run = Run(RUN, model())
    run.iteration, run.cost_micros = 2, 7
    assert one.change(1.0).session.run == run.to_store
    one.not_stored()
    run.cost_micros = 9
    stored = one.change(1.0).session.run
    assert stored is not None
    assert stored.so_far is not None
    assert stored.so_far.cost_micros == 9
    one.stored()
    one.run = None  # its log could not be read
    assert one.change(1.0).session.run == stored


def one_row(one: Session) -> LogRow:
    one.log.append(EventKind.MESSAGE, {"run": "r", "message_id": "m", "text": "hi"}, 1.0)
    return one.log.newest()


def test_idle_is_what_nobody_uses_and_what_has_nothing_new() -> None:
    one = session()
    assert one.is_idle
    for name, busy, idle in (
        ("pins", 1, 0),
        ("is_going", True, False),
        ("run", Run(RUN, model()), None),
        ("late", {"c1"}, set()),
        ("then", [AckTool("s", "c1")], []),
    ):
        setattr(one, name, busy)
        assert not one.is_idle, name
        setattr(one, name, idle)
    one.log.append(EventKind.NOTE, {}, 1.0)
    assert not one.is_idle
    one.change(1.0)
    assert not one.is_idle
    one.stored()
    assert one.is_idle


def test_what_its_log_keeps_is_counted_once_whatever_fails() -> None:
    one = session(metadata=msgspec.Raw(b'{"a":1}'), log_bytes=7)
    one.log.append(EventKind.NOTE, {"a": "x" * 93}, 1.0)
    first = one.change(1.0)
    assert first.session.log_bytes == 7 + sum(map(log_row_bytes, first.rows)) > 400
    one.log.append(EventKind.NOTE, {}, 1.0)
    one.not_stored()
    again = one.change(1.0)
    assert again.session.log_bytes == 7 + sum(map(log_row_bytes, again.rows))
    one.stored()
    assert one.log_bytes == again.session.log_bytes
    one.then.append(AckTool("s", "c"))
    assert one.change(1.0).session.log_bytes == again.session.log_bytes


def test_of_a_log_that_forgets_its_oldest_the_part_that_is_left_counts() -> None:
    one = session(SessionLimits(log_events_max=100), metadata=msgspec.Raw(b"{}"), log_bytes=2)
    for _ in range(100):
        one.log.append(EventKind.NOTE, {}, 1.0)
    one.change(1.0)
    one.stored()
    one.log.append(EventKind.NOTE, {}, 1.0)
    change = one.change(1.0)
    assert change.session.oldest == 26
    assert change.session.log_bytes == 2 + (101 - 26) * 302


def test_what_is_forgotten_before_it_is_written_takes_nothing() -> None:
    one = session(SessionLimits(log_events_max=3))
    for _ in range(10):
        one.log.append(EventKind.NOTE, {}, 1.0)
    change = one.change(1.0)
    assert (change.session.oldest, change.session.log_bytes) == (8, 2 + 2 * 302)


@pytest.mark.parametrize(("name", "oldest"), [("agent:house", 11), ("s", 0)])
def test_a_session_that_lasts_forgets_its_oldest_events_when_it_is_large(
    name: str, oldest: int
) -> None:
    one = session(SessionLimits(log_bytes_max=40 * 302), id=name)
    for _ in range(40):
        one.log.append(EventKind.NOTE, {}, 1.0)
    assert one.change(1.0).session.oldest == 0
    one.stored()
    one.log.append(EventKind.NOTE, {}, 1.0)
    one.change(1.0)
    one.stored()
    one.then.append(AckTool("s", "c"))
    change = one.change(1.0)
    assert change.session.oldest == oldest
    assert change.session.log_bytes == (41 - oldest) * 302
