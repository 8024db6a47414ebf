"""Worker threads for tools that block.

A thread can't be stopped from outside. When a call runs out of time its thread is *abandoned*: the
caller gets an answer, the thread goes on, and its result is only logged. Abandoned threads are
counted, and beyond a cap no new ones are started.

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

from agentgate_proto.records.outcome import Outcome

THREADS_MAX: Final = 32
"""Calls of blocking tools that run at once, all tools together; others wait. Devices of a house
are slow, not many; a thread costs about 50 kB."""

ABANDONED_MAX: Final = 32
"""Threads that outlived their time-out. Beyond it, something is broken for good, and one more
hanging thread would not mend it: blocking tools are refused until some of them end."""

IDLE_MAX: Final = 8
"""Threads that are kept for the next call: starting one takes longer than most calls."""

log = logging.getLogger(__name__)


class Job:
    """One call for a thread.

    Attributes:
        started: a thread has it; what it does can't be taken back.
        outcome: how it ended, as soon as it has.
        abandoned: nobody waits for it any more.
    """

    def __init__(
        self, name: str, work: Callable[[], Outcome], release: Callable[[], None] | None = None
    ) -> None:
        """Hold what to do.

        Args:
            name: the tool's, for the log.
            work: what the thread runs; it must not raise.
            release: called on the event loop once the work has really ended, or if it never
                starts. Exactly once.
        """
        self.name = name
        self.work = work
        self.release = release or nothing
        self.started = False
        self.outcome: Outcome | None = None
        self.abandoned = False
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
        abandoned: how many threads outlived their call.
    """

    def __init__(
        self, *, threads_max: int = THREADS_MAX, abandoned_max: int = ABANDONED_MAX
    ) -> None:
        """Start nothing yet: threads come with the first jobs."""
        self.slots = anyio.CapacityLimiter(threads_max)
        self.abandoned_max = abandoned_max
        self.abandoned = 0
        self.idle: list[Worker] = []
        self.closed = False

    async def run(self, job: Job) -> Outcome | None:
        """Run a job in a thread and wait for it.

        Cancelled before a thread has it, the job never runs; afterwards it is abandoned.

        Returns:
            The outcome, or None if too many threads are abandoned: the job was not started.

        Raises:
            RuntimeError: the system refused to start a thread; the job was not started.
        """
        try:
            async with self.slots:
                if self.abandoned < self.abandoned_max:
                    self.start(job)
                    await job.done.wait()
        finally:
            if not job.started:
                job.release()
            elif job.outcome is None:
                job.abandoned = True
                self.abandoned += 1
        return job.outcome

    def start(self, job: Job) -> None:
        """Hand the job to a thread; there is no way back."""
        worker = self.idle.pop() if self.idle else Worker(self, current_token())
        job.started = True
        worker.jobs.put(job)

    def finish(self, worker: Worker, job: Job) -> None:
        """Take a job back from its thread. Runs on the event loop."""
        job.release()
        job.done.set()
        if job.abandoned:
            self.abandoned -= 1
            ended = job.outcome.status if job.outcome else ""
            log.warning("tool %s ended after its caller had gone: %s", job.name, ended)
        if self.closed or len(self.idle) >= IDLE_MAX:
            worker.jobs.put(None)
        else:
            self.idle.append(worker)

    def close(self) -> None:
        """Let every thread end as soon as it has nothing to do. Waits for none."""
        self.closed = True
        while self.idle:
            self.idle.pop().jobs.put(None)


def nothing() -> None:
    """Release nothing: the job holds no slot of its own."""
