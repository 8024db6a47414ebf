"""Nearness: which of many names a misspelled one may be, without holding up anybody else.

To compare two names well takes a tenth of a millisecond, and a house has thousands. So the few are
compared that have the most pairs of letters in common.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from heapq import nlargest
from typing import Final

import anyio.lowlevel

NEAR_MAX: Final = 3
"""Names that may be meant."""

COMPARED_MAX: Final = 20
"""Names that are compared well."""

LOOKED_AT_ONCE: Final = 200
"""Names of which pairs of letters are counted before others get their turn."""


async def near(name: str, names: Sequence[str]) -> list[str]:
    """Return the names that may be meant by one, the nearest first."""
    wanted = pairs_of(name)
    counted: list[tuple[int, str]] = []
    for start in range(0, len(names), LOOKED_AT_ONCE):
        await anyio.lowlevel.checkpoint()
        some = names[start : start + LOOKED_AT_ONCE]
        counted += [(len(wanted & pairs_of(each)), each) for each in some]
        counted = nlargest(COMPARED_MAX, counted)
    return difflib.get_close_matches(name, [each for _, each in counted], NEAR_MAX)


def pairs_of(name: str) -> frozenset[str]:
    """Return the pairs of letters that stand side by side in a name, its ends included."""
    text = f" {name} "
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))
