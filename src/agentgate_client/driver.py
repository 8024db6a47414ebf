"""The driver: lets a client machine live in an event loop.

Theory of operation. The machine holds all rules; the driver does what it asks for: it dials, hands
sockets to pumps, sleeps until the next deadline, and wakes callers. ``turn`` is the one place where
the machine's events are acted on, and it never waits. It is called after everything that changes
the machine, in whichever task that happens.

Everything that waits runs in one task of the event loop (see ``background``), which begins with
``open`` and ends by itself when the machine is closed, after a goodbye of ``LINGER_S`` at most.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol
from uuid import uuid4

import anyio
import msgspec
from anyio.abc import ByteStream, TaskGroup
from anyio.lowlevel import EventLoopToken, current_token

from agentgate_client.background import spawn
from agentgate_client.dial import DialError
from agentgate_client.endpoint import Endpoint
from agentgate_client.health import Health
from agentgate_client.providing import ToolRunner
from agentgate_client.pump import LINGER_S, Pump
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import (
    CallAsked,
    CallStopped,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
    Stood,
)
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.errors import AgentGateError

log = logging.getLogger("agentgate_client")

LOOP_ENDED = (
    "the client was connected in an event loop that has ended: connect, call and close in one"
)

Done = Callable[[Settled], None]
"""Takes the end of a call, at once and without waiting."""

OnAnswer = Callable[[Settled | Stood], None]
"""Takes each answer to a standing call, at once and without waiting."""


class Listener(Protocol):
    """Who wants to know what is not the answer to a call."""

    def state_changed(self, change: StateChanged) -> None:
        """The state of the client changed."""
        ...

    def pushed(self, params: msgspec.Struct) -> None:
        """The gateway told us something."""
        ...


class Answer:
    """Waits for the end of one call."""

    __slots__ = ("_arrived", "_settled")

    def __init__(self) -> None:
        self._arrived = anyio.Event()
        self._settled: Settled | None = None

    def settle(self, settled: Settled) -> None:
        """Take the end of the call."""
        self._settled = settled
        self._arrived.set()

    async def wait(self) -> Any:
        """Return the result, or raise the error."""
        return (await self.settled()).result

    async def settled(self) -> Settled:
        """Return the end with all that is said of it, or raise the error."""
        await self._arrived.wait()
        assert self._settled is not None
        if self._settled.error is not None:
            raise fresh(self._settled.error)
        return self._settled


class Driver:
    """A client machine and the tasks that it needs.

    Args:
        endpoint: the gateway.
        backoff: the schedule of attempts.
        listener: is told of changes and notifications; must not raise.

    Attributes:
        machine: the rules.
        provided: runs the tools that this client provides.
        connections: how many connections were ready for calls so far.
    """

    def __init__(self, endpoint: Endpoint, backoff: Backoff, listener: Listener) -> None:
        self.endpoint = endpoint
        self.backoff = backoff
        self.machine = ClientMachine(endpoint.connection, backoff, instance=str(uuid4()))
        self.provided = ToolRunner(self.machine, self.turn)
        self.connections = 0
        self._listener = listener
        self._done: dict[int, Done] = {}
        self._standing: dict[int, OnAnswer] = {}
        self._token: EventLoopToken | None = None
        self._over = anyio.Event()
        self._closed = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._dial_due = False
        self._dialing: anyio.CancelScope | None = None
        self._alarm: anyio.CancelScope | None = None
        self._pump: Pump | None = None
        self._retry_at = 0.0
        self._seen_at: float | None = None

    # From any task of the loop

    def check_loop(self) -> None:
        """Raise RuntimeError if the client lives in another event loop than the caller."""
        if self._token is not None and self._token != current_token():
            raise RuntimeError(
                "this client is connected in another event loop; make one for each loop"
            )

    async def open(self) -> None:
        """Begin to connect, unless that is under way; what a former life left over ends first."""
        self.check_loop()
        while self._token is not None and self.machine.state is ClientState.CLOSED:
            await self._over.wait()
        self.check_loop()
        if self._token is None:
            self._token = current_token()
            self._over = anyio.Event()
            self._closed = anyio.Event()
            self.machine.open()
            self.turn()
            spawn(self._run, f"agentgate client of {self.endpoint.address}")

    async def close(self) -> None:
        """End everything; return when nothing is left, within about ``LINGER_S``."""
        self.check_loop()
        self.machine.close()
        self.turn()
        if self._token is not None:
            with anyio.move_on_after(2 * LINGER_S, shield=True):
                await self._over.wait()

    async def pause(self, for_s: float) -> None:
        """Let so many seconds pass; fewer, if the client is closed meanwhile."""
        with anyio.move_on_after(for_s):
            await self._closed.wait()

    async def call(self, method: str, params: msgspec.Struct, timeout_s: float | None) -> Any:
        """Make a call and wait for its end. If the caller is cancelled it is withdrawn.

        Raises:
            AgentGateError: the call failed, or cannot be made.
        """
        return (await self.settled(method, params, timeout_s)).result

    async def settled(
        self, method: str, params: msgspec.Struct, timeout_s: float | None
    ) -> Settled:
        """As ``call``; return the end with all that is said of it."""
        answer = Answer()
        handle = self.submit(method, params, timeout_s, answer.settle)
        try:
            return await answer.settled()
        finally:
            self.withdraw(handle)

    def submit(
        self, method: str, params: msgspec.Struct, timeout_s: float | None, done: Done
    ) -> int:
        """Make a call whose end ``done`` takes; return its handle. Raises as ``call``."""
        self.check_loop()
        try:
            handle = self.machine.call(method, params, timeout_s, anyio.current_time())
        except AgentGateError as error:
            raise fresh(error) from None
        self._done[handle] = done
        self.turn()
        return handle

    def withdraw(self, handle: int) -> None:
        """Nobody waits for the call any more; without effect once it is settled."""
        if self._done.pop(handle, None) is not None:
            self.machine.abandon(handle)
            self.turn()

    def stand(
        self,
        method: str,
        params: msgspec.Struct,
        on_answer: OnAnswer,
        later: msgspec.Struct | None = None,
    ) -> int:
        """Make a call on every connection, before all others; return its handle.

        ``on_answer`` is called with each answer, until ``unstand`` or the end of the client: with
        ``Settled`` for the first, ``Stood`` for later ones; those calls are made with ``later``, if
        that is given. Raises as ``call``.
        """
        self.check_loop()
        try:
            handle = self.machine.stand(method, params, later)
        except AgentGateError as error:
            raise fresh(error) from None
        self._standing[handle] = on_answer
        self.turn()
        return handle

    def unstand(self, handle: int) -> None:
        """Make the call no more, and tell no answer to it; twice is harmless."""
        if self._standing.pop(handle, None) is not None:
            self.machine.unstand(handle)
            self.turn()

    def health(self) -> Health:
        """Describe the present moment. May be called from anywhere, threads included."""
        machine, now = self.machine, monotonic()
        connection = machine.connection if machine.state is ClientState.CONNECTED else None
        retrying = machine.state is ClientState.RECONNECTING
        return Health(
            state=machine.state,
            latency_s=connection.latency_s if connection is not None else None,
            last_seen_s=now - self._seen_at if self._seen_at is not None else None,
            attempt=self.backoff.failures,
            retry_in_s=max(0.0, self._retry_at - now) if retrying else None,
            last_error=machine.last_error,
            refused=machine.refusals,
            calls_waiting=len(self._done),
            principal=machine.auth.principal if machine.auth is not None else "",
            role=machine.auth.role if machine.auth is not None else None,
        )

    def turn(self) -> None:
        """Do all that the machine asks for. Must follow everything that changes the machine."""
        while (event := self.machine.next_event()) is not None:
            match event:
                case Settled(handle=handle) if handle in self._done:
                    self._done.pop(handle)(event)
                case Settled(handle=handle) | Stood(handle=handle):
                    on_answer = self._standing.get(handle)
                    if on_answer is not None:
                        on_answer(event)
                case CallAsked(call=call):
                    self.provided.start(self._tasks, call)
                case CallStopped(call=call_id):
                    self.provided.stop(call_id)
                case Pushed(params=params):
                    self._listener.pushed(params)
                case StateChanged():
                    self._state_changed(event)
                case Dial():
                    self._dial()
                case HangUp():
                    self._hang_up()
        if self._pump is not None:
            self._pump.wake()
        self._set_alarm()

    # From the pump

    def received(self, data: bytes) -> None:
        """Bytes came from the gateway."""
        self._seen_at = monotonic()
        self.machine.receive_data(data, anyio.current_time())
        self.turn()

    def lost(self, reason: str) -> None:
        """The socket is of no use any more; "": the gateway closed it."""
        if reason:
            self.machine.send_failed(reason, anyio.current_time())
        else:
            self.machine.receive_eof(anyio.current_time())
        self.turn()

    # What the machine asks for

    def _state_changed(self, change: StateChanged) -> None:
        match change.state:
            case ClientState.CONNECTED:
                self.connections += 1
            case ClientState.RECONNECTING:
                self._retry_at = monotonic() + change.retry_in_s
            case ClientState.CLOSED:
                self._standing.clear()
                self._closed.set()
                if self._dialing is not None:
                    self._dialing.cancel()
            case _:
                pass
        self._listener.state_changed(change)

    def _dial(self) -> None:
        if self._tasks is None:
            self._dial_due = True
        else:
            self._tasks.start_soon(self._attempt)

    def _hang_up(self) -> None:
        if self._pump is not None:
            self._pump.hang_up()
            self._pump = None

    def _set_alarm(self) -> None:
        """Let the alarm ring at the machine's next deadline; touched only if that has moved."""
        alarm = self._alarm
        if alarm is not None and not alarm.cancel_called:
            deadline = self._next_deadline()
            if deadline != alarm.deadline:
                alarm.deadline = deadline

    def _next_deadline(self) -> float:
        deadline = self.machine.next_deadline()
        return math.inf if deadline is None else deadline

    # In the background

    async def _run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                if self._dial_due:
                    self._dial_due = False
                    tasks.start_soon(self._attempt)
                await self._keep_time()
        except Exception:
            log.exception("the client failed unexpectedly; its calls are given up")
        finally:
            self._tasks = self._pump = self._token = None
            self.machine.close(LOOP_ENDED)  # without effect if the user has closed it
            self.turn()
            self._over.set()

    async def _keep_time(self) -> None:
        """Tell the machine when its deadlines come, until it is closed."""
        while self.machine.state is not ClientState.CLOSED:
            with anyio.CancelScope(deadline=self._next_deadline()) as self._alarm:
                await self._closed.wait()
            alarm, self._alarm = self._alarm, None
            if alarm.cancelled_caught:
                self.machine.handle_timer(max(anyio.current_time(), alarm.deadline))
                self.turn()

    async def _attempt(self) -> None:
        """Dial, and stay with the socket until it is closed."""
        if not self._socket_wanted():
            return  # closed before this task came to run
        stream: ByteStream | None = None
        with anyio.CancelScope() as self._dialing:
            try:
                stream = await self.endpoint.dial()
            except DialError as error:
                final = error.final
                self.machine.dial_failed(error.message, anyio.current_time(), final=final)
        self._dialing = None
        if stream is not None and not self._socket_wanted():
            await anyio.aclose_forcefully(stream)
        elif stream is not None:
            self.machine.dialed(anyio.current_time())
            connection = self.machine.connection
            assert connection is not None, "it was CONNECTING, so there is one now"
            self._pump = Pump(stream, connection, self)
            self.turn()
            await self._pump.run()
        else:
            self.turn()

    def _socket_wanted(self) -> bool:
        return self.machine.state is ClientState.CONNECTING


def fresh(error: AgentGateError) -> AgentGateError:
    """Copy an error for one more caller: tracebacks of several must not mix."""
    return type(error)(error.code, error.message, error.data)
