"""The queries about sessions use their indexes, and the changes of many become few statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tests.server.store.samples import put
from tests.server.store.session_samples import grown, row, session, usage

from agentgate_proto.records.session import (
    WATCHED_ONLY,
    DropSession,
    PutSession,
    ReadLog,
)
from agentgate_proto.records.storage import NO_BOUND, Change, ListRequests
from agentgate_server.store import session_statements as statements
from agentgate_server.store.engine import StoreError
from agentgate_server.store.session_rows import LOG_COLUMNS
from agentgate_server.store.session_statements import (
    ROWS_MAX,
    TRIM_ROWS_MAX,
    UNUSED,
    append_sql,
    plan,
    trim_sql,
)
from agentgate_server.store.sqlite import SqliteEngine

SORTED = ("RUNNING", "RESERVED")
"""These sort what they find: a few rows, at a start."""

QUERIES = {
    name: getattr(statements, name)
    for name in (
        *(
            "FIND_SESSION",
            "SESSION_PLACE",
            "COUNT_SESSIONS",
            "LIST_SESSIONS",
            "LIST_SESSIONS_PRINCIPAL",
            "RUNNING",
        ),
        *("READ_LOG", "READ_HISTORY", "RESERVED", "OLDEST_IDLE", "OLDEST_USAGE"),
        *("DROP_SESSION", "IDLE", "PRUNE_LOGS", "PRUNE_SESSIONS", "PRUNE_USAGE"),
        *("PRUNE_USAGE_EXCESS", "DROPPED"),
    )
} | {"append": append_sql(4), "trim": trim_sql(4)}
WALKS = ("LIST_SESSIONS", "append")
"""A walk from the end of the table, cut short by LIMIT; and the values themselves."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path_factory.mktemp("plans") / "store.db")
    yield engine
    engine.close()


def steps(engine: SqliteEngine, sql: str) -> list[str]:
    """What SQLite says it will do for this statement."""
    values = [None] * (3 if "?1" in sql else sql.count("?"))
    return [found[3] for found in engine.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("name", QUERIES)
def test_queries_that_grow_with_nothing_but_their_answer(engine: SqliteEngine, name: str) -> None:
    found = steps(engine, QUERIES[name])

    assert found
    for step in found:
        assert "TEMP B-TREE" not in step or name in SORTED
        assert "SCAN" not in step or "USING INDEX" in step or name in WALKS, found


def test_the_index_of_the_history_leaves_out_what_only_watchers_want(
    engine: SqliteEngine,
) -> None:
    (sql,) = engine.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'session_log_history'"
    ).fetchone()

    assert ", ".join(f"'{kind.value}'" for kind in WATCHED_ONLY) in sql


def planned(changes: Sequence[Change]) -> list[str]:
    return [sql.split("(")[0].strip() for sql, _ in plan(changes)]


SESSIONS, LOG, USAGE = "INSERT INTO sessions", "INSERT INTO session_log", "INSERT INTO usage"
TRIM = "DELETE FROM session_log WHERE rowid IN"


def test_many_sessions_that_stream_are_two_statements() -> None:
    changes = [PutSession(session(f"s{n}", next=1), (row(0),)) for n in range(ROWS_MAX)]

    assert planned(changes) == [SESSIONS, LOG]
    assert planned([*changes, PutSession(session("one more"))]) == [SESSIONS, SESSIONS, LOG]
    assert planned([put("r1")]) == planned([]) == []


def test_a_session_that_changes_often_within_a_batch_is_written_once() -> None:
    changes = [
        PutSession(session("s1", next=3), (row(0, count=3),), (usage("u1"),)),
        PutSession(session("s1", next=5), (row(0, count=5),)),
        PutSession(session("s1", next=6), (row(5),), (usage("u1", cost_micros=7),)),
    ]

    sessions, rows, used = plan(changes)

    assert [value for value in sessions[1] if value == "s1"] == ["s1"]
    width = len(LOG_COLUMNS) + 1
    assert [rows[1][start : start + 3] for start in (0, width)] == [["s1", 0, 5], ["s1", 5, 1]]
    assert set(rows[1][2 * width :]) == {UNUSED}
    assert [value for value in used[1] if value == "u1"] == ["u1"]
    assert 7 in used[1]


def test_what_a_session_no_longer_keeps_is_neither_written_nor_left() -> None:
    changes = [
        PutSession(session("s1", next=1), (row(0),)),
        PutSession(session("s1", next=2, oldest=1), (row(1),)),
    ]

    _, rows, trimmed = plan(changes)

    assert rows[1][:2] == ["s1", 1]
    assert trimmed[0].startswith(TRIM)
    assert trimmed[1] == ("s1", TRIM_ROWS_MAX + 4)


def test_what_was_put_before_a_session_is_dropped_does_not_stay(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    everything = ReadLog("s1", 0, 1000, NO_BOUND)
    engine.commit([grown("s1", 3), DropSession("s1", "agent")])
    assert engine.answer_session(everything) == []

    engine.commit([grown("s1", 2), DropSession("s1", "agent"), grown("s1", 1)])
    assert engine.answer_session(everything) == [row(0)]
    engine.close()


def test_rows_are_deleted_a_few_at_a_time_and_those_left_are_not_shown(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    rows = TRIM_ROWS_MAX + 20
    engine.commit([grown("s1", rows)])
    trimmed = session("s1", next=rows, oldest=rows - 1)

    engine.commit([PutSession(trimmed)])
    assert count(engine) == 20
    assert engine.answer_session(ReadLog("s1", 0, 1000, NO_BOUND)) == [row(rows - 1)]

    engine.commit([PutSession(trimmed)])
    assert count(engine) == 1
    engine.close()


def count(engine: SqliteEngine) -> int:
    return int(engine.execute("SELECT count(*) FROM session_log").fetchone()[0])


def test_a_batch_of_sessions_and_requests_is_whole_or_not_at_all(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    broken = usage("u1", cost_micros=2**63)  # the last statement, and more than SQLite takes
    change = PutSession(session("s1", next=1), (row(0),), (broken,))

    with pytest.raises(StoreError):
        engine.commit([put("r1"), change])

    assert engine.answer(ListRequests(None, 10)) == []
    assert count(engine) == 0
    engine.commit([put("r1"), grown("s1", 1)])
    assert count(engine) == 1
    engine.close()
