"""Values: what a rule says of an argument, beside what the tools can get for it.

A value that no tool ever gets makes a rule dead. One that a tool gets in another form makes it hold
only for requests that happen to write it so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agentgate_proto.records.decision import Action
from agentgate_server.policy.conditions import Condition
from agentgate_server.policy.leaves import Leaf
from agentgate_server.policy.rules import Rule
from agentgate_server.policy.signature import encode
from agentgate_server.policy.tool import Expected, Tool

CHOICES_SHOWN_MAX = 10
"""Values of an argument that a finding lists."""

WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a condition asks for, or excepts.

    Attributes:
        test: a condition that asks for nothing else.
        value: the value as the rule has it; a pattern if ``is_open``.
        is_open: it is a pattern with wildcards.
    """

    test: Condition
    value: Any
    is_open: bool = False

    def fits(self, form: Any, *, strict: bool) -> bool:
        """Whether what a tool gets meets it, as an allow rule (strict) or as others see it."""
        if strict:
            return self.test.fits(form)
        return self.test.leaf_may_fit(Leaf("", self.test.path, form))


def wanted(condition: Condition) -> Iterator[Wanted]:
    """Yield what a condition asks for and excepts, each by itself."""
    name, pattern = condition.name, condition.pattern
    if pattern is not None and not condition.takes_all:
        yield Wanted(Condition(name, pattern=pattern), pattern, bool(WILDCARDS & set(pattern)))
    for value in (*(condition.members or ()), *condition.excluded):
        if value is not None:  # what is left out meets it as well
            yield Wanted(Condition(name, members=(value,)), value)


def never_received(condition: Condition, tools: Sequence[Tool]) -> Iterator[str]:
    """Yield what a condition names and none of the tools ever gets, in a sentence each.

    Nothing is said as long as one of the tools may get it.
    """
    for want in wanted(condition):
        text = ""
        for tool in tools:
            found = tool.expected(condition.path)
            if found is None or (found.types and may_get(found, want)):
                break
            if found.types and not text:
                text = f"{tool.name} never gets {encode(want.value)} as {condition.name}"
                text += listed_choices(found.choices)
        else:
            if text:
                yield text


def spelled_otherwise(condition: Condition, rule: Rule, tools: Sequence[Tool]) -> Iterator[str]:
    """Yield what a condition names in another form than a tool gets it, in a sentence each."""
    strict = rule.decision.action is Action.ALLOW
    for tool in tools:
        found = tool.expected(condition.path)
        if found is None or not found.types:
            continue
        for want in wanted(condition):
            forms = None if want.is_open else found.forms(want.value, as_given=strict)
            if forms and not any(want.fits(form, strict=strict) for form in forms):
                got, wrote = encode(forms[0]), encode(want.value)
                yield f"{tool.name} gets {got} for {wrote} as {condition.name}: write that"


def may_get(found: Expected, want: Wanted) -> bool:
    """Whether a tool may get what is wanted, in whatever form."""
    if not want.is_open:
        forms = found.forms(want.value, as_given=False)
        return forms is None or bool(forms)
    choices = found.choices
    return choices is None or any(want.fits(each, strict=False) for each in choices)


def listed_choices(choices: Sequence[Any] | None) -> str:
    """List the values that there are, the first of many, or say nothing if nobody knows."""
    if choices is None:
        return ""
    shown = ", ".join(map(encode, choices[:CHOICES_SHOWN_MAX]))
    more = ", …" if len(choices) > CHOICES_SHOWN_MAX else ""
    return f"; there are {shown}{more}"
