"""Errands: what adapters write as coroutines, in virtual time and without an event loop.

Some of what a link does waits: a call of a tool for its answer, and for the link to be there. It is
the adapter's own code that is played. What it awaits are events and time-outs of anyio; in their
place stand those of this module, for as long as ``virtual`` lasts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import ModuleType, TracebackType
from typing import Any, ClassVar

import anyio
from anyio.lowlevel import checkpoint as real_checkpoint
from tests.sim.gateway import Life
from tests.sim.session_desk import Moment

import agentgate_client.driver
import agentgate_client.edge.asking
import agentgate_client.session_streams
import agentgate_relay.gateway_link
import agentgate_relay.links
import agentgate_relay.upstream_tools
import agentgate_server.tools.provided.desk

MODULES: tuple[ModuleType, ...] = (
    agentgate_client.driver,
    agentgate_client.edge.asking,
    agentgate_client.session_streams,
    agentgate_relay.gateway_link,
    agentgate_relay.links,
    agentgate_relay.upstream_tools,
    agentgate_server.tools.provided.desk,
)
"""Those whose code waits."""


class StoppedError(Exception):
    """The errand is not wanted any more, as a cancelled scope says it."""


class TimeUpError(Exception):
    """A scope has run out of time."""

    def __init__(self, scope: Scope) -> None:
        super().__init__("time is up")
        self.scope = scope


class Errand:
    """One coroutine.

    Args:
        life: the process in which it runs; when that dies nothing more happens.
        make: makes the coroutine.
        done: hears what came of it.
    """

    at_work: ClassVar[Errand]
    begun: ClassVar[list[Errand]] = []
    """All of a world: those that a death has left are ended with it, and not at any time."""

    def __init__(
        self, life: Life, make: Callable[[], Coroutine[Any, Any, Any]], done: Callable[[Any], None]
    ) -> None:
        self.life = life
        self.is_over = False
        self._make = make
        self._coroutine: Coroutine[Any, Any, Any]
        self._done = done
        self._waits = 0  # for which it waits now: what it does not wait for any more is no news

    def begin(self) -> None:
        """Do the first part of it."""
        self._coroutine = self._make()
        Errand.begun.append(self)
        self._proceed()

    def forsake(self) -> None:
        """The world is over. What it still does on its way out is nobody's."""
        if not self.is_over:
            self.is_over = True
            with suppress(Exception):
                self._coroutine.close()

    def throw(self, error: Exception) -> None:
        """Raise an error where it waits."""
        if not self.is_over:
            self._step(partial(self._coroutine.throw, error))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen in its process in a while."""
        self.life.world.timeline.after(seconds, self.life.enter, act)

    def _step(self, act: Callable[[], Callable[[Callable[[], None]], None]]) -> None:
        Errand.at_work = self
        try:
            wait = act()
        except StopIteration as end:
            self.is_over = True
            self._done(end.value)
        else:
            self._waits += 1
            wait(partial(self.after, 0.0, partial(self._go_on, self._waits)))

    def _go_on(self, waited: int) -> None:
        if waited == self._waits and not self.is_over:
            self._proceed()

    def _proceed(self) -> None:
        self._step(partial(self._coroutine.send, None))


class Event:
    """As ``anyio.Event``."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: list[Callable[[], None]] = []

    def set(self) -> None:
        """See the class."""
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    def is_set(self) -> bool:
        """See the class."""
        return self._is_set

    async def wait(self) -> None:
        """See the class."""
        if not self._is_set:
            await Moment(self._waiting.append)


class Scope:
    """As what ``anyio.move_on_after`` makes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_open = False

    def __enter__(self) -> Scope:
        self._is_open = True
        errand = Errand.at_work
        errand.after(self._seconds, partial(self._ring, errand))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._is_open = False
        return isinstance(exc, TimeUpError) and exc.scope is self

    def _ring(self, errand: Errand) -> None:
        if self._is_open:
            errand.throw(TimeUpError(self))


class Lock:
    """As ``anyio.Lock``, where nobody else wants it."""

    async def __aenter__(self) -> None:
        """See the class."""

    async def __aexit__(self, *exc_info: object) -> None:
        """See the class."""


async def sleep(seconds: float) -> None:
    """As ``anyio.sleep``."""
    await Moment(partial(Errand.at_work.after, seconds))


async def checkpoint() -> None:
    """As that of anyio: nobody is cancelled here."""


class VirtualAnyio:
    """Stands in a module in place of anyio."""

    Event = Event
    Lock = Lock
    move_on_after = Scope
    sleep = staticmethod(sleep)

    def __getattr__(self, name: str) -> Any:
        return getattr(anyio, name)


@contextmanager
def virtual() -> Iterator[None]:
    """Let adapters see the clock of the process that is at work, and wait in its time."""
    clock, stand_in = anyio.current_time, VirtualAnyio()
    client_log = logging.getLogger("agentgate_client")
    was_disabled, client_log.disabled = client_log.disabled, True  # cuts are no news here
    anyio.current_time = now_at_work
    agentgate_client.session_streams.checkpoint = checkpoint  # type: ignore[attr-defined]
    for module in MODULES:
        module.anyio = stand_in  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for errand in Errand.begun:
            errand.forsake()
        Errand.begun.clear()
        anyio.current_time = clock
        client_log.disabled = was_disabled
        agentgate_client.session_streams.checkpoint = real_checkpoint  # type: ignore[attr-defined]
        for module in MODULES:
            module.anyio = anyio  # type: ignore[attr-defined]


def now_at_work() -> float:
    """What the clock of the process shows in which something happens."""
    return Life.at_work.clock.now()
