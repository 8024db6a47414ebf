"""What every client of a gateway has: connecting, closing, state and health."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable
from random import SystemRandom
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec

from agentgate_client.driver import Driver, fresh
from agentgate_client.endpoint import Endpoint
from agentgate_client.health import Health
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, StateChanged
from agentgate_proto.errors import AgentGateError, Disconnected, ErrorCode
from agentgate_proto.quotas.news import News

log = logging.getLogger("agentgate_client")

OnState = Callable[[StateChanged], None]


class Opening:
    """One ``connect()`` that waits."""

    def __init__(self) -> None:
        self.decided = anyio.Event()
        self.error: AgentGateError | None = None


class Client:
    """Base of the clients: an agent's and an approver's.

    Args:
        endpoint: the gateway.
        backoff: the schedule of attempts.
        on_state: called with each change of the state.

    Raises:
        TypeError: a callback is no plain function.
    """

    def __init__(self, endpoint: Endpoint, backoff: Backoff, on_state: OnState | None) -> None:
        check_callback("on_state", on_state)
        self._driver = Driver(endpoint, backoff, self)
        self._on_state = on_state
        self._openings: list[Opening] = []
        self._in_use = False
        self._connected = False
        self._news = News()

    @property
    def state(self) -> ClientState:
        """How the client stands to its gateway."""
        return self._driver.machine.state

    @property
    def address(self) -> str:
        """Where the gateway is, for people."""
        return str(self._driver.endpoint.address)

    @property
    def health(self) -> Health:
        """State, latency, last sign of life and last error, as a snapshot. Never waits."""
        return self._driver.health()

    async def connect(self) -> None:
        """Connect and authenticate; return when calls can go out.

        What may pass by itself (no such name yet, connection refused, a time-out, HTTP 5xx) is
        tried again, by the backoff, with a warning in the log "agentgate_client" each time. Without
        ``max_retries`` that goes on until it succeeds: bound it with a time-out of your own, or
        cancel it; then nothing is left behind.

        Returns at once if the client is connected. May be called by several tasks at the same
        time, and again after ``close()`` or after the client has given up.

        Raises:
            AgentGateConnectionError: the retries are used up, or another attempt would end the
                same (the token is wrong: code -32005; the certificate is not trusted; HTTP 4xx
                instead of an upgrade); or ``close()`` was called meanwhile.
            RuntimeError: the client is connected in another event loop.
        """
        await self._driver.open()
        if self.state is ClientState.CONNECTED:
            self._in_use = True
            return
        opening = Opening()
        self._openings.append(opening)
        try:
            await opening.decided.wait()
        except BaseException:
            if opening in self._openings:
                self._openings.remove(opening)
            if not self._in_use and not self._openings:
                await self._driver.close()
            raise
        if opening.error is not None:
            await self._driver.close()  # it is closed; this waits until nothing is left
            raise fresh(opening.error)
        self._in_use = True

    async def close(self) -> None:
        """Disconnect, for good; return when nothing is left running, after a second at most.

        May be called at any moment, from any task, more than once. Calls that wait get an
        AgentGateConnectionError; a tool request that was sent may still run, and its error says so.
        """
        self._in_use = False
        await self._driver.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # What the driver tells

    def state_changed(self, change: StateChanged) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        gateway = self._driver.endpoint.address
        error = change.error
        match change.state:
            case ClientState.RECONNECTING if error is not None:
                failed = "lost" if self._connected else "cannot reach"
                self._connected = False
                why = f"{failed} gateway {gateway}: {error.message}"
                if (more := self._news.failed(why, time.monotonic())) is not None:
                    log.warning("%s; trying again in %.3g s%s", why, change.retry_in_s, more)
            case ClientState.CONNECTED:
                self._connected = True
                after = self._news.well(time.monotonic())
                log.info("connected to gateway %s%s", gateway, after or "")
                self._decide_openings(None)
            case ClientState.CLOSED:
                if error is not None and self._in_use:
                    log.error("gave up on gateway %s: %s", gateway, error.message)
                self._in_use = self._connected = False
                self._decide_openings(self._why_closed(error))
            case _:
                pass
        call_back("on_state", self._on_state, change)

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`agentgate_client.driver.Listener`."""

    def _decide_openings(self, error: AgentGateError | None) -> None:
        openings, self._openings = self._openings, []
        for opening in openings:
            opening.error = error
            opening.decided.set()

    def _why_closed(self, error: AgentGateError | None) -> AgentGateError:
        """Say why ``connect()`` did not succeed; the gateway's own words are not touched."""
        if error is None:
            return Disconnected(ErrorCode.CONNECTION_LOST, "the client was closed")
        if error.code != ErrorCode.CONNECTION_LOST:
            return error
        text = f"cannot reach gateway {self._driver.endpoint.address}: {error.message}"
        failures = self._driver.backoff.failures
        if failures > 1:
            text += f" ({failures} attempts)"
        return Disconnected(error.code, text, error.data)


def make_backoff(max_retries: int | None, jitter: bool, backoff: Backoff | None) -> Backoff:
    """Make the schedule of attempts.

    Raises:
        ValueError: ``backoff`` goes with neither of the others; or there are fewer than 0 retries.
    """
    if backoff is not None:
        if max_retries is not None or jitter:
            raise ValueError("give backoff, or max_retries and jitter, not both")
        return backoff
    if max_retries is not None and max_retries < 0:
        raise ValueError("max_retries is at least 0; None means: without end")
    return Backoff(attempts_max=max_retries, jitter=jitter, rng=SystemRandom())


def check_callback(name: str, callback: Callable[..., Any] | None) -> None:
    """Refuse a callback that would have to be awaited: nobody could."""
    if callback is not None and not callable(callback):
        raise TypeError(f"{name} must be a function")
    if inspect.iscoroutinefunction(callback):
        raise TypeError(f"{name} must be a plain function; let it set an event or start a task")


def call_back(name: str, callback: Callable[[Any], None] | None, value: Any) -> None:
    """Call a user's function; what it raises is logged and harms nothing."""
    if callback is not None:
        try:
            callback(value)
        except Exception:
            log.exception("%s raised", name)
