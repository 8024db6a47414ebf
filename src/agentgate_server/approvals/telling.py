"""Telling: what every channel says of an approval, in the manner of its service.

The words are the same wherever somebody is asked; how others' words, and what must not be missed,
are set off from ours is a matter of the service: a :class:`Manner`. What others chose goes through
:mod:`agentgate_server.approvals.words` first.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Protocol

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.filling import mark_of
from agentgate_proto.records.naming import shown_names
from agentgate_server.approvals.words import (
    NAME_CHARS_MAX,
    SIGNATURE_CHARS_MAX,
    argument,
    clock,
    fold,
    spoken,
    warning_room,
)

OUTCOMES = {
    "": ("The tool is to run, or runs", "", "; how it ended will be said here."),
    "executed": ("The tool has run.", "", ""),
    "failed": ("The tool ", "failed", "."),
    "unknown": ("⚠️ ", "Nobody knows", " whether the tool took effect."),
    "cancelled": ("The agent withdrew it: the tool did not run.", "", ""),
    "expired": ("The tool changed meanwhile: it did not run.", "", ""),
}
"""How the tool of an approved request ended; what stands in the middle must not be missed."""


class Manner(Protocol):
    """How a service sets words off from each other."""

    def plain(self, words: str) -> str:
        """Words that may hold what others chose, and stand among ours."""
        ...

    def code(self, words: str) -> str:
        """A name of ours, or of a file."""
        ...

    def strong(self, words: str) -> str:
        """What must not be missed."""
        ...


def outcome_of(view: ApprovalView, manner: Manner) -> str:
    """How the tool of an approved request ended."""
    if view.outcome not in OUTCOMES:
        return manner.plain(view.outcome)
    before, strong, after = OUTCOMES[view.outcome]
    return before + (manner.strong(strong) if strong else "") + after


def decider_of(view: ApprovalView, manner: Manner, zone: tzinfo | None, here: str = "") -> str:
    """Who has answered, where, and when; "": nobody has.

    Args:
        view: the approval.
        manner: of the service.
        zone: for times; None: that of this machine.
        here: the channel that goes without saying.
    """
    if not view.decided_by:
        return ""
    who = manner.plain(fold(view.decided_by, NAME_CHARS_MAX))
    where = manner.plain(fold(view.channel, NAME_CHARS_MAX))
    at = clock(view.decided_at, view.created_at, zone)
    return f"by {who}, {at}" if view.channel == here else f"by {who} ({where}), {at}"


def arguments(
    view: ApprovalView, args: dict[str, Any], value_chars_max: int, args_max: int
) -> tuple[list[str], int]:
    """Each argument on one line, in nobody's manner yet, and how many are left out."""
    names = shown_names(args, args_max)
    lines = [
        f"{argument(name, args[name], value_chars_max)}  {mark_of(name, view.defaults)}".rstrip()
        for name in names
    ]
    return lines, len(args) - len(names)


def hidden(count: int, manner: Manner) -> str:
    """That so many arguments are not shown."""
    text = manner.strong(f"{count} more arguments are not shown here")
    return f"⚠️ {text}: look at them in a terminal before you approve"


def about(view: ApprovalView, words_max: int, manner: Manner) -> list[str]:
    """How that stands on which it acts: now, or when it was asked."""
    if not view.about:
        return []
    now = "Now" if view.status == "waiting" else "Then"
    return [f"{now}: {manner.plain(fold(view.about, words_max))}"]


def said(view: ApprovalView, words_max: int, manner: Manner) -> list[str]:
    """What the agent and people have said of it, and changed in it."""
    return [manner.plain(line) for line in spoken(view, words_max)]


def circumstances(view: ApprovalView, words_max: int, manner: Manner) -> list[str]:
    """Under which rule it is asked, and what to know before saying yes."""
    rule = manner.code(fold(view.rule, SIGNATURE_CHARS_MAX))
    if view.description:
        rule = f"{manner.plain(fold(view.description, words_max))} ({rule})"
    lines = [f"Rule: {rule}"]
    if view.doubt:
        lines.append(f"Because: {manner.plain(fold(view.doubt, words_max))}")
    if view.repeats:
        lines.append(f"Asked {view.repeats} times more meanwhile; one answer is for all")
    if view.approvers_needed > 1:
        people = manner.plain(fold(", ".join(view.approved_by), words_max)) or "nobody yet"
        lines.append(f"Takes {view.approvers_needed} people; yes from {people}")
    if view.needs_code and view.status == "waiting":
        lines.append("Approving takes a one-time code")
    if view.warning:
        warning = fold(view.warning, warning_room(view.warning))
        lines.append(f"⚠️ {manner.strong('Warning')}: {manner.plain(warning)}")
    return lines


def times(view: ApprovalView, zone: tzinfo | None) -> str:
    """When it was asked, and until when it may be answered."""
    asked = f"Asked {clock(view.created_at, view.created_at, zone)}"
    if view.status != "waiting":
        return asked
    return f"{asked}, expires {clock(view.expires_at, view.created_at, zone)}"
