"""What joins pictures to one, and what parts Arabic letters: it is not seen, but what it does is.

It belongs where it does something. Anywhere else two texts would look the same and not be.
"""

from __future__ import annotations

import re

from agentgate_proto.text.character_runs import JOINING, JOINING_BEFORE, JOINS
from agentgate_proto.text.characters import DIGITS, GENUINE, PASSING, RIGHT, SCRIPTS

LETTERS = f"{chr(RIGHT)}-{chr(PASSING - 1)}"
SHAPED = f"{chr(GENUINE)}-{chr(DIGITS - 1)}"
CASED = "".join(
    chr(base + SCRIPTS[name])
    for name in ("Armn", "Cyrl", "Geor", "Grek")
    for base in (GENUINE, PASSING)
)
SHAPING = re.compile(f"(?:(?<=[{SHAPED}])|(?<=M))(?<![{CASED}])[JN](?=[{SHAPED}])")
KEY = re.compile("(?<=[dk])VK")
COLOURED = re.compile("(?<=e)V(?!V)")
NON_JOINER = re.compile(f"(?<=[{LETTERS}])N(?=[{LETTERS}])")
JOINER = re.compile("(?<=([eE]))J(?=[eE])|(?<=([eE])[om])J(?=[eE])")
"""Between two pictures. After the first there may be its colour; the selector is ``o`` by then."""


def joins() -> set[tuple[str, str]]:
    """The table: which picture may be joined to which."""
    pairs = set()
    for group in JOINS.split(","):
        befores, _, afters = group.partition(">")
        for before in befores.split():
            pairs |= {(chr(int(before, 16)), chr(int(each, 16))) for each in afters.split()}
    return pairs


JOINED = joins()
DUAL = frozenset(chr(int(point, 16)) for point in JOINING.split())
JOINABLE = DUAL | {chr(int(point, 16)) for point in JOINING_BEFORE.split()}


def without_joints(text: str, classes: str) -> str:
    """Return the classes of a text with ``o`` for what belongs to a picture, and is not seen.

    A selector belongs to a picture that is black without it; a joiner stands between two that are
    one picture in Unicode's list. A non-joiner between letters that join otherwise, as Persian has
    it, gets their class. All other selectors and joiners stay as they are.
    """

    def joined(found: re.Match[str]) -> str:
        before = found.start() - (1 if found[1] else 2)
        return "o" if (text[before], text[found.end()]) in JOINED else "J"

    def parted(found: re.Match[str]) -> str:
        at = found.start()
        return classes[at - 1] if text[at - 1] in DUAL and text[at + 1] in JOINABLE else "N"

    if "N" in classes:
        classes = NON_JOINER.sub(parted, classes)
    if "V" in classes:
        classes = COLOURED.sub("o", KEY.sub("oo", classes))
    return JOINER.sub(joined, classes) if "J" in classes else classes


def with_shaping(classes: str) -> str:
    """Return the classes of prose with ``o`` for joiners and the like between letters whose form
    may depend on them, as in Hindi: those of all scripts but a few alphabets."""
    return SHAPING.sub("o", classes) if "J" in classes or "N" in classes else classes
