"""Text from elsewhere, made safe and readable for a terminal.

What an agent, a tool or another user wrote may hold escape codes that clear the screen, characters
that turn the direction of reading, or letters that pass for others: a person who approves must
see what is really there. A gateway is not believed either. All of it is shown through
:mod:`agentgate_proto.text`; what is said is said as :func:`readable` prose.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

from agentgate_proto.text.showing import document, one_line, prose

printable = one_line
"""A text on one line, with everything by its number that is not seen as itself."""

readable = prose
"""What somebody says, in several lines, so that it can't steer a terminal."""

escape_json = document
"""JSON whose strings are as ``printable`` has them; the same JSON."""

VALUE_CHARS_MAX = 600
"""One argument in a prompt: about eight lines. What is longer is folded, and the fold says so."""


ID_SHOWN_CHARS = 8
"""Of an id in a list: unique among thousands, and short enough to type."""


def short_id(rid: str) -> str:
    """The end of an id, as lists show it and as commands take it."""
    return printable(rid[-ID_SHOWN_CHARS:])


def compact(value: Any) -> str:
    """Return decoded JSON as one printable line of JSON, keys sorted."""
    return printable(msgspec.json.encode(value, order="sorted").decode())


def args_line(args: Any, shortened: Collection[str]) -> str:
    """Return decoded arguments as one printable line of JSON: its beginning if they are shortened.

    Args:
        args: as the gateway shows them.
        shortened: what of the row or approval is not whole.
    """
    return printable(args) if "args" in shortened and isinstance(args, str) else compact(args)


def fold(text: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    """Cut the middle out of a long text, and say how much is missing."""
    if len(text) <= chars_max:
        return text
    half = max((chars_max - 30) // 2, 1)
    missing = len(text) - 2 * half
    return f"{text[:half]} …[{missing} characters more]… {text[-half:]}"


def cut(text: str, chars_max: int) -> str:
    """Cut the end off a long text."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def parse_time(text: str) -> float:
    """Return the UTC seconds of an RFC 3339 time of the gateway's; 0 if it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def clock(text: str) -> str:
    """Show an RFC 3339 time as a local time of day, with the date if it is another day.

    With its zone, as other channels show it: who asks, who answers and who reads the log need not
    be in one.
    """
    at = datetime.fromtimestamp(parse_time(text), UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return at.strftime("%H:%M:%S %Z" if at.date() == today else "%Y-%m-%d %H:%M %Z")


def duration(seconds: float) -> str:
    """Show a duration roughly: ``8 s``, ``14 min``, ``3 h``, ``2 days``."""
    seconds = max(seconds, 0.0)
    for limit, unit_s, name in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def away(reason: str) -> str:
    """Say that the gateway is not there for now."""
    return f"no connection to the gateway: {printable(reason)}; trying again …"


def plural(count: int, noun: str) -> str:
    """Return ``1 tool``, ``2 tools``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
