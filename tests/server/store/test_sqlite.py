"""What the SQLite engine promises, on real files: what is kept, in which order, and what is not."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.store.samples import EXECUTED, FAILED, UNKNOWN, done, put

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import ID_COUNTED_MAX
from agentgate_proto.records.outcome import Status, ended
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.records.storage import (
    DropNote,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    HighestId,
    ListNotes,
    ListRequests,
    MarkDelivered,
    Put,
    PutNote,
    Undelivered,
)
from agentgate_server.store.engine import Engine, StoreError
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.store.statements import SIZES

ROWS_MAX = SIZES[-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(path)
    yield engine
    engine.close()


def rids(found: Any) -> list[str]:
    assert isinstance(found, list)
    return [record.rid for record in found]


def everything(engine: Engine) -> list[str]:
    """All rids, oldest first."""
    return rids(engine.answer(ListRequests(None, 10_000)))[::-1]


def test_what_was_committed_is_there_after_reopening(path: Path, engine: SqliteEngine) -> None:
    stored = done("r1", request_id="seven", idempotency_key="once", approver="ann", warning="!")
    epoch = engine.restore().epoch

    engine.commit([put("r0"), Put(stored)])
    engine.close()
    again = SqliteEngine(path)

    assert again.answer(FindRid("r1")) == stored
    assert again.restore().epoch == epoch
    assert [found.rid for found in again.restore().active] == ["r0"]
    again.close()


def test_two_stores_have_two_epochs(tmp_path: Path) -> None:
    engines = [SqliteEngine(tmp_path / name) for name in ("a.db", "b.db")]

    epochs = {engine.restore().epoch for engine in engines}

    assert len(epochs) == 2
    assert all(epochs)
    for engine in engines:
        engine.close()


def test_commits_are_synced_to_the_disk(engine: SqliteEngine) -> None:
    assert engine.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert engine.execute("PRAGMA synchronous").fetchone() == (2,)


def test_nothing_is_committed_by_an_empty_batch(engine: SqliteEngine) -> None:
    engine.commit([])
    engine.commit([MarkDelivered(())])

    assert everything(engine) == []


def test_a_later_put_replaces_the_record_and_keeps_its_place(engine: SqliteEngine) -> None:
    engine.commit([put("r1"), put("r2")])
    engine.commit([Put(done("r1"))])

    assert engine.answer(FindRid("r1")) == done("r1")
    assert everything(engine) == ["r1", "r2"]


def test_the_newest_of_one_key_is_found_whatever_the_clock_said(engine: SqliteEngine) -> None:
    engine.commit([put("r1", idempotency_key="k", created_at=2.0)])
    engine.commit([put("r2", idempotency_key="k", created_at=1.0)])

    for query in (FindRequest("agent", "client", 1), FindIdempotencyKey("agent", "k")):
        found = engine.answer(query)
        assert isinstance(found, Record)
        assert found.rid == "r2"


def test_integer_and_text_ids_are_different_requests(engine: SqliteEngine) -> None:
    engine.commit([put("number", request_id=7), put("text", request_id="7")])

    for request_id, rid in ((7, "number"), ("7", "text")):
        found = engine.answer(FindRequest("agent", "client", request_id))
        assert isinstance(found, Record)
        assert found.rid == rid
        assert type(found.request_id) is type(request_id)
    assert engine.answer(FindRequest("agent", "client", 8)) is None


def test_the_highest_id_is_the_highest_integer_of_that_client(engine: SqliteEngine) -> None:
    assert engine.answer(HighestId("agent", "client")) == 0

    engine.commit([put("r1", request_id=9), put("r2", request_id=10), put("r3", request_id="99")])
    engine.commit([put("r4", request_id=50, client_id="other")])
    assert engine.answer(HighestId("agent", "client")) == 10

    engine.commit([put("r5", request_id=ID_COUNTED_MAX)])
    engine.commit([put("r6", request_id=ID_COUNTED_MAX + 1), put("r7", request_id=2**63 - 1)])
    assert engine.answer(HighestId("agent", "client")) == ID_COUNTED_MAX


def test_an_id_beyond_64_bits_is_refused_and_nothing_is_half_done(engine: SqliteEngine) -> None:
    with pytest.raises(StoreError, match="too large"):
        engine.commit([put("r1"), put("r2", request_id=2**63)])

    assert everything(engine) == []


def test_undelivered_outcomes_come_oldest_first_and_once_only(engine: SqliteEngine) -> None:
    engine.commit([Put(done("r1")), put("r2"), Put(done("r3")), Put(done("r4"))])
    engine.commit([Put(done("other", client_id="other"))])

    assert rids(engine.answer(Undelivered("agent", "client", 2))) == ["r1", "r3"]
    assert rids(engine.answer(Undelivered("agent", "client", 2, True))) == ["r4", "r3"]

    engine.commit([MarkDelivered(("r1", "no such rid"))])
    assert rids(engine.answer(Undelivered("agent", "client", 9))) == ["r3", "r4"]


def test_open_requests_are_those_not_done_or_not_delivered(engine: SqliteEngine) -> None:
    engine.commit([put("r1"), Put(done("r2")), Put(done("r3", delivered=True))])
    engine.commit([put("theirs", principal="other")])

    assert rids(engine.answer(ListRequests("agent", 9, open_only=True))) == ["r2", "r1"]
    assert rids(engine.answer(ListRequests("agent", 9))) == ["r3", "r2", "r1"]
    assert rids(engine.answer(ListRequests(None, 9, open_only=True))) == ["theirs", "r2", "r1"]


def test_a_mark_before_a_put_is_overtaken_by_it_and_one_after_it_holds(
    engine: SqliteEngine,
) -> None:
    engine.commit([Put(done("r1")), Put(done("r2"))])

    engine.commit(
        [MarkDelivered(("r1",)), Put(done("r1")), Put(done("r2")), MarkDelivered(("r2",))]
    )

    assert rids(engine.answer(Undelivered("agent", "client", 9))) == ["r1"]


@pytest.mark.parametrize("count", sorted({n + d for n in SIZES for d in (-1, 0, 1)} | {700}))
def test_batches_of_every_size_are_written_whole_and_in_order(
    engine: SqliteEngine, count: int
) -> None:
    names = [f"r{number}" for number in range(count)]
    engine.commit([Put(done(f"old{name}")) for name in names])

    engine.commit(
        [*(Put(done(name)) for name in names), MarkDelivered(tuple("old" + n for n in names))]
    )

    assert everything(engine) == ["old" + name for name in names] + names
    assert rids(engine.answer(Undelivered("agent", "client", 10_000))) == names


def test_a_batch_that_fails_in_its_last_part_leaves_nothing(engine: SqliteEngine) -> None:
    good = [put(f"r{number}") for number in range(ROWS_MAX + 5)]

    with pytest.raises(StoreError):
        engine.commit([*good, put("bad", request_id=2**70)])
    assert everything(engine) == []

    engine.commit(good)
    assert len(everything(engine)) == len(good)


def test_a_commit_does_not_end_up_in_a_transaction_that_an_error_left_open(
    path: Path, engine: SqliteEngine
) -> None:
    engine.execute("BEGIN IMMEDIATE")

    engine.commit([put("r1")])

    reader = sqlite3.connect(path)
    assert reader.execute("SELECT rid FROM requests").fetchall() == [("r1",)]
    reader.close()


def test_text_that_is_no_unicode_does_not_keep_its_neighbours_from_being_stored(
    engine: SqliteEngine,
) -> None:
    odd = msgspec.structs.replace(FAILED, message="no file caf\udce9.txt")

    engine.commit([put("r1"), Put(done("r2", odd))])

    found = engine.answer(FindRid("r2"))
    assert isinstance(found, Record)
    assert found.outcome is not None
    assert found.outcome.message == "no file caf?.txt"
    assert engine.answer(FindIdempotencyKey("agent", "\ud800")) is None
    assert everything(engine) == ["r1", "r2"]


def test_an_unknown_outcome_counts_after_a_restart(path: Path, engine: SqliteEngine) -> None:
    engine.commit([Put(done("r1", UNKNOWN)), Put(done("r2", EXECUTED, digest="d1"))])
    engine.close()

    again = SqliteEngine(path)

    assert rids(again.restore().unknown) == ["r1"]
    again.close()


@pytest.mark.parametrize("outcome", [EXECUTED, FAILED])
@pytest.mark.parametrize("restart", [False, True])
def test_a_later_run_of_the_same_thing_clears_an_unknown_outcome(
    path: Path, engine: SqliteEngine, outcome: Any, restart: bool
) -> None:
    engine.commit([])  # what is unknown has been looked up before there is any
    engine.commit([Put(done("r1", UNKNOWN)), put("r2")])
    if restart:
        engine.close()
        engine = SqliteEngine(path)

    engine.commit([Put(done("r2", outcome))])

    assert engine.restore().unknown == []
    engine.close()


@pytest.mark.parametrize("status", [Status.DENIED, Status.EXPIRED, Status.CANCELLED])
def test_what_did_not_run_clears_no_unknown_outcome(engine: SqliteEngine, status: Status) -> None:
    engine.commit([Put(done("r1", UNKNOWN))])

    engine.commit([Put(done("r2", ended(status, ErrorCode.DENIED_BY_POLICY)))])
    engine.commit([put("r3", phase=Phase.RUNNING)])
    engine.commit([Put(done("r4", principal="other")), Put(done("r5", digest="d1"))])

    assert rids(engine.restore().unknown) == ["r1"]


def test_a_run_that_began_before_the_unknown_one_or_ended_before_it_clears_nothing(
    engine: SqliteEngine,
) -> None:
    engine.commit([put("older"), Put(done("r1", UNKNOWN, at=50.0))])

    engine.commit([Put(done("older", at=60.0))])
    engine.commit([Put(done("newer", at=40.0))])

    assert rids(engine.restore().unknown) == ["r1"]


def test_a_run_that_nobody_was_warned_of_clears_nothing(engine: SqliteEngine) -> None:
    engine.commit([Put(done("r1", UNKNOWN)), Put(done("r2", warning=""))])

    assert rids(engine.restore().unknown) == ["r1"]


def test_an_unknown_outcome_is_cleared_in_the_order_of_the_changes(engine: SqliteEngine) -> None:
    engine.commit([put("r0"), Put(done("r1", UNKNOWN)), Put(done("r2")), Put(done("r3", UNKNOWN))])

    assert rids(engine.restore().unknown) == ["r3"]


def test_an_unknown_outcome_stays_cleared_when_the_run_that_cleared_it_is_pruned(
    engine: SqliteEngine,
) -> None:
    engine.commit([Put(done("r1", UNKNOWN, at=0.0)), Put(done("r2", at=0.0, delivered=True))])
    engine.keep_undelivered_s *= 100

    assert engine.prune(31 * 86_400.0, math.inf) == 1

    assert everything(engine) == ["r1"]
    assert engine.restore().unknown == []


def test_of_several_unknown_outcomes_of_one_thing_the_newest_is_restored(
    engine: SqliteEngine,
) -> None:
    engine.commit([Put(done("r1", UNKNOWN)), Put(done("r2", UNKNOWN))])
    engine.commit([Put(done("r3", UNKNOWN, principal="other"))])

    assert rids(engine.restore().unknown) == ["r2", "r3"]


def test_another_program_can_read_while_the_gateway_writes(
    path: Path, engine: SqliteEngine
) -> None:
    engine.commit([put("r1")])

    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    assert reader.execute("SELECT rid FROM requests").fetchall() == [("r1",)]
    engine.commit([put("r2")])
    assert reader.execute("SELECT count(*) FROM requests").fetchone() == (2,)
    reader.close()


def test_closing_twice_is_harmless_and_use_after_it_is_an_error(engine: SqliteEngine) -> None:
    engine.close()
    engine.close()

    with pytest.raises(StoreError, match="closed"):
        engine.commit([put("r1")])
    with pytest.raises(StoreError, match="closed"):
        engine.answer(FindRid("r1"))


@pytest.mark.parametrize(
    "setting", ["keep_days", "keep_undelivered_days", "keep_rows_max", "keep_bytes_max"]
)
def test_a_retention_of_nothing_is_refused(path: Path, setting: str) -> None:
    retention: dict[str, Any] = {setting: 0}
    with pytest.raises(ValueError, match=setting):
        SqliteEngine(path, **retention)


def notes(engine: SqliteEngine, channel: str = "telegram", rid: str = "") -> Any:
    return engine.answer(ListNotes(channel, 10, rid))


def test_a_note_is_kept_replaced_and_dropped(path: Path, engine: SqliteEngine) -> None:
    engine.commit([put("r1"), put("r2"), PutNote("telegram", "r2", "7")])
    engine.commit([PutNote("telegram", "r1", "8"), PutNote("telegram", "r2", "9")])
    engine.close()
    again = SqliteEngine(path)

    assert notes(again) == {"r1": "8", "r2": "9"}
    assert list(notes(again)) == ["r1", "r2"]
    assert notes(again, rid="r2") == {"r2": "9"}
    assert notes(again, "mail") == {}
    again.commit([DropNote("telegram", "r2"), DropNote("telegram", "r2")])
    assert notes(again) == {"r1": "8"}
    again.close()


def test_a_note_is_kept_only_beside_its_request_and_goes_with_it(engine: SqliteEngine) -> None:
    engine.commit([PutNote("telegram", "r1", "too early"), Put(done("r1", delivered=True))])
    assert notes(engine) == {}
    engine.commit([PutNote("telegram", "r1", "7"), put("r2"), PutNote("telegram", "r2", "8")])

    assert engine.prune(1_750_000_000.0, math.inf) == 1

    assert notes(engine) == {"r2": "8"}
