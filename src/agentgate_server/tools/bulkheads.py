"""Bulkheads: how many calls may use one thing at once, and how many may wait for it.

A tool has a bulkhead of its own, unless it shares one with the other tools of its backend
(``Tool.bulkhead``). So whoever is slow fills its own bulkhead, and every other call passes by.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import anyio

from agentgate_proto.quotas.places import Places
from agentgate_server.errors import NotStarted
from agentgate_server.tools.tool import SyncTool, Tool

QUEUE_MAX: Final = 1_000
"""Calls that wait for a place in one bulkhead. Each is a task of a few kilobytes; of a longer queue
the last would run out of time anyway."""

THREADS_SHARE: Final = 4
"""A blocking tool that names no cap gets one thread in so many: if it hangs, the others still find
threads."""


class Turn:
    """A call that waits for a place.

    Attributes:
        is_refused: it may not wait any more.
        settled: it has its place, or is refused.
    """

    def __init__(self) -> None:
        self.is_refused = False
        self.settled = anyio.Event()


class Bulkhead:
    """A bounded number of running calls behind a bounded queue; who has which of them, the core
    says (``Places``)."""

    def __init__(self, name: str, running_max: int, queue_max: int) -> None:
        """Let so many calls run and so many wait.

        Args:
            name: what errors call it.
            running_max: calls that run at once, at least 1.
            queue_max: calls that wait; a further one is refused.
        """
        self.name = name
        self.running_max = running_max
        self.places: Places[Turn] = Places(running_max, queue_max)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return self.places.waiting

    async def enter(self, owner: str) -> Callable[[], None]:
        """Wait for a place.

        Args:
            owner: for whom the call is done.

        Returns:
            What gives the place back; to be called exactly once, on the event loop.

        Raises:
            NotStarted: too many wait already.
        """
        leave = partial(self._leave, owner)
        if self.places.enter(owner):
            return leave
        turn = Turn()
        evicted = self.places.wait(owner, turn)
        if evicted is not None:
            evicted.is_refused = True
            evicted.settled.set()
        try:
            await turn.settled.wait()
        except BaseException:
            self.places.leave(owner, turn)
            if turn.settled.is_set() and not turn.is_refused:
                leave()
            raise
        if turn.is_refused:
            raise NotStarted(
                f"{self.name} is busy: {self.places.running} calls run and "
                f"{self.waiting} wait; ask again later"
            )
        return leave

    def _leave(self, owner: str) -> None:
        self.places.end(owner)
        for turn in self.places.admit():
            turn.settled.set()


class Bulkheads:
    """The bulkheads of one runner, made as they are needed; as many as there are tools at most."""

    def __init__(self, threads_max: int) -> None:
        self.running_max = max(1, threads_max // THREADS_SHARE)
        self.bulkheads: dict[str, Bulkhead] = {}

    def of(self, tool: Tool) -> Bulkhead | None:
        """Return the bulkhead of a tool; None: nothing limits it."""
        running_max = tool.concurrency_max
        if running_max is None:
            if not isinstance(tool, SyncTool):
                return None
            running_max = self.running_max
        name = tool.bulkhead or tool.name
        found = self.bulkheads.get(name)
        if found is None:
            queue_max = QUEUE_MAX if tool.queue_max is None else tool.queue_max
            found = self.bulkheads[name] = Bulkhead(name, running_max, queue_max)
        return found
