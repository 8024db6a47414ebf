"""Regular expressions, taken apart as :mod:`re` reads them, as far as one can say what they cost.

What is not read here is refused: what refers back to a group, sets flags, or is conditional. JSON
Schema, which tells agents of a pattern, knows none of these either (ECMA-262 without flags).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

REPEAT: Final = re.compile(r"\{(?:(?P<exact>[0-9]+)|(?P<least>[0-9]*),(?P<most>[0-9]*))\}")
NUMBERED: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))")
OCTAL: Final = re.compile(r"\\(0[0-7]{0,2}|[0-3][0-7]{2})")
GROUP: Final = re.compile(r"\((?:\?(?:(?P<look><?[=!])|[:>]|P<[^>]*>)|(?!\?))")
CONTROLS: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
CHARS: Final = 0x10FFFF

DEPTH_MAX: Final = 50
"""Groups within each other: far more than anybody reads."""


class NotUnderstood(ValueError):
    """The pattern has something that is not read here; the text names it."""


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set.

    Attributes:
        ranges: from and to, both included.
        kinds: ``d``, ``w``, ``s`` for digits, letters and blanks; capital: all but those.
        negated: it is all characters but these.
        source: how it is written.
    """

    ranges: tuple[tuple[int, int], ...]
    kinds: frozenset[str] = frozenset()
    negated: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """``^``: nothing but the beginning of the text is here."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``$`` and other places, and the end of what gives nothing back (``a++``, ``(?>a+)``): takes
    no characters, and may make fail what would have matched."""


@dataclass(frozen=True, slots=True)
class Look:
    """A look ahead or behind: tries something and goes back."""

    body: Node


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other; none is the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same again and again, greedily or not.

    Attributes:
        most: None: without end.
        source: how it is written.
    """

    body: Node
    least: int
    most: int | None
    source: str = ""


Node = Chars | Start | Condition | Look | Sequence | Choice | Repeat


def parse(pattern: str) -> Node:
    """Take a pattern apart that ``re.compile`` has nothing against.

    Raises:
        NotUnderstood: it has something that is not read here.
    """
    reader = Reader(pattern)
    node = reader.choice(0)
    assert reader.at == len(pattern), "re.compile has found the closing brackets"
    return node


class Reader:
    """Reads a pattern from left to right.

    Attributes:
        at: where the next character is.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def choice(self, depth: int) -> Node:
        """Read up to the closing bracket or the end."""
        if depth > DEPTH_MAX:
            raise NotUnderstood("groups within too many groups")
        branches = [self.sequence(depth)]
        while self.taken("|"):
            branches.append(self.sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def sequence(self, depth: int) -> Node:
        """Read one branch of a choice."""
        items: list[Node] = []
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            begin = self.at
            items.append(self.repeated(self.item(depth), begin))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def repeated(self, body: Node, begin: int) -> Node:
        """Read how often something comes."""
        if self.taken("*"):
            least, most = 0, None
        elif self.taken("+"):
            least, most = 1, None
        elif self.taken("?"):
            least, most = 0, 1
        elif found := REPEAT.match(self.pattern, self.at):
            self.at = found.end()
            least = int(found["exact"] or found["least"] or 0)
            most = int(found["exact"] or found["most"]) if found["exact"] or found["most"] else None
        else:
            return body
        lazy, possessive = self.taken("?"), self.taken("+")
        node = Repeat(body, least, most, self.pattern[begin : self.at])
        return node if lazy or not possessive else Sequence((node, Condition()))

    def item(self, depth: int) -> Node:
        """Read one thing that may be repeated."""
        char = self.pattern[self.at]
        if char == "(":
            return self.group(depth)
        if char == "[":
            return self.set_of_chars()
        if char == "\\":
            return self.escape()
        self.at += 1
        if char == "^":
            return Start()
        if char == "$":
            return Condition()
        if char == ".":
            return Chars(((10, 10),), negated=True, source=".")
        return literal(char)

    def group(self, depth: int) -> Node:
        """Read a group, or a look ahead or behind."""
        found = GROUP.match(self.pattern, self.at)
        if found is None:
            raise NotUnderstood(f"'{self.pattern[self.at : self.at + 3]}'")
        self.at = found.end()
        body = self.choice(depth + 1)
        self.at += 1
        if found["look"]:
            return Look(body)
        return Sequence((body, Condition())) if found[0] == "(?>" else body

    def escape(self) -> Node:
        """Read a backslash and what it makes of the next characters."""
        begin = self.at
        letter = self.pattern[self.at + 1]
        if letter == "A":
            self.at += 2
            return Start()
        if letter in "ZzbB":
            self.at += 2
            return Condition()
        if letter in "dDwWsS":
            self.at += 2
            return Chars((), frozenset(letter), source=f"\\{letter}")
        code = self.escaped_code()
        return Chars(((code, code),), source=self.pattern[begin : self.at])

    def escaped_code(self) -> int:
        """Read an escape that stands for one character."""
        for escape, base in ((NUMBERED, 16), (OCTAL, 8)):
            if found := escape.match(self.pattern, self.at):
                self.at = found.end()
                return int(next(filter(None, found.groups())), base)
        letter = self.pattern[self.at + 1]
        if letter == "N" or letter.isdecimal():
            raise NotUnderstood(f"'\\{letter}'")
        self.at += 2
        return CONTROLS.get(letter, ord(letter))

    def set_of_chars(self) -> Chars:
        """Read a set in square brackets; a closing bracket at its beginning is a character."""
        begin = self.at
        self.at += 1
        negated = self.taken("^")
        ranges: list[tuple[int, int]] = []
        kinds: set[str] = set()
        first = True
        while first or self.pattern[self.at] != "]":
            first = False
            low = self.set_member()
            if isinstance(low, str):
                kinds.add(low)
                continue
            high = low
            if self.pattern[self.at] == "-" and self.pattern[self.at + 1] != "]":
                self.at += 1
                end = self.set_member()
                assert isinstance(end, int), "re.compile refuses a range to a kind"
                high = end
            ranges.append((low, high))
        self.at += 1
        return Chars(tuple(ranges), frozenset(kinds), negated, self.pattern[begin : self.at])

    def set_member(self) -> int | str:
        """Read one character of a set, as a number, or a kind."""
        char = self.pattern[self.at]
        if char != "\\":
            self.at += 1
            return ord(char)
        letter = self.pattern[self.at + 1]
        if letter in "dDwWsS":
            self.at += 2
            return letter
        return self.escaped_code()

    def taken(self, char: str) -> bool:
        """Step over a character, if it is there."""
        if self.pattern.startswith(char, self.at):
            self.at += 1
            return True
        return False


def literal(char: str) -> Chars:
    """Return a character that stands for itself."""
    return Chars(((ord(char), ord(char)),), source=char)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    match node:
        case Look(body) | Repeat(body):
            yield from walk(body)
        case Sequence(nodes) | Choice(nodes):
            for each in nodes:
                yield from walk(each)


def is_anchored(node: Node) -> bool:
    """Whether it matches at the beginning of a text only."""
    match node:
        case Start():
            return True
        case Sequence(items):
            return any(is_anchored(item) for item in items[:1])
        case Choice(branches):
            return all(map(is_anchored, branches))
        case Repeat(body, least):
            return least > 0 and is_anchored(body)
        case _:
            return False
