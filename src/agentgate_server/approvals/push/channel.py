"""A channel that pushes notifications: wires what the other files do."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from hashlib import sha256

import anyio

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.notes import Notes
from agentgate_server.approvals.push.outbox import Outbox
from agentgate_server.approvals.push.sender import Place, Sender

log = logging.getLogger(__name__)

START_AGAIN_S = 10.0
"""After so long a part that failed is started again."""

KEY_CHARS = 16
"""Of the name of a place in notes: the place itself may be a secret."""


class PushChannel:
    """A :class:`~agentgate_server.approvals.channel.RunningChannel` of notifications.

    Args:
        sender: brings them to places.
        people: each place, and whose it is.
        asks_per_minute: how often a place rings for one agent.
        needs: what to work with.
        listen: hears answers until cancelled; None: they come by HTTP.

    Attributes:
        heard: says why answers are not heard at present, or "".
    """

    def __init__(
        self,
        sender: Sender,
        people: Iterable[tuple[str, str]],
        asks_per_minute: int,
        needs: Needs,
        listen: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = sender.name
        self.sender = sender
        self.desk = needs.desk
        self.observers = needs.observers
        self.clock = needs.clock
        self.listen = listen
        self.heard: Callable[[], str] = str
        self.notes = Notes(self.name, self.desk.ledger, needs.writer, needs.drain)
        self.outbox = Outbox(
            sender,
            [Place(key_of_place(address), address, person) for address, person in people],
            needs.answers.tickets,
            self.notes,
            needs.clock,
            asks_per_minute,
            find=self._find,
            waiting=self._waiting,
            asked=self._asked,
            capped=self._capped,
            silent=self.desk.silent,
        )
        self.desk.hears_mutes.append(self.outbox.look_again)
        if listen is None:
            needs.answers.over_http.add(self.name)

    @property
    def problem(self) -> str:
        """Why the channel does not work at present, or ""."""
        return self.outbox.problem or self.heard()

    def approval_changed(self, view: ApprovalView) -> None:
        """See :class:`~agentgate_server.approvals.channel.Channel`."""
        self.outbox.changed(view)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_running, self.outbox.run)
                if self.listen is not None:
                    await self.outbox.remembered.wait()  # a tap may be about what is remembered
                    tasks.start_soon(self._keep_running, self.listen)
        finally:
            with anyio.CancelScope(shield=True):
                await self.sender.aclose()

    async def _keep_running(self, part: Callable[[], Awaitable[None]]) -> None:
        """Start a part again that a bug has ended: the gate must outlive its channels."""
        while True:
            try:
                await part()
            except Exception:
                log.exception("a part of the channel %s failed; it starts again", self.name)
            await self.clock.sleep(START_AGAIN_S)

    async def _find(self, rid: str) -> ApprovalView | None:
        record = await self.notes.record(rid)
        return None if record is None else self.desk.view(record)

    def _waiting(self) -> Iterator[ApprovalView]:
        return (self.desk.view(record) for record in self.desk.ledger.waiting)

    def _asked(self, rid: str) -> None:
        """People see this approval."""
        self.desk.reach.reached(rid)
        self.observers.shown(self.name)

    def _capped(self, agent: str) -> None:
        """People are told how many asks of this agent they are not told of."""
        self.observers.capped(agent, "asks")


def key_of_place(address: str) -> str:
    """What notes call a place."""
    return sha256(address.encode()).hexdigest()[:KEY_CHARS]
