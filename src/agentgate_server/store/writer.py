"""Group commit: changes queue up, one thread writes them, the event loop hears what is durable.

While one batch syncs, the next gathers; so the price of a sync is shared by all that came while
the last one ran, and a single change pays for nobody else. The event loop and the thread meet
only in :meth:`StoreWriter.run`: the loop takes a batch, the thread works through it, the loop
reports. No lock is needed, because everything but ``work`` happens on the event loop.

A change that nobody waits for (the row of a ``read`` that was answered, a receipt) gathers others
for a moment, so that a busy gateway wakes the thread some hundred times a second, not thousands.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.request import Record
from agentgate_proto.records.session import (
    FindSession,
    ListSessions,
    LogRow,
    ReadLog,
    SumUsage,
    log_row_bytes,
)
from agentgate_proto.records.storage import (
    Answer,
    Change,
    PutAudit,
    Query,
    SessionAnswer,
    SessionQuery,
    record_bytes,
)
from agentgate_server.store.engine import Engine, StoreError

BATCH_MAX = 1_024
"""Entries in one batch. More rows in a commit make it no cheaper per row, but would let one
request wait for a whole backlog; this many take some tens of milliseconds."""

ANSWERS_BYTES_MAX = 8_388_608
"""Of the records that one batch reads; with more of them the next questions wait for the next, so
that the answers to many who ask at once are not all in memory at the same time."""

GATHER_S = 0.005
"""How long changes that nobody waits for may gather. Longer saves little more; if the gateway dies
meanwhile, it forgets a ``read`` that its client may ask for again."""

Committed = Callable[[int, float, str], None]
"""Hears of a commit: how many changes, how many seconds, and why it failed, if it did."""

TOLD_MAX = 1_000
"""Entries for the audit that wait for a batch, or for a disk that takes one; those beyond are
counted, and that is told as soon as the disk is back."""

STOPPED = "the store writer has stopped"


class StoreCallbacks(Protocol):
    """Who hears what became of changes and queries. Called on the event loop; must not raise.

    They may call ``submit`` and ``ask``: that goes into a later batch.
    """

    def on_durable(self, upto: int) -> None:
        """Every change numbered up to here has been committed, or reported as failed."""
        ...

    def on_write_failed(self, first: int, last: int, reason: str) -> None:
        """None of the changes numbered ``first`` to ``last`` was written; they are not kept."""
        ...

    def on_answer(self, token: Any, answer: Any) -> None:
        """The answer to the query that was asked with this token."""
        ...

    def on_answer_failed(self, token: Any, reason: str) -> None:
        """The query that was asked with this token could not be answered."""
        ...


class Submitted(msgspec.Struct, frozen=True):
    """A change in the queue."""

    number: int
    change: Change


class Asked(msgspec.Struct, frozen=True):
    """A query in the queue."""

    query: Query | SessionQuery
    token: Any


@dataclass(slots=True, eq=False)
class Waiting:
    """A caller that waits for its place in the queue to come round."""

    prune_at: float | None = None
    ran_s: float = 0.0
    deleted: int = 0
    reason: str | None = None
    finished: anyio.Event = field(default_factory=anyio.Event)


Entry = Submitted | Asked | Waiting


class Batch(msgspec.Struct):
    """What one hop to the thread does, and how it went."""

    submitted: list[Submitted] = msgspec.field(default_factory=list)
    asked: list[Asked] = msgspec.field(default_factory=list)
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    told: list[AuditEntry] = msgspec.field(default_factory=list)
    failure: str | None = None
    took_s: float = 0.0
    answers: list[Answer | SessionAnswer | StoreError] = msgspec.field(default_factory=list)
    left: list[Asked | Waiting] = msgspec.field(default_factory=list)


class StoreWriter:
    """The queue in front of an engine.

    Everything but :meth:`run` is called from the task that runs it or from others on the same
    event loop, never from another thread.

    Args:
        engine: where things are kept. The caller opens and closes it.
        callbacks: who hears the outcome, in the order of submission: of each batch, first what
            became of its changes, then its answers.
        gather_s: how long changes that are not urgent may gather.
        committed: hears how long each commit took; on the event loop.
    """

    def __init__(
        self,
        engine: Engine,
        callbacks: StoreCallbacks,
        *,
        gather_s: float = GATHER_S,
        committed: Committed | None = None,
    ) -> None:
        self.engine = engine
        self.callbacks = callbacks
        self.gather_s = gather_s
        self.committed = committed
        self.entries: deque[Entry] = deque()
        self.told: deque[AuditEntry] = deque()
        self.untold = 0
        self.changes_open = 0
        self.last_number: int | None = None
        self.wake: anyio.Event | None = None
        self.hurry: anyio.Event | None = None
        self.urgent = False
        self.limiter: anyio.CapacityLimiter | None = None
        self.ended = False

    @property
    def queue_length(self) -> int:
        """Changes that were submitted and not reported yet. The caller caps it."""
        return self.changes_open

    def submit(self, number: int, change: Change, *, urgent: bool = True) -> None:
        """Queue a change.

        Args:
            number: names it in the callbacks, and is higher than the last.
            change: what to write.
            urgent: False: it may wait for ``gather_s`` while nothing urgent comes.
        """
        assert self.last_number is None or number > self.last_number, "numbers must increase"
        self.last_number = number
        self.changes_open += 1
        self.put(Submitted(number, change), urgent=urgent)

    def ask(self, query: Query | SessionQuery, token: Any) -> None:
        """Queue a query. It sees every change that was submitted before it and did not fail."""
        self.put(Asked(query, token))

    def tell(self, entry: AuditEntry) -> None:
        """Append an entry to the audit with the next batch; with a later one if that one fails."""
        if len(self.told) >= TOLD_MAX:
            self.untold += 1
            return
        self.told.append(entry)
        self.put(Waiting(), urgent=False)

    async def flush(self) -> None:
        """Wait until everything submitted and asked before has been reported.

        Raises:
            StoreError: :meth:`run` has ended before.
        """
        await self.wait(Waiting())

    async def prune(self, now: float, ran_s: float) -> int:
        """Delete what retention does not keep; returns how many records.

        Commits go on in between.

        Args:
            now: what the system's clock shows, UTC seconds.
            ran_s: seconds for which the gateway has run since the last time.

        Raises:
            StoreError: it could not be done, or :meth:`run` has ended.
        """
        deleted = 0
        while True:
            step = Waiting(prune_at=now, ran_s=ran_s)
            await self.wait(step)
            ran_s = 0.0
            if not step.deleted:
                return deleted
            deleted += step.deleted

    async def run(self) -> None:
        """Write until cancelled. Run it as one task.

        A batch that the thread has begun is finished and reported before this returns. What is
        still queued then is not written: call :meth:`flush` first to shut down in order.
        """
        assert self.limiter is None, "run() runs once"
        self.limiter = anyio.CapacityLimiter(1)
        try:
            while True:
                while not self.entries:
                    self.wake = anyio.Event()
                    await self.wake.wait()
                if not self.urgent:
                    self.hurry = anyio.Event()
                    with anyio.move_on_after(self.gather_s):
                        await self.hurry.wait()
                await anyio.lowlevel.checkpoint_if_cancelled()
                batch = self.take()
                try:
                    with anyio.CancelScope(shield=True):
                        await anyio.to_thread.run_sync(self.work, batch, limiter=self.limiter)
                    self.put_back(batch.left)
                    self.report(batch)
                finally:
                    release(batch.waiting)
        finally:
            self.ended = True
            release(entry for entry in self.entries if isinstance(entry, Waiting))

    def put(self, entry: Entry, *, urgent: bool = True) -> None:
        """Queue an entry and wake the writer."""
        self.entries.append(entry)
        if urgent or len(self.entries) >= BATCH_MAX:
            self.urgent = True
            if self.hurry is not None:
                self.hurry.set()
        if self.wake is not None:
            self.wake.set()

    async def wait(self, entry: Waiting) -> None:
        """Queue the entry and wait until its batch has been reported."""
        if self.ended:
            raise StoreError(STOPPED)
        entry.reason = STOPPED  # until work() says otherwise
        self.put(entry)
        await entry.finished.wait()
        if entry.reason is not None:
            raise StoreError(entry.reason)

    def take(self) -> Batch:
        """Take the next batch off the queue."""
        batch = Batch()
        for _ in range(min(len(self.entries), BATCH_MAX)):
            match self.entries.popleft():
                case Submitted() as entry:
                    batch.submitted.append(entry)
                case Asked() as entry:
                    batch.asked.append(entry)
                case Waiting() as entry:
                    batch.waiting.append(entry)
        batch.told += self.told
        self.told.clear()
        if self.untold:
            batch.told.append(AuditEntry(event="audit.lost", count=self.untold))
            self.untold = 0
        self.urgent = bool(self.entries)  # what a whole batch left over has waited enough
        return batch

    def put_back(self, left: Sequence[Entry]) -> None:
        """Let what a batch had no room for be the first of the next."""
        self.entries.extendleft(reversed(left))
        self.urgent = self.urgent or bool(left)

    def work(self, batch: Batch) -> None:
        """Do what the batch says; in the worker thread."""
        changes: list[Change] = [PutAudit(entry) for entry in batch.told]
        changes += [entry.change for entry in batch.submitted]
        if changes:
            began = time.perf_counter()
            try:
                self.engine.commit(changes)
            except StoreError as error:
                batch.failure = str(error)
            batch.took_s = time.perf_counter() - began
        self.answer(batch)
        for waiting in batch.waiting:
            waiting.reason = None
            if waiting.prune_at is not None:
                try:
                    waiting.deleted = self.engine.prune(waiting.prune_at, waiting.ran_s)
                except StoreError as error:
                    waiting.reason = str(error)

    def answer(self, batch: Batch) -> None:
        """Answer the questions of a batch, as far as there is room; in the worker thread."""
        size = 0
        for entry in batch.asked:
            if size > ANSWERS_BYTES_MAX:
                break
            try:
                answer = answer_of(self.engine, entry.query)
            except StoreError as error:
                batch.answers.append(error)
            else:
                batch.answers.append(answer)
                size += bytes_of(answer)
        answered = len(batch.answers)
        if answered < len(batch.asked):  # who waits for all that was asked before waits on
            batch.left = [*batch.asked[answered:], *batch.waiting]
            del batch.asked[answered:]
            batch.waiting.clear()

    def report(self, batch: Batch) -> None:
        """Tell the callbacks how it went; on the event loop."""
        if batch.failure is not None:
            self.told.extendleft(reversed(batch.told))
        if batch.submitted:
            self.changes_open -= len(batch.submitted)
            first, last = batch.submitted[0].number, batch.submitted[-1].number
            if self.committed is not None:
                self.committed(len(batch.submitted), batch.took_s, batch.failure or "")
            if batch.failure is None:
                self.callbacks.on_durable(last)
            else:
                self.callbacks.on_write_failed(first, last, batch.failure)
        for asked, answer in zip(batch.asked, batch.answers, strict=True):
            if isinstance(answer, StoreError):
                self.callbacks.on_answer_failed(asked.token, str(answer))
            else:
                self.callbacks.on_answer(asked.token, answer)


def release(waiting: Iterable[Waiting]) -> None:
    """Let the callers go on; what they waited for is done, or never will be."""
    for entry in waiting:
        entry.finished.set()


def answer_of(engine: Engine, query: Query | SessionQuery) -> Answer | SessionAnswer:
    """Ask an engine what it is asked."""
    if isinstance(query, FindSession | ListSessions | ReadLog | SumUsage):
        return engine.answer_session(query)
    return engine.answer(query)


def bytes_of(answer: Answer | SessionAnswer) -> int:
    """How much memory an answer takes, as far as it is records, or rows of a log."""
    match answer:
        case Record():
            return record_bytes(answer)
        case list():
            return sum(size_of(row) for row in answer)
        case _:
            return 0


def size_of(row: object) -> int:
    """How many bytes a row of an answer takes, about."""
    match row:
        case Record():
            return record_bytes(row)
        case LogRow():
            return log_row_bytes(row)
        case _:
            return 1_000
