"""Worker threads for tools that block.

A thread can't be stopped from outside. When a call runs out of time its thread is *abandoned*: the
caller gets an answer, the thread goes on, and its result is only logged. Who may have a thread,
while some hang, is said by :mod:`agentgate_proto.quotas.lanes`.

We keep our own threads instead of ``anyio.to_thread``, for two reasons: these are daemons, so a
device that never answers can't keep the gateway from exiting; and both event loops free the slot
of an abandoned thread at the same moment. All bookkeeping happens on the event loop; a thread
touches nothing but its own job.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token

from agentgate_proto.quotas.lanes import Lanes, Verdict
from agentgate_proto.records.outcome import Outcome

THREADS_MAX: Final = 32
"""Calls of blocking tools that run at once, all tools together; others wait. Devices of a house
are slow, not many; a thread costs about 50 kB."""

ABANDONED_MAX: Final = 32
"""Threads beyond these that outlived their time-out. Something is broken for good then, and one
more hanging thread would not mend it: what hangs is refused, and in the end all that blocks."""

IDLE_MAX: Final = 8
"""Threads that are kept for the next call: starting one takes longer than most calls."""

log = logging.getLogger(__name__)


class Job:
    """One call for a thread.

    Attributes:
        lane, owner: what it shares its fate with, see ``Lanes``.
        started: a thread has it; what it does can't be taken back.
        problem: why the system has not started a thread for it.
        ready: it is started, or never will be.
        outcome: how it ended, as soon as it has.
        abandoned: nobody waits for it any more.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Outcome],
        release: Callable[[], None] | None = None,
        *,
        lane: str = "",
        owner: str = "",
    ) -> None:
        """Hold what to do.

        Args:
            name: the tool's, for the log.
            work: what the thread runs; it must not raise.
            release: called on the event loop once the work has really ended, or if it never
                starts. Exactly once.
            lane: that it belongs to; unless said, the tool's own.
            owner: for whom it is done.
        """
        self.name = name
        self.lane = lane or name
        self.owner = owner
        self.work = work
        self.release = release or nothing
        self.started = False
        self.outcome: Outcome | None = None
        self.abandoned = False
        self.problem: RuntimeError | None = None
        self.ready = anyio.Event()
        self.done = anyio.Event()


class Worker:
    """One thread, and the queue by which the event loop hands it jobs; None ends it."""

    def __init__(self, pool: Threads, token: EventLoopToken) -> None:
        self.pool = pool
        self.token = token
        self.jobs: SimpleQueue[Job | None] = SimpleQueue()
        threading.Thread(target=self.main, name="agentgate tool", daemon=True).start()

    def main(self) -> None:
        """Work until told to end, or until the event loop is gone."""
        while (job := self.jobs.get()) is not None:
            job.outcome = job.work()
            try:
                from_thread.run_sync(self.pool.finish, self, job, token=self.token)
            except RuntimeError:  # the event loop ended first: nobody is left to tell
                return


class Threads:
    """A bounded pool of daemon threads, for one event loop.

    Attributes:
        lanes: says who may have one.
    """

    def __init__(
        self, *, threads_max: int = THREADS_MAX, abandoned_max: int = ABANDONED_MAX
    ) -> None:
        """Start nothing yet: threads come with the first jobs."""
        self.lanes = Lanes(threads_max, abandoned_max)
        self.waiting: dict[Job, None] = {}
        self.idle: list[Worker] = []
        self.closed = False

    @property
    def abandoned(self) -> int:
        """How many threads outlived their call."""
        return self.lanes.abandoned

    async def run(self, job: Job) -> Outcome | None:
        """Run a job in a thread and wait for it.

        Cancelled before a thread has it, the job never runs; afterwards it is abandoned.

        Returns:
            The outcome, or None if too many threads are abandoned: the job was not started.

        Raises:
            RuntimeError: the system refused to start a thread; the job was not started.
        """
        try:
            self.waiting[job] = None
            self.admit()
            await job.ready.wait()
            if job.problem is not None:
                raise job.problem
            if job.started:
                await job.done.wait()
        finally:
            if not job.started:
                self.waiting.pop(job, None)
                job.release()
            elif job.outcome is None:
                self.abandon(job)
        return job.outcome

    def admit(self) -> None:
        """Give threads to those who wait, the first first, as far as their lanes may have one."""
        for job in list(self.waiting):
            verdict = self.lanes.verdict(job.lane, job.owner)
            if verdict is Verdict.WAIT:
                continue
            del self.waiting[job]
            if verdict is Verdict.START:
                try:
                    self.start(job)
                except RuntimeError as error:
                    job.problem = error
            job.ready.set()

    def start(self, job: Job) -> None:
        """Hand the job to a thread; there is no way back."""
        worker = self.idle.pop() if self.idle else Worker(self, current_token())
        job.started = True
        self.lanes.start(job.lane, job.owner)
        worker.jobs.put(job)

    def abandon(self, job: Job) -> None:
        """Nobody waits for a job any more that a thread has."""
        job.abandoned = True
        self.lanes.abandon(job.lane, job.owner)
        self.admit()

    def finish(self, worker: Worker, job: Job) -> None:
        """Take a job back from its thread. Runs on the event loop."""
        job.release()
        job.done.set()
        self.lanes.end(job.lane, job.owner, abandoned=job.abandoned)
        if job.abandoned:
            ended = job.outcome.status if job.outcome else ""
            log.warning("tool %s ended after its caller had gone: %s", job.name, ended)
        if self.closed or len(self.idle) >= IDLE_MAX:
            worker.jobs.put(None)
        else:
            self.idle.append(worker)
        self.admit()

    def close(self) -> None:
        """Let every thread end as soon as it has nothing to do. Waits for none."""
        self.closed = True
        while self.idle:
            self.idle.pop().jobs.put(None)


def nothing() -> None:
    """Release nothing: the job holds no slot of its own."""
