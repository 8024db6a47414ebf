"""The queries use their indexes, and a batch of changes becomes few statements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server.store.samples import UNKNOWN, done, put

from agentgate_proto.records.storage import MarkDelivered, Put
from agentgate_server.store import session_statements, statements, usage_sums
from agentgate_server.store.opening import STATEMENTS_MAX
from agentgate_server.store.rows import COLUMNS
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.store.statements import ROWS_MAX, SIZES, plan

QUERIES = {
    "FIND_REQUEST": statements.FIND_REQUEST,
    "FIND_IDEMPOTENCY_KEY": statements.FIND_IDEMPOTENCY_KEY,
    "FIND_RID": statements.FIND_RID,
    "HIGHEST_ID": statements.HIGHEST_ID,
    "UNDELIVERED": statements.UNDELIVERED,
    "FIND_NOTE": statements.FIND_NOTE,
    "LIST_NOTES": statements.LIST_NOTES,
    "DROP_NOTE": statements.DROP_NOTE,
    "PLACE": statements.PLACE,
    "LIST_ALL": statements.LIST_ALL,
    "LIST_PRINCIPAL": statements.LIST_PRINCIPAL,
    "PRUNE": statements.PRUNE,
    "EXCESS": statements.EXCESS,
    "EXCESS_UNDELIVERED": statements.EXCESS_UNDELIVERED,
    "PRUNE_SEQS": statements.PRUNE_SEQS,
    "SUPERSEDE": statements.SUPERSEDE,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path_factory.mktemp("plans") / "store.db")
    yield engine
    engine.close()


def steps(engine: SqliteEngine, sql: str) -> list[str]:
    """What SQLite says it will do for this statement."""
    values = [None] * sql.count("?")
    return [row[3] for row in engine.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


@pytest.mark.parametrize("name", QUERIES)
def test_queries_that_grow_with_nothing_but_their_answer(engine: SqliteEngine, name: str) -> None:
    found = steps(engine, QUERIES[name])

    assert found
    for step in found:
        assert "TEMP B-TREE" not in step
        # The newest rows of all are a walk from the end of the table, cut short by LIMIT.
        assert "SCAN" not in step or name == "LIST_ALL" or "SCAN json_each" in step


@pytest.mark.parametrize("name", ["ACTIVE", "UNKNOWN"])
def test_queries_that_grow_only_with_what_is_open(engine: SqliteEngine, name: str) -> None:
    found = steps(engine, getattr(statements, name))

    assert "USING INDEX requests_" in found[0]


def test_rows_are_counted_in_the_order_of_an_index(engine: SqliteEngine) -> None:
    found = steps(engine, statements.RANKED)

    assert any("INDEX requests_ranked" in step for step in found)
    assert any("INDEX requests_open" in step for step in found)
    delivered = found[: found.index("UNION ALL")]
    assert not any("TEMP B-TREE" in step for step in delivered)


@pytest.mark.parametrize("name", ["LIST_OPEN", "LIST_OPEN_PRINCIPAL"])
def test_of_what_is_open_the_places_are_sorted_and_not_the_rows(
    engine: SqliteEngine, name: str
) -> None:
    rows, subquery, places, sort = steps(engine, getattr(statements, name))

    assert "USING INTEGER PRIMARY KEY" in rows
    assert "SUBQUERY" in subquery
    assert "USING INDEX requests_open" in places
    assert "TEMP B-TREE" in sort


def planned(changes: list[Put | MarkDelivered]) -> list[str]:
    return [sql for sql, _ in plan(changes, set())]


@pytest.mark.parametrize("count", [1, 8, 9, ROWS_MAX])
def test_a_batch_is_one_statement_so_that_it_needs_no_transaction_around_it(count: int) -> None:
    names = tuple(f"r{number}" for number in range(count))
    changes: list[Put | MarkDelivered] = [Put(done(name)) for name in names]
    marks = MarkDelivered(tuple(f"old{name}" for name in names))

    assert len(planned(changes)) == 1
    assert len(planned([marks])) == 1
    assert len(planned([*changes, marks])) == 1
    assert len(planned([*changes, put("one more")])) == (2 if count == ROWS_MAX else 1)


def test_a_request_that_comes_and_goes_within_a_batch_is_written_once() -> None:
    changes: list[Put | MarkDelivered] = [
        put("r1"),
        put("r2"),
        Put(done("r1")),
        MarkDelivered(("r1",)),
    ]

    ((_, values),) = plan(changes, set())

    rids = values[:: len(COLUMNS)]
    assert [rid for rid in rids if rid is not None] == ["r1", "r2"]
    assert values[len(COLUMNS) - 1] == 1


def test_all_sizes_together_fit_the_cache_of_prepared_statements() -> None:
    queries = [name for name in vars(statements) if name.isupper()]
    queries += [name for name in vars(session_statements) if name.isupper()]
    of_sessions = 4 * len(session_statements.SIZES) + 3 * len(usage_sums.KEY)

    assert 3 * len(SIZES) + of_sessions + len(queries) <= STATEMENTS_MAX


def test_only_a_run_after_an_unknown_outcome_costs_a_statement_more() -> None:
    unknown: set[tuple[str, str]] = set()

    assert len(list(plan([Put(done("r1"))], unknown))) == 1
    assert len(list(plan([Put(done("r2", UNKNOWN))], unknown))) == 1
    assert unknown == {("agent", "d0")}
    assert [sql for sql, _ in plan([Put(done("r3"))], unknown)][1] == statements.SUPERSEDE
    assert len(list(plan([Put(done("r4", digest="d1"))], unknown))) == 1
