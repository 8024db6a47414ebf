"""What will not be kept as long as was promised is seen coming, and so is a clock that is off."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.server.store.samples import done

from agentgate_proto.records.storage import Put
from agentgate_server.store.audit_rows import AuditRows
from agentgate_server.store.looking import look_at_store
from agentgate_server.store.pace import Promises, clock_doubts, pace_doubts
from agentgate_server.store.sqlite import SqliteEngine

DAY_S = 86_400.0
NOW = 1_800_000_000.0
LARGE = Promises(365.0, 10**9, 10**15)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "gate.db", utc=clock)
    yield engine
    engine.close()


def fill(engine: SqliteEngine, clock: Clock, count: int, hours: float, size: int = 10) -> None:
    """So many requests, spread over the last hours; evil makes three of four."""
    text = "x" * size
    args = msgspec.Raw(msgspec.json.encode({"text": text}))
    for number in range(count):
        clock.now = NOW - hours * 3_600.0 * (1 - number / count)
        who = "good" if number % 4 == 0 else "evil"
        row = done(f"r{number}", at=clock.now, created_at=clock.now, principal=who, args=args)
        engine.commit([Put(row)])
    clock.now = NOW


def settings(engine: SqliteEngine, requests: Promises, audit: Promises = LARGE) -> list[str]:
    return [each.setting for each in pace_doubts(engine.connection, NOW, requests, audit)]


def test_a_cap_that_is_too_small_for_the_pace_is_named_with_what_it_holds(
    engine: SqliteEngine, clock: Clock
) -> None:
    fill(engine, clock, 240, hours=12)
    (doubt,) = pace_doubts(engine.connection, NOW, Promises(7.0, 960, 10**15), LARGE)
    assert doubt.setting == "storage.keep_rows_max"
    assert doubt.text == (
        "at the pace of the last day storage.keep_rows_max (960) holds 2.0 days, and"
        " storage.keep_days promises 7: raise it, or find out who asks so much; most of the newest"
        " are of evil"
    )
    assert settings(engine, Promises(7.0, 4_000, 10**15)) == []
    assert settings(engine, Promises(7.0, 4_000, 1_000_000)) == ["storage.keep_bytes_max"]
    assert settings(engine, LARGE, Promises(7.0, 960, 10**15)) == ["audit.keep_entries_max"]
    assert settings(engine, LARGE, Promises(7.0, 10**9, 200_000)) == ["audit.keep_bytes_max"]


def test_what_was_deleted_counts_and_what_is_older_than_a_day_does_not(
    engine: SqliteEngine, clock: Clock
) -> None:
    fill(engine, clock, 480, hours=48)
    promised = Promises(7.0, 2_000, 10**15)
    assert settings(engine, promised) == [], "240 a day"
    assert settings(engine, Promises(7.0, 1_000, 10**15)) == ["storage.keep_rows_max"]
    engine.execute("DELETE FROM requests WHERE seq BETWEEN 300 AND 470")
    assert settings(engine, Promises(7.0, 1_000, 10**15)) == ["storage.keep_rows_max"]
    assert settings(engine, promised) == []


@pytest.mark.parametrize("hours", [0.5, 0.0])
def test_a_burst_says_nothing_of_a_pace(engine: SqliteEngine, clock: Clock, hours: float) -> None:
    fill(engine, clock, 50, hours=hours)
    assert settings(engine, Promises(7.0, 1, 1), Promises(7.0, 1, 1)) == []


def test_what_came_long_ago_or_never_says_nothing(engine: SqliteEngine, clock: Clock) -> None:
    tight = Promises(7.0, 1, 1)
    assert settings(engine, tight, tight) == []
    clock.now = NOW
    fill(engine, clock, 5, hours=30)
    assert pace_doubts(engine.connection, NOW + 2 * DAY_S, tight, tight) == []


def test_it_is_found_in_a_few_steps(engine: SqliteEngine, clock: Clock) -> None:
    fill(engine, clock, 400, hours=40)
    asked: list[str] = []
    engine.connection.set_trace_callback(asked.append)
    settings(engine, LARGE)
    engine.connection.set_trace_callback(None)
    assert len(asked) < 2 * 2 * math.log2(400) + 10


def test_retention_looks_ahead_when_nothing_is_left_to_go(tmp_path: Path, clock: Clock) -> None:
    audit = AuditRows(keep_entries_max=100)
    engine = SqliteEngine(tmp_path / "other.db", keep_rows_max=300, audit=audit, utc=clock)
    fill(engine, clock, 240, hours=12)
    assert engine.doubts == []
    while engine.prune(NOW, math.inf):
        pass
    found = [(doubt.setting, doubt.is_past) for doubt in engine.doubts]
    assert found == [
        ("storage.keep_rows_max", False),
        ("audit.keep_entries_max", False),
        ("audit.keep_entries_max", True),
    ]
    assert "; most of its entries are of evil" in engine.doubts[1].text
    engine.close()


def test_a_clock_behind_the_newest_entry_is_doubted(
    tmp_path: Path, engine: SqliteEngine, clock: Clock
) -> None:
    assert clock_doubts(engine.connection, 0.0) == [], "there is none"
    fill(engine, clock, 3, hours=1)
    last = NOW - 1_200.0
    assert clock_doubts(engine.connection, last - 59.0) == []
    (doubt,) = clock_doubts(engine.connection, last - 6 * 365 * DAY_S)
    assert doubt == (
        "the system's clock shows 2021-01-16T07:40:00.000Z, and the newest entry of the audit is"
        " of 2027-01-15T07:40:00.000Z: set the clock, or times in the audit and of approvals will"
        " be wrong"
    )
    engine.close()
    again = SqliteEngine(engine.path, utc=lambda: 86_400.0)
    assert len(again.clock_doubts) == 1
    assert look_at_store(engine.path, lambda db: clock_doubts(db, 86_400.0)) == again.clock_doubts
    again.close()


def test_a_time_that_is_none_is_shown_as_it_is(engine: SqliteEngine, clock: Clock) -> None:
    fill(engine, clock, 1, hours=1)
    (doubt,) = clock_doubts(engine.connection, -1e300)
    assert "shows second -1e+300" in doubt


def test_an_older_database_is_not_asked(tmp_path: Path, engine: SqliteEngine) -> None:
    engine.close()
    shell = sqlite3.connect(engine.path)
    shell.execute("PRAGMA user_version = 1")
    shell.close()
    assert look_at_store(engine.path, lambda db: clock_doubts(db, 0.0)) == []
