"""The characters of a pattern, in classes that it can't tell apart."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agentgate_server.tools.patterns.syntax import Chars

ASCII: Final = 128
READABLE: Final = string.ascii_lowercase + string.digits + string.ascii_uppercase + " -_./@:,"
"""Characters that an example is made of rather than of others."""


@dataclass(frozen=True, slots=True)
class Atom:
    """Characters of which each is in a set, or none.

    Attributes:
        code: one of them.
        kinds: which of ``d``, ``w``, ``s`` they are.
    """

    code: int
    kinds: str


BEYOND: Final = ("dw", "w", "s", "")
"""What a character beyond ASCII may be. Each is taken for possible in each range: that there may be
none only makes us more careful."""


def atoms_of(sets: Iterable[Chars]) -> list[Atom]:
    """Return atoms for some sets, readable ones first."""
    edges = {ASCII}
    for each in sets:
        for low, high in each.ranges:
            edges |= {code for code in (low, high + 1) if code > ASCII}
    order = [*READABLE, *(chr(code) for code in range(ASCII) if chr(code) not in READABLE)]
    ascii_atoms = [Atom(ord(char), kinds_of(char)) for char in order]
    return ascii_atoms + [Atom(code, kinds) for code in sorted(edges) for kinds in BEYOND]


def kinds_of(char: str) -> str:
    """Return what a character is to ``\\d``, ``\\w`` and ``\\s``."""
    return (
        ("d" if char.isdecimal() else "")
        + ("w" if char.isalnum() or char == "_" else "")
        + ("s" if char.isspace() else "")
    )


def holds(chars: Chars, atom: Atom) -> bool:
    """Whether a set has an atom in it."""
    found = any(low <= atom.code <= high for low, high in chars.ranges) or any(
        (kind.lower() in atom.kinds) == kind.islower() for kind in chars.kinds
    )
    return found != chars.negated


def classes_of(sets: list[Chars]) -> list[tuple[str, frozenset[int]]]:
    """Sort all characters by the sets that they are in.

    Returns:
        for each class one of its characters, and the indices of the sets that have it; not for
        those that are in none.
    """
    found: dict[frozenset[int], str] = {}
    for atom in atoms_of(sets):
        inside = frozenset(index for index, chars in enumerate(sets) if holds(chars, atom))
        if inside:
            found.setdefault(inside, chr(atom.code))
    return [(char, inside) for inside, char in found.items()]
