"""An event loop in a thread of its own, for a client whose user has none.

Theory of operation. The asynchronous client lives in the loop, and only there. Whoever calls hands
a coroutine function over (anyio's blocking portal) and waits for its end on their own thread; that
thread may run a loop of its own, as in a notebook, since nothing of it is touched. Who is
interrupted while waiting cancels what was handed over, so a call is withdrawn as it is without
threads.

The thread is a daemon: a program that forgets to close its client ends all the same. At the
interpreter's end the connections that are still open are closed politely, within ``GOODBYE_S``.
"""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from threading import Thread, current_thread
from typing import TypeVar
from weakref import WeakSet

import anyio
from anyio.from_thread import BlockingPortal

from agentgate_client.pump import LINGER_S
from agentgate_proto.errors import Disconnected, ErrorCode

T = TypeVar("T")

GOODBYE_S = 4 * LINGER_S
"""How long the end of the thread is waited for; a client closes within half of it."""

TICK_S = 0.5 if os.name == "nt" else None
"""On Windows Ctrl+C is noticed between two waits only."""

IN_A_CALLBACK = (
    "a callback is called in the thread of its client, and can't wait for that client: "
    "let it set an event, or start a thread"
)


class LoopThread:
    """See the module. It runs when the constructor returns.

    Args:
        name: of the thread, for debuggers.
        close: what is done in the loop before it ends.
    """

    def __init__(self, name: str, close: Callable[[], Awaitable[None]]) -> None:
        self._close = close
        self._started: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()
        self._stop = asyncio.Event()
        self._thread = Thread(target=self._main, name=name, daemon=True)
        self._thread.start()
        self._portal, self._loop = self._started.result()
        running.add(self)

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the loop; return what it returns, raise what it raises.

        Raises:
            Disconnected: the loop ended meanwhile.
            RuntimeError: the caller is the loop's own thread.
        """
        if self.is_current:
            raise RuntimeError(IN_A_CALLBACK)
        try:
            future: Future[T] = self._portal.start_task_soon(function)
        except RuntimeError:
            raise closed() from None
        try:
            while not wait([future], TICK_S).done:
                pass
            return future.result()
        except CancelledError:
            raise closed() from None
        finally:
            future.cancel()  # without effect once it is done

    def drop(self, value: object) -> None:
        """Let go of something that belongs to the loop, there: what its end does is done there."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(id, value)

    def end(self) -> None:
        """Close what is open and end the loop; wait for that, but not for ever.

        Raises:
            RuntimeError: the caller is the loop's own thread.
        """
        if self.is_current:
            raise RuntimeError(IN_A_CALLBACK)
        self.end_soon()
        self._thread.join(GOODBYE_S)

    def end_soon(self) -> None:
        """The same without waiting, from any thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stop.set)

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return current_thread() is self._thread

    def _main(self) -> None:
        try:
            anyio.run(self._live, backend="asyncio")
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _live(self) -> None:
        async with BlockingPortal() as portal:
            self._started.set_result((portal, asyncio.get_running_loop()))
            try:
                await self._stop.wait()
                await self._close()
            finally:
                await portal.stop(cancel_remaining=True)


running: WeakSet[LoopThread] = WeakSet()
"""For the end of the interpreter."""


@atexit.register
def end_all() -> None:
    """Close what was forgotten."""
    for thread in list(running):
        thread.end()


def closed() -> Disconnected:
    """The error for a call to a client that has no loop."""
    return Disconnected(ErrorCode.CONNECTION_LOST, "not connected; call connect() first")
