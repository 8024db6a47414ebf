"""What the engine answers about sessions where the plain comparison does not look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.session_samples import RUN, grown, row, session, usage

from agentgate_proto.records.session import (
    EventKind,
    FindSession,
    ListSessions,
    PutSession,
    ReadLog,
    Spent,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.storage import NO_BOUND, SessionQuery
from agentgate_proto.records.usage import UsageStatus, UsageSum
from agentgate_server.store.engine import StoreError
from agentgate_server.store.session_queries import first_of_month
from agentgate_server.store.sqlite import SqliteEngine

EVERYTHING = ReadLog("s1", 0, 1000, NO_BOUND)
NOON = 1_699_963_200.0
"""2023-11-14."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "store.db", utc=lambda: NOON)
    yield engine
    engine.close()


def test_the_month_begins_on_its_first_day_at_greenwich() -> None:
    assert first_of_month(NOON) == "2023-11-01"
    assert first_of_month(0.0) == "1970-01-01"
    assert first_of_month(1_701_388_799.9) == "2023-11-01"
    assert first_of_month(1_701_388_800.0) == "2023-12-01"


def test_a_list_begins_at_no_session_of_somebody_else(engine: SqliteEngine) -> None:
    for name, principal in (("s1", "ann"), ("s2", "ben"), ("s3", "ann")):
        engine.commit([PutSession(session(name, principal=principal))])
    assert [one.id for one in engine.answer_session(ListSessions("ann", 9, "s3"))] == ["s1"]
    assert engine.answer_session(ListSessions("ann", 9, "s2")) is None
    assert [one.id for one in engine.answer_session(ListSessions(None, 9, "s2"))] == ["s1"]


def test_a_cursor_between_two_deltas_of_a_text_finds_their_row(engine: SqliteEngine) -> None:
    engine.commit([PutSession(session("s1", next=7), (row(0, count=3), row(3, count=4)))])

    found = engine.answer_session(ReadLog("s1", 5, 1000, NO_BOUND))

    assert found == [row(3, count=4)]


def test_what_the_vendor_said_comes_with_the_history_only(engine: SqliteEngine) -> None:
    reply = row(1, EventKind.REPLY, blocks=b'[{"type":"text"}]')
    engine.commit([PutSession(session("s1", next=2), (row(0), reply))])

    history = engine.answer_session(ReadLog("s1", 0, 1000, NO_BOUND, history_only=True))
    watched = engine.answer_session(EVERYTHING)

    assert history == [reply]
    assert watched == [row(0), row(1, EventKind.REPLY)]


def test_a_restart_finds_runs_reservations_and_the_money_of_this_month(
    engine: SqliteEngine,
) -> None:
    running = session("s1", run=RUN, log_bytes=70)
    reserved = usage("u1", status=UsageStatus.RESERVED, cost_micros=900)
    last_month = usage("u0", day="2023-10-31", cost_micros=1)
    nobody_knows = usage("u2", cost_micros=None)
    settled = usage("u3", cost_micros=2**63 - 1)
    used = (reserved, last_month, nobody_knows, settled)
    engine.commit([PutSession(running, (), used), PutSession(session("s2", log_bytes=5))])

    found = engine.restore().sessions

    assert found.running == [running]
    assert found.reserved == [reserved]
    assert found.spent == [
        Spent(principal="agent", model="rehearsal", day="2023-11-14", micros=2**63 + 899)
    ]
    assert found.counts == {"agent": 2}
    assert found.log_bytes == {"agent": 75}


def test_of_nothing_there_is_a_total_and_no_other_sum(engine: SqliteEngine) -> None:
    assert engine.answer_session(SumUsage(UsageBy.TOTAL, None)) == [UsageSum(key="")]
    assert engine.answer_session(SumUsage(UsageBy.DAY, None)) == []


@pytest.mark.parametrize(
    ("damage", "query"),
    [
        ("UPDATE sessions SET run = '{'", FindSession("s1")),
        ("UPDATE sessions SET principal = x'ff'", ListSessions(None, 10)),
        ("UPDATE sessions SET oldest = 'low'", EVERYTHING),
        ("UPDATE session_log SET kind = 'shout'", EVERYTHING),
        ("UPDATE session_log SET data = 7", EVERYTHING),
        ("UPDATE usage SET model = x'00'", SumUsage(UsageBy.MODEL, None)),
        ("UPDATE sessions SET run = 'no'", None),
        ("UPDATE usage SET prices = x'00', status = 'reserved'", None),
        ("UPDATE usage SET model = x'00', day = '2099'", None),
    ],
)
def test_a_row_that_nobody_wrote_so_is_said_and_not_guessed_at(
    tmp_path: Path, engine: SqliteEngine, damage: str, query: SessionQuery | None
) -> None:
    engine.commit([grown("s1", 1), PutSession(session("s2"), (), (usage("u1"),))])
    shell = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    assert shell.execute(damage).rowcount
    shell.close()

    with pytest.raises(StoreError, match=r"^damaged: "):
        engine.restore() if query is None else engine.answer_session(query)


def test_text_that_is_no_unicode_does_not_keep_its_neighbours_from_being_stored(
    engine: SqliteEngine,
) -> None:
    engine.commit([PutSession(session("s1", user_id="a\ud800b")), PutSession(session("s2"))])

    assert engine.answer_session(FindSession("s1")) == session("s1", user_id="a?b")
    assert engine.answer_session(FindSession("s2")) == session("s2")


def test_a_file_that_cannot_be_read_is_said(engine: SqliteEngine) -> None:
    engine.execute("DROP TABLE session_log")
    engine.commit([PutSession(session("s1"))])

    with pytest.raises(StoreError):
        engine.answer_session(EVERYTHING)
