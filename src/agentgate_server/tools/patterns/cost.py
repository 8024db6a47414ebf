"""What a regular expression may cost: how many ways to read a text a matcher may have to try.

Python's :mod:`re` tries one way after the other, without an end that anybody could set, and lets
nothing else run meanwhile. ``(a+)*b`` has a way for each division of a text into runs of ``a``, so
30 letters hold up a gateway for minutes, and the one who writes the texts is an agent. So a pattern
is asked before anybody uses it: going along with every text at once, we count the ways that lead to
each place of the pattern. Their sum over the longest text bounds all that a matcher may do, in
whatever order it does it.

The pattern stays what it is, for JSON Schema, for msgspec and for the libraries of tools; an engine
that matches in linear time would need another dialect, and is to be had for some machines only.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from agentgate_server.tools.patterns.alphabet import classes_of
from agentgate_server.tools.patterns.automaton import Automaton, Ways
from agentgate_server.tools.patterns.syntax import (
    Chars,
    Condition,
    Look,
    Node,
    NotUnderstood,
    is_anchored,
    parse,
    walk,
)

STEPS_MAX: Final = 400_000
"""Steps of one match: some milliseconds."""

WAYS_ALWAYS: Final = 8
"""Ways at each character that are borne for a text of any length: it was read and decoded, too."""

STATES_MAX: Final = 3_000
"""Combinations of ways that are looked at, so that the check itself ends soon."""

PATTERN_CHARS_MAX: Final = 2_000
"""Characters of a pattern."""

EXAMPLE_CHARS_MAX: Final = 40
"""Characters of an example that are shown."""

ADVICE: Final = (
    "let no two repeats beside or within each other take the same characters, as in (a+)* or .*a.*"
)
ANYTHING: Final = Chars((), negated=True)


def problem_of(pattern: str, *, chars_max: int, whole: bool = False) -> str:
    """Return why a pattern may hold up the gateway, or "" if it can't.

    Args:
        pattern: what ``re.compile`` takes, without flags.
        chars_max: the longest text that meets it.
        whole: it must match all of a text; else it is searched for.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"pattern is no regular expression: {error}"
    except Warning as warning:  # it may mean something else one day
        text = str(warning)
        return f"pattern is ambiguous: {text[:1].lower()}{text[1:]}; escape the character there"
    if len(pattern) > PATTERN_CHARS_MAX:
        return f"pattern has more than {PATTERN_CHARS_MAX:,} characters"
    try:
        node = parse(pattern)
        bound = Cost(node, whole=whole).bound(chars_max)
    except NotUnderstood as error:
        shown = "".join(char if char.isprintable() else " " for char in str(error))
        return (
            f"pattern has {shown}: nobody can say then how long a text could hold up the gateway; "
            "write it without"
        )
    if bound.steps <= STEPS_MAX or bound.ways <= WAYS_ALWAYS:
        return ""
    found = bound.example
    if len(found) > EXAMPLE_CHARS_MAX:
        found = f"{found[:EXAMPLE_CHARS_MAX]}..."
    return (
        f"pattern can read texts like {found!r} in so many ways that one could hold up the gateway:"
        f" {'' if whole or is_anchored(node) else 'begin it with ^, '}{ADVICE}, or allow only "
        "shorter texts"
    )


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What came of some text.

    Attributes:
        ways: to each position that may come next.
        steps: the sum of the ways: each of them is tried at the next character.
        before: what it came from, by a character; None: it is the beginning.
        following: what comes of it.
    """

    ways: Ways
    steps: int
    before: tuple[State, str] | None = None
    following: list[State] = field(default_factory=list)

    @property
    def example(self) -> str:
        """Its text."""
        chars: list[str] = []
        at = self.before
        while at is not None:
            chars.append(at[1])
            at = at[0].before
        return "".join(reversed(chars))


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that a pattern may cost.

    Attributes:
        steps: characters that are looked at, on all ways together.
        ways: that are open again and again.
        example: the beginning of a text for which they are.
    """

    steps: int
    ways: int
    example: str


