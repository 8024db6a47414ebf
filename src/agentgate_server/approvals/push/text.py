"""What a notification says: an approval in a few lines, for a phone, and always the truth.

What others chose is shown as :mod:`agentgate_server.approvals.words` has it, each value on one
line.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.filling import mark_of
from agentgate_proto.records.naming import shown_names
from agentgate_server.approvals.words import (
    FOLDS,
    NAME_CHARS_MAX,
    SIGNATURE_CHARS_MAX,
    WORDS_CHARS_MAX,
    argument,
    clock,
    fold,
    spoken,
    warning_room,
)

HEADLINES = {
    "waiting": "{agent} asks",
    "approved": "Approved",
    "denied": "Denied",
    "expired": "Expired",
    "cancelled": "Withdrawn",
}
ENDS = {
    "expired": "Nobody answered in time: nothing was run.",
    "cancelled": "The agent has withdrawn it: nothing was run.",
}
OUTCOMES = {
    "": "The tool is to run, or runs.",
    "executed": "The tool has run.",
    "failed": "The tool FAILED.",
    "unknown": "NOBODY KNOWS whether the tool took effect.",
    "cancelled": "The agent withdrew it: the tool did not run.",
    "expired": "The tool changed meanwhile: it did not run.",
}

CHANGES_MAX = 5
"""Changed arguments that are shown; the approval itself has all."""

TIGHT = (40, 0, 40)
"""The last row of folds for what fits nowhere else."""


def title_of(view: ApprovalView) -> str:
    """The headline."""
    agent = fold(view.asker, NAME_CHARS_MAX)
    return HEADLINES[view.status].format(agent=agent)


def text_of(
    view: ApprovalView, bytes_max: int, zone: tzinfo | None = None, *, note: str = ""
) -> str:
    """What stands under it, folded until it fits.

    Args:
        view: the approval, without secrets.
        bytes_max: of the text in UTF-8.
        zone: for times; None: that of this machine.
        note: a last line of ours.
    """
    args = msgspec.json.decode(view.args)
    text = ""
    for value_chars_max, args_max, words_max in (*FOLDS, TIGHT):
        lines = [
            *answer(view, zone),
            *request(view, args, value_chars_max, args_max),
            *circumstances(view, words_max),
            *([note] if note else ()),
            *times(view, zone),
        ]
        text = "\n".join(lines)
        if len(text.encode("utf-8", "replace")) <= bytes_max:
            break
    return cut(text, bytes_max)


def cut(text: str, bytes_max: int) -> str:
    """Cut off what does not fit, and say so."""
    data = text.encode("utf-8", "replace")
    if len(data) <= bytes_max:
        return text
    end = "\n… the rest does not fit: look at it in a terminal"
    return data[: bytes_max - len(end.encode())].decode("utf-8", "ignore") + end


def answer(view: ApprovalView, zone: tzinfo | None) -> list[str]:
    """What became of it, once it is settled: who answered, where, and how the tool ended."""
    if view.status == "waiting":
        return []
    lines = []
    if view.decided_by:
        by, where = fold(view.decided_by, NAME_CHARS_MAX), fold(view.channel, NAME_CHARS_MAX)
        lines.append(f"By {by} ({where}), {clock(view.decided_at, view.created_at, zone)}")
    if view.reason:
        lines.append(fold(view.reason, WORDS_CHARS_MAX))
    elif view.status in ENDS:
        lines.append(ENDS[view.status])
    if view.word:
        lines.append(f"With the words: {fold(view.word, WORDS_CHARS_MAX)}")
    if view.changes:
        lines.append("Changed before it was approved:")
        lines += [f"• {fold(each, WORDS_CHARS_MAX)}" for each in view.changes[:CHANGES_MAX]]
        if len(view.changes) > CHANGES_MAX:
            lines.append(f"… and {len(view.changes) - CHANGES_MAX} more")
    if view.status == "approved":
        lines.append(OUTCOMES.get(view.outcome, view.outcome))
    return lines


def request(
    view: ApprovalView, args: dict[str, Any], value_chars_max: int, args_max: int
) -> list[str]:
    """What is asked: the whole in one line, and each argument."""
    if view.status != "waiting":
        return [fold(view.asker, NAME_CHARS_MAX), fold(view.signature, SIGNATURE_CHARS_MAX)]
    names = shown_names(args, args_max)
    lines = [fold(view.signature, 3 * value_chars_max)]
    for name in names:
        shown = argument(name, args[name], value_chars_max)
        lines.append(f"• {shown}  {mark_of(name, view.defaults)}".rstrip())
    if len(args) > len(names):
        hidden = len(args) - len(names)
        lines.append(f"⚠️ {hidden} more arguments are not shown here: look at them in a terminal")
    return lines


def circumstances(view: ApprovalView, words_max: int) -> list[str]:
    """What was said of it, what it is about, under which rule, what to know before saying yes."""
    lines = spoken(view, words_max)
    if view.status != "waiting":
        return lines
    rule = fold(view.rule, SIGNATURE_CHARS_MAX)
    words = f"{fold(view.description, words_max)} ({rule})" if view.description else rule
    lines += [f"Now: {fold(view.about, words_max)}"] if view.about else []
    lines.append(f"Rule: {words}")
    if view.why:
        lines.append(f"The agent's own words on why: {fold(view.why, words_max)}")
    if view.doubt:
        lines.append(f"Because: {fold(view.doubt, words_max)}")
    if view.approvers_needed > 1:
        said = fold(", ".join(view.approved_by), words_max) or "nobody yet"
        lines.append(f"Takes {view.approvers_needed} people; yes from {said}")
    if view.needs_code:
        lines.append("Approving takes a one-time code")
    if view.warning:
        lines.append(f"⚠️ Warning: {fold(view.warning, warning_room(view.warning))}")
    return lines


def times(view: ApprovalView, zone: tzinfo | None) -> list[str]:
    """When it was asked, and until when it may be answered."""
    asked = f"Asked {clock(view.created_at, view.created_at, zone)}"
    if view.status == "waiting":
        return [f"{asked}, expires {clock(view.expires_at, view.created_at, zone)}"]
    return [asked]


def held_back(agent: str, count: int) -> str:
    """What is said of an agent's asks that are not told of one by one yet."""
    name = fold(agent, NAME_CHARS_MAX)
    if not count:
        return f"No more asks of {name} are held back."
    return f"and {count} more of {name}: they come here one by one."
