"""Notices: small answers to people, sent soon or never. What counts is shown elsewhere."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio

from agentgate_proto.client.backoff import Backoff
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.sending import LaterError, SendError, UnreachableError

log = logging.getLogger(__name__)

NOTICES_MAX = 1_000
"""Answers that wait to be sent; beyond it the oldest are dropped."""

NOTICE_S = 30.0
"""How long the notice of a tap is worth sending: Telegram takes none that is much older."""

REPLY_S = 300.0
"""How long a reply to what somebody wrote is worth sending."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A call to make until then; monotonic seconds."""

    call: Callable[[], Awaitable[object]]
    until: float


class Notices:
    """The queue of answers, apart from the outbox: no approval waits for one of them.

    Args:
        clock: what to wait on.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._queue: deque[Notice] = deque(maxlen=NOTICES_MAX)
        self._wake = anyio.Event()

    def add(self, call: Callable[[], Awaitable[object]], seconds: float) -> None:
        """Make this call soon; after so many seconds it is not worth making any more."""
        self._queue.append(Notice(call, self.clock.now() + seconds))
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        backoff = Backoff()
        while True:
            self._wake = anyio.Event()
            if not self._queue:
                await self._wake.wait()
                continue
            notice = self._queue.popleft()
            now = self.clock.now()
            if now >= notice.until:
                continue
            try:
                await notice.call()
            except (LaterError, UnreachableError) as error:
                self._queue.appendleft(notice)
                due = backoff.failed(now)
                assert due is not None, "attempts are not limited"
                pause = error.seconds if isinstance(error, LaterError) else due - now
                await self.clock.sleep(pause)
            except SendError as error:
                log.debug("a small answer on Telegram was refused: %s", error)
            else:
                backoff.succeeded()
