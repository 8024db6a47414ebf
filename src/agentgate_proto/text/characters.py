"""Characters, each as one letter that says what it is to a reader.

A text becomes a second one of the same length, its classes, in which patterns find what a reader
would not see or would take for something else. The tables are of one version of Unicode, so that
every Python shows the same.

=========  ===========================================================================
``X``      not seen: controls, formats, tags, blanks, fillers, unassigned, private use
``n t z``  new line, tab, a blank that is not the plain one
``J N V``  joiner, non-joiner, the selector of coloured pictures
``Y``      passes for ASCII and is at home in no script: bold letters of
           mathematics, a division slash, a stroke through a letter
``M``      a mark on what stands before it; see :mod:`agentgate_proto.text.marks`
``l w``    a letter of the Latin script; one of no script
``d _``    an ASCII digit, an underscore
``e E m``  a picture that is black unless a selector follows, a coloured one, a colour of skin
``K k``    the key around a digit, and what else may stand in one
``h p q``  ASCII punctuation: within words, after words, other
``s``      ASCII punctuation that holds values apart: brackets, quotes and the like
``o``      any other thing that is seen as itself
=========  ===========================================================================

Letters and digits of other scripts have a code for each script, see :data:`GENUINE` and the ones
below it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate

from agentgate_proto.text.character_runs import KINDS, RUNS
from agentgate_proto.text.look_alikes import LOOKS

GENUINE = 0x1000
"""Where the codes begin of letters that no ASCII letter looks like, one for each script."""

RIGHT = 0x1100
"""The same of letters that run right to left, and pass for nothing."""

RIGHT_PASSING = 0x1200
PASSING = 0x1300
"""The same of letters that pass for ASCII. The order makes ranges of what patterns ask for."""

DIGITS = 0x1400
"""The same of digits, which pass for others as such."""

CODES_END = 0x1500
REMEMBERED_MAX = 16_384
"""Characters whose class is remembered, about 2 MB at the worst: no text in use has as many."""

PLAIN: dict[int, str] = {
    **dict.fromkeys(map(ord, '"()[]{}<>=\\|`'), "s"),
    **dict.fromkeys(map(ord, ".,;:!?"), "p"),
    **dict.fromkeys(map(ord, "/@$%&+^~"), "q"),
    **dict.fromkeys(map(ord, "#*"), "k"),
    **dict.fromkeys(map(ord, "-'"), "h"),
    **dict.fromkeys(map(ord, "0123456789"), "d"),
    ord("_"): "_",
    ord(" "): " ",
}
"""ASCII but for letters."""

UNSEEN: dict[int, str] = {
    0x0A: "n",
    0x09: "t",
    0x200C: "N",
    0x200D: "J",
    0xFE0F: "V",
    **dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), "z"),
}
"""What is not seen, but may have its use in prose or in a picture."""

SIMPLE = {"alike": "Y", "latin": "l", "word": "w", "other": "o", "keycap": "K", "emoji": "e"}
SKIN = range(0x1F3FB, 0x1F400)
WIDE = range(0xFF01, 0xFF5F)
"""ASCII in full width: all of it passes for ASCII."""

NAMES: tuple[str, ...] = tuple(name.strip() for name in KINDS.replace("\n", " ").split(","))
LENGTHS: tuple[int, ...]
NUMBERS: tuple[int, ...]
LENGTHS, NUMBERS = zip(
    *(
        (int(length), int(number or 0))
        for length, _, number in (r.partition(":") for r in RUNS.split())
    ),
    strict=True,
)
STARTS = (0, *accumulate(LENGTHS))
SCRIPTS = {
    name: at
    for at, name in enumerate(
        sorted({kind.split()[1] for kind in NAMES if kind.startswith(("letter", "right", "digit"))})
    )
}
"""The scripts of letters, each with what its codes are above where they begin."""

ALIKE = frozenset(int(point, 16) for points in LOOKS.values() for point in points.split())
"""What passes for ASCII."""


def kind_of(point: int) -> str:
    """Return the name that a character's kind has in the table."""
    return NAMES[NUMBERS[bisect_right(STARTS, point) - 1]]


def code_of(point: int) -> str:
    """Return the class of a character."""
    kind, _, script = kind_of(point).partition(" ")
    if kind == "hidden":
        return UNSEEN.get(point, "X")
    if kind == "ascii":
        return PLAIN.get(point, "l")
    if kind == "picture":
        return "m" if point in SKIN else "E"
    if kind == "mark":
        return "M"
    if kind == "digit":
        return chr(DIGITS + SCRIPTS[script])
    passes = point in ALIKE or point in WIDE
    if kind == "letter":
        return chr((PASSING if passes else GENUINE) + SCRIPTS[script])
    if kind == "right":
        return chr((RIGHT_PASSING if passes else RIGHT) + SCRIPTS[script])
    return SIMPLE[kind]


class Classes(dict[int, str]):
    """The class of each character, found when it is first met: for ``str.translate``."""

    def __missing__(self, point: int) -> str:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        found = self[point] = code_of(point)
        return found


CLASSES = Classes()


def is_hidden(character: str) -> bool:
    """Whether a character is not seen, or not as itself: any blank but the plain one, new lines."""
    return character.translate(CLASSES) in "XntzJNV"


def is_blank(character: str) -> bool:
    """Whether a character is a blank, if not the plain one."""
    return character.translate(CLASSES) == "z"


def marked(classes: str, codes: Iterable[str]) -> str:
    """Return classes with ``X`` for each of these: faster than ``str.translate`` for a few."""
    for code in codes:
        classes = classes.replace(code, "X")
    return classes
