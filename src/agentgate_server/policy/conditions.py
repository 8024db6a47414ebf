"""Conditions: what a rule's ``args`` asks of single arguments.

Like patterns, a condition answers two questions. ``may_hold`` (deny, ask): does any value that
stands at this argument, in any spelling and at any depth, meet it, or one that cannot be
understood? ``holds`` (allow): is the argument there, of the right type, as written within bounds,
and does nothing else that goes by its name say otherwise?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentgate_server.policy.globs import Glob
from agentgate_server.policy.leaves import Leaf, Path, Value, is_number, key_path, plain_form
from agentgate_server.policy.meanings import forms_of
from agentgate_server.policy.naming import INDIRECT_KEYS, is_entity_key
from agentgate_server.policy.patterns import fold_pattern, plain_number
from agentgate_server.policy.readings import Reading, Request
from agentgate_server.policy.spelling import NUMBER, NUMBER_CHARS_MAX

MISSING = object()
ANY = "*"
SERVICE_FIELDS = frozenset({("domain",), ("service",)})
TRUTHS = {"true": ("true", "yes", "on", "1"), "false": ("false", "no", "off", "0")}


@dataclass(frozen=True)
class Condition:
    """One line of ``args``.

    Attributes:
        name: the argument as written, ``target.entity_id``.
        pattern: the text must match; None: no such test.
        members: the value must be one of these.
        excluded: the value must be none of these.
        minimum, maximum: the value must be a number within these bounds, both included.
    """

    name: str
    pattern: str | None = None
    members: tuple[Value, ...] | None = None
    excluded: tuple[Value, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The keys that lead to the argument, as written."""
        return tuple(self.name.split("."))

    @cached_property
    def path(self) -> Path:
        """The same, squeezed."""
        return key_path(self.name)

    @cached_property
    def written(self) -> Glob:
        """The pattern as written."""
        return Glob(ANY if self.pattern is None else self.pattern)

    @cached_property
    def folded(self) -> Glob:
        """The pattern for folded texts."""
        return Glob(fold_pattern(self.written.pattern))

    @cached_property
    def numeric(self) -> Glob:
        """The pattern for the texts of numbers: one that is a number itself is about this number,
        however it is written."""
        folded = self.folded.pattern
        number = plain_number(folded)
        return self.folded if number == folded else Glob(number)

    @cached_property
    def member_forms(self) -> frozenset[str] | None:
        """The folded texts of ``members``; of truth values all that a tool may take for one."""
        if self.members is None:
            return None
        words = (TRUTHS.get(plain_form(each), (plain_form(each),)) for each in self.members)
        return frozenset(word for each in words for word in each)

    @cached_property
    def excluded_forms(self) -> frozenset[str]:
        """The folded texts of ``excluded``."""
        return frozenset(map(plain_form, self.excluded))

    @property
    def has_range(self) -> bool:
        """Whether it asks for a number."""
        return self.minimum is not None or self.maximum is not None

    @property
    def takes_all(self) -> bool:
        """Whether any value at all will do, so that the argument need only be there."""
        return (
            self.pattern == ANY
            and self.members is None
            and not self.excluded
            and not self.has_range
        )

    @property
    def is_on_entities(self) -> bool:
        """Whether it is about the entities that a request acts on."""
        return is_entity_key(self.path[-1])

    # Deny and ask rules.

    def may_hold(self, request: Request, reading: Reading) -> bool:
        """Whether the request, in one of its readings, may meet the condition."""
        names = reading.fields.get(self.field)
        if names is not None:
            stated = [name for name in names if name != ""]
            if not stated:
                return self.takes_missing
            return any(name is None or self.may_fit(name) for name in stated)
        found = False
        for leaf in request.leaves.items:
            if contains(leaf.path, self.path):
                found = True
                if self.leaf_may_fit(leaf):
                    return True
        if not request.leaves.complete or self.is_nested_otherwise(request):
            return True
        if found:
            return False
        if self.path[-1] in INDIRECT_KEYS:
            # An entity, or what a device or label stands for, may lie in the rule's area.
            entities = reading.fields.get("entityid", ())
            if any(entities) or (request.found is not None and request.found.indirect):
                return True
        return self.takes_missing

    @property
    def takes_missing(self) -> bool:
        """Whether an argument that is left out meets it: it is none of those that are excepted, or
        nothing at all is what it asks for."""
        if self.members is not None:
            return None in self.members and not self.has_range
        return bool(self.excluded) and not self.has_range

    @cached_property
    def field(self) -> str:
        """The reading's field that it is about, if its request's tool has such fields."""
        if self.is_on_entities:
            return "entityid"
        return self.path[0] if self.path in SERVICE_FIELDS else ""

    def is_nested_otherwise(self, request: Request) -> bool:
        """Whether a list or object stands where an excluding condition expects one value."""
        if not self.excluded:
            return False
        return any(
            contains(key_path(key), self.path) and isinstance(form, list | Mapping)
            for key, value in request.args.items()
            for form in forms_of(value)
        )

    def leaf_may_fit(self, leaf: Leaf) -> bool:
        """Whether one value may meet the condition in any spelling."""
        if self.fits(leaf.value):
            return True
        forms = leaf.forms
        if not forms.complete or any(map(self.may_fit, forms.texts)):
            return True
        if not self.excluded and not self.has_range:
            others = leaf.rereadings
            if not others.complete or any(map(self.may_fit, others.texts)):
                return True
        if self.numeric is self.folded or not is_number(leaf.value):
            return False
        return any(self.numeric.matches(text) and self.may_pass(text) for text in forms.texts)

    def may_fit(self, text: str) -> bool:
        """Whether a folded text meets the condition; what is no number is in every range."""
        return self.folded.matches(text) is not None and self.may_pass(text)

    def may_pass(self, text: str) -> bool:
        """Whether a folded text meets all of the condition but its pattern."""
        if self.member_forms is not None and text not in self.member_forms:
            return False
        if text in self.excluded_forms:
            return False
        if not self.has_range:
            return True
        if NUMBER.fullmatch(text) is None or len(text) > NUMBER_CHARS_MAX:
            return True
        return self.is_within(float(text))

    # Allow rules.

    def holds(self, request: Request) -> bool:
        """Whether the argument is there, as written meets the condition, and is unambiguous."""
        value = self.lookup(request.args)
        if value is MISSING:
            return False
        if self.takes_all:
            return True
        values = value if self.is_on_entities and isinstance(value, list) else [value]
        if not values or not all(map(self.fits, values)):
            return False
        return request.leaves.complete and all(
            self.leaf_fits(leaf) for leaf in request.leaves.items if contains(leaf.path, self.path)
        )

    def lookup(self, args: Mapping[str, Any]) -> Any:
        """Return the argument, or MISSING."""
        value: Any = args
        for key in self.keys:
            if not isinstance(value, Mapping) or key not in value:
                return MISSING
            value = value[key]
        return value

    def leaf_fits(self, leaf: Leaf) -> bool:
        """Whether one value meets the condition in every spelling, or is itself on the list."""
        if self.members is not None and self.fits(leaf.value):
            return True
        forms = leaf.forms
        return forms.complete and all(map(self.form_fits, forms.texts))

    def form_fits(self, text: str) -> bool:
        """Whether a folded text meets the condition; what is no number is in no range."""
        if self.has_range and (NUMBER.fullmatch(text) is None or len(text) > NUMBER_CHARS_MAX):
            return False
        return self.may_fit(text)

    def fits(self, value: Any) -> bool:
        """Whether one value, as written and of its type, meets the condition."""
        if not (value is None or isinstance(value, str | int | float)):
            return False
        text = value if isinstance(value, str) else plain_form(value)
        if self.written.matches(text) is None:
            return False
        if self.members is not None and not any(same(value, member) for member in self.members):
            return False
        if any(same(value, member) for member in self.excluded):
            return False
        if not self.has_range:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.is_within(value)

    def is_within(self, value: float) -> bool:
        """Whether a number is within the bounds; not-a-number is not."""
        if self.minimum is not None and not value >= self.minimum:
            return False
        return self.maximum is None or value <= self.maximum


def same(value: Value, member: Value) -> bool:
    """Whether two JSON values are equal: 5 and 5.0 are, 1 and true are not, nor 5 and "5"."""
    if isinstance(value, bool) or isinstance(member, bool):
        return value is member
    return value == member


def contains(path: Path, part: Path) -> bool:
    """Whether the keys of ``part`` stand in ``path``, one after the other, anywhere."""
    size = len(part)
    if size == 1:
        return part[0] in path
    return any(path[at : at + size] == part for at in range(len(path) - size + 1))


def unnamed_arguments(args: Mapping[str, Any], names: Iterator[tuple[str, ...]]) -> bool:
    """Whether there is an argument, at any depth, that none of the names speaks of."""
    by_first: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in names:
        by_first.setdefault(first, []).append(tuple(rest))
    for key, value in args.items():
        rests = by_first.get(key)
        if rests is None:
            return True
        if () in rests:
            continue
        if not isinstance(value, Mapping) or unnamed_arguments(value, iter(rests)):
            return True
    return False
