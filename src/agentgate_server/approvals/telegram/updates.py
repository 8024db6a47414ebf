"""Updates: what people do in Telegram, heard by long polling.

An update is confirmed by the next poll, and the next poll comes when this one's updates have been
dealt with to the end: each decision in them is durable, or was refused. A gateway that dies before
hears them again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from telegram import Update

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.quotas.news import News
from agentgate_server.approvals.clock import Clock
from agentgate_server.approvals.sending import LaterError, SendError
from agentgate_server.approvals.telegram.api import POLL_S, Api
from agentgate_server.approvals.telegram.commands import COMMANDS

log = logging.getLogger(__name__)

RECENT_MAX = 1_000
"""Updates that are remembered, in case they come again: ten whole polls."""


class Updates:
    """See the module.

    Args:
        api: the calls.
        clock: what to wait on.
        handle: deals with one update to the end.

    Attributes:
        problem: why nothing is heard at present, or "".
    """

    def __init__(self, api: Api, clock: Clock, handle: Callable[[Update], Awaitable[None]]) -> None:
        self.api = api
        self.clock = clock
        self.handle = handle
        self.problem = ""
        self._prepared = False
        self._offset = 0
        self._recent: dict[int, None] = {}
        self._backoff = Backoff()
        self._news = News()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                if not self._prepared:
                    await self.api.prepare(COMMANDS)
                    self._prepared = True
                # After trouble, one answer at once says that it is over.
                hold_s = 0 if self.problem else POLL_S
                updates = await self.api.updates(self._offset, hold_s=hold_s)
            except SendError as error:
                await self._pause(error)
                continue
            if (after := self._news.well(self.clock.now())) is not None:
                log.info("taps on Telegram are heard again%s", after)
            self.problem = ""
            self._backoff.succeeded()
            await self._handle(updates)

    async def _handle(self, updates: Sequence[Update]) -> None:
        for update in updates:
            if update.update_id in self._recent:
                continue
            try:
                await self.handle(update)
            except Exception:
                # One that fails must not come again for ever, and keep all others away.
                log.exception("an update of Telegram was not understood")
            self._recent[update.update_id] = None
            if len(self._recent) > RECENT_MAX:
                del self._recent[next(iter(self._recent))]
            self._offset = update.update_id + 1

    async def _pause(self, error: SendError) -> None:
        now = self.clock.now()
        if (more := self._news.failed(str(error), now)) is not None:
            log.warning("taps on Telegram are not heard: %s%s", error, more)
        self.problem = str(error)
        due = self._backoff.failed(now)
        assert due is not None, "attempts are not limited"
        await self.clock.sleep(error.seconds if isinstance(error, LaterError) else due - now)
