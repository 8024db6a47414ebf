"""The store's thread: it works through one batch after the other, and hands each back to the loop.

A hop there and back is on the way of every write, twice; so it costs the event loop no round that
it need not: the thread hears of a batch at once, and calls back into the next round of the loop.
``anyio.to_thread`` takes two rounds before a thread begins and one more after it has ended, which
under a flood is most of what a write takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

import anyio
from anyio import from_thread
from anyio.lowlevel import EventLoopToken, current_token

Batch = TypeVar("Batch")


class StoreThread(Generic[Batch]):
    """See the module. Everything but ``work`` happens on the event loop on which it was made.

    Args:
        work: what the thread does with a batch.
        over: takes it back, on the event loop; may ``begin`` the next.

    Attributes:
        is_busy: the thread has a batch.
    """

    def __init__(self, work: Callable[[Batch], None], over: Callable[[Batch], None]) -> None:
        self._work = work
        self._over = over
        self._todo: SimpleQueue[Batch | None] = SimpleQueue()
        self._idle = anyio.Event()
        self._error: BaseException | None = None
        self.is_busy = False
        # A daemon: a disk that never answers must not keep the gateway from exiting
        args = (current_token(),)
        threading.Thread(target=self._main, args=args, name="agentgate store", daemon=True).start()

    def begin(self, batch: Batch) -> None:
        """Let the thread begin with a batch; it has none now."""
        self.is_busy = True
        self._todo.put(batch)

    async def wait_idle(self) -> None:
        """Wait until it has no batch.

        Raises:
            BaseException: what was raised by ``work`` or ``over``; nothing is begun after that.
        """
        while self.is_busy:
            self._idle = anyio.Event()
            await self._idle.wait()
        if self._error is not None:
            raise self._error

    def end(self) -> None:
        """Let the thread end as soon as it has nothing to do."""
        self._todo.put(None)

    def _main(self, token: EventLoopToken) -> None:
        while (batch := self._todo.get()) is not None:
            error = None
            try:
                self._work(batch)
            except BaseException as raised:
                error = raised
            try:
                from_thread.run_sync(self._returned, batch, error, token=token)
            except RuntimeError:  # the event loop ended first: nobody is left to tell
                return

    def _returned(self, batch: Batch, error: BaseException | None) -> None:
        self.is_busy = False
        try:
            if error is not None:
                raise error
            self._over(batch)
        except BaseException as raised:
            self.is_busy = False
            self._error = raised
        if not self.is_busy:
            self._idle.set()
