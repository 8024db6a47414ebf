"""What the tests of the writer run it with."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread
from tests.server.store.model import MemoryEngine

from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Answer, Change
from agentgate_server.store.engine import Engine
from agentgate_server.store.writer import GATHER_S, StoreWriter

WAIT_S = 10.0


class Heard:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.then: list[Any] = []

    def on_durable(self, upto: int) -> None:
        self.hear("durable", upto)

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        self.hear("failed", first, last, reason)

    def on_answer(self, token: Any, answer: Answer) -> None:
        rid = answer.rid if isinstance(answer, Record) else answer
        self.hear("answer", token, rid)

    def on_answer_failed(self, token: Any, reason: str) -> None:
        self.hear("answer failed", token, reason)

    async def anything(self) -> None:
        """Wait, within the bound of ``running``, until something was heard."""
        while not self.events:
            await anyio.sleep(0.001)

    def hear(self, *event: Any) -> None:
        self.events.append(event)
        if self.then:
            self.then.pop(0)()


class HeldEngine(MemoryEngine):
    """An engine whose commits wait for permission, as if the disk took its time."""

    def __init__(self) -> None:
        super().__init__()
        self.permits = threading.Semaphore(0)
        self.began = threading.Event()
        self.commits: list[int] = []
        self.threads: set[int] = set()

    def commit(self, changes: Sequence[Change]) -> None:
        self.began.set()
        assert self.permits.acquire(timeout=WAIT_S)
        self.commits.append(len(changes))
        self.threads.add(threading.get_ident())
        super().commit(changes)

    async def in_commit(self) -> None:
        """Wait until the writer's thread is in a commit."""
        assert await anyio.to_thread.run_sync(self.began.wait, WAIT_S)
        self.began.clear()


@asynccontextmanager
async def running(
    engine: Engine, *, gather_s: float = GATHER_S
) -> AsyncIterator[tuple[StoreWriter, Heard]]:
    heard = Heard()
    writer = StoreWriter(engine, heard, gather_s=gather_s)
    with anyio.fail_after(WAIT_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(writer.run)
            yield writer, heard
            tasks.cancel_scope.cancel()
