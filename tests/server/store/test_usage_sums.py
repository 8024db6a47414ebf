"""Sums of usage are kept with the rows, whatever becomes of these, and reports read only sums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.store.session_samples import session, usage

from agentgate_proto.records.session import PutSession, SumUsage, UsageBy
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus, UsageSum
from agentgate_server.store import usage_sums
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.store.usage_sums import sum_usage_sql

DAY_S = 86_400.0


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "store.db", keep_usage_days=1.0)
    yield engine
    engine.close()


def put(engine: SqliteEngine, *rows: UsageRow) -> None:
    engine.commit([PutSession(session("s0"), (), rows)])


def sums(engine: SqliteEngine, by: UsageBy, **wanted: Any) -> list[Any] | Any:
    return engine.answer_session(SumUsage(by, wanted.pop("principal", None), **wanted))


def kept(engine: SqliteEngine) -> list[tuple[str, int]]:
    """The sums that there are, with how many requests each has."""
    found = engine.execute("SELECT day, requests FROM usage_days").fetchall()
    more = engine.execute("SELECT session, requests FROM usage_sessions").fetchall()
    return sorted([*found, *more])


def steps(engine: SqliteEngine, sql: str) -> list[str]:
    """What SQLite says it will do for this statement."""
    values = [None] * (4 if "?1" in sql else sql.count("?"))
    return [found[3] for found in engine.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("by", UsageBy)
def test_a_report_reads_the_sums_that_it_is_asked_about(engine: SqliteEngine, by: UsageBy) -> None:
    of_session = "SEARCH usage_sessions USING PRIMARY KEY (session=?"
    assert of_session in steps(engine, sum_usage_sql(by, of_session=True, of_principal=True))[0]
    assert of_session in steps(engine, sum_usage_sql(by, of_session=True, of_principal=False))[0]

    table = "usage_sessions" if by is UsageBy.SESSION else "usage_days"
    (first, *_) = steps(engine, sum_usage_sql(by, of_session=False, of_principal=True))
    assert f"SEARCH {table} USING INDEX {table}_principal (principal=?" in first
    (first, *_) = steps(engine, sum_usage_sql(by, of_session=False, of_principal=False))
    days = "SEARCH usage_days USING PRIMARY KEY (day>?)"
    assert first == (f"SCAN {table}" if by is UsageBy.SESSION else days)


def test_a_start_reads_the_sums_of_this_month(engine: SqliteEngine) -> None:
    (first, *_) = steps(engine, usage_sums.SPENT)

    assert first == "SEARCH usage_days USING PRIMARY KEY (day>?)"


def test_what_is_settled_is_counted_once_and_no_longer_as_reserved(engine: SqliteEngine) -> None:
    row = usage("u1", status=UsageStatus.RESERVED, cost_micros=900, usage=Usage(is_estimate=True))
    put(engine, row)
    (total,) = sums(engine, UsageBy.TOTAL)
    estimated = UsageSum(
        key="",
        usage=Usage(is_estimate=True),
        cost_micros=900,
        reserved_micros=900,
        requests=1,
    )
    assert total == estimated

    for _ in range(2):
        put(engine, usage("u1", cost_micros=None, usage=Usage(input=7, output=2**63 - 1)))
        (total,) = sums(engine, UsageBy.TOTAL)
        assert total == UsageSum(
            key="", usage=Usage(input=7, output=2**63 - 1), unknown=1, requests=1
        )


def test_what_hardly_fits_is_added_up_and_taken_out_again(engine: SqliteEngine) -> None:
    most = 2**63 - 1
    put(engine, *(usage(f"u{n}", at=n * DAY_S, cost_micros=most) for n in range(3)))
    (found,) = sums(engine, UsageBy.SESSION)
    assert found.cost_micros == 3 * most

    while engine.prune(2.5 * DAY_S, float("inf")):
        pass
    (found,) = sums(engine, UsageBy.SESSION)
    assert (found.cost_micros, found.requests) == (most, 1)


def test_a_sum_goes_with_its_last_row(engine: SqliteEngine) -> None:
    put(engine, usage("u1", at=1.0, day="1970-01-01"), usage("u2", at=2.0, day="1970-01-01"))
    assert kept(engine) == [("1970-01-01", 2), ("s0", 2)]

    put(engine, usage("u2", at=1e9, day="2001-09-09", session="s1"))
    assert kept(engine) == [("1970-01-01", 1), ("2001-09-09", 1), ("s0", 1), ("s1", 1)]

    while engine.prune(3.0 * DAY_S, float("inf")):
        pass
    assert kept(engine) == [("2001-09-09", 1), ("s1", 1)]
