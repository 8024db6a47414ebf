"""A channel that pushes notifications: wires what the other files do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from hashlib import sha256

import anyio

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.link import Link
from agentgate_server.approvals.needs import Needs
from agentgate_server.approvals.push.outbox import Outbox
from agentgate_server.approvals.push.sender import Place, Sender

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
        self.listen = listen
        self.heard: Callable[[], str] = str
        self.link = Link(self.name, needs)
        places = [Place(key_of_place(address), address, person) for address, person in people]
        tickets = needs.answers.tickets
        self.outbox = Outbox(sender, places, tickets, self.link, asks_per_minute)
        needs.desk.hears_mutes.append(self.outbox.delivery.wake)
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
                tasks.start_soon(self.link.keep_running, self.outbox.run)
                if self.listen is not None:
                    # A tap may be about what a former life left.
                    await self.outbox.delivery.remembered.wait()
                    tasks.start_soon(self.link.keep_running, self.listen)
        finally:
            with anyio.CancelScope(shield=True):
                await self.sender.aclose()


def key_of_place(address: str) -> str:
    """What notes call a place."""
    return sha256(address.encode()).hexdigest()[:KEY_CHARS]
