"""What runs right to left, and when it takes along what stands beside it.

Digits and signs beside Hebrew or Arabic letters are shown elsewhere than they are written: in
``א 100 ב 9`` the 9 comes first. Words of such a script alone have their place, whatever shows
them, and so has one number between them. Where there is more, the letters are written by their
numbers: what a person says yes to must stand where it is.
"""

from __future__ import annotations

import re
from itertools import islice

from agentgate_proto.text.characters import CODES_END, DIGITS, GENUINE, PASSING, RIGHT, marked
from agentgate_proto.text.marks import without_bare

LEFT = f"l{chr(GENUINE)}-{chr(RIGHT - 1)}{chr(PASSING)}-{chr(DIGITS - 1)}"
LETTERS = f"{chr(RIGHT)}-{chr(PASSING - 1)}"
NUMBERS = f"d{chr(DIGITS)}-{chr(CODES_END - 1)}"

PARTS_MAX = 100
"""Parts with such letters in one text that are looked at: of more nobody sees how they lie."""

FIRST_LETTER = re.compile(f"[{LEFT}{LETTERS}]")
LEFT_LETTER = re.compile(f"[{LEFT}]")
ANY = re.compile(f"[{LETTERS}]")
PART = re.compile(f"(?<![^{LEFT}])[^{LEFT}{LETTERS}]*+[{LETTERS}][^{LEFT}]*+")
"""What stands between two letters that run left to right, and has others."""

WORDS = f"[{LETTERS}M]++(?:(?:h|[po]{{0,2}}+ )[{LETTERS}M]++)*+"
COUNT = f" [{NUMBERS}]++(?:p[{NUMBERS}]++)*+ "
REST = f"[^{LETTERS}{NUMBERS}]*+"
CALM = re.compile(f"{REST}{WORDS}(?:{COUNT}{WORDS})?+{REST}")
"""Words, perhaps with one number between them, and no number around them."""


def straightened(classes: str, *, always: bool = False) -> str:
    """Return classes with ``X`` for all letters that run right to left, if they turn others.

    Args:
        classes: those of a text.
        always: even where they turn nothing.
    """
    if ANY.search(classes) is None or not (always or turns(classes)):
        return classes
    return without_bare(marked(classes, filter(ANY.match, set(classes))))


def turns(classes: str) -> bool:
    """Whether letters of a text change the place of what stands beside them."""
    first = FIRST_LETTER.search(classes)
    if first and ANY.match(first[0]) and LEFT_LETTER.search(classes):
        return True  # many readers turn a line as a whole that begins so
    parts = PART.finditer(classes)
    return any(not CALM.fullmatch(part[0]) for part in islice(parts, PARTS_MAX)) or any(parts)
