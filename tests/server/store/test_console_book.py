"""Rows of the console: each counts when it is durable, and no more once it is dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.server.store.harness import WAIT_S, HeldEngine
from tests.server.store.model import MemoryEngine

from agentgate_proto.records.console_row import ConsoleRow, RowKind
from agentgate_server.store import console_book
from agentgate_server.store.console_book import CONSOLE, ConsoleBook
from agentgate_server.store.engine import StoreError
from agentgate_server.store.numbering import Numbering
from agentgate_server.store.writer import StoreWriter

SESSION = RowKind.SESSION

pytestmark = pytest.mark.anyio


def row(key: str = "s1", body: bytes = b"{}", principal: str = "anna") -> ConsoleRow:
    return ConsoleRow(kind=SESSION, id=key, principal=principal, body=body, expires_at=9.0)


class Stage:
    """A book in front of a writer, whose reports it gets."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.numbering = Numbering()
        self.writer = StoreWriter(engine, self)
        self.book = ConsoleBook(self.writer, self.numbering)

    def on_durable(self, upto: int) -> None:
        if (own := self.numbering.take(upto).get(CONSOLE)) is not None:
            self.book.on_durable(own)

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        if (own := self.numbering.take(last).get(CONSOLE)) is not None:
            self.book.on_write_failed(own, reason)

    def on_answer(self, token: object, answer: object) -> None:
        raise AssertionError("nothing is asked")

    on_answer_failed = on_answer  # type: ignore[assignment]

    @property
    def stored(self) -> list[str]:
        return [each.id for each in self.engine.restore().console]


class Refusing(MemoryEngine):
    """An engine whose disk may be full."""

    is_full = False

    def commit(self, changes: object) -> None:
        if self.is_full:
            raise StoreError("the disk is full")
        super().commit(changes)  # type: ignore[arg-type]


@asynccontextmanager
async def staged(engine: MemoryEngine) -> AsyncIterator[Stage]:
    stage = Stage(engine)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stage.writer.run)
            yield stage
            tasks.cancel_scope.cancel()


async def test_a_row_counts_once_it_is_durable() -> None:
    engine = HeldEngine()
    async with staged(engine) as stage, anyio.create_task_group() as tasks:
        tasks.start_soon(stage.book.put, row())
        await engine.in_commit()
        assert stage.book.find(SESSION, "s1") is None
        engine.permits.release()
        await stage.writer.flush()
        assert stage.book.find(SESSION, "s1") == row()
    assert stage.stored == ["s1"]


async def test_a_row_that_is_dropped_before_it_is_durable_never_counts() -> None:
    engine = HeldEngine()
    async with staged(engine) as stage, anyio.create_task_group() as tasks:
        tasks.start_soon(stage.book.put, row())
        await engine.in_commit()
        tasks.start_soon(stage.book.drop, SESSION, "s1")
        await anyio.wait_all_tasks_blocked()
        engine.permits.release(2)
        await stage.writer.flush()
        assert stage.book.of(SESSION) == []
    assert stage.stored == []


async def test_rows_are_told_by_kind_and_owner_and_survive_a_restart() -> None:
    async with staged(MemoryEngine()) as stage:
        await stage.book.put(row("s1"))
        await stage.book.put(row("s2", principal="bert"))
        assert [each.id for each in stage.book.of(SESSION)] == ["s1", "s2"]
        assert [each.id for each in stage.book.of(SESSION, "bert")] == ["s2"]
        assert stage.book.of(RowKind.PASSKEY) == []
    async with staged(stage.engine) as after:
        after.book.take_up(after.engine.restore().console)
        assert after.book.of(SESSION) == [row("s1"), row("s2", principal="bert")]


async def test_what_is_touched_counts_now_and_gets_to_the_disk() -> None:
    async with staged(MemoryEngine()) as stage:
        await stage.book.put(row())
        stage.book.touch(row(body=b"[1]"))
        assert stage.book.of(SESSION) == [row(body=b"[1]")]
        await stage.writer.flush()
        assert stage.engine.restore().console == [row(body=b"[1]")]

        await stage.book.drop(SESSION, "s1")
        stage.book.touch(row(body=b"[2]"))
        await stage.writer.flush()
    assert stage.stored == [], "what is gone does not come back by being used"


async def test_a_full_disk_is_told_and_what_was_dropped_meanwhile_goes_with_the_next_write() -> (
    None
):
    engine = Refusing()
    async with staged(engine) as stage:
        await stage.book.put(row("s1"))
        engine.is_full = True
        with pytest.raises(StoreError, match="disk is full"):
            await stage.book.put(row("s2"))
        with pytest.raises(StoreError, match="disk is full"):
            await stage.book.drop(SESSION, "s1")
        assert stage.book.of(SESSION) == [], "neither counts"
        assert stage.stored == ["s1"]

        engine.is_full = False
        await stage.book.put(row("s3"))
        await stage.writer.flush()
    assert stage.stored == ["s3"]


async def test_there_are_so_many_rows_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_book, "ROWS_MAX", 1)
    async with staged(MemoryEngine()) as stage:
        await stage.book.put(row("s1"))
        with pytest.raises(StoreError, match="keeps 1 things"):
            await stage.book.put(row("s2"))
        await stage.book.put(row("s1", body=b"[]"))
        assert stage.book.of(SESSION) == [row("s1", body=b"[]")]
