"""Senders: what one kind of channel adds to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals.push.notification import Button, Notification


@dataclass(frozen=True, slots=True)
class Place:
    """Where one person is asked.

    Attributes:
        key: what the notes call it, in this life and the next.
        address: what the sender needs to find it.
        person: whose answers come from there.
    """

    key: str
    address: str
    person: str


class Sender(Protocol):
    """Brings notifications to places.

    Attributes:
        name: of the channel, in logs, metrics, approvals and the audit.
        per_minute: how many calls a minute the service takes.
        text_bytes_max: how long a text may be.
        shows_gone: what is over is shown as over; if not, it is taken away.
    """

    name: str
    per_minute: int
    text_bytes_max: int
    shows_gone: bool

    def buttons(self, view: ApprovalView) -> tuple[Button, ...]:
        """The buttons of an approval that waits, as far as it can be answered there."""
        ...

    async def send(self, place: Place, notification: Notification) -> None:
        """Show this, in the place of what the same tag had.

        Raises:
            SendError: it can't be said that it is shown.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open."""
        ...
