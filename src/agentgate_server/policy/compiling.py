"""Compiling: from the form of a file to rules, with every mistake named by its line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agentgate_proto.records.decision import Action, Decision
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path, did_you_mean, raise_first
from agentgate_server.policy.conditions import Condition
from agentgate_server.policy.entities import ENTITY
from agentgate_server.policy.form import (
    NAMES_MAX,
    PATTERN_CHARS_MAX,
    ApprovalForm,
    HoursForm,
    PolicyForm,
    RuleForm,
)
from agentgate_server.policy.globs import Glob, problem_of
from agentgate_server.policy.hours import DAYS, Hours, parse_hours
from agentgate_server.policy.leaves import Value
from agentgate_server.policy.naming import MEMBER_KINDS
from agentgate_server.policy.patterns import Pattern, problem_of_signature, problem_of_text
from agentgate_server.policy.rates import Rate, parse_rate
from agentgate_server.policy.rules import Rule

TESTS = ("pattern", "in", "not_in", "min", "max")
"""Keys of a condition."""


def compile_rules(document: Document, form: PolicyForm, label: str) -> tuple[Rule, ...]:
    """Make the rules of a file, ``rules`` before ``defaults``, each in the order of the file.

    Args:
        document: the file, which knows its lines.
        form: the file's content.
        label: what decisions call the file.

    Raises:
        DocumentError: the first mistake by line; ``others`` are the rest.
    """
    compiler = Compiler(document, label)
    for index, rule in enumerate(form.rules or ()):
        compiler.add(("rules", index), rule)
    for index, rule in enumerate(form.defaults or ()):
        compiler.add(("defaults", index), rule)
    for kind, names in (form.members or {}).items():
        compiler.check_members(kind, names)
    raise_first(compiler.errors)
    return tuple(compiler.rules)


class Compiler:
    """One walk over the rules of a file; collects errors."""

    def __init__(self, document: Document, label: str) -> None:
        self.document = document
        self.label = label
        self.rules: list[Rule] = []
        self.errors: list[DocumentError] = []

    def add(self, path: Path, form: RuleForm) -> None:
        """Compile one rule."""
        self.check(path, form)
        approval = form.approval or ApprovalForm()
        line = self.document.line_of(path)
        decision = Decision(
            action=form.action,
            rule=f"{self.label}:{line}",
            description=form.description,
            ask_again_after_unknown=form.ask_again_after_unknown is not False,
            approvers=approval.approvers,
            code=approval.code,
        )
        rule = Rule(
            number=len(self.rules),
            decision=decision,
            line=line,
            form=form,
            is_default=path[0] == "defaults",
            pattern=self.pattern((*path, "pattern"), form.pattern),
            tools=self.globs((*path, "tool"), form.tool),
            conditions=self.conditions((*path, "args"), form.args or {}),
            agents=self.globs((*path, "agents"), form.agents),
            effects=form.effects,
            hours=self.hours((*path, "hours"), form.hours),
            rate=self.rate((*path, "rate"), form.rate),
            other_args=form.other_args is True,
        )
        self.rules.append(rule)

    def check(self, path: Path, form: RuleForm) -> None:
        """Refuse a rule that names nothing, or asks for what its action cannot give."""
        named = (form.pattern, form.tool, form.args, form.agents, form.effects)
        if all(each is None for each in named):
            self.fail(
                path,
                "a rule needs pattern, tool, args, agents or effects; "
                'for every request write pattern: "*"',
            )
        if form.action is not Action.ALLOW:
            for key, value in (
                ("rate", form.rate),
                ("other_args", form.other_args),
                ("ask_again_after_unknown", form.ask_again_after_unknown),
            ):
                if value is not None:
                    self.fail((*path, key), f"{key} belongs on a rule with action: allow")
        if form.action is not Action.ASK and form.approval is not None:
            self.fail((*path, "approval"), "approval belongs on a rule with action: ask")
        if form.action is Action.ALLOW and form.other_args is not None and form.args is None:
            self.fail((*path, "other_args"), "other_args belongs on a rule with args")

    def pattern(self, path: Path, text: str | None) -> Pattern | None:
        """Compile a pattern on signatures."""
        if text is None:
            return None
        if problem := problem_of_signature(text):
            self.fail(path, problem)
        return Pattern(text)

    def globs(self, path: Path, texts: str | list[str] | None) -> tuple[Glob, ...]:
        """Compile the globs of one text or several."""
        if texts is None:
            return ()
        places = {path: texts} if isinstance(texts, str) else {}
        if isinstance(texts, list):
            places = {(*path, index): text for index, text in enumerate(texts)}
        for at, text in places.items():
            if problem := problem_of(text):
                self.fail(at, problem)
        return tuple(map(Glob, places.values()))

    def conditions(self, path: Path, args: Mapping[str, Any]) -> tuple[Condition, ...]:
        """Compile the conditions of a rule."""
        conditions = []
        for name, value in args.items():
            at = (*path, name)
            if not all(name.split(".")):
                self.fail(at, "an argument's name is missing: write a.b for argument b within a")
            elif (condition := self.condition(at, name, value)) is not None:
                conditions.append(condition)
        return tuple(conditions)

    def condition(self, path: Path, name: str, value: Any) -> Condition | None:
        """Compile what one argument must be: a pattern, a value, a list of values, or tests."""
        match value:
            case str():
                return self.checked(path, Condition(name, pattern=value))
            case None | bool() | int() | float():
                return self.checked(path, Condition(name, members=(value,)))
            case list():
                members = self.values(path, value)
                return (
                    None
                    if members is None
                    else self.checked(path, Condition(name, members=members))
                )
            case _:
                return self.tests(path, name, value)

    def tests(self, path: Path, name: str, tests: Mapping[str, Any]) -> Condition | None:
        """Compile a condition that is written as keys and values."""
        unknown = [key for key in tests if key not in TESTS]
        for key in unknown:
            hint = did_you_mean(key, TESTS) or f"; the keys here are {', '.join(TESTS)}"
            nested = f"{name}.{key}"
            self.fail(
                (*path, key), f"unknown key {key!r}{hint}; for a nested argument write {nested}"
            )
        if not tests:
            self.fail(path, f"an argument needs one of {', '.join(TESTS)}")
        pattern = tests.get("pattern")
        if pattern is not None and not isinstance(pattern, str):
            self.fail((*path, "pattern"), "needs text: put it in quotes")
            pattern = None
        members = self.values((*path, "in"), tests["in"]) if "in" in tests else None
        excluded = self.values((*path, "not_in"), tests["not_in"]) if "not_in" in tests else ()
        bounds = {
            key: self.bound((*path, key), tests[key]) for key in ("min", "max") if key in tests
        }
        condition = Condition(
            name,
            pattern=pattern,
            members=members,
            excluded=excluded or (),
            minimum=bounds.get("min"),
            maximum=bounds.get("max"),
        )
        return self.checked(path, condition)

    def checked(self, path: Path, condition: Condition) -> Condition:
        """Refuse a condition that nothing can meet, or that is too long to be meant."""
        if condition.pattern is not None:
            if len(condition.pattern) > PATTERN_CHARS_MAX:
                self.fail(path, f"a pattern has at most {PATTERN_CHARS_MAX} characters")
            elif problem := problem_of_text(condition.pattern):
                self.fail(path, problem)
        minimum, maximum = condition.minimum, condition.maximum
        if minimum is not None and maximum is not None and minimum > maximum:
            self.fail(path, f"min {minimum} is above max {maximum}: nothing is in between")
        return condition

    def values(self, path: Path, values: Any) -> tuple[Value, ...] | None:
        """Return a list of single values."""
        if not isinstance(values, list) or not 0 < len(values) <= NAMES_MAX:
            self.fail(path, f"needs a list of 1 to {NAMES_MAX} values")
            return None
        for index, value in enumerate(values):
            if isinstance(value, list | Mapping):
                self.fail((*path, index), "needs a single value, not a list or keys and values")
                return None
        return tuple(values)

    def bound(self, path: Path, value: Any) -> float | None:
        """Return a number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            self.fail(path, "needs a number")
            return None
        return value

    def hours(self, path: Path, form: str | HoursForm | None) -> Hours | None:
        """Compile hours."""
        if form is None:
            return None
        if isinstance(form, str):
            form = HoursForm(between=form)
        try:
            return parse_hours(form.between, DAYS if form.days is None else form.days, form.tz)
        except ValueError as error:
            self.fail(path, str(error))
            return None

    def rate(self, path: Path, text: str | None) -> Rate | None:
        """Compile a rate."""
        if text is None:
            return None
        try:
            return parse_rate(text)
        except ValueError as error:
            self.fail(path, str(error))
            return None

    def check_members(self, kind: str, names: Mapping[str, list[str]]) -> None:
        """Refuse members of what is no indirect name."""
        if kind not in MEMBER_KINDS:
            hint = did_you_mean(kind, MEMBER_KINDS) or f"; they are {', '.join(MEMBER_KINDS)}"
            self.fail(("members", kind), f"unknown kind of name {kind!r}{hint}")
        for name, entities in names.items():
            for index, entity in enumerate(entities):
                if not ENTITY.fullmatch(entity):
                    path = ("members", kind, name, index)
                    self.fail(path, f"{entity!r} is not an entity: write it like light.kitchen")

    def fail(self, path: Path, message: str) -> None:
        """Note an error."""
        self.errors.append(self.document.error(path, message))
