"""The writer: what is queued while a batch syncs becomes the next one, and nobody is forgotten."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.server.store.harness import WAIT_S, Heard, HeldEngine, running
from tests.server.store.model import MemoryEngine
from tests.server.store.samples import done, put, record

from agentgate_proto.records.session import FindSession
from agentgate_proto.records.storage import (
    Change,
    FindRid,
    HighestId,
    ListRequests,
    MarkDelivered,
    Put,
)
from agentgate_server.store.engine import StoreError
from agentgate_server.store.sqlite import PRUNE_ROWS_MAX, SqliteEngine
from agentgate_server.store.writer import BATCH_MAX, QUESTIONS_MAX, STOPPED, StoreWriter

pytestmark = pytest.mark.anyio


class HeldPruning(SqliteEngine):
    """An engine whose pruning waits for permission; it notes what it does in which order."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.permits = threading.Semaphore(0)
        self.began = threading.Event()
        self.order: list[str] = []

    def commit(self, changes: Sequence[Change]) -> None:
        self.order.append("commit")
        super().commit(changes)

    def prune(self, now: float, ran_s: float) -> int:
        self.order.append("prune")
        self.began.set()
        assert self.permits.acquire(timeout=WAIT_S)
        return super().prune(now, ran_s)


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    engine = SqliteEngine(tmp_path / "store.db", keep_days=1)
    yield engine
    engine.close()


async def test_a_change_is_on_the_disk_when_it_is_called_durable(
    engine: SqliteEngine, tmp_path: Path
) -> None:
    async with running(engine) as (writer, heard):
        writer.submit(1, put("r1"))
        await writer.flush()

        assert heard.events == [("durable", 1)]
        assert engine.answer(FindRid("r1")) == record("r1")


async def test_what_nobody_waits_for_is_written_after_a_moment(engine: SqliteEngine) -> None:
    async with running(engine, gather_s=0.001) as (writer, heard):
        writer.submit(1, put("r1"), urgent=False)
        await heard.anything()
        assert heard.events == [("durable", 1)]


@pytest.mark.parametrize(
    ("hurry", "upto"), [("submit", 2), ("ask", 1), ("flush", 1), ("many", BATCH_MAX)]
)
async def test_what_gathers_goes_with_the_first_that_is_urgent(
    engine: SqliteEngine, hurry: str, upto: int
) -> None:
    async with running(engine, gather_s=3_600) as (writer, heard):
        writer.submit(1, put("r1"), urgent=False)
        await anyio.wait_all_tasks_blocked()
        match hurry:
            case "submit":
                writer.submit(2, put("r2"))
            case "ask":
                writer.ask(FindRid("r1"), "token")
            case "flush":
                await writer.flush()
            case _:
                for number in range(2, BATCH_MAX + 1):
                    writer.submit(number, put(f"r{number}"), urgent=False)
        await heard.anything()
        assert heard.events[0] == ("durable", upto)


async def test_what_comes_while_a_batch_syncs_is_one_batch_in_order() -> None:
    engine = HeldEngine()
    async with running(engine) as (writer, heard):
        writer.submit(1, put("r1"))
        await engine.in_commit()
        for number in range(2, 12):
            writer.submit(number, put(f"r{number}"))
        assert writer.queue_length == 11
        engine.permits.release(2)
        await writer.flush()

        assert engine.commits == [1, 10]
        assert heard.events == [("durable", 1), ("durable", 11)]
        assert list(engine.kept) == [f"r{number}" for number in range(1, 12)]
        assert writer.queue_length == 0


async def test_the_engine_works_outside_the_event_loops_thread() -> None:
    engine = HeldEngine()
    async with running(engine) as (writer, _):
        engine.permits.release()
        writer.submit(1, put("r1"))
        await writer.flush()

    assert engine.threads
    assert threading.get_ident() not in engine.threads


