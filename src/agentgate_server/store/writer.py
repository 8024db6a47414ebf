"""Group commit: changes queue up, one thread writes them, the event loop hears what is durable.

While one batch syncs, the next gathers; so the price of a sync is shared by all that came while
the last one ran, and a single change pays for nobody else. The event loop and the thread meet
only in :meth:`StoreWriter.run`: the loop takes a batch, the thread works through it, the loop
reports. No lock is needed, because everything but ``work`` happens on the event loop.

A change that nobody waits for (the row of a ``read`` that was answered, a receipt) gathers others
for a moment, so that a busy gateway wakes the thread some hundred times a second, not thousands.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import anyio
import anyio.lowlevel

from agentgate_proto.quotas.lines import Lines
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.storage import (
    Change,
    PutAudit,
    Query,
    SessionQuery,
)
from agentgate_server.store.answers import answer_of, bytes_of
from agentgate_server.store.batch import Asked, Batch, Entry, Submitted, Waiting
from agentgate_server.store.engine import Engine, StoreError
from agentgate_server.store.thread import StoreThread

BATCH_MAX = 1_024
"""Entries in one batch. More rows in a commit make it no cheaper per row, but would let one
request wait for a whole backlog; this many take some tens of milliseconds."""

QUESTIONS_MAX = 16
"""Questions that one batch answers, of each owner in turn: a few milliseconds, for which changes
that come meanwhile wait. Who asks for a thousand things waits for them, and nobody else does."""

ANSWERS_S = 0.005
"""How long one batch answers questions: some are a look at a row, others add up thousands. One that
has begun is answered."""

ANSWERS_BYTES_MAX = 2_097_152
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


class Backlog(Protocol):
    """Keeps count of what waits. Called on the event loop; must not raise."""

    def submitted(self, number: int, change: Change) -> None:
        """A change has come into the queue."""
        ...

    def reported(self, upto: int) -> None:
        """All changes up to this number have been committed, or reported as failed."""
        ...


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
        backlog: keeps count of what waits; None: nobody does.

    Attributes:
        clock: what the time for answers is measured by.
    """

    def __init__(
        self,
        engine: Engine,
        callbacks: StoreCallbacks,
        *,
        gather_s: float = GATHER_S,
        committed: Committed | None = None,
        backlog: Backlog | None = None,
    ) -> None:
        self.engine = engine
        self.callbacks = callbacks
        self.gather_s = gather_s
        self.committed = committed
        self.backlog = backlog
        self.clock: Callable[[], float] = time.perf_counter
        self.entries: deque[Entry] = deque()
        self.questions: Lines[Asked] = Lines()
        self.asked = 0
        self.unanswered: dict[int, None] = {}  # numbers of questions, in order
        self.held: list[Waiting] = []  # that wait for questions asked before them
        self.told: deque[AuditEntry] = deque()
        self.untold = 0
        self.changes_open = 0
        self.last_number: int | None = None
        self.wake: anyio.Event | None = None
        self.hurry: anyio.Event | None = None
        self.urgent = False
        self.thread: StoreThread[Batch] | None = None
        self.begun: list[Waiting] = []  # in the batch that the thread has
        self.ended = False

    @property
    def has_work(self) -> bool:
        """Whether there is anything for a batch."""
        return bool(self.entries or self.questions)

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
        if self.backlog is not None:
            self.backlog.submitted(number, change)
        self.put(Submitted(number, change), urgent=urgent)

    def ask(self, query: Query | SessionQuery, token: Any, owner: str = "") -> None:
        """Queue a query. It sees every change that was submitted before it and did not fail.

        Those of each owner are answered in their order: of the principal that it names, or else
        of ``owner``; "": nobody knows whose it is.
        """
        last = -1 if self.last_number is None else self.last_number
        owner = getattr(query, "principal", None) or owner or type(query).__name__
        self.questions.put(owner, Asked(self.asked, last, query, token))
        self.unanswered[self.asked] = None
        self.asked += 1
        self.rouse()

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
        assert self.thread is None, "run() runs once"
        self.thread = thread = StoreThread(self.work, self.over)
        try:
            while True:
                while not self.has_work:
                    self.wake = anyio.Event()
                    await self.wake.wait()
                if not self.urgent:
                    self.hurry = anyio.Event()
                    with anyio.move_on_after(self.gather_s):
                        await self.hurry.wait()
                await anyio.lowlevel.checkpoint_if_cancelled()
                self.begin(thread)
                await thread.wait_idle()
        finally:
            self.ended = True
            thread.end()
            try:
                with anyio.CancelScope(shield=True):
                    await thread.wait_idle()
            finally:
                for waiting in (*self.begun, *self.held, *self.entries):
                    if isinstance(waiting, Waiting):
                        waiting.reason = STOPPED
                        waiting.finished.set()

    def begin(self, thread: StoreThread[Batch]) -> None:
        """Give the thread what waits."""
        batch = self.take()
        self.begun = batch.waiting
        thread.begin(batch)

    def over(self, batch: Batch) -> None:
        """Report a batch that the thread is through with, and give it the changes that came
        meanwhile. Questions alone wait for their turn: what becomes of answers takes memory."""
        try:
            self.put_back(batch)
            self.report(batch)
        finally:
            self.begun = []
            self.release(batch.waiting)
        if self.urgent and self.entries and not self.ended:
            assert self.thread is not None, "it is through with a batch"
            self.begin(self.thread)

    def put(self, entry: Entry, *, urgent: bool = True) -> None:
        """Queue an entry and wake the writer."""
        self.entries.append(entry)
        if urgent or len(self.entries) >= BATCH_MAX:
            self.rouse()
        elif self.wake is not None:
            self.wake.set()

    def rouse(self) -> None:
        """Wake the writer, and let nothing more gather."""
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
        entry.asked = self.asked
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
                case Waiting() as entry:
                    batch.waiting.append(entry)
        batch.told += self.told
        self.told.clear()
        if self.untold:
            batch.told.append(AuditEntry(event="audit.lost", count=self.untold))
            self.untold = 0
        asked = self.questions.take(QUESTIONS_MAX)
        left = next((each.number for each in self.entries if isinstance(each, Submitted)), math.inf)
        batch.asked = [(owner, each) for owner, each in asked if each.after < left]
        for owner, each in reversed(asked):
            if each.after >= left:
                self.questions.put_back(owner, each)
        # What a whole batch left over has waited enough
        self.urgent = self.has_work
        return batch

    def put_back(self, batch: Batch) -> None:
        """Let the questions that a batch had no room for be the first of the next."""
        answered = len(batch.answers)
        for owner, asked in reversed(batch.asked[answered:]):
            self.questions.put_back(owner, asked)
            self.urgent = True
        del batch.asked[answered:]
        for _, asked in batch.asked:
            del self.unanswered[asked.number]

    def release(self, waiting: Iterable[Waiting]) -> None:
        """Let the callers go on, as far as all that was asked before them is answered."""
        over, self.held = [*self.held, *waiting], []
        first = next(iter(self.unanswered), math.inf)
        for each in over:
            if each.asked > first:
                self.held.append(each)
            else:
                each.finished.set()

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
        size, until = 0, self.clock() + ANSWERS_S
        for _, entry in batch.asked:
            if size > ANSWERS_BYTES_MAX or self.clock() > until:
                break
            try:
                answer = answer_of(self.engine, entry.query)
            except StoreError as error:
                batch.answers.append(error)
            else:
                batch.answers.append(answer)
                size += bytes_of(answer)

    def report(self, batch: Batch) -> None:
        """Tell the callbacks how it went; on the event loop."""
        if batch.failure is not None:
            self.told.extendleft(reversed(batch.told))
        if batch.submitted:
            self.changes_open -= len(batch.submitted)
            first, last = batch.submitted[0].number, batch.submitted[-1].number
            if self.backlog is not None:
                self.backlog.reported(last)
            if self.committed is not None:
                self.committed(len(batch.submitted), batch.took_s, batch.failure or "")
            if batch.failure is None:
                self.callbacks.on_durable(last)
            else:
                self.callbacks.on_write_failed(first, last, batch.failure)
        for (_, asked), answer in zip(batch.asked, batch.answers, strict=True):
            if isinstance(answer, StoreError):
                self.callbacks.on_answer_failed(asked.token, str(answer))
            else:
                self.callbacks.on_answer(asked.token, answer)
