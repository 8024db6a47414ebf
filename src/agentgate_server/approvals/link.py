"""Link: what a channel asks the gate for, and tells it; and its parts, kept running."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.notes import Notes
from agentgate_server.approvals.turns import Silent

log = logging.getLogger(__name__)

START_AGAIN_S = 10.0
"""After so long a part that failed is started again."""


class Link:
    """One channel's link to the gate.

    Args:
        channel: its name.
        needs: what it was given.

    Attributes:
        clock: what to wait on.
        notes: what survives a restart.
    """

    def __init__(self, channel: str, needs: Needs) -> None:
        self.channel = channel
        self.clock = needs.clock
        self.notes = Notes(channel, needs.desk.ledger, needs.writer, needs.drain)
        self._desk = needs.desk
        self._observers = needs.observers

    async def find(self, rid: str) -> ApprovalView | None:
        """How the approval of a note stands; None: nobody knows it any more.

        Raises:
            StoreError: it cannot be read.
        """
        record = await self.notes.record(rid)
        return None if record is None else self._desk.view(record)

    def waiting(self) -> Iterator[ApprovalView]:
        """The approvals that wait now."""
        return (self._desk.view(record) for record in self._desk.ledger.waiting)

    def asked(self, rid: str) -> None:
        """People see this approval, with what they can answer."""
        self._desk.reach.reached(rid)
        self._observers.shown(self.channel)

    def capped(self, agent: str) -> None:
        """People are told how many asks of this agent they are not told of."""
        self._observers.capped(agent, "asks")

    def silent(self) -> Silent:
        """The agents that somebody has muted, each with the seconds that are left."""
        return self._desk.silent()

    async def keep_running(self, part: Callable[[], Awaitable[None]]) -> None:
        """Start a part again that a bug has ended: the gate must outlive its channels."""
        while True:
            try:
                await part()
            except Exception:
                log.exception("a part of the channel %s failed; it starts again", self.channel)
            await self.clock.sleep(START_AGAIN_S)
