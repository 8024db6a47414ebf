"""What a channel is: a place where people see approvals. Answers come back through the desk."""

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
        """Why it reaches nobody at present, or ""."""
        ...

    def approval_changed(self, view: ApprovalView) -> None:
        """An approval was opened (status "waiting"), settled, or its tool ended."""
        ...
