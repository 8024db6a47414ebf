"""The buttons below a message, and what a tap on one sends back.

A button carries the approval's id, which nobody can guess, and what is chosen. Nothing in it is
believed: who taps is checked, and the desk decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from agentgate_proto.records.approval import ApprovalView

DATA = re.compile(r"([adtcb]):([0-9a-f]{1,60})")
"""What our buttons send; Telegram takes 1 to 64 bytes."""


class Choice(StrEnum):
    """What a button stands for."""

    APPROVE = "a"
    DENY = "d"
    TEN_MINUTES = "t"
    """Show what a grant of ten minutes would allow."""
    CONFIRM = "c"
    """Give the grant that is shown."""
    BACK = "b"
    """Show the approval again."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button: its label, and what a tap sends."""

    label: str
    data: str


Rows = tuple[tuple[Button, ...], ...]


def rows_for(view: ApprovalView, *, confirming: bool) -> Rows:
    """The buttons of an approval as it stands.

    Args:
        view: the approval.
        confirming: the message shows what a grant would allow.
    """
    if view.status != "waiting":
        return ()
    if confirming:
        confirm = button("✅ Confirm 10 min", Choice.CONFIRM, view)
        return ((confirm, button("↩️ Back", Choice.BACK, view)),)
    answers = (button("✅ Approve", Choice.APPROVE, view), button("❌ Deny", Choice.DENY, view))
    if view.needs_code or view.approvers_needed > 1:
        return (answers,)  # no grant covers what takes more than a tap
    return (answers, (button("⏱ Approve 10 min", Choice.TEN_MINUTES, view),))


def button(label: str, choice: Choice, view: ApprovalView) -> Button:
    """A button that makes this choice on this approval."""
    return Button(label, f"{choice}:{view.id}")


def choice_of(data: str | None) -> tuple[Choice, str] | None:
    """Read what a tap sent: the choice and the approval's id; None: it is none of ours."""
    found = DATA.fullmatch(data or "")
    return (Choice(found[1]), found[2]) if found else None