async def test_a_query_sees_every_change_that_was_submitted_before_it(
    engine: SqliteEngine,
) -> None:
    async with running(engine) as (writer, heard):
        writer.ask(FindRid("r1"), "before")
        await writer.flush()
        writer.submit(1, put("r1", request_id=41))
        writer.submit(2, put("r2", request_id=42))
        writer.ask(FindRid("r1"), "one")
        writer.ask(HighestId("agent", "client"), "two")
        await writer.flush()

    assert heard.events == [
        ("answer", "before", None),
        ("durable", 2),
        ("answer", "one", "r1"),
        ("answer", "two", 42),
    ]


async def test_a_backlog_is_written_in_bounded_batches_and_queries_keep_their_place() -> None:
    engine = HeldEngine()
    async with running(engine) as (writer, heard):
        writer.submit(0, put("first"))
        await engine.in_commit()
        for number in range(1, 2 * BATCH_MAX + 1):
            writer.submit(number, put(f"r{number}"))
        writer.ask(FindRid(f"r{2 * BATCH_MAX}"), "last")
        engine.permits.release(10)
        await writer.flush()

    assert engine.commits == [1, BATCH_MAX, BATCH_MAX]
    assert heard.events == [
        ("durable", 0),
        ("durable", BATCH_MAX),
        ("durable", 2 * BATCH_MAX),
        ("answer", "last", f"r{2 * BATCH_MAX}"),
    ]


async def test_a_failed_commit_is_reported_with_its_numbers_and_the_next_one_goes_on(
    engine: SqliteEngine,
) -> None:
    async with running(engine) as (writer, heard):
        engine.execute("PRAGMA query_only = ON")
        for number in (3, 5, 8):
            writer.submit(number, put(f"r{number}"))
        writer.ask(FindRid("r3"), "token")
        await writer.flush()
        failure, answer = heard.events
        assert failure[:3] == ("failed", 3, 8)
        assert failure[3].startswith("read-only: ")
        assert answer == ("answer", "token", None)
        assert writer.queue_length == 0

        engine.execute("PRAGMA query_only = OFF")
        writer.submit(9, put("r9"))
        await writer.flush()
        assert heard.events[2:] == [("durable", 9)]
        assert engine.answer(FindRid("r3")) is None


async def test_a_failed_query_is_reported_and_the_others_are_answered(
    engine: SqliteEngine,
) -> None:
    engine.commit([put("good"), put("bad")])
    engine.execute("UPDATE requests SET phase = 'aproved' WHERE rid = 'bad'")

    async with running(engine) as (writer, heard):
        writer.ask(FindRid("bad"), 1)
        writer.ask(FindRid("good"), 2)
        await writer.flush()

    (kind, token, reason), other = heard.events
    assert (kind, token) == ("answer failed", 1)
    assert reason.startswith("damaged: ")
    assert other == ("answer", 2, "good")


async def test_callbacks_may_submit_and_ask(engine: SqliteEngine) -> None:
    async with running(engine) as (writer, heard):
        heard.then = [
            lambda: writer.submit(2, MarkDelivered(("r1",))),
            lambda: writer.ask(FindRid("r1"), "after"),
        ]
        writer.submit(1, Put(done("r1")))
        for _ in range(3):
            await writer.flush()

        assert heard.events == [("durable", 1), ("durable", 2), ("answer", "after", "r1")]


