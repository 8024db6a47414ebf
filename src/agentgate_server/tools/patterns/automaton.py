"""A pattern as an automaton that counts: where one may be after a text, and in how many ways.

Each place where a pattern takes a character is a position (Glushkov). What may follow is kept with
the number of ways to get there without a character, since a matcher that tries one way after the
other tries each of them. Conditions are taken for true and looks ahead for a branch that leads to
nothing: both can only make it try less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from agentgate_server.tools.patterns.syntax import (
    Chars,
    Choice,
    Condition,
    Look,
    Node,
    NotUnderstood,
    Repeat,
    Sequence,
    Start,
    walk,
)

POSITIONS_MAX: Final = 2_000
"""Positions of one pattern: a repeat with an end counts as often as it may come."""

EDGES_MAX: Final = 20_000
"""Pairs of positions that follow each other."""

REPEATS_MAX: Final = 256
"""A character that may come more often counts as one that may come without end."""

WAYS_MAX: Final = 1_000_000
"""More ways are not counted."""

Ways = dict[int, int]
"""Positions, each with the number of ways to get there."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a pattern.

    Attributes:
        empty: ways to pass it without a character.
        first: where it may begin.
        last: where it may end.
    """

    empty: int
    first: Ways
    last: Ways


NOTHING: Final = Part(1, {}, {})
"""The empty text."""


@dataclass(slots=True)
class Automaton:
    """A whole pattern.

    Attributes:
        sets: what each position takes.
        follow: what may come after each position.
        whole: the pattern as a part.
    """

    sets: list[Chars] = field(default_factory=list)
    follow: list[Ways] = field(default_factory=list)
    whole: Part = NOTHING

    @classmethod
    def of(cls, node: Node) -> Automaton:
        """Build it.

        Raises:
            NotUnderstood: it is too large, or repeats what may be empty without end.
        """
        made = cls()
        made.whole = made.part(node)
        if sum(map(len, made.follow)) > EDGES_MAX:
            raise NotUnderstood("so many branches")
        return made

    def part(self, node: Node) -> Part:
        """Add a part; its positions are new ones."""
        match node:
            case Chars():
                return self.position(node)
            case Start() | Condition():
                return NOTHING
            case Look(body):
                inner = self.part(body)
                return Part(1, inner.first, {})
            case Sequence(items):
                return self.joined(self.part(item) for item in items)
            case Choice(branches):
                parts = [self.part(branch) for branch in branches]
                return Part(
                    sum(part.empty for part in parts),
                    added(*(part.first for part in parts)),
                    added(*(part.last for part in parts)),
                )
            case Repeat():
                return self.repeated(node)

    def position(self, chars: Chars) -> Part:
        """Add a position."""
        index = len(self.sets)
        if index == POSITIONS_MAX:
            raise NotUnderstood("such large numbers in {}")
        self.sets.append(chars)
        self.follow.append({})
        return Part(0, {index: 1}, {index: 1})

    def joined(self, parts: Iterator[Part]) -> Part:
        """Put parts one after the other."""
        whole = NOTHING
        for part in parts:
            self.link(whole.last, part.first)
            whole = Part(
                min(whole.empty * part.empty, WAYS_MAX),
                added(whole.first, times(part.first, whole.empty)),
                added(part.last, times(whole.last, part.empty)),
            )
        return whole

    def repeated(self, node: Repeat) -> Part:
        """Add a repeat. One with an end is its body so often, then maybe once more, and so on."""
        least, most = node.least, node.most
        if most != 1 and not any(isinstance(each, Chars) for each in walk(node.body)):
            raise NotUnderstood(f"'{node.source}', which repeats what may be empty")
        if isinstance(node.body, Chars) and (most or least) > REPEATS_MAX:
            least, most = min(least, 1), None
        if most is None:
            return self.joined(self.turns(node, least))
        optional = NOTHING
        for _ in range(most - least):
            body = self.part(node.body)
            inner = self.joined(iter((body, optional)))
            optional = Part(inner.empty + 1, inner.first, inner.last)
        return self.joined(self.copies(node.body, least, optional))

    def copies(self, body: Node, count: int, rest: Part) -> Iterator[Part]:
        """Yield a body so often, and what comes then."""
        for _ in range(count):
            yield self.part(body)
        yield rest

    def turns(self, node: Repeat, least: int) -> Iterator[Part]:
        """Yield the parts of a repeat without end: those that must be, and a loop."""
        for _ in range(least - 1):
            yield self.part(node.body)
        body = self.part(node.body)
        if body.empty:
            raise NotUnderstood(f"'{node.source}', which repeats what may be empty")
        self.link(body.last, body.first)
        yield Part(0 if least else 1, body.first, body.last)

    def link(self, last: Ways, first: Ways) -> None:
        """Let one set of positions follow another."""
        for before, ways in last.items():
            follow = self.follow[before]
            for after, more in first.items():
                follow[after] = min(follow.get(after, 0) + ways * more, WAYS_MAX)
            if len(follow) > EDGES_MAX:
                raise NotUnderstood("so many branches")


def added(*maps: Ways) -> Ways:
    """Return the sum of some ways."""
    by_size = sorted(maps, key=len, reverse=True)
    total = dict(by_size[0]) if by_size else {}
    for each in by_size[1:]:
        for position, ways in each.items():
            total[position] = min(total.get(position, 0) + ways, WAYS_MAX)
    return total


def times(ways: Ways, factor: int) -> Ways:
    """Return so many times as many ways."""
    if factor < 2:
        return ways if factor else {}
    return {position: min(each * factor, WAYS_MAX) for position, each in ways.items()}
