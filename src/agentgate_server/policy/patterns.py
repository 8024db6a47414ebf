"""Patterns: a rule's ``pattern`` against the readings of a request.

Two questions with opposite caution. A deny or ask rule asks whether the pattern *may* match: any
reading will do, any argument may be missing from it (adding an optional argument must not undo a
rule), what is unknown counts as fitting, and the pattern is folded as the readings are. An allow
rule asks whether the pattern *covers* the request: every reading must fit, unknown parts only
where the pattern has a ``*`` for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentgate_server.policy.globs import Glob, Positions, problem_of, tokenize
from agentgate_server.policy.naming import NAMINGS
from agentgate_server.policy.readings import ANY_PART, Kind, Part, Reading, Request, Text
from agentgate_server.policy.spelling import (
    FOLDINGS,
    NUMBER,
    NUMBER_CHARS_MAX,
    fold,
    number_text,
)

ARGUMENT = re.compile(r"(?:(?<=\()|(?<=, ))[^(),]+(?=[,)])")
"""What stands in a pattern between the punctuation of a signature."""

BARE = frozenset({"ha_get_states"})
"""Tools of which every request has the bare name as its signature, whatever it is asked."""

STATES_MAX = 256
"""Places in a pattern that the combinations of a request's texts may lead to; beyond, an allow
rule does not cover it. Real requests stay at one or two."""


def problem_of_text(text: str) -> str:
    """Return why a pattern on texts can't be meant so, as written or folded, or ""."""
    return problem_of(text) or problem_of(fold_pattern(text))


def problem_of_signature(text: str) -> str:
    """Return why a pattern on signatures can't be meant so, or ""."""
    pieces = tokenize(text)
    if "(" in pieces and pieces[-1] not in (")", "*"):
        return "( has no ) at the end, so no request could match: add it, or end with *"
    return problem_of_text(text)


class Pattern:
    """A pattern on signatures: as written, folded, and with its numbers as requests have them."""

    __slots__ = ("folded", "numeric", "text", "written")

    def __init__(self, text: str) -> None:
        self.text = text
        self.written = Glob(text)
        folded = fold_pattern(text)
        self.folded = self.written if folded == text else Glob(folded)
        numeric = plain_numbers(folded)
        self.numeric = self.folded if numeric == folded else Glob(numeric)

    def for_tool(self, tool: str) -> ToolPattern | None:
        """Return the pattern as one tool sees it, or None if no request of the tool can match."""
        written = self.written
        whole = written.step(written.start, tool)
        if written.is_done(whole) or written.step(whole, "("):
            return ToolPattern(self, tool)
        return None


