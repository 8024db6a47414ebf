"""Windows: from when until when something is asked for.

A time with a zone is that instant. One without is the house's own, whose zone only Home Assistant
knows: until it is known, such a time is compared only with another of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant.identifiers import shown

NAMES: Final = ("start", "end", "hours")
HOURS_MAX: Final = 24 * 31
"""A month: Home Assistant keeps ten days of history unless it is told otherwise."""

TIME_CHARS_MAX: Final = 64
EXPECTED: Final = "a time such as 2026-01-31T08:00+01:00, or without a zone in the house's own"

WINDOW_SCHEMA: Final[Mapping[str, Any]] = {
    "start": {"type": "string", "description": "2026-01-31T08:00, in the house's zone or with one"},
    "end": {"type": "string"},
    "hours": {"type": "number"},
}
"""Of the three two at most; an error says what else they must be."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time.

    Attributes:
        start, end: with a zone, or without one in the house's own time.
    """

    start: datetime
    end: datetime

    def within(self, zone: tzinfo | None) -> Window:
        """Return the same window, as a house in a zone has it; None: it is not known."""
        return Window(of_zone(self.start, zone), of_zone(self.end, zone))


def of_zone(time: datetime, zone: tzinfo | None) -> datetime:
    """Return a time as the house has it; None: its zone is not known."""
    if zone is None:
        return time
    return time.replace(tzinfo=zone) if time.tzinfo is None else time.astimezone(zone)


def window_of(args: Mapping[str, Any], now: float, hours: float, *, ahead: bool = False) -> Window:
    """Return the window that arguments ask for.

    Args:
        args: those of ``NAMES`` may be there, at most two of them.
        now: UTC seconds since 1970.
        hours: how long it is where nobody says.
        ahead: without ``start`` and ``end`` it begins now; else it ends now.

    Raises:
        ArgumentError: one is no time, they are too many, or the window is no span of at most
            ``HOURS_MAX``.
    """
    start, end = time_of(args, "start"), time_of(args, "end")
    span = timedelta(hours=hours_of(args, hours))
    present = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    try:
        if start is not None and end is not None:
            if "hours" in args:
                raise ArgumentError("give two of 'start', 'end' and 'hours', not all three")
        elif start is not None:
            # Who says only since when means until now, where there is something until now.
            end = start + span if ahead or "hours" in args else until_now(start, present, span)
        elif end is not None:
            start = end - span
        elif ahead:
            start, end = present, present + span
        else:
            start, end = present - span, present
    except OverflowError:
        raise ArgumentError("arguments 'start' and 'end' must be in this millennium") from None
    return checked(start, end)


def until_now(start: datetime, present: datetime, span: timedelta) -> datetime:
    """Return the end of a window of which only the start is said."""
    if start.tzinfo is None or start > present:
        return start + span
    return present


def checked(start: datetime, end: datetime) -> Window:
    """Return a window if it is one."""
    if (start.tzinfo is None) != (end.tzinfo is None):
        raise ArgumentError("give both 'start' and 'end' with a zone, or both without")
    if end <= start:
        raise ArgumentError("'end' must be after 'start'")
    if end - start > timedelta(hours=HOURS_MAX):
        raise ArgumentError(f"from 'start' to 'end' may be {HOURS_MAX} hours at most: ask in parts")
    return Window(start, end)


def time_of(args: Mapping[str, Any], name: str) -> datetime | None:
    """Return an optional time; one with a zone in UTC.

    Raises:
        ArgumentError: it is none.
    """
    if name not in args:
        return None
    text = args[name]
    try:
        if not isinstance(text, str) or len(text) > TIME_CHARS_MAX:
            raise ValueError
        found = datetime.fromisoformat(text.strip())
        return found if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ArgumentError(f"argument '{name}' must be {EXPECTED}, found {shown(text)}") from None


def hours_of(args: Mapping[str, Any], hours: float) -> float:
    """Return how many hours are asked for.

    Raises:
        ArgumentError: it is no number, or out of bounds.
    """
    value = args.get("hours", hours)
    if type(value) not in (int, float) or not 0 < value <= HOURS_MAX:
        raise ArgumentError(f"argument 'hours' must be a number above 0 and at most {HOURS_MAX}")
    return float(value)


def told(value: Any, zone: tzinfo | None) -> Any:
    """Return a time as people tell it, in the house's zone and without fractions of a second; what
    is no time stays as it is.

    Args:
        value: RFC 3339, or anything.
        zone: of the house; None: it is not known.
    """
    if not isinstance(value, str) or len(value) > TIME_CHARS_MAX:
        return value
    try:
        return of_zone(datetime.fromisoformat(value), zone).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return value
