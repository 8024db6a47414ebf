"""What is kept for how long, and what goes first when there is too much."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.store.model import DAY_S, MemoryEngine
from tests.server.store.samples import EXECUTED, FAILED, UNKNOWN, done, put, record

from agentgate_proto.records.outcome import Outcome, Status, executed
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.records.retention import collected_before, kept_bytes
from agentgate_proto.records.storage import Change, ListRequests, Put
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
    while step := engine.prune(now, math.inf):
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


def test_a_cap_below_what_is_under_way_deletes_only_what_is_over(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=1)
    engine.commit([put("waiting"), put("other"), ended("undelivered", 1)])

    assert prune(engine) == 1

    assert kept(engine) == ["waiting", "other"]
    engine.close()


DENIED = Outcome(status=Status.DENIED, code=-32001, message="no")


def flood(count: int, **fields: Any) -> list[Change]:
    """Denied requests of somebody, newer than whatever else there is."""
    more = {"principal": "evil", "outcome": DENIED, "idempotency_key": "k", **fields}
    return [ended(f"{more['principal']}{n}", 0.5 - n / 1e6, **more) for n in range(count)]


def guard(rid: str, days_ago: float, outcome: Outcome = EXECUTED, **fields: Any) -> Change:
    """What keeps a write from running twice."""
    fields = {"idempotency_key": rid, **fields}
    return ended(rid, days_ago, outcome=outcome, delivered=True, **fields)


@pytest.mark.parametrize("delivered", [True, False], ids=["acknowledged", "not acknowledged"])
@pytest.mark.parametrize("whose", ["evil", "agent"], ids=["of another", "of its own"])
def test_a_flood_of_denied_requests_takes_no_key_of_a_write_that_ran(
    kind: str, tmp_path: Path, whose: str, delivered: bool
) -> None:
    engine = make(kind, tmp_path, keep_rows_max=10)
    guards = [guard("paid", 6), guard("broken", 6, FAILED), guard("lost", 6, UNKNOWN)]
    engine.commit([*guards, guard("unknown", 6, UNKNOWN, idempotency_key="")])
    engine.commit(flood(60, principal=whose, delivered=delivered))

    assert prune(engine) == 54, "whether they were collected or not"

    assert kept(engine)[:4] == ["paid", "broken", "lost", "unknown"]
    assert prune(engine) == 0
    engine.close()


def test_what_ran_nothing_goes_first_then_writes_without_a_key(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=3)
    read = ended("read", 1, effects=Effects.READ, idempotency_key="k", delivered=True)
    expired = Outcome(status=Status.EXPIRED, code=-32002, message="late")
    engine.commit(
        [
            guard("old key", 6),
            ended("old write", 5, delivered=True),
            guard("key", 4),
            read,
            ended("expired", 1, outcome=expired, idempotency_key="k", delivered=True),
            ended("write", 1, delivered=True),
        ]
    )

    assert prune(engine) == 3
    assert kept(engine) == ["old key", "key", "write"]
    engine.close()


def test_each_principal_has_its_share_and_floods_take_their_own(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=10)
    mine = [guard(f"mine{n}", 6) for n in range(4)]
    engine.commit(mine)
    engine.commit(flood(30, outcome=EXECUTED, delivered=True))

    assert prune(engine) == 24

    assert kept(engine) == [*(f"mine{n}" for n in range(4)), *(f"evil{n}" for n in range(24, 30))]
    engine.close()


def test_of_its_own_an_agent_loses_first_what_its_client_has(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=4)
    engine.commit([ended(f"waits{n}", 6 - n / 10, outcome=DENIED) for n in range(4)])
    engine.commit([ended(f"told{n}", 2 - n / 10, outcome=DENIED, delivered=True) for n in range(3)])
    engine.commit([ended("write", 6.5), guard("key", 3)])

    assert prune(engine) == 5

    assert kept(engine) == ["waits2", "waits3", "write", "key"]
    engine.close()


def test_what_has_just_ended_may_still_be_collected(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=1)
    at = collected_before(NOW)
    engine.commit([Put(done(f"r{n}", at=at - 1.5 + n)) for n in range(4)])

    assert prune(engine) == 2
    assert kept(engine) == ["r2", "r3"]
    assert prune(engine, NOW + 1.0) == 1
    engine.close()


HOUR_S = 3_600.0


def test_what_is_written_by_a_clock_that_was_set_back_stays_for_its_time(
    kind: str, tmp_path: Path
) -> None:
    engine = make(kind, tmp_path, keep_rows_max=1)
    engine.commit([ended("first", 0)])
    assert engine.prune(NOW, math.inf) == 0
    engine.commit([Put(done(f"r{n}", at=NOW - HOUR_S + n)) for n in range(2)])

    ran_s = 900.0  # for most of it, nothing of that was there
    assert engine.prune(NOW + ran_s, ran_s) == 0
    if kind == "sqlite":  # and a new process knows of it, even of what nobody has looked at
        engine.commit([Put(done("r2", at=NOW - 2 * HOUR_S))])
        engine.close()
        engine = make(kind, tmp_path, keep_rows_max=1)
        assert engine.prune(NOW + ran_s, 0.0) == 0
    assert engine.prune(NOW + 3 * HOUR_S, 600.0) == 0
    assert engine.prune(NOW + 3 * HOUR_S, 2 * HOUR_S) > 0
    engine.close()


def test_what_was_a_moment_on_its_way_does_not_stop_the_clock(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=1)
    engine.commit([ended("old", 2.0, delivered=True)])
    assert engine.prune(NOW - DAY_S - 1.0, math.inf) == 0
    engine.commit([Put(done("late", at=NOW - DAY_S - 2.0, delivered=True))])

    assert engine.prune(NOW + 2.0, DAY_S + 2.0) == 2
    engine.close()


def test_a_write_that_nobody_collected_goes_after_a_key_that_was_told(
    kind: str, tmp_path: Path
) -> None:
    engine = make(kind, tmp_path, keep_rows_max=2)
    engine.commit([ended("write", 6.5), guard("key", 3), guard("newest", 2)])

    assert prune(engine) == 1
    assert kept(engine) == ["write", "newest"]
    engine.commit([ended(f"write{n}", 1 - n / 10) for n in range(3)])
    assert prune(engine) == 3
    assert kept(engine) == ["write1", "write2"]
    engine.close()


LARGE = msgspec.Raw(b'{"text":"%s"}' % (b"x" * 50_000))
"""Counts for 101,022 bytes in a row, twice of them beside 1,000."""


@pytest.mark.parametrize("delivered", [True, False], ids=["acknowledged", "not acknowledged"])
def test_bytes_have_a_cap_beside_rows_and_a_flood_takes_its_own(
    kind: str, tmp_path: Path, delivered: bool
) -> None:
    engine = make(kind, tmp_path, keep_bytes_max=1_000_000)
    mine = [ended(f"mine{n}", 6, args=LARGE, delivered=True) for n in range(3)]
    engine.commit([*mine, guard("paid", 6)])
    engine.commit(flood(20, args=LARGE, delivered=delivered))

    assert prune(engine) == 14

    left = [*(f"mine{n}" for n in range(3)), "paid", *(f"evil{n}" for n in range(14, 20))]
    assert kept(engine) == left
    assert prune(engine) == 0
    engine.close()


def test_results_count_as_well(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_bytes_max=1_000_000)
    large = executed(b'"%s"' % (b"x" * 400_000))
    engine.commit([ended(f"read{n}", 2 - n / 10, outcome=large, delivered=True) for n in range(4)])

    assert prune(engine) == 2
    assert kept(engine) == ["read2", "read3"]
    engine.close()


def test_a_column_says_what_a_row_counts_for(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db")
    rows = [done("r1", args=LARGE), done("r2", executed(b'"abc"')), record("r3")]
    engine.commit([Put(row) for row in rows])

    found = engine.execute("SELECT bytes FROM requests ORDER BY seq").fetchall()
    assert found == [(kept_bytes(row),) for row in rows]
    engine.close()


def test_which_caps_cut_a_promise_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = make("sqlite", tmp_path, keep_rows_max=15, keep_bytes_max=1_000_000)
    engine.commit(flood(20, args=LARGE))

    assert prune(engine) == 11

    (told,) = caplog.messages
    assert told.startswith(
        "storage.keep_rows_max (15) and storage.keep_bytes_max (1000000) are reached: 11 outcomes"
    )
    assert "; 11 of them had not been collected; 0 of them kept a write" in told
    engine.close()


def test_beyond_a_cap_on_what_must_not_run_twice_the_oldest_goes(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_rows_max=2)
    engine.commit([put("waiting"), *(guard(f"k{n}", 6 - n) for n in range(4))])

    assert prune(engine) == 3
    assert kept(engine) == ["waiting", "k3"]
    engine.close()


def test_a_promise_that_a_cap_cuts_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    engine = make("sqlite", tmp_path, keep_rows_max=1, keep_days=7)
    count = 2 * PRUNE_ROWS_MAX
    engine.commit([*flood(count, delivered=True), guard("old", 2), guard("new", 1.5)])

    assert engine.prune(NOW, math.inf) == PRUNE_ROWS_MAX
    assert not caplog.messages, "not before it is done"
    assert prune(engine) == PRUNE_ROWS_MAX + 1

    (told,) = caplog.messages
    assert told == (
        f"storage.keep_rows_max (1) is reached: {count + 1} outcomes were forgotten before"
        " storage.keep_days, the newest after 12.0 h instead of 168.0 h; 0 of them had not been"
        " collected; 1 of them kept a write from running twice, and the same idempotency key is a"
        " new request now; raise it, or find out who asks so much"
    )
    assert engine.forgotten == count + 1
    assert prune(engine) == 0
    engine.commit([guard("newest", 0.0)])
    assert prune(engine) == 1
    assert (
        "1 outcomes were forgotten before storage.keep_days, the newest after 36.0"
        in (caplog.messages[1])
    )
    engine.close()


def test_what_goes_in_time_is_no_reason_to_warn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make("sqlite", tmp_path, keep_rows_max=1, keep_days=1)
    engine.commit([guard("old", 2), guard("new", 0.5)])

    assert prune(engine) == 1
    assert (engine.forgotten, caplog.messages) == (0, [])
    engine.close()


def test_one_call_deletes_no_more_than_its_bound(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "store.db", keep_days=1, keep_undelivered_days=1)
    count = PRUNE_ROWS_MAX - 10
    engine.commit([ended(f"d{n}", 2, delivered=True) for n in range(count)])
    engine.commit([ended(f"u{n}", 2) for n in range(count)])

    assert engine.prune(NOW, math.inf) == PRUNE_ROWS_MAX
    assert engine.prune(NOW, math.inf) == 2 * count - PRUNE_ROWS_MAX
    assert engine.prune(NOW, math.inf) == 0
    engine.close()


def test_a_clock_that_jumps_back_deletes_nothing(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=1)
    engine.commit([ended("r1", 0, delivered=True)])

    assert prune(engine, now=0.0) == 0

    assert kept(engine) == ["r1"]
    engine.close()


def test_a_clock_that_leaps_ahead_takes_no_time_away(kind: str, tmp_path: Path) -> None:
    engine = make(kind, tmp_path, keep_days=1, keep_undelivered_days=2)
    engine.commit([ended("before", 0), ended("delivered", 0, delivered=True)])
    later = NOW + 20_000 * DAY_S

    assert engine.prune(later, 3_600.0) == 0
    engine.commit([Put(done("after", at=later))])
    assert engine.prune(later + 0.9 * DAY_S, 0.9 * DAY_S) == 0
    assert engine.prune(later + 1.1 * DAY_S, 0.2 * DAY_S) == 1
    assert engine.prune(later + 2.2 * DAY_S, 1.1 * DAY_S) == 1

    assert kept(engine) == ["after"], "and then it keeps the new time"
    assert engine.prune(later + 4.0 * DAY_S, 1.8 * DAY_S) == 0, "it has just leapt there"
    assert engine.prune(later + 6.1 * DAY_S, 2.1 * DAY_S) == 1
    engine.close()


def test_the_time_that_a_gateway_ran_counts_over_restarts(tmp_path: Path) -> None:
    days = {"keep_days": 1.0, "keep_undelivered_days": 1.0}
    engine = SqliteEngine(tmp_path / "store.db", **days)
    engine.commit([ended("r1", 0), ended("r2", -0.9)])
    deleted = 0
    for hour in range(1, 26):
        deleted += engine.prune(NOW + 100 * DAY_S, 3_600.0)
        assert deleted == (hour > 24)
        engine.close()
        engine = SqliteEngine(tmp_path / "store.db", **days)
    assert kept(engine) == ["r2"]
    engine.close()
