"""Rounds: the turns of the connections, taken with the rounds of the event loop.

A connection that has had its turn waits here until the loop has looked at everybody's sockets; what
is done for an owner in tasks counts as well. Whose turn it is, and for how long, the core says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Hashable
from contextvars import copy_context
from time import perf_counter
from typing import Any, Protocol

import anyio
import anyio.lowlevel

from agentgate_proto.quotas.turns import Turns

log = logging.getLogger(__name__)

STEP_S = 0.001
"""After so long the loop looks around in the middle of a round: what a call of somebody else has
been waiting for (a disk, a thread, its task) is taken up between two turns, not after all of them.
A look costs some hundredths of that."""


class Served(Hashable, Protocol):
    """A connection that waits for its turn."""

    def go_on(self) -> None:
        """It has its turn now, or in this round of the loop."""
        ...


class Rounds:
    """See the module. ``run`` it.

    Attributes:
        turns: of the connections.
        owner: whose turn it is, by name; None: nobody's.
    """

    def __init__(self) -> None:
        self.turns: Turns[Served] = Turns()
        self.owner: str | None = None
        self._asked = anyio.Event()
        self._steps: AsyncioSteps | None = None
        self._in_round = False

    def ask(self) -> None:
        """Somebody waits for a turn."""
        steps = self._steps
        if steps is not None:
            if not steps.is_asked:
                steps.ask()
        else:
            self._asked.set()

    async def run(self) -> None:
        """Give turns to those who wait, until cancelled."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            await self._run()
        else:
            await self._run_on_asyncio(loop)

    async def _run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            await anyio.lowlevel.checkpoint()  # the loop looks at everybody's sockets
            pause_s = self.pause_s()
            if pause_s > 0:
                with anyio.move_on_after(pause_s):
                    await self._asked.wait()
            while not self.play():
                await anyio.lowlevel.checkpoint()
            if self.turns.anybody_waits:
                self._asked.set()

    async def _run_on_asyncio(self, loop: asyncio.AbstractEventLoop) -> None:
        self._steps = steps = AsyncioSteps(self, loop)
        try:
            steps.ask()  # somebody may wait already
            await anyio.sleep_forever()
        finally:
            self._steps = None
            steps.end()

    def pause_s(self) -> float:
        """Return how long it is until anybody who waits may have a turn, if nobody asks before."""
        now = perf_counter()
        return self.turns.next_round_at(now) - now

    def play(self) -> bool:
        """Let those who wait have their turns of one round, or go on with it; return whether it is
        over, or something else should have a look in."""
        turns = self.turns
        now = perf_counter()
        if not self._in_round:
            self._in_round = True
            turns.next_round()
        until = now + STEP_S
        while (who := turns.next(now)) is not None:
            try:
                who.go_on()
            except Exception:  # a bug in one connection must cost nobody else their turns
                log.exception("a turn could not be taken")
                turns.leave(who)
            now = perf_counter()
            if now >= until:
                return False
        self._in_round = False
        return True

    # Work for an owner besides the turns

    def charged(self, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return a function that is for a task: what it does counts as the work of whose turn it is
        now."""
        owner = self.owner
        if owner is None:
            return function

        async def charged(*args: Any) -> Any:
            return await Steps(function(*args), owner, self)

        return charged


class AsyncioSteps:
    """The rounds on asyncio: what the loop calls, and no task. Whoever is busy alone has a round
    every two milliseconds, so that these must cost next to nothing.

    Args:
        rounds: what is played.
        loop: that runs.

    Attributes:
        is_asked: there will be a round.
    """

    def __init__(self, rounds: Rounds, loop: asyncio.AbstractEventLoop) -> None:
        self._rounds = rounds
        self._loop = loop
        self._context = copy_context()
        self.is_asked = False
        self._has_ended = False
        self._timer: asyncio.TimerHandle | None = None

    def ask(self) -> None:
        """Somebody waits for a turn."""
        if not self.is_asked:
            self.is_asked = True
            self._loop.call_soon(self._look, context=self._context)

    def end(self) -> None:
        """There are no more rounds."""
        self._has_ended = True
        self._cancel_timer()

    def _look(self) -> None:
        """The sockets that the loop has found ready just now are served behind this."""
        self._loop.call_soon(self._play, context=self._context)

    def _play(self) -> None:
        self._cancel_timer()
        if self._has_ended or not self._rounds.turns.anybody_waits:
            self.is_asked = False
            return
        pause_s = self._rounds.pause_s()
        if pause_s > 0:
            self.is_asked = False  # who comes meanwhile may have an earlier turn
            self._timer = self._loop.call_later(pause_s, self._play, context=self._context)
            return
        self.is_asked = True  # whoever asks during a round is in the next
        self._go_on()

    def _go_on(self) -> None:
        if self._has_ended:
            return
        if not self._rounds.play():
            self._loop.call_soon(self._go_on, context=self._context)
            return
        self.is_asked = False
        if self._rounds.turns.anybody_waits:
            self.ask()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Steps:
    """Awaits something, and takes note of the time between its pauses.

    Args:
        awaited: what is awaited.
        owner: for whom it is done, by name.
        rounds: whose turns are to know of it.
    """

    def __init__(self, awaited: Awaitable[Any], owner: str, rounds: Rounds) -> None:
        self._awaited = awaited
        self._owner = owner
        self._rounds = rounds

    def __await__(self) -> Generator[Any, Any, Any]:
        inner: Any = self._awaited.__await__()
        step, argument = inner.send, None
        while True:
            try:
                yielded = self._one(step, argument)
            except StopIteration as end:
                return end.value
            try:
                argument = yield yielded
                step = inner.send
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as error:  # a cancellation, for example
                argument = error
                step = inner.throw

    def _one(self, step: Callable[[Any], Any], argument: Any) -> Any:
        rounds = self._rounds
        before, rounds.owner = rounds.owner, self._owner
        began = perf_counter()
        try:
            return step(argument)
        finally:
            now = perf_counter()
            rounds.owner = before
            rounds.turns.took(self._owner, now - began, now)
