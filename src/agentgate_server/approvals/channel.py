"""What a channel is: a place where people see approvals. Answers come back through the desk.

``docs/channels.md`` says what a channel is told, what it must do, and what the gate does when it
fails.
"""

from __future__ import annotations

from typing import Protocol

from agentgate_proto.records.approval import ApprovalView


class Channel(Protocol):
    """One place where people are asked: every terminal that watches, a Telegram chat …

    A channel must never block: it takes note and does slow work in a task of its own. It may show
    as taken only what it is told here, because that is durable.
    """

    @property
    def name(self) -> str:
        """What logs and metrics call it."""
        ...

    @property
    def problem(self) -> str:
        """Why it reaches nobody at present, or "". Everybody may read it in ``/health``."""
        ...

    def approval_changed(self, view: ApprovalView) -> None:
        """An approval was opened (status "waiting"), settled, or its tool ended."""
        ...


class RunningChannel(Channel, Protocol):
    """A channel with work of its own: one of ``messenger`` in the configuration."""

    async def run(self) -> None:
        """Work until cancelled; close what is open then. It must survive its own mistakes: nobody
        starts it again, and everybody else goes on without it."""
        ...
