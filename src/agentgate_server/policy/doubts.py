"""Doubts: why a rule matches a request that does not say what the rule says.

A deny or ask rule also matches what a request may come to. So that people and agents need not guess
what that is, each doubt names itself in one short sentence: ``what script.open_up reaches is not
known``. Nothing is decided here, and nobody asks about a request that is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from agentgate_proto.records.decision import WHY_CHARS_MAX, WHYS_MAX
from agentgate_proto.text.showing import one_line
from agentgate_server.policy.conditions import Condition, contains
from agentgate_server.policy.leaves import Leaf
from agentgate_server.policy.readings import TEXT_CHARS_MAX, UNKNOWN_FIELDS, Kind, Request
from agentgate_server.policy.rules import ToolRule
from agentgate_server.policy.signature import shorten
from agentgate_server.policy.spelling import fold

FOLD_CHARS = 30
"""What the note takes that says how much of a sentence is left out."""

TOO_MUCH = "it is too long, or names too much, to be looked at whole"
PASSED_ON = "names in its data may be acted on, or be passed on"


def whys_of_match(tool_rule: ToolRule, request: Request) -> tuple[str, ...]:
    """Say by which doubts a deny or ask rule matches a request; empty: by none, it says so."""
    if tool_rule.is_open:
        return ()
    certain = [each for each in request.readings if each.fields is not UNKNOWN_FIELDS]
    stated = [each for each in certain if each.kind is not Kind.DOUBTFUL]
    if not tool_rule.may_match(request, certain):
        found = request.found
        whys = (*found.whys, *found.hidden) if found is not None else ()
        return whys_of(whys) or unseen_in(request) or (TOO_MUCH,)
    if not request.leaves.complete:
        return unseen_in(request) or (TOO_MUCH,)
    if not tool_rule.may_match(request, stated):
        return (PASSED_ON,)
    return () if is_written(tool_rule, request) else spelled(tool_rule, request)


def whys_of_miss(request: Request) -> tuple[str, ...]:
    """Say why an allow rule that covers what a request says may not cover it; empty: it is not for
    a doubt."""
    found = request.found
    if found is not None:
        return whys_of(found.whys) if found.doubts else ()
    return () if request.leaves.complete else (TOO_MUCH,)


def unseen_in(request: Request) -> tuple[str, ...]:
    """Say of which arguments nobody can see what the tool gets."""
    names = request.leaves.unseen
    return whys_of(f"what {request.tool} gets as {name} cannot be seen whole" for name in names)


def whys_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the first few different reasons, each short and on one line."""
    short = (shorten(one_line(text), WHY_CHARS_MAX - FOLD_CHARS) for text in dict.fromkeys(texts))
    return tuple(islice(short, WHYS_MAX))


def is_written(tool_rule: ToolRule, request: Request) -> bool:
    """Whether a rule matches the letters of a request."""
    pattern = tool_rule.pattern
    if pattern is not None and pattern.written[0].matches(request.signature) is None:
        return False
    return all(
        any(condition.fits(leaf.value) for leaf in leaves_at(condition, request))
        for condition in tool_rule.rule.conditions
    )


def spelled(tool_rule: ToolRule, request: Request) -> tuple[str, ...]:
    """Say in which texts a rule finds what nobody reads there at once."""
    leaves: Iterable[Leaf] = request.leaves.items
    if tool_rule.pattern is None:
        conditions = tool_rule.rule.conditions
        leaves = (leaf for each in conditions for leaf in leaves_at(each, request))
    return whys_of(filter(None, map(why_of_spelling, leaves)))


def why_of_spelling(leaf: Leaf) -> str:
    """Say why a text may be read as something else than it says, or ""."""
    text = leaf.value
    if not isinstance(text, str):
        return ""
    if not leaf.forms.complete:
        return f"{leaf.argument} may be read in more ways than are looked at"
    if len(text) > TEXT_CHARS_MAX:
        return f"of {leaf.argument} only the beginning is looked at"
    folded = fold(text)
    if not text.isascii() and folded.isascii():
        return f"letters of {leaf.argument} pass for others: it may be read as {folded}"
    return ""


def leaves_at(condition: Condition, request: Request) -> Iterator[Leaf]:
    """Yield the values that a condition is about."""
    return (leaf for leaf in request.leaves.items if contains(leaf.path, condition.path))