class Cost:
    """What one pattern may cost."""

    def __init__(self, node: Node, *, whole: bool) -> None:
        """Take a pattern apart.

        Raises:
            NotUnderstood: it can't be said.
        """
        self.automaton = made = Automaton.of(node)
        begin = dict(made.whole.first)
        certain = not any(isinstance(each, Condition | Look) for each in walk(node))
        self.ends = frozenset(made.whole.last) if certain else frozenset[int]()
        self.anywhere = len(made.sets)
        if not (whole or is_anchored(node) or (certain and made.whole.empty)):
            made.sets.append(ANYTHING)
            made.follow.append({self.anywhere: 1, **begin})
            begin = {**begin, self.anywhere: 1}
        self.classes = classes_of(made.sets)
        self.begin = State(begin, sum(begin.values()))
        self.seen: dict[frozenset[int], list[State]] = {frozenset(begin): [self.begin]}

    def bound(self, chars_max: int) -> Bound:
        """Go along with every text up to this length, as long as they bring something new.

        If that is more than may be, the search ends, and the bound is none but too high.
        """
        every, level = [self.begin], [self.begin]
        most, steps = self.begin, 0
        for _ in range(chars_max):
            most = max(most, *level, key=lambda state: state.steps)
            steps += most.steps  # of any state so far: a text may lead back to it
            if steps > STEPS_MAX or len(every) > STATES_MAX:
                return Bound(max(steps, STEPS_MAX + 1), STEPS_MAX, most.example)
            level = [new for state in level for new in self.new_ones(state)]
            every += level
            if not level:
                return self.bound_of(every, chars_max)
        return Bound(steps, 0, "")

    def bound_of(self, every: list[State], chars_max: int) -> Bound:
        """Return the bound, if these are all states that any text leads to."""
        again = in_circles(every)
        once = max((state.steps for state in set(every).difference(again)), default=0)
        steps = once * min(len(every) - len(again), chars_max)
        if not again:
            return Bound(steps, 0, "")
        most = max(again, key=lambda state: state.steps)
        return Bound(steps + most.steps * chars_max, most.steps, most.example)

    def new_ones(self, state: State) -> Iterator[State]:
        """Yield what comes of a state by one more character and has not been there before."""
        for char, inside in self.classes:
            if not (ways := self.after(state.ways, inside)):
                continue
            known = self.seen.setdefault(frozenset(ways), [])
            covering = next((each for each in known if covers(each.ways, ways)), None)
            if covering is not None:
                state.following.append(covering)
                continue
            new = State(ways, sum(ways.values()), (state, char))
            state.following.append(new)
            known[:] = [each for each in known if not covers(ways, each.ways)] + [new]
            yield new

    def after(self, ways: Ways, inside: frozenset[int]) -> Ways:
        """Return the ways after one more character."""
        found: Ways = {}
        taken = [position for position in ways if position in inside]
        for position in taken:
            for after, more in self.automaton.follow[position].items():
                found[after] = found.get(after, 0) + ways[position] * more
        if not self.ends.isdisjoint(taken):
            # The search will end with what begins here, so it begins nowhere behind. (Not so if the
            # pattern has conditions: then nobody knows here whether it may end.)
            found.pop(self.anywhere, None)
        return found


def covers(many: Ways, few: Ways) -> bool:
    """Whether there are at least as many ways to each of the same positions: then whatever comes of
    the few comes of the many as well."""
    return all(count <= many[position] for position, count in few.items())


def in_circles(states: list[State]) -> list[State]:
    """Return the states that a text may come back to, and those between them. The others are passed
    once at most."""
    left = {id(state): state for state in states}
    before = dict.fromkeys(left, 0)
    for state in states:
        for each in state.following:
            before[id(each)] += 1
    ready = [state for state in states if not before[id(state)]]
    while ready:
        state = ready.pop()
        del left[id(state)]
        for each in state.following:
            before[id(each)] -= 1
            if not before[id(each)]:
                ready.append(each)
    return list(left.values())