class ToolPattern:
    """A pattern, with the tool's name already read.

    Attributes:
        may_match_all: every request of the tool may match: what a deny or ask rule needs.
        covers_all: every request of the tool is covered: what an allow rule needs.
    """

    __slots__ = ("covers_all", "folded", "may_match_all", "numeric", "tool", "written")

    def __init__(self, pattern: Pattern, tool: str) -> None:
        self.tool = tool
        self.written = start(pattern.written, tool)
        self.folded = start(pattern.folded, fold(tool))
        self.numeric = start(pattern.numeric, fold(tool))
        # The bare name of a tool means the tool, not only its calls without arguments.
        bare = pattern.written.matches(tool) is not None
        rest = covers(self.written, (ANY_PART,))
        self.may_match_all = bare or rest
        self.covers_all = (rest and (bare or tool in NAMINGS)) or (bare and tool in BARE)

    def may_match(self, request: Request, reading: Reading) -> bool:
        """Whether a reading of the request may match."""
        if may_match(self.folded, reading.parts):
            return True
        is_other = self.numeric[0] is not self.folded[0]
        if is_other and request.has_numbers and may_match(self.numeric, reading.parts):
            return True
        if reading.kind is not Kind.NAMED:
            return False
        # A plain request shows as its reading does, so only a pattern that folding changes says
        # more: "[!A-Z]" takes the letters that "[!a-z]" does not.
        if request.is_plain and self.written[0] is self.folded[0]:
            return False
        return self.written[0].matches(request.signature) is not None

    def covers(self, request: Request) -> bool:
        """Whether all readings of the request match."""
        if request.exact:
            at = self.written
        elif self.written[0].matches(request.signature) is None:
            return False
        else:
            at = self.folded
        return all(
            self.covers_reading(at, request, reading)
            for reading in request.readings
            if reading.kind is not Kind.BEHIND
        )

    def covers_reading(self, at: Start, request: Request, reading: Reading) -> bool:
        """Whether one reading matches."""
        if not reading.parts:
            return (
                at[0].matches(request.tool if at is self.written else fold(request.tool))
                is not None
            )
        if covers(at, reading.parts):
            return True
        if reading.kind is Kind.NAMED:
            # Seed 001 shows a service without an entity as "(light.turn_on, )"; either form fits.
            return reading.parts[-1] == ("",) and covers(at, reading.parts[:-1])
        if reading.kind is Kind.DERIVED:
            # A pattern that says which entity means what comes of it; one that leaves the entity
            # open means only entities of the service's own domain.
            named = request.readings[0].parts
            return len(named) > 1 and not covers(at, (*named[:-1], ANY_PART))
        return False


Start = tuple[Glob, Positions]


def start(glob: Glob, tool: str) -> Start:
    """Return a glob and where it stands after a tool's name and parenthesis."""
    return glob, glob.step(glob.start, f"{tool}(")


def plain_numbers(pattern: str) -> str:
    """Write the numbers of a folded pattern that are whole arguments as those of requests are:
    ``pay(5.0)`` is about 5, however that is written."""
    return ARGUMENT.sub(lambda match: plain_number(match[0]), pattern)


def plain_number(text: str) -> str:
    """Write a text that is a number as one; others stay."""
    if NUMBER.fullmatch(text) and len(text) <= NUMBER_CHARS_MAX:
        return number_text(float(text))
    return text


def fold_pattern(text: str) -> str:
    """Fold a pattern as texts are folded; what folds to ``*``, ``?`` or ``[`` stays literal."""
    if text.isascii():
        return fold(text)
    folded = []
    for char in text:
        plain = char if char.isascii() else FOLDINGS[ord(char)]
        if plain in ("*", "?", "[") and plain != char:
            plain = f"[{plain}]"
        folded.append(plain)
    return fold("".join(folded))


def may_match(at: Start, parts: tuple[Part, ...]) -> bool:
    """Whether the glob may match the parts, with any of them left out."""
    glob, bare = at
    some = 0
    for part in parts:
        before = bare | glob.step(some, ", ")
        for text in part:
            some |= follow(glob, before, text, glob.after_anything, glob.after_word)
    return glob.is_done(glob.step(bare | some, ")"))


def covers(at: Start, parts: tuple[Part, ...]) -> bool:
    """Whether the glob matches every combination of the parts' texts."""
    glob, first = at
    states = {first}
    for index, part in enumerate(parts):
        if index:
            states = {glob.step(state, ", ") for state in states}
        states = {
            follow(glob, state, text, glob.after_unknown, glob.after_unknown)
            for state in states
            for text in part
        }
        if 0 in states or len(states) > STATES_MAX:
            return False
    return all(glob.is_done(glob.step(state, ")")) for state in states)


def follow(
    glob: Glob,
    positions: Positions,
    text: Text,
    across: Callable[[Positions], Positions],
    across_word: Callable[[Positions], Positions],
) -> Positions:
    """Return the positions after a text, crossing unknown pieces by ``across``, words by
    ``across_word``.
    """
    if isinstance(text, str):
        return glob.step(positions, text)
    for piece in text:
        if isinstance(piece, str):
            positions = glob.step(positions, piece)
        else:
            positions = (across if piece is None else across_word)(positions)
    return positions
