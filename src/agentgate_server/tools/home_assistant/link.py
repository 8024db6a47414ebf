"""The link: one WebSocket to Home Assistant, kept up for as long as the gateway runs.

``run`` connects again and again, after pauses that grow (:class:`Backoff`). What is asked while no
connection stands is refused at once: the REST API is there for that.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.quotas.news import News
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.connection import Connection
from agentgate_server.tools.home_assistant.credentials import clean_text
from agentgate_server.tools.home_assistant.machine import Machine, State
from agentgate_server.tools.home_assistant.messages import (
    REFUSED,
    Answer,
    Ended,
    Event,
    Pushed,
    Ready,
)

MARGIN_S: Final = 0.05
"""We give up a moment before whoever called us does, because only we know what was sent."""

FOR_GOOD_S: Final = 60.0
"""A connection that stood for so long was a good one: the pauses begin anew."""

Listener = Callable[[msgspec.Raw], None]
"""Is told an event as JSON. What it raises of msgspec's errors ends the connection."""

log = logging.getLogger(__name__)


class Waiter:
    """Somebody who waits for the answer to a command."""

    def __init__(self) -> None:
        self.event = anyio.Event()
        self.answer: Answer | None = None
        self.error: Exception | None = None


class Link:
    """See the module.

    Args:
        backend: knows the address, and how to get there.
        token: the access token.
        begin: is run on each new connection, in a task of its own; it may ask. If it can't be
            answered, the connection is given up.
        over: is called when a connection is over, or did not come about.

    Attributes:
        version: of Home Assistant, as it was last heard; "": never.
        problem: why there is no connection, or "".
    """

    def __init__(
        self,
        backend: HttpBackend,
        token: Secret,
        begin: Callable[[], Awaitable[None]],
        over: Callable[[], None],
    ) -> None:
        self.version = ""
        self.problem = "not connected yet"
        self._backend = backend
        self._token = token
        self._begin = begin
        self._over = over
        self._connection: Connection | None = None
        self._waiters: dict[int, Waiter] = {}
        self._listeners: dict[int, Listener] = {}
        self._is_ready = anyio.Event()
        self._backoff = Backoff()
        self._defects = News()

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._connection is not None and self._connection.machine.state is State.OPEN

    async def ask(
        self, kind: str, *, timeout_s: float, what: str = "", **fields: Any
    ) -> msgspec.Raw:
        """Send a command and wait for its answer.

        Args:
            kind: its type, such as ``config/area_registry/list``.
            timeout_s: how long it may take.
            what: what is asked for, for errors; "": its type.
            fields: what else is in it.

        Returns:
            The result as JSON, with all credentials that are in it.

        Raises:
            NotStarted: it was not sent.
            EffectUnknown: it was sent, and there is no answer.
            ToolFailed: Home Assistant refused it, or failed; the text is its own.
        """
        return await self._ask(kind, fields, timeout_s, what or kind, None)

    async def subscribe(
        self, kind: str, listener: Listener, *, timeout_s: float, **fields: Any
    ) -> None:
        """Send a command whose events a listener gets until the connection ends, the first maybe
        before this returns.

        Raises:
            NotStarted, EffectUnknown, ToolFailed: as ``ask`` does.
        """
        await self._ask(kind, fields, timeout_s, kind, listener)

    async def run(self) -> None:
        """Keep the connection up, for ever."""
        while True:
            began = anyio.current_time()
            try:
                await self._connect()
            except Exception as error:  # a defect of ours: the REST API is there, and goes on
                self.problem = type(error).__name__
                more = self._defects.failed(self.problem, anyio.current_time())
                if more is not None:
                    log.exception("the link to Home Assistant failed%s", more)
            self._over()
            log.debug("no WebSocket to Home Assistant: %s", self.problem)
            now = anyio.current_time()
            if now - began > FOR_GOOD_S:
                self._backoff.succeeded()
                self._defects.well(now)
            retry_at = self._backoff.failed(now)
            assert retry_at is not None, "its attempts are not limited"
            await anyio.sleep_until(retry_at)

    async def _ask(
        self,
        kind: str,
        fields: dict[str, Any],
        timeout_s: float,
        what: str,
        listener: Listener | None,
    ) -> msgspec.Raw:
        connection = self._connection
        if connection is None:
            raise NotStarted(f"Home Assistant is not connected: {self.problem}; nothing was sent")
        is_heard = listener is not None
        number = connection.machine.command(kind, fields, subscribes=is_heard)
        waiter = self._waiters[number] = Waiter()
        if listener is not None:
            self._listeners[number] = listener
        connection.poke()
        left_s = anyio.current_effective_deadline() - anyio.current_time() - MARGIN_S
        limit_s = max(min(timeout_s, left_s), 0.0)
        try:
            with anyio.move_on_after(limit_s):
                await waiter.event.wait()
        finally:
            connection.machine.abandon(number)
            if self._waiters.get(number) is waiter:  # on a later connection it is another's number
                del self._waiters[number]
        return result_of(waiter, what, limit_s)

    async def _connect(self) -> None:
        """Connect, and stay so for as long as it lasts."""
        try:
            stream = await self._backend.open_stream()
        except NotStarted as error:
            self.problem = str(error)
            return
        origin, now = self._backend.origin, anyio.current_time()
        token = self._token.value
        machine = Machine(origin.authority, self._backend.base, token, SystemRandom(), now)
        self._is_ready = anyio.Event()
        self._connection = connection = Connection(stream, machine, self._hear)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._prepare, connection)
            await connection.run()
            tasks.cancel_scope.cancel()

    async def _prepare(self, connection: Connection) -> None:
        """Run ``begin`` when commands can be sent."""
        await self._is_ready.wait()
        try:
            await self._begin()
        except (NotStarted, EffectUnknown, ToolFailed) as error:
            connection.end(str(error))

    def _hear(self, event: Event) -> None:
        match event:
            case Ready(version=version):
                self.version, self.problem = version, ""
                self._is_ready.set()
            case Answer(id=number):
                if event.code:
                    self._listeners.pop(number, None)
                waiter = self._waiters.get(number)
                if waiter is not None:
                    waiter.answer = event
                    waiter.event.set()
            case Pushed(id=number, event=what) if number in self._listeners:
                self._push(self._listeners[number], what)
            case Ended(reason=reason):
                self._let_go(reason)

    def _push(self, listener: Listener, event: msgspec.Raw) -> None:
        try:
            listener(event)
        except msgspec.MsgspecError as error:
            assert self._connection is not None, "an event came over it"
            self._connection.end(f"what it tells is not understood: {error}")

    def _let_go(self, reason: str) -> None:
        """Tell everybody who waits."""
        assert self._connection is not None, "it has just ended"
        machine, self._connection = self._connection.machine, None
        self.problem = reason
        waiters, self._waiters = self._waiters, {}
        self._listeners.clear()
        for number, waiter in waiters.items():
            if machine.unsent(number):
                text = f"Home Assistant could not be reached: {reason}; nothing was sent"
                waiter.error = NotStarted(text)
            else:
                text = f"a command was sent to Home Assistant, but no answer came: {reason}"
                waiter.error = EffectUnknown(text)
            waiter.event.set()


def result_of(waiter: Waiter, what: str, limit_s: float) -> msgspec.Raw:
    """Return the result that somebody waited for, or raise what there is in its place."""
    if waiter.error is not None:
        raise waiter.error
    answer = waiter.answer
    if answer is None:
        raise EffectUnknown(
            f"Home Assistant has not answered {what} within {limit_s:.3g} s; it may still go on"
        )
    if not answer.code:
        return answer.result
    words = clean_text(answer.message) or answer.code
    if answer.code in REFUSED:
        raise ToolFailed(f"Home Assistant refused {what}: {words}")
    raise ToolFailed(f"Home Assistant failed at {what}: {words}; a part of it may have been done")
