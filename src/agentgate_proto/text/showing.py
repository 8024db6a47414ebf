"""Texts of others as they are shown: what a reader would not see, or would take for something else,
is written by its number.

Every channel shows texts through here: terminal, chat, log, what other programs show people. How it
is done: each character gets a class (``characters``), patterns put an ``X`` where a character must
not be shown (``marks``, ``joints``, ``turning``, ``words``), and those are written by number. All
of it takes linear time. Patterns for scripts other than Latin are made when such a text comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from agentgate_proto.text.characters import (
    CLASSES,
    GENUINE,
    REMEMBERED_MAX,
    marked,
)
from agentgate_proto.text.joints import with_shaping, without_joints
from agentgate_proto.text.marks import without_bare, without_stray

ONE_LINE = "ntzJNVKY"
"""Classes that are not shown as they are on one line."""

DOCUMENT = "tzJNVKY"
PROSE = "JNVK"
OWN = re.compile(r"\\(?:u[0-9a-f]{4}|U[0-9a-f]{8}|[nrt])")
"""What is written by its number already. To the rules it is as good as what it stands for: not a
letter, and no reason to look at others differently."""


class Escapes(dict[int, str]):
    """How a character is written by its number; made as they come, a bounded number at a time."""

    def __init__(self, write: Callable[[int], str], short: Mapping[int, str]) -> None:
        super().__init__(short)
        self.write = write
        self.short = short

    def __missing__(self, point: int) -> str:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
            self.update(self.short)
        written = self[point] = self.write(point)
        return written


def number(point: int) -> str:
    """Write a character as Python does."""
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def pair(point: int) -> str:
    """Write it as JSON does, with two numbers for what is beyond 16 bits."""
    if point < 0x10000:
        return f"\\u{point:04x}"
    high, low = divmod(point - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


SHORT = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
ESCAPES = Escapes(number, SHORT)
PAIRS = Escapes(pair, SHORT)
POINTS = Escapes(lambda point: f"<U+{point:04X}>", {})
"""As Unicode writes it: for texts in which a backslash means itself."""


def one_line(text: str, escapes: Mapping[int, str] = ESCAPES) -> str:
    """Return a text on one line, with all that is not seen as itself by its number: ``\\u202e``.

    Ordinary text of any script stays as it is; see the rooms' modules for what does not. What is
    returned stays the same if it is shown so once more. Whoever needs to read it back must have
    doubled the backslashes.

    Args:
        text: of anybody; lone surrogates too.
        escapes: how a character is written by its number.
    """
    if text.isascii() and text.isprintable():
        return text
    return rewritten(text, judged(text, ONE_LINE), escapes)


def document(text: str, escapes: Mapping[int, str] = PAIRS) -> str:
    """Return a text of several lines, each as :func:`one_line` has it. Of JSON: the same JSON."""
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return rewritten(text, judged(text, DOCUMENT), escapes)


def straight(text: str) -> str:
    """Return a shown text with every letter by its number that runs right to left.

    For lines made of several values: they would change places.
    """
    if text.isascii():
        return text
    from agentgate_proto.text.turning import straightened

    return rewritten(text, straightened(text.translate(CLASSES), always=True), ESCAPES)


def prose(text: str, tab: str = "    ") -> str:
    """Return what somebody says so that it can't steer a terminal or write over other lines.

    New lines stay, odd blanks become plain ones, joiners stay where a script needs them, and words
    are left alone, also those that run right to left: who reads prose approves nothing by it.

    Args:
        text: of anybody.
        tab: what stands for a tab.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    classes = without_joints(text, text.translate(CLASSES))
    classes = marked(with_shaping(classes), PROSE)
    classes = without_stray(text, classes)
    if "z" in classes:
        both = zip(text, classes, strict=True)
        text = "".join([" " if told == "z" else char for char, told in both])
    return rewritten(text, classes).replace("\t", tab)


def judged(text: str, unfit: str) -> str:
    """Return the classes of a text with ``X`` for each character that is not shown.

    Args:
        text: any.
        unfit: classes that are not shown where this text is.
    """
    seen = OWN.sub(neutral, text) if "\\" in text else text
    classes = marked(without_joints(text, seen.translate(CLASSES)), unfit)
    classes = without_stray(text, classes)
    if max(classes, default="") < chr(GENUINE):
        return classes
    from agentgate_proto.text.turning import straightened
    from agentgate_proto.text.words import without_alike

    alike = without_alike(classes)
    straight_ones = straightened(alike)
    # Letters that are numbers now prove no more what others beside them are.
    return without_bare(alike if straight_ones == alike else without_alike(straight_ones))


def neutral(own: re.Match[str]) -> str:
    """As many signs that are seen as themselves."""
    return "\u2026" * len(own[0])


def rewritten(text: str, classes: str, escapes: Mapping[int, str] = ESCAPES) -> str:
    """Return a text in which what has the class ``X`` is written by its number."""
    if "X" not in classes:
        return text
    both = zip(text, classes, strict=True)
    return "".join([escapes[ord(char)] if told == "X" else char for char, told in both])
