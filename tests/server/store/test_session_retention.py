"""Sessions in which nothing happens go, a few rows at a time; what they have cost stays longer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.model import DAY_S
from tests.server.store.session_samples import RUN, grown, session, usage

from agentgate_proto.records.session import (
    DropSession,
    FindSession,
    ListSessions,
    PutSession,
    ReadLog,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.storage import NO_BOUND
from agentgate_proto.records.usage import UsageStatus
from agentgate_server.store.session_retention import PRUNE_ROWS_MAX
from agentgate_server.store.sqlite import SqliteEngine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    path = tmp_path / "store.db"
    engine = SqliteEngine(path, keep_session_days=10.0, keep_usage_days=20.0)
    yield engine
    engine.close()


def pruned(engine: SqliteEngine, day: float, ran_s: float = math.inf) -> int:
    """Prune until there is nothing left to be, drop what is found to be kept no longer, and say how
    many rows went."""
    deleted = 0
    while step := engine.prune(day * DAY_S, ran_s):
        deleted += step
        ran_s = 0.0
    found = engine.sessions.take_idle()
    engine.commit([DropSession(one.session, one.principal) for one in found])
    while step := engine.prune(day * DAY_S, 0.0):
        deleted += step
    engine.sessions.take_idle()
    return deleted


def kept(engine: SqliteEngine) -> list[str]:
    found = engine.answer_session(ListSessions(None, 1000))
    assert isinstance(found, list)
    return [one.id for one in found]


def count(engine: SqliteEngine, table: str) -> int:
    sql = {
        "sessions": "SELECT count(*) FROM sessions",
        "session_log": "SELECT count(*) FROM session_log",
        "usage": "SELECT count(*) FROM usage",
    }
    return int(engine.execute(sql[table]).fetchone()[0])


def test_a_session_goes_when_nothing_has_happened_for_its_days(engine: SqliteEngine) -> None:
    engine.commit(
        [
            grown("old", 2, updated_at=1.0 * DAY_S),
            grown("runs", 2, updated_at=1.0 * DAY_S, run=RUN),
            grown("new", 2, updated_at=5.0 * DAY_S),
        ]
    )

    assert pruned(engine, 11.0) == 0
    assert pruned(engine, 11.1) == 3
    assert kept(engine) == ["new", "runs"]
    assert count(engine, "session_log") == 4
    assert engine.sessions.take_forgotten() == ["old"]
    assert pruned(engine, 100.0) == 3
    assert kept(engine) == ["runs"]
    assert engine.sessions.take_forgotten() == ["new"]
    assert engine.sessions.take_forgotten() == []


def test_a_clock_that_leaps_deletes_nothing(engine: SqliteEngine) -> None:
    engine.commit([grown("s1", 1, updated_at=1.0 * DAY_S)])
    engine.commit([PutSession(session("s2", updated_at=2.0 * DAY_S), (), (usage("u1", at=9.0),))])

    assert pruned(engine, 20_000.0, ran_s=60.0) == 0
    assert pruned(engine, 20_000.0, ran_s=9.0 * DAY_S) == 0
    assert pruned(engine, 20_000.0, ran_s=1.5 * DAY_S) == 2
    assert kept(engine) == ["s2"]
    assert count(engine, "usage") == 1


def test_a_session_that_is_dropped_is_gone_at_once_and_its_log_bit_by_bit(
    engine: SqliteEngine,
) -> None:
    rows = PRUNE_ROWS_MAX + 20
    engine.commit([grown("s1", rows), PutSession(session("s2"), (), (usage("u1", session="s1"),))])

    engine.commit([DropSession("s1", "agent")])

    assert engine.answer_session(FindSession("s1")) is None
    assert engine.answer_session(ReadLog("s1", 0, 1000, NO_BOUND)) == []
    assert kept(engine) == ["s2"]
    assert engine.prune(1.0, 1.0) == PRUNE_ROWS_MAX
    assert (count(engine, "sessions"), count(engine, "session_log")) == (2, 20)
    assert engine.prune(1.0, 1.0) == 21
    assert (count(engine, "sessions"), count(engine, "session_log")) == (1, 0)
    assert engine.prune(1.0, 1.0) == 0
    assert count(engine, "usage") == 1


def test_nobody_drops_a_session_of_somebody_else(engine: SqliteEngine) -> None:
    engine.commit([grown("s1", 1)])

    engine.commit([DropSession("s1", "agent2"), DropSession("nobody's", "agent")])

    assert kept(engine) == ["s1"]


def test_a_session_made_anew_does_not_find_the_log_of_the_one_before(
    engine: SqliteEngine,
) -> None:
    engine.commit([grown("s1", 300), DropSession("s1", "agent")])
    engine.commit([grown("s1", 1)])
    everything = ReadLog("s1", 0, 1000, NO_BOUND)
    before = engine.answer_session(everything)

    assert pruned(engine, 1.0) == 301
    assert engine.answer_session(everything) == before
    assert len(before or ()) == 1


def test_usage_goes_after_its_days_and_never_while_it_is_reserved(engine: SqliteEngine) -> None:
    used = (
        usage("old", at=1.0 * DAY_S),
        usage("open", at=1.0 * DAY_S, status=UsageStatus.RESERVED),
        usage("new", at=30.0 * DAY_S),
    )
    engine.commit([PutSession(session("s1", updated_at=30.0 * DAY_S), (), used)])

    assert pruned(engine, 21.0) == 0
    assert pruned(engine, 30.0) == 1
    assert [row.id for row in engine.restore().sessions.reserved] == ["open"]
    (total,) = engine.answer_session(SumUsage(UsageBy.TOTAL, None)) or ()
    assert total.requests == 2


def test_much_usage_goes_in_steps(engine: SqliteEngine) -> None:
    used = tuple(usage(f"u{number}", at=1.0) for number in range(PRUNE_ROWS_MAX + 5))
    engine.commit([PutSession(session("s1", updated_at=100.0 * DAY_S, run=RUN), (), used)])

    assert engine.prune(100.0 * DAY_S, math.inf) == PRUNE_ROWS_MAX
    assert engine.prune(100.0 * DAY_S, 0.0) == 5
    assert engine.prune(100.0 * DAY_S, 0.0) == 0


def test_of_too_much_usage_the_oldest_goes_early_but_none_of_this_month(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.sessions.usage_rows_max = 3
    used = (
        usage("open", at=40.0 * DAY_S, day="1970-02-10", status=UsageStatus.RESERVED),
        *(usage(f"old{n}", at=41.0 * DAY_S, day="1970-02-11") for n in range(3)),
        *(usage(f"new{n}", at=60.0 * DAY_S, day="1970-03-02") for n in range(2)),
    )
    engine.commit([PutSession(session("s1", updated_at=60.0 * DAY_S, run=RUN), (), used)])

    assert pruned(engine, 58.9) == 0  # the end of February: all of it counts
    assert pruned(engine, 60.0) == 2
    assert left(engine) == ["new0", "new1", "old2", "open"]
    assert "2 went before sessions.keep_usage_days" in caplog.text

    engine.sessions.usage_rows_max = 1
    assert pruned(engine, 60.0) == 1
    assert pruned(engine, 60.0) == 0
    assert left(engine) == ["new0", "new1", "open"]


def left(engine: SqliteEngine) -> list[str]:
    return [usage_id for (usage_id,) in engine.execute("SELECT id FROM usage ORDER BY id")]


@pytest.mark.parametrize("setting", ["keep_session_days", "keep_usage_days"])
def test_a_retention_of_nothing_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        SqliteEngine(tmp_path / "other.db", **{setting: 0.0})
