"""What is kept for how long, and what goes first when there is too much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.store.model import DAY_S, MemoryEngine
from tests.server.store.samples import done, put

from agentgate_proto.record import Phase
from agentgate_proto.storage import Change, ListRequests, Put
from agentgate_server.store.engine import Engine
from agentgate_server.store.sqlite import PRUNE_ROWS_MAX, SqliteEngine

NOW = 1_000 * DAY_S


@pytest.fixture(params=["sqlite", "memory"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(kind: str, folder: Path, **retention: Any) -> Engine:
    if kind == "memory":
        return MemoryEngine(**retention)
    return SqliteEngine(folder / "store.db", **retention)


def prune(engine: Engine, now: float = NOW) -> int:
    deleted = 0
    while step := engine.prune(now):
        deleted += step
    return deleted


def kept(engine: Engine) -> list[str]:
    found = engine.answer(ListRequests(None, 10_000))
    assert isinstance(found, list)
    return [record.rid for record in found][::-1]


def ended(rid: str, days_ago: float, **fields: Any) -> Change:
    return Put(done(rid, at=NOW - days_ago * DAY_S, **fields))


def test_outcomes_go_when_their_time_is_over(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=10, keep_undelivered_days=20)
    engine.commit(
        [
            ended("delivered under 10", 9.9, delivered=True),
            ended("delivered over 10", 10.1, delivered=True),
            ended("undelivered 11", 11),
            ended("undelivered under 20", 19.9),
            ended("undelivered over 20", 20.1),
        ]
    )

    assert prune(engine) == 2

    assert kept(engine) == ["delivered under 10", "undelivered 11", "undelivered under 20"]
    assert prune(engine) == 0
    engine.close()


def test_what_is_not_done_is_never_deleted(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=1, keep_undelivered_days=1, keep_rows_max=1)
    phases = [Phase.WAITING, Phase.APPROVED, Phase.RUNNING]
    engine.commit([put(phase, phase=phase, created_at=0.0, delivered=True) for phase in phases])

    assert prune(engine) == 0

    assert kept(engine) == phases
    engine.close()


def test_beyond_the_cap_the_delivered_ones_resolved_first_go(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=4)
    engine.commit(
        [
            ended("third", 3, delivered=True),
            ended("undelivered", 9),
            ended("first", 5, delivered=True),
            put("waiting", created_at=0.0),
            ended("last", 1, delivered=True),
            ended("second", 4, delivered=True),
        ]
    )

    assert prune(engine) == 2

    assert kept(engine) == ["third", "undelivered", "waiting", "last"]
    engine.close()


def test_a_cap_below_what_must_be_kept_deletes_only_what_may_go(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=1)
    engine.commit([put("waiting"), ended("undelivered", 1), ended("gone", 1, delivered=True)])

    assert prune(engine) == 1

    assert kept(engine) == ["waiting", "undelivered"]
    engine.close()


def test_one_call_deletes_no_more_than_its_bound(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db", keep_days=1, keep_undelivered_days=1)
    count = PRUNE_ROWS_MAX - 10
    engine.commit([ended(f"d{n}", 2, delivered=True) for n in range(count)])
    engine.commit([ended(f"u{n}", 2) for n in range(count)])

    assert engine.prune(NOW) == PRUNE_ROWS_MAX
    assert engine.prune(NOW) == 2 * count - PRUNE_ROWS_MAX
    assert engine.prune(NOW) == 0
    engine.close()


def test_a_clock_that_jumps_back_deletes_nothing(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=1)
    engine.commit([ended("r1", 0, delivered=True)])

    assert prune(engine, now=0.0) == 0

    assert kept(engine) == ["r1"]
    engine.close()
