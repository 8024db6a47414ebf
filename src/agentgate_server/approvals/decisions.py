"""Decisions: what people answer, on its way to the desk and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.grant import GrantTerms
from agentgate_server.approvals.desk import Desk
from agentgate_server.config.messenger import NAMELESS


class Decision:
    """A :class:`~agentgate_server.sockets.replies.Reply` that waits for the desk.

    Attributes:
        made: the desk has answered.
        won: this very answer was taken, durably.
        view: the approval as it stands, if that is known.
        unknown: there is no such approval, or no such grant.
        needs_code: it takes a one-time code, and this was none.
        text: what to tell the person.
    """

    def __init__(self) -> None:
        self.made = anyio.Event()
        self.won = False
        self.view: ApprovalView | None = None
        self.unknown = False
        self.needs_code = False
        self.text = ""

    def result(self, result: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.won = True
        if isinstance(result, ApprovalView):
            self.view = result
            self.text = taken_text(result)
        elif isinstance(result, GrantView):
            self.text = f"The grant is {result.status}."
        self.made.set()

    def error(self, code: ErrorCode, message: str, data: Any) -> None:
        """See :class:`~agentgate_server.sockets.replies.Reply`."""
        self.text = message
        self.unknown = code is ErrorCode.NOT_FOUND
        self.needs_code = code is ErrorCode.CODE_NEEDED
        if isinstance(data, ApprovalView):
            self.view = data
        self.made.set()


def taken_text(view: ApprovalView) -> str:
    """What to tell a person whose answer was taken."""
    if view.status == "waiting":
        return f"Your yes counts: {len(view.approved_by)} of {view.approvers_needed} people"
    return view.status.capitalize()


class Decisions:
    """Brings answers to the desk, and waits for what comes of each.

    Args:
        channel: where they are given.
        desk: decides.
        drain: does what the ledger then wants done.
    """

    def __init__(self, channel: str, desk: Desk, drain: Callable[[], None]) -> None:
        self.channel = channel
        self.desk = desk
        self.drain = drain

    async def decide(
        self,
        rid: str,
        *,
        approve: bool,
        approver: str,
        code: str = "",
        grant: GrantTerms | None = None,
        word: str = "",
    ) -> Decision:
        """Take a person's answer; it is durable, or was refused, when this returns."""
        decision = Decision()
        self.desk.decide(
            rid,
            approve=approve,
            approver=approver,
            channel=self.channel,
            now=self.desk.utc(),
            reply=decision,
            code=code,
            grant=grant,
            word=word,
            nameless=approver.startswith(NAMELESS),
        )
        self.drain()
        await decision.made.wait()
        return decision

    async def revoke(self, grant_id: str, *, approver: str) -> Decision:
        """End a grant; that is durable, or was refused, when this returns."""
        decision = Decision()
        self.desk.revoke(
            grant_id, approver=approver, channel=self.channel, now=self.desk.utc(), reply=decision
        )
        self.drain()
        await decision.made.wait()
        return decision
