"""When the disk is full, a session, its log and what it cost are stored together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.samples import put
from tests.server.store.session_samples import RUN, grown, row, session, usage

from agentgate_proto.records.session import (
    DropSession,
    FindSession,
    PutSession,
    ReadLog,
    SumUsage,
    UsageBy,
)
from agentgate_proto.records.storage import NO_BOUND, Change, ListRequests
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import SqliteEngine

LONG = "x" * 20_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "store.db", keep_session_days=1.0)
    yield engine
    engine.close()


def state(engine: SqliteEngine) -> list[object]:
    """All that there is, as it is answered."""
    found = [engine.restore(), engine.answer(ListRequests(None, 1000))]
    for name in ("s1", "s2"):
        found.append(engine.answer_session(FindSession(name)))
        found.append(engine.answer_session(ReadLog(name, 0, 1000, NO_BOUND)))
    return [*found, engine.answer_session(SumUsage(UsageBy.SESSION, None))]


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_a_full_disk_refuses_a_batch_whole_and_takes_it_when_there_is_room(
    engine: SqliteEngine, rows: int
) -> None:
    engine.commit([grown("s1", 3), grown("s2", 3), put("r1")])
    pages = engine.execute("PRAGMA page_count").fetchone()[0]
    engine.execute(f"PRAGMA max_page_count = {pages}")
    before = state(engine)
    log = tuple(row(3 + number, text=LONG) for number in range(rows))
    spent = tuple(usage(f"u{number}", prices=LONG) for number in range(20))
    batch: list[Change] = [
        DropSession("s2", "agent"),
        PutSession(session("s1", next=3 + rows, oldest=2, run=RUN), log, spent),
        put("r2"),
    ]

    for _ in range(2):
        with pytest.raises(StoreError, match="disk full"):
            engine.commit(batch)
        assert state(engine) == before

    engine.execute("PRAGMA max_page_count = 1000000")
    engine.commit(batch)
    assert engine.restore().sessions.running == [batch[1].session]
    assert engine.answer_session(FindSession("s2")) is None
    assert engine.answer_session(ReadLog("s1", 0, 1000, NO_BOUND)) == [row(2), *log]
    (total,) = engine.answer_session(SumUsage(UsageBy.TOTAL, None))
    assert total.requests == 20


def test_what_is_too_old_makes_room_on_a_full_disk(engine: SqliteEngine) -> None:
    engine.commit([grown("s1", 100, updated_at=1.0, workspace=LONG)])
    pages = engine.execute("PRAGMA page_count").fetchone()[0]
    engine.execute(f"PRAGMA max_page_count = {pages}")
    later = PutSession(session("s2", next=1, updated_at=2e9, workspace=LONG), (row(0),))
    with pytest.raises(StoreError, match="disk full"):
        engine.commit([later])

    for ran_s in (float("inf"), 0.0):
        while engine.prune(2e9, ran_s):
            pass
        for found in engine.sessions.take_idle():
            engine.commit([DropSession(found.session, found.principal, is_old=True)])

    engine.commit([later])
    assert engine.answer_session(FindSession("s2")) == later.session
