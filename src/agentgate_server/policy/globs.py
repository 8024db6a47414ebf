"""Globs: fnmatch patterns that can also be asked about texts of which only parts are known.

A rule must be compared with every text that a request could stand for: an argument may be left
out, may stand for one of several names, or may be unknown. Trying each combination would grow
without bound, so a pattern is also kept as a small automaton. A set of its positions is one
integer, and each question costs one pass over the text:

- ``step``: where could we be after this text?
- ``after_anything``: after a text that could be any (a deny rule must assume the worst)?
- ``after_word``: after what could be any word, as a service's name is?
- ``after_unknown``: after a text that the pattern takes whatever it is (an allow rule must not
  assume anything)?
"""

from __future__ import annotations

import fnmatch
import re
import string
from collections.abc import Callable

MASKS_MAX = 256
"""Characters whose positions one pattern remembers: letters come again, floods of Unicode do not
get to grow a table."""

WORD_CHARS = string.ascii_lowercase + string.digits + "_"
"""What a domain and a service are made of."""

NOTHING = "(?!)"
"""What fnmatch makes of a class in which no character is."""

Positions = int
"""A set of positions in a pattern, as bits. 0: no match is possible any more."""


class Glob:
    """One pattern in the syntax of :mod:`fnmatch`: ``*``, ``?``, ``[seq]``, ``[!seq]``.

    Attributes:
        pattern: the pattern itself.
        matches: whether a whole text matches, like :func:`fnmatch.fnmatchcase`.
        start: the positions before any text.
    """

    __slots__ = ("any_char", "classes", "end", "literals", "loops", "masks", "matches", "pattern")

    start: Positions = 1

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.matches: Callable[[str], object] = re.compile(fnmatch.translate(pattern)).match
        self.masks: dict[str, int] = {}
        self.literals: dict[str, int] = {}
        self.classes: list[tuple[int, Callable[[str], object]]] = []
        self.any_char = 0
        self.loops = 0
        bit = 1
        for piece in tokenize(pattern):
            if piece == "*":
                self.loops |= bit
                continue
            if piece == "?":
                self.any_char |= bit
            elif len(piece) == 1:
                self.literals[piece] = self.literals.get(piece, 0) | bit
            else:
                self.classes.append((bit, re.compile(fnmatch.translate(piece)).match))
            bit <<= 1
        self.end: Positions = bit

    def step(self, positions: Positions, text: str) -> Positions:
        """Return the positions after ``text``."""
        masks, loops = self.masks, self.loops
        for char in text:
            if not positions:
                return 0
            mask = masks.get(char)
            if mask is None:
                mask = self.mask_of(char)
            positions = ((positions & mask) << 1) | (positions & loops)
        return positions

    def after_anything(self, positions: Positions) -> Positions:
        """Return the positions that some text leads to: all that lie ahead."""
        return (self.end * 2 - 1) & -(positions & -positions) if positions else 0

    def after_word(self, positions: Positions) -> Positions:
        """Return the positions that some word leads to, the empty one included."""
        mask = 0
        for char in WORD_CHARS:
            mask |= self.mask_of(char)
        before = 0
        while positions != before:
            before = positions
            positions |= (positions & mask) << 1
        return positions

    def after_unknown(self, positions: Positions) -> Positions:
        """Return the positions that stand whatever the text is: those at a ``*``."""
        return positions & self.loops

    def is_done(self, positions: Positions) -> bool:
        """Whether the pattern may end here."""
        return bool(positions & self.end)

    def mask_of(self, char: str) -> int:
        """Return the positions at which ``char`` is taken."""
        mask = self.any_char | self.literals.get(char, 0)
        for bit, matches in self.classes:
            if matches(char):
                mask |= bit
        if len(self.masks) < MASKS_MAX:
            self.masks[char] = mask
        return mask


def problem_of(pattern: str) -> str:
    """Return why a pattern can't be meant so, or "".

    fnmatch takes a ``[`` without a ``]`` for the letter, and a class like ``[z-a]`` for nothing at
    all. Such a pattern matches no text that its author had in mind, so it must not pass.
    """
    for piece in tokenize(pattern):
        if piece == "[":
            return "[ has no ] after it: write [abc] for one of a, b, c, and [[] for [ itself"
        if len(piece) > 1 and NOTHING in fnmatch.translate(piece):
            return f"{piece} is no character at all: a range begins with the lower one, as in [a-z]"
    return ""


def tokenize(pattern: str) -> list[str]:
    """Split a pattern into literals, ``?``, ``*`` and classes, as fnmatch reads them."""
    tokens: list[str] = []
    at = 0
    while at < len(pattern):
        size = 1
        if pattern[at] == "[":
            # A "]" right after "[" or "[!" belongs to the class; without an end it is a literal.
            first = at + (2 if pattern[at + 1 : at + 2] == "!" else 1)
            close = pattern.find("]", first + 1)
            size = close + 1 - at if close >= 0 else 1
        tokens.append(pattern[at : at + size])
        at += size
    return tokens
