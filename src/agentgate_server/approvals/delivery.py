"""Delivery: takes the steps of a channel's board, one after the other, for as long as it runs.

It never gives up: a step that has failed comes again after a pause, brought up to date. Nothing in
the gate waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.quotas.news import News
from agentgate_proto.quotas.rates import TokenBucket
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.sending import LaterError, SendError
from agentgate_server.approvals.turns import Silent
from agentgate_server.store.engine import StoreError

log = logging.getLogger(__name__)

REST_S_MIN = 0.05
"""From one look at what is due to the next: a rounded time must not keep the machine busy."""

UNSHOWN = "it can't be shown"
"""Why an approval with which there is a bug is passed over."""

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Steps(Protocol[S_co]):
    """What a board says of what is to be done."""

    def next_step(self, now: float, silent: Silent) -> S_co | None:
        """Return what to do next, or None: everything shows the truth, as far as it may."""
        ...

    def next_deadline(self, now: float, silent: Silent) -> float | None:
        """Return when there is something to do though nothing happens, or None."""
        ...

    def skip(self, problem: str, now: float) -> None:
        """What comes first can't be done at all; go on with the next."""
        ...


class Delivery(Generic[S]):
    """See the module.

    Args:
        name: of the service, in the log.
        clock: what to wait on.
        per_minute: calls that the service takes.
        board: says what to do.
        calls: whether a step calls the service.
        take: takes a step.
        silent: the agents that somebody has muted, each with the seconds that are left.

    Attributes:
        trouble: why nothing goes out at present, or "".
        remembered: is set when the board knows what a former life left.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        per_minute: int,
        board: Steps[S],
        *,
        calls: Callable[[S], bool],
        take: Callable[[S], Awaitable[None]],
        silent: Callable[[], Silent],
    ) -> None:
        self.name = name
        self.clock = clock
        self.board = board
        self.calls = calls
        self.take = take
        self.silent = silent
        self.trouble = ""
        self.remembered = anyio.Event()
        self._wake = anyio.Event()
        self._backoff = Backoff()
        self._pace = TokenBucket(per_minute, clock.now())
        self._news = News()
        self._slower = News()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self, remember: Callable[[], Awaitable[None]]) -> None:
        """Work until cancelled.

        Args:
            remember: takes up what a former life left, before anything else.
        """
        while not await self._try(remember):
            pass
        self.remembered.set()
        while True:
            self._wake = anyio.Event()
            now, silent = self.clock.now(), self.silent()
            try:
                step = self.board.next_step(now, silent)
                if step is None:
                    await self._rest(self.board.next_deadline(now, silent), now)
                elif self.calls(step) and (pause := self._pace.take(now)):
                    await self.clock.sleep(pause)  # what to say may change meanwhile
                else:
                    await self._try(partial(self.take, step))
            except Exception:
                # A bug with one approval must not keep all others away.
                log.exception("an approval can't be shown by %s", self.name)
                self.board.skip(UNSHOWN, now)

    async def _rest(self, deadline: float | None, now: float) -> None:
        """Wait for a change, or for the time to do something all the same."""
        if deadline is None:
            await self._wake.wait()
        else:
            await self.clock.wait(self._wake, max(deadline - now, REST_S_MIN))

    async def _try(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something; if it fails, say why and pause. Returns whether it worked."""
        try:
            await act()
        except LaterError as error:
            if (more := self._slower.failed(str(error), self.clock.now())) is not None:
                log.warning("%s%s", error, more)
            await self.clock.sleep(error.seconds)
        except (SendError, StoreError) as error:
            self.trouble = str(error)
            now = self.clock.now()
            if (more := self._news.failed(str(error), now)) is not None:
                log.warning("approvals do not get out by %s: %s%s", self.name, error, more)
            due = self._backoff.failed(now)
            assert due is not None, "attempts are not limited"
            await self.clock.sleep(due - now)
        else:
            self.trouble = ""
            self._slower.well(self.clock.now())
            if (after := self._news.well(self.clock.now())) is not None:
                log.info("approvals get out by %s again%s", self.name, after)
            self._backoff.succeeded()
            return True
        return False
