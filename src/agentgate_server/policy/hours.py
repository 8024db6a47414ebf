"""Hours: when a rule applies, by the wall clock.

``08:00-22:00``: from 08:00, to just before 22:00. ``22:00-06:00`` goes over midnight and belongs
to the day on which it starts. Without ``tz`` the gateway's own time zone counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\s*-\s*([01][0-9]|2[0-4]):([0-5][0-9])")
MINUTES_A_DAY = 1_440
POSIX_ZONE = re.compile(
    r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)[+-]?[0-9:]+"
    r"(?:(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)(?:[+-]?[0-9:]+)?(?:,.*)?)?"
)
"""A time zone as POSIX writes it: ``CET-1CEST,M3.5.0,M10.5.0/3``."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of time on some days of the week.

    Attributes:
        first, end: minutes after midnight; ``end`` is the first minute that is not in it.
        days: the days on which it starts, 0 is Monday.
        zone: the time zone, or None for the gateway's own.
    """

    first: int
    end: int
    days: frozenset[int] = frozenset(range(7))
    zone: tzinfo | None = None

    def contain(self, now: float) -> bool:
        """Whether the rule applies now.

        Args:
            now: UTC seconds since 1970.
        """
        here = datetime.fromtimestamp(now, UTC).astimezone(self.zone)
        minute = here.hour * 60 + here.minute
        if self.first < self.end:
            return self.first <= minute < self.end and here.weekday() in self.days
        if minute >= self.first:
            return here.weekday() in self.days
        # After midnight it is still the night of the day before.
        return minute < self.end and (here - timedelta(days=1)).weekday() in self.days

    def clock(self, now: float) -> str:
        """Say what time it is where the rule looks: ``mon 05:30 in Europe/Berlin``.

        Args:
            now: UTC seconds since 1970.
        """
        here = datetime.fromtimestamp(now, UTC).astimezone(self.zone)
        own = f"{here.tzname()}, the gateway's own"
        where = own if self.zone is None else f"in {self.zone}"
        return f"{DAYS[here.weekday()]} {here:%H:%M} {where}"


def own_zone_doubt(environ: Mapping[str, str]) -> str:
    """Say that this machine's time zone is set to none that there is, so that it counts as UTC.

    Args:
        environ: the environment; ``TZ`` in it is looked at.

    Returns:
        a sentence, or "".
    """
    named = environ.get("TZ", "").removeprefix(":")
    if not named or named.startswith("/") or POSIX_ZONE.fullmatch(named):
        return ""
    try:
        from zoneinfo import ZoneInfo

        ZoneInfo(named)
    except (KeyError, OSError, ValueError):
        return f"TZ={named!r} names no time zone, so the gateway's own time is UTC"
    return ""


def parse_hours(between: str, days: Collection[str] = DAYS, tz: str = "") -> Hours:
    """Make hours from their texts.

    Raises:
        ValueError: a text is not of its form; the message says what is.
    """
    match = SPAN.fullmatch(between.strip())
    if match is None:
        raise ValueError(f'{between!r} is not a span of hours: write it like "08:00-22:00"')
    hours = [int(part) for part in match.groups()]
    first, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if end > MINUTES_A_DAY or first == end:
        raise ValueError(f"{between!r} is empty or ends after 24:00")
    unknown = [day for day in days if day.lower() not in DAYS]
    if unknown or not days:
        raise ValueError(f"days are {', '.join(DAYS)}, not {', '.join(unknown) or 'none'}")
    zone = None
    if tz:
        from zoneinfo import ZoneInfo

        try:
            zone = ZoneInfo(tz)
        except (OSError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise ValueError(unknown_zone(tz)) from error
        except KeyError as error:
            raise ValueError(unknown_zone(tz)) from error
    return Hours(first, end, frozenset(DAYS.index(day.lower()) for day in days), zone)


def unknown_zone(tz: str) -> str:
    """Say what to do about a time zone that the system does not have."""
    return (
        f"no time zone {tz!r} on this system: write it like Europe/Berlin; "
        "if it is right, install the system's tzdata"
    )