async def test_flush_waits_for_what_was_submitted_before_it() -> None:
    engine = HeldEngine()
    async with running(engine) as (writer, heard):
        await writer.flush()
        writer.submit(1, put("r1"))
        await engine.in_commit()
        writer.submit(2, put("r2"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(flush_and_note, writer, heard)
            await anyio.wait_all_tasks_blocked()
            engine.permits.release(2)

    assert heard.events == [("durable", 1), ("durable", 2), ("flushed",)]


async def flush_and_note(writer: StoreWriter, heard: Heard) -> None:
    await writer.flush()
    heard.hear("flushed")


async def test_a_batch_in_the_thread_is_finished_and_reported_when_run_is_cancelled() -> None:
    engine = HeldEngine()
    heard = Heard()
    writer = StoreWriter(engine, heard)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            writer.submit(1, put("r1"))
            await engine.in_commit()
            writer.submit(2, put("r2"))
            tasks.cancel_scope.cancel()
            with anyio.fail_after(WAIT_S, shield=True):
                await anyio.wait_all_tasks_blocked()
            assert heard.events == []
            engine.permits.release()

    assert heard.events == [("durable", 1)]
    assert list(engine.kept) == ["r1"]
    assert writer.queue_length == 1


@pytest.mark.parametrize("steps", range(8))
async def test_whenever_run_is_cancelled_a_change_is_reported_or_still_queued(steps: int) -> None:
    engine = MemoryEngine()
    heard = Heard()
    writer = StoreWriter(engine, heard)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            await anyio.wait_all_tasks_blocked()
            writer.submit(1, put("r1"))
            for _ in range(steps):
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()

    reported = heard.events == [("durable", 1)]
    assert reported or heard.events == []
    assert list(engine.kept) == (["r1"] if reported else [])
    assert len(writer.entries) == writer.queue_length == (0 if reported else 1)


async def test_who_asks_for_much_has_only_themselves_behind_it() -> None:
    engine, many = HeldEngine(), 5 * QUESTIONS_MAX
    async with running(engine) as (writer, heard):
        writer.submit(1, put("first"))
        await engine.in_commit()
        for number in range(many):
            writer.ask(HighestId("evil", "c"), number)
        writer.ask(HighestId("home", "c"), "home")
        writer.submit(2, put("second"))
        engine.permits.release(10)
        await writer.flush()

    assert heard.events[:2] == [("durable", 1), ("durable", 2)]
    tokens = [event[1] for event in heard.events if event[0] == "answer"]
    assert tokens.index("home") == 1
    assert [token for token in tokens if token != "home"] == list(range(many))


async def test_a_change_waits_for_some_questions_and_not_for_all() -> None:
    engine, many = HeldEngine(), 5 * QUESTIONS_MAX
    async with running(engine) as (writer, heard):
        writer.submit(1, put("first"))
        await engine.in_commit()
        for number in range(many):
            writer.ask(FindSession(f"s{number}"), number)
        engine.permits.release(1)
        while len(heard.events) < 1 + QUESTIONS_MAX:
            await anyio.lowlevel.checkpoint()
        writer.submit(2, put("second"))
        engine.permits.release(10)
        await writer.flush()

    place = heard.events.index(("durable", 2))
    assert place <= 1 + 3 * QUESTIONS_MAX
    assert len(heard.events) == 2 + many


async def test_nobody_waits_for_a_writer_that_has_stopped() -> None:
    held = HeldEngine()
    heard = Heard()
    writer = StoreWriter(held, heard)
    reasons = []

    async def wait() -> None:
        with anyio.fail_after(WAIT_S, shield=True):
            with pytest.raises(StoreError) as caught:
                await writer.flush()
            reasons.append(str(caught.value))

    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            writer.submit(1, put("r1"))
            await held.in_commit()
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.wait_all_tasks_blocked()
            assert writer.ended
            held.permits.release()
        await wait()
        with pytest.raises(StoreError, match=STOPPED):
            await writer.prune(0.0, math.inf)

    assert reasons == [STOPPED, STOPPED]


async def test_an_idle_writer_sleeps_until_something_comes(engine: SqliteEngine) -> None:
    async with running(engine) as (writer, heard):
        await anyio.wait_all_tasks_blocked()
        assert writer.wake is not None
        assert writer.wake.statistics().tasks_waiting == 1

        writer.submit(1, put("r1"))
        await writer.flush()
        assert heard.events == [("durable", 1)]


async def test_pruning_lets_commits_in_between(tmp_path: Path) -> None:
    engine = HeldPruning(tmp_path / "store.db")
    steps = 3
    puts = [Put(done(f"r{n}", at=0.0, delivered=True)) for n in range(steps * PRUNE_ROWS_MAX)]
    engine.commit(puts)
    async with running(engine) as (writer, heard), anyio.create_task_group() as tasks:
        tasks.start_soon(writer.prune, 100 * 86_400.0, math.inf)
        assert await anyio.to_thread.run_sync(engine.began.wait, WAIT_S)
        writer.submit(1, put("between"))
        engine.permits.release(steps + 1)

    assert heard.events == [("durable", 1)]
    assert engine.order == ["commit", "prune", "commit", "prune", "prune", "prune"]
    assert isinstance(found := engine.answer(ListRequests(None, 9)), list)
    assert [kept.rid for kept in found] == ["between"]
    engine.close()


async def test_pruning_says_how_much_went(engine: SqliteEngine) -> None:
    count = PRUNE_ROWS_MAX + 1
    engine.commit([Put(done(f"r{n}", at=0.0, delivered=True)) for n in range(count)])

    async with running(engine) as (writer, _):
        assert await writer.prune(10 * 86_400.0, math.inf) == count
        assert await writer.prune(10 * 86_400.0, math.inf) == 0


async def test_pruning_that_fails_says_why(engine: SqliteEngine) -> None:
    engine.commit([Put(done("r1", at=0.0, delivered=True))])
    engine.execute("PRAGMA query_only = ON")

    async with running(engine) as (writer, _):
        with pytest.raises(StoreError, match="read-only"):
            await writer.prune(10 * 86_400.0, math.inf)


async def test_numbers_must_increase(engine: SqliteEngine) -> None:
    writer = StoreWriter(engine, Heard())
    writer.submit(2, put("r1"))

    with pytest.raises(AssertionError):
        writer.submit(2, put("r2"))


async def test_an_error_that_is_not_the_stores_stops_the_writer() -> None:
    class Broken(MemoryEngine):
        def commit(self, changes: Sequence[Change]) -> None:
            raise ZeroDivisionError

    writer = StoreWriter(Broken(), Heard())
    writer.submit(1, put("r1"))
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect_stopped, writer)
            with pytest.raises(ZeroDivisionError):
                await writer.run()


async def test_who_waits_for_the_very_batch_that_stops_the_writer_is_told() -> None:
    class Broken(MemoryEngine):
        def commit(self, changes: Sequence[Change]) -> None:
            raise ZeroDivisionError

    writer = StoreWriter(Broken(), Heard())
    writer.submit(1, put("r1"))
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect_stopped, writer)
            await anyio.wait_all_tasks_blocked()  # it stands in the same batch
            with pytest.raises(ZeroDivisionError):
                await writer.run()


async def expect_stopped(writer: StoreWriter) -> None:
    with pytest.raises(StoreError, match=STOPPED):
        await writer.flush()


async def test_who_keeps_count_of_what_waits_hears_of_what_is_written_and_what_never_will_be(
    engine: SqliteEngine,
) -> None:
    heard: list[tuple[str, int]] = []

    class Counts:
        def submitted(self, number: int, change: Change) -> None:
            heard.append(("submitted", number))

        def reported(self, upto: int) -> None:
            heard.append(("reported", upto))

    writer = StoreWriter(engine, Heard(), backlog=Counts())
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            writer.submit(1, put("r1"))
            writer.submit(5, put("r2"))
            await writer.flush()
            engine.execute("PRAGMA query_only = ON")
            writer.submit(6, put("r3"))
            await writer.flush()
            tasks.cancel_scope.cancel()
    engine.execute("PRAGMA query_only = OFF")

    assert heard == [
        *(("submitted", 1), ("submitted", 5), ("reported", 5)),
        *(("submitted", 6), ("reported", 6)),
    ]
