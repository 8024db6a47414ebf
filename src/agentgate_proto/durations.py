"""Durations as people write them: ``90s``, ``15m``, ``1h30m``, ``2d``; and as seconds.

Units go from the large to the small, each at most once, and nothing stands between them. A fraction
is for the last one (``1.5h``). A number without a unit is what the place says, mostly seconds, and
is no duration here.
"""

from __future__ import annotations

import re

UNITS_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
"""How many seconds each unit has, the largest first."""

DURATION = re.compile(
    r"(?=[0-9])(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)d)?(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)h)?"
    r"(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)m)?(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)s)?"
)
"""Bounded: 9 digits of days are three million years, more than any place allows."""

FORM = "as in 90s, 15m, 1h30m or 2d"
"""How an error says what is wanted."""


def parse_duration(text: str) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: it is none; the text says how one is written.
    """
    match = DURATION.fullmatch(text)
    parts = [] if match is None else [each for each in match.groups() if each is not None]
    if match is None or any("." in part for part in parts[:-1]):
        raise ValueError(f"{text[:40]!r} is no duration: write it {FORM}")
    amounts = zip(match.groups(), UNITS_S.values(), strict=True)
    return sum(float(amount) * unit_s for amount, unit_s in amounts if amount is not None)


def format_duration(seconds: float) -> str:
    """Write seconds as the shortest duration that says the same; to a thousandth of a second.

    Args:
        seconds: 0 or more, and finite.
    """
    thousandths = round(seconds * 1_000)
    text = ""
    for unit, unit_s in UNITS_S.items():
        of_unit = int(unit_s * 1_000)
        if unit != "s":
            count, thousandths = divmod(thousandths, of_unit)
            text += f"{count}{unit}" if count else ""
        elif thousandths or not text:
            text += f"{thousandths / of_unit:.3f}".rstrip("0").rstrip(".") + unit
    return text
