"""What a notification says: an approval in a few lines, for a phone, and always the truth."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_server.approvals import telling
from agentgate_server.approvals.words import (
    FOLDS,
    NAME_CHARS_MAX,
    SIGNATURE_CHARS_MAX,
    WORDS_CHARS_MAX,
    fold,
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
TIGHT = (40, 0, 40)
"""The last row of folds for what fits nowhere else."""


class Plain:
    """A :class:`~agentgate_server.approvals.telling.Manner`: bare text has capitals only."""

    def plain(self, words: str) -> str:
        """Words that may hold what others chose: they are on one line."""
        return words

    def code(self, words: str) -> str:
        """A name."""
        return words

    def strong(self, words: str) -> str:
        """What must not be missed."""
        return words.upper()


PLAIN: Final = Plain()


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
            telling.times(view, zone),
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
    by = telling.decider_of(view, PLAIN, zone)
    lines = [f"{by[0].upper()}{by[1:]}"] if by else []
    if view.reason:
        lines.append(fold(view.reason, WORDS_CHARS_MAX))
    elif view.status in ENDS:
        lines.append(ENDS[view.status])
    if view.status == "approved":
        lines.append(telling.outcome_of(view, PLAIN))
    return lines


def request(
    view: ApprovalView, args: dict[str, Any], value_chars_max: int, args_max: int
) -> list[str]:
    """What is asked: the whole in one line, and each argument."""
    if view.status != "waiting":
        return [fold(view.asker, NAME_CHARS_MAX), fold(view.signature, SIGNATURE_CHARS_MAX)]
    rows, hidden = telling.arguments(view, args, value_chars_max, args_max)
    lines = [fold(view.signature, 3 * value_chars_max), *(f"• {row}" for row in rows)]
    return [*lines, telling.hidden(hidden, PLAIN)] if hidden else lines


def circumstances(view: ApprovalView, words_max: int) -> list[str]:
    """What was said of it, what it is about, under which rule, what to know before saying yes."""
    lines = telling.said(view, words_max, PLAIN)
    if view.status != "waiting":
        return lines
    lines += telling.about(view, words_max, PLAIN)
    return [*lines, *telling.circumstances(view, words_max, PLAIN)]


def held_back(agent: str, count: int) -> str:
    """What is said of an agent's asks that are not told of one by one yet."""
    name = fold(agent, NAME_CHARS_MAX)
    if not count:
        return f"No more asks of {name} are held back."
    return f"and {count} more of {name}: they come here one by one."
