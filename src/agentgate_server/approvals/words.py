"""Words: how every channel shows what an agent chose, and what a person must know to decide.

What an agent, a tool or a client chose is on one line each, with everything that does not print, or
passes for another letter, written by its number. So no argument can look like words of ours, like a
line of its own, like a link or a button.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import msgspec

from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.text.showing import one_line, straight
from agentgate_server.policy.signature import shorten

FOLDS = (
    *((600, 20, 500), (200, 20, 500), (80, 20, 300)),
    *((80, 5, 100), (40, 5, 100), (20, 5, 60), (10, 0, 40)),
)
"""Characters of one value, arguments shown, characters of other words: the first row that fits. All
arguments that say on what is acted are shown, however many."""

NAME_CHARS_MAX = 60
SIGNATURE_CHARS_MAX = 120
WARNING_CHARS_MAX = 700
"""Whole, whatever else is long: no argument may push a part of a warning out."""

WORDS_CHARS_MAX = 300
"""The words of a grant, a refusal."""

CHANGES_MAX = 5
"""Changed arguments that are shown; the approval itself has all."""


def spoken(view: ApprovalView, words_max: int) -> list[str]:
    """What the agent and people have said of it, and what these have made of it, line by line.

    Whose words they are is said first. Nobody has looked whether the agent's are true.
    """
    lines = [f"The agent says: {quotation(view.why, words_max)}"] if view.why else []
    if view.word:
        by = "The answer" if view.status != "waiting" else "Said so far"
        lines += [f"{by}: {quotation(word, words_max)}" for word in view.word.split("\n")]
    if view.changes:
        lines.append("Edited before it was approved:")
        lines += [f"• {fold(change, words_max)}" for change in view.changes[:CHANGES_MAX]]
        if len(view.changes) > CHANGES_MAX:
            lines.append(f"… and {len(view.changes) - CHANGES_MAX} more")
    return lines


def quotation(words: str, chars_max: int) -> str:
    """Somebody's words in quotes; what would end them is not in them."""
    return f"“{fold(words.replace('”', chr(34)), chars_max)}”"


def warning_room(warning: str) -> int:
    """How many characters of a warning are shown."""
    return WARNING_CHARS_MAX // (1 if warning.isascii() else 2)


def argument(name: str, value: Any, value_chars_max: int) -> str:
    """One argument on one line; a name that could pass for two parts is in quotes."""
    shown = name if name.isidentifier() else encoded(name)
    name = straight(fold(shown, NAME_CHARS_MAX))  # the value beside it keeps its place
    return f"{name}: {fold(encoded(value), value_chars_max)}"


def encoded(value: Any) -> str:
    """A value as JSON on one line."""
    return msgspec.json.encode(value, order="sorted").decode()


def fold(words: str, chars_max: int) -> str:
    """Cut the middle out of a long text, and show what a reader could not see, on one line.

    Cut first: what is shown by its number takes time, and an argument may be a megabyte.
    """
    return shorten(one_line(shorten(words, chars_max)), chars_max)


def clock(at: str, day: str, zone: tzinfo | None) -> str:
    """Show an RFC 3339 time; with its date where that is not the day of ``day``."""
    moment = datetime.fromisoformat(at).astimezone(zone)
    same = moment.date() == datetime.fromisoformat(day).astimezone(zone).date()
    return moment.strftime("%H:%M:%S %Z" if same else "%Y-%m-%d %H:%M:%S %Z")
