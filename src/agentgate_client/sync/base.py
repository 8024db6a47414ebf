"""What every client without ``await`` has: connecting, closing, state, health; and its streams."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial, update_wrapper
from threading import Lock
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar

import anyio

from agentgate_client.checks import check_timeout
from agentgate_client.health import Health
from agentgate_client.lifecycle import Client
from agentgate_client.sync.loop_thread import LoopThread, closed
from agentgate_proto.client.events import ClientState
from agentgate_proto.errors import AgentGateError, Disconnected, ErrorCode

T = TypeVar("T")
Inner = TypeVar("Inner")
C = TypeVar("C", bound=Client)
P = ParamSpec("P")
Item_co = TypeVar("Item_co", covariant=True)
S = TypeVar("S", bound="Stream[Any]")

END: Any = object()


class Blocking(Generic[Inner]):
    """Something of a client without ``await``, made of the same thing with it.

    Args:
        inner: what does the work, in the client's loop.
    """

    def __init__(self, inner: Inner) -> None:
        self.inner = inner

    def wait(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function in the client's loop, and wait for its end."""
        raise NotImplementedError


def blocking(
    method: Callable[Concatenate[Inner, P], Awaitable[T]],
) -> Callable[Concatenate[Blocking[Inner], P], T]:
    """Make a method of one that is awaited: the same arguments, result and errors."""

    def call(self: Blocking[Inner], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.wait(partial(method, self.inner, *args, **kwargs))

    update_wrapper(call, method)
    return call


class SyncClient(Blocking[C]):
    """Base of the clients without ``await``.

    Every method waits on the thread that calls it, and any number of threads may call at the same
    time. Callbacks are called in the client's own thread; they must not wait, and can't call it.

    Args:
        inner: what does the work, in a thread of its own from ``connect`` until ``close``.
    """

    def __init__(self, inner: C) -> None:
        super().__init__(inner)
        self._lock = Lock()
        self._thread: LoopThread | None = None
        self._openings = 0

    @property
    def state(self) -> ClientState:
        """How the client stands to its gateway."""
        return self.inner.state

    @property
    def address(self) -> str:
        """Where the gateway is, for people."""
        return self.inner.address

    @property
    def health(self) -> Health:
        """State, latency, last sign of life and last error, as a snapshot. Never waits."""
        return self.inner.health

    def connect(self, timeout_s: float | None = None) -> None:
        """Connect and authenticate; return when calls can go out.

        Args:
            timeout_s: how long that may take; None: without end, unless ``max_retries`` says
                otherwise. What may pass by itself is tried again meanwhile.

        Raises:
            AgentGateConnectionError: it can't be done, or not in this time.
        """
        check_timeout(timeout_s)
        with self._lock:
            if self._thread is None:
                name = f"{type(self).__name__} of {self.inner.address}"
                self._thread = LoopThread(name, self.inner.close)
                # forgotten clients: the thread must not outlive who could use it
                weakref.finalize(self, self._thread.end_soon).atexit = False
            thread = self._thread
            self._openings += 1
        try:
            thread.run(partial(connect, self.inner, timeout_s))
        finally:
            with self._lock:
                self._openings -= 1
                over = self.state in (ClientState.IDLE, ClientState.CLOSED)
                last = over and not self._openings and self._thread is thread
                if last:
                    self._thread = None
            if last:
                thread.end()

    def close(self) -> None:
        """Disconnect, for good; return when nothing is left running, after a second at most.

        May be called from any thread, more than once, but not from a callback. Calls that wait in
        other threads get an AgentGateConnectionError.
        """
        with self._lock:
            thread = self._thread
            if thread is not None and not thread.is_current:
                self._thread = None
        if thread is not None:
            thread.end()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # What is built on it

    def wait(self, function: Callable[[], Awaitable[T]]) -> T:
        """See :class:`Blocking`."""
        thread = self._thread
        if thread is None:
            raise closed()
        return thread.run(function)

    def make(self, function: Callable[[], T]) -> T:
        """Make something that belongs to the client's loop, there."""

        async def made() -> T:
            return function()

        return self.wait(made)

    def keep(self, holder: object, inner: object) -> None:
        """Let go of ``inner`` in its own loop, when nobody has ``holder`` any more."""
        thread = self._thread
        if thread is not None:
            weakref.finalize(holder, thread.drop, inner).atexit = False


class Stream(Protocol[Item_co]):
    """What can be followed."""

    def __aiter__(self) -> AsyncIterator[Item_co]: ...

    async def __anext__(self) -> Item_co: ...

    async def aclose(self) -> None:
        """Follow no longer."""


class Part(Blocking[Inner]):
    """Something that belongs to a client.

    Args:
        client: whose it is.
        inner: the same with ``await``.
    """

    def __init__(self, client: SyncClient[Any], inner: Inner) -> None:
        super().__init__(inner)
        self.client = client

    def wait(self, function: Callable[[], Awaitable[T]]) -> T:
        """See :class:`Blocking`."""
        return self.client.wait(function)


class Followed(Part[S], Generic[S, T]):
    """An iterator over what a stream of the client brings; it waits for each.

    Args:
        client: whose it is.
        inner: the stream.
    """

    def __init__(self, client: SyncClient[Any], inner: S) -> None:
        super().__init__(client, inner)
        client.keep(self, inner)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self.next()
        assert item is not None, "nothing is no item, and there is no end of patience"
        return item

    def next(self, timeout_s: float | None = None) -> T | None:
        """Wait for the next one, for so many seconds at most.

        Returns:
            The next one; None: none came in this time. Nothing is lost by that.

        Raises:
            StopIteration: that was the last one.
            AgentGateError: the stream was broken off; what it says of that holds here too.
        """
        item: T | None = self.wait(partial(next_of, self.inner, check_timeout(timeout_s)))
        if item is END:
            raise StopIteration
        return item

    def close(self) -> None:
        """Follow no longer. Not needed if the iterator is simply dropped."""
        self.wait(self.inner.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


async def next_of(stream: Stream[T], timeout_s: float | None) -> T | None:
    """Return the next one of a stream, None after this time, or ``END``."""
    with anyio.move_on_after(timeout_s):
        try:
            return await stream.__anext__()
        except StopAsyncIteration:
            ended: T = END
            return ended
    return None


async def connect(client: Client, timeout_s: float | None) -> None:
    """Connect within a time."""
    if timeout_s is None:
        await client.connect()
        return
    why: list[AgentGateError | None] = []

    def expire() -> None:
        why.append(client.health.last_error)
        scope.cancel()

    with anyio.CancelScope() as scope:
        timer = asyncio.get_running_loop().call_later(timeout_s, expire)
        try:
            await client.connect()
        finally:
            timer.cancel()
    if scope.cancelled_caught:
        text = f"not connected to gateway {client.address} within {timeout_s:g} s"
        words = "; ".join(error.message for error in why if error is not None)
        raise Disconnected(ErrorCode.CONNECTION_LOST, f"{text}: {words}" if words else text)
