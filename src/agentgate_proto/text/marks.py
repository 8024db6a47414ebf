"""Marks: which of them belong to the letter before them, as it is usually spelled.

A mark of a script belongs on letters of that script, an accent on a letter of an alphabet. Strokes
through letters and frames around them belong nowhere: what is struck out is still there. Nor does a
mark that is there twice, or more of them than a letter has: those lie over each other.
"""

from __future__ import annotations

import re

from agentgate_proto.text.character_runs import SOFT_DOTTED
from agentgate_proto.text.characters import kind_of

ACCENTS_MAX = 2
"""On a letter of an alphabet: Vietnamese and Yoruba have two."""

MARKS_MAX = 5
"""On a letter of a script of its own: Burmese and Tibetan syllables have so many."""

STRAYS_MAX = 1_000
"""Letters of one text with marks that do not belong there. If there are more, no mark is taken for
one that does from there on."""

CLUSTERS_MAX = 4_096
"""Letters with marks that are remembered, some 500 kB at the worst."""

ALPHABETS = frozenset({"latin", "letter Grek", "letter Cyrl"})
DOT_ABOVE = "\u0307"
DOTTED = frozenset(chr(int(point, 16)) for point in SOFT_DOTTED.split())
RUN = re.compile("M+")
BARE_MARKS = re.compile("(?<=X)M++")


def without_stray(text: str, classes: str) -> str:
    """Return the classes of a text with ``X`` for each mark that does not belong where it is."""
    if "M" not in classes:
        return classes
    parts: list[str] = []
    at = 0
    for run in RUN.finditer(classes):
        start, end = run.span()
        if len(parts) > 2 * STRAYS_MAX:
            return "".join([*parts, classes[at:].replace("M", "X")])
        told = FITTING[text[start - 1 : min(end, start + MARKS_MAX)]] if start else ""
        if end - start != len(told) or "X" in told:
            parts += [classes[at:start], told.ljust(end - start, "X")]
            at = end
    return "".join([*parts, classes[at:]]) if parts else classes


class Fitting(dict[str, str]):
    """For a character and the marks on it: ``M`` for each mark that belongs there, or ``X``."""

    def __missing__(self, cluster: str) -> str:
        if len(self) >= CLUSTERS_MAX:
            self.clear()
        told = self[cluster] = "".join(fitting(cluster))
        return told


FITTING = Fitting()


def fitting(cluster: str) -> list[str]:
    """Say of each mark of a cluster whether it belongs there."""
    base, marks = cluster[0], cluster[1:]
    kind = kind_of(ord(base))
    script = kind.partition(" ")[2]
    alphabetic = kind in ALPHABETS or (base.isascii() and base.isalpha())
    count_max = ACCENTS_MAX if alphabetic else MARKS_MAX
    told: list[str] = []
    for at, mark in enumerate(marks):
        fit = kind_of(ord(mark)).split()[1:]
        belongs = script in fit if fit else alphabetic
        dotted = mark == DOT_ABOVE and base in DOTTED
        fits = belongs and not dotted and mark not in marks[:at] and at < count_max
        fits = fits and "X" not in told  # it would stand on the number of the one before
        told.append("M" if fits else "X")
    return told


def without_bare(classes: str) -> str:
    """Return classes with ``X`` for marks of letters and digits that are not shown themselves."""
    if "M" not in classes or "X" not in classes:
        return classes
    return BARE_MARKS.sub(lambda found: "X" * len(found[0]), classes)
