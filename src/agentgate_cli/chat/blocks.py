"""Where the text of a model can be cut, so that its beginning is shown for good while it grows."""

from __future__ import annotations

import re
from typing import NamedTuple

BLOCK_CHARS_MAX = 4_000
"""A block that grows longer is shown for good in pieces: each refresh draws what is not, and a
screen holds little more."""

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^`\n]*)$", re.MULTILINE)
"""The line that opens or closes a block of code."""

FENCE_LINE_CHARS_MAX = 100
"""Of the line that opens a block of code; of a longer one only the fence itself is repeated."""


class Fence(NamedTuple):
    """The block of code that a place is in.

    Attributes:
        line: the line that opened it; "": it is in none.
        closing: what closes it.
    """

    line: str = ""
    closing: str = ""


NO_FENCE = Fence()


class Cut(NamedTuple):
    """A place to cut.

    Attributes:
        at: characters before it.
        fence: the block of code that is cut in two.
        is_clean: there is a blank line at the place.
    """

    at: int
    fence: Fence = NO_FENCE
    is_clean: bool = True


def fence_at(text: str, end: int, fence: Fence = NO_FENCE) -> Fence:
    """Return the block of code in which ``end`` is.

    Args:
        text: Markdown.
        end: a place in it.
        fence: the block in which it begins.
    """
    for match in FENCE.finditer(text, 0, end):
        mark, info = match[1], match[2].strip()
        if not fence.line:
            line = match[0].strip()
            fence = Fence(line if len(line) <= FENCE_LINE_CHARS_MAX else mark, mark)
        elif mark[0] == fence.closing[0] and len(mark) >= len(fence.closing) and not info:
            fence = NO_FENCE
    return fence


def clean_cut(text: str, fence: Fence = NO_FENCE) -> Cut | None:
    """Return the last place between two whole blocks, or None if there is none.

    Args:
        text: Markdown.
        fence: the block of code in which it begins.
    """
    end = len(text)
    while (end := text.rfind("\n\n", 0, end)) > 0:
        if not fence_at(text, end, fence).line and text[end:].strip():
            return Cut(end)
    return None


def forced_cut(text: str, fence: Fence = NO_FENCE, chars_max: int = BLOCK_CHARS_MAX) -> Cut | None:
    """Return a place where a text must be cut because it is too long, or None if it is not.

    The best there is within the first ``chars_max`` characters: between two lines, else between two
    words, else anywhere.

    Args:
        text: Markdown.
        fence: the block of code in which it begins.
        chars_max: what is longer is too long.
    """
    if len(text) <= chars_max:
        return None
    at = text.rfind("\n", 1, chars_max) + 1
    if at <= chars_max // 4:
        at = text.rfind(" ", 1, chars_max) + 1
    if at <= chars_max // 4:
        at = chars_max
    return Cut(at, fence_at(text, at, fence), is_clean=False)
