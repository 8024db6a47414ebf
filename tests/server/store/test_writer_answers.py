"""The writer's answers: those to many who ask at once are never all in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.store.harness import running
from tests.server.store.samples import put

from agentgate_proto.records.storage import FindRid, ListRequests
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.store.writer import ANSWERS_S

pytestmark = pytest.mark.anyio


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "store.db")
    yield engine
    engine.close()


async def test_many_large_answers_are_read_a_few_at_a_time_and_all_are_given(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.store.writer.ANSWERS_BYTES_MAX", 2_500)
    async with running(engine) as (writer, heard):
        writer.submit(1, put("r1"))
        await writer.flush()
        read: list[int] = []
        heard.events.clear()
        for number in range(7):
            writer.ask(ListRequests("agent", 9) if number % 2 else FindRid("r1"), number, "agent")
        batch = writer.take()
        writer.work(batch)
        read.append(len(batch.answers))
        writer.put_back(batch)
        writer.report(batch)
        writer.submit(2, put("r2"))
        await writer.flush()
    assert read == [3]
    assert [event[1] for event in heard.events if event[0] == "answer"] == list(range(7))


async def test_who_waits_for_all_that_was_asked_waits_for_what_had_no_room(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.store.writer.ANSWERS_BYTES_MAX", 0)
    async with running(engine) as (writer, heard):
        writer.submit(1, put("r1"))
        for number in range(3):
            writer.ask(FindRid("r1"), number)
        await writer.flush()
        assert [event[0] for event in heard.events] == ["durable", "answer", "answer", "answer"]


async def test_a_batch_answers_for_so_long_and_others_writes_come_between(
    engine: SqliteEngine,
) -> None:
    async with running(engine) as (writer, heard):
        writer.submit(1, put("r1"))
        await writer.flush()
        heard.events.clear()
        ticks = itertools.count()
        writer.clock = lambda: next(ticks) * ANSWERS_S / 2  # each look costs so much
        for number in range(7):
            writer.ask(FindRid("r1"), number, "agent")
        writer.submit(2, put("r2"))
        await writer.flush()
    kinds = [event[0] for event in heard.events]
    assert kinds.count("answer") == 7
    assert kinds.index("durable") <= 3
    assert [event[1] for event in heard.events if event[0] == "answer"] == list(range(7))
