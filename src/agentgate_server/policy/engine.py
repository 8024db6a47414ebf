"""The policy: which of a file's rules decides a request.

Order: every ``deny`` among the rules, then every ``ask``, then every ``allow``, then the defaults
from top to bottom, then ask. The first that matches decides. A more specific rule is not a
stronger one: a deny cannot be undone.

Rules are sorted out by tool when a tool is first seen, so that a decision looks only at the rules
that can be about it. Nothing about a request is kept, save the counts of rules with a rate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects
from agentgate_server.documents import Document, parse_document, read_document
from agentgate_server.policy.case import Case
from agentgate_server.policy.compiling import compile_rules
from agentgate_server.policy.form import PolicyForm
from agentgate_server.policy.meanings import Meaning, as_written
from agentgate_server.policy.naming import Members, Resolver
from agentgate_server.policy.rates import Rates
from agentgate_server.policy.rules import Rule, ToolRule
from agentgate_server.policy.signature import display_of

if TYPE_CHECKING:
    from agentgate_server.policy.explaining import Display, Explanation

TOOLS_MAX = 10_000
"""Tools whose rules are kept sorted out. A gateway has hundreds; others are sorted each time."""

BUILT_IN = Decision(action=Action.ASK, rule="built-in", description="No rule matches: ask")
ORDER = {Action.DENY: 0, Action.ASK: 1, Action.ALLOW: 2}
TOOL_NAME = re.compile(r"[^*?\[(]*")


class Policy:
    """A checked ``permissions.yaml``.

    Attributes:
        name: what decisions call the file.
        digest: SHA-256 of the file in hex; "": it is none.
        rules: its rules in the order in which they are tried.
        resolver: looks up what areas, groups and other indirect names stand for.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        *,
        name: str = "permissions.yaml",
        digest: str = "",
        resolver: Resolver | None = None,
    ) -> None:
        self.name = name
        self.digest = digest
        self.rules = sorted(rules, key=order_of)
        self.resolver = resolver
        self.rates = Rates()
        self.by_tool: dict[str, tuple[ToolRule, ...]] = {}

    def resolve_by(self, resolver: Resolver) -> None:
        """Let a backend say what indirect names stand for, unless somebody does already. The
        ``members`` of the file come first.
        """
        if isinstance(self.resolver, Members):
            if self.resolver.other is None:
                self.resolver.other = resolver
        elif self.resolver is None:
            self.resolver = resolver

    @property
    def asks_nobody(self) -> bool:
        """Whether nobody is asked what indirect names stand for, besides the file itself."""
        resolver = self.resolver
        return resolver is None or (isinstance(resolver, Members) and resolver.other is None)

    @classmethod
    def load(cls, path: Path, *, resolver: Resolver | None = None) -> Policy:
        """Read and check a policy file.

        Raises:
            DocumentError: it cannot be read, or something in it is unknown, wrong or empty; says
                file, line, path, and the nearest word that would be right.
        """
        return cls.from_document(read_document(path), path.name, resolver)

    @classmethod
    def parse(
        cls, text: str, name: str = "permissions.yaml", *, resolver: Resolver | None = None
    ) -> Policy:
        """Check a policy given as text; ``name`` is what errors and decisions call it.

        Raises:
            DocumentError: as for :meth:`load`.
        """
        return cls.from_document(parse_document(text, name=name), name, resolver)

    @classmethod
    def from_document(cls, document: Document, name: str, resolver: Resolver | None) -> Policy:
        """Check a document.

        Raises:
            DocumentError: as for :meth:`load`.
        """
        form = document.decode(PolicyForm)
        rules = compile_rules(document, form, name)
        if form.members:
            resolver = Members(form.members, resolver)
        return cls(rules, name=name, digest=document.digest, resolver=resolver)

    def decide(
        self,
        *,
        agent: str,
        tool: str,
        effects: Effects,
        args: Mapping[str, Any],
        now: float,
        meaning: Meaning = as_written,
        counts: bool = True,
    ) -> Decision:
        """Decide a request. Never raises by itself for arguments that are JSON; what is not
        understood is denied or asked about, never allowed.

        A rule with a rate that allows the request counts it, so decide each request once.

        Args:
            agent: name of the principal that asks.
            tool: the tool's real name, from the catalogue.
            effects: whether the tool reads or writes.
            args: the arguments, decoded JSON.
            now: UTC seconds since 1970.
            meaning: says what the tool gets for the arguments. What it raises is passed on.
            counts: whether rates count it; False: it was decided before, or nothing comes of it.
        """
        case = Case(agent, tool, effects, args, now, self.resolver, meaning)
        rules = self.by_tool.get(tool) or self.rules_for(tool)
        for tool_rule in rules:
            if case.miss(tool_rule) is not None:
                continue
            rule = tool_rule.rule
            if rule.rate is not None:
                take = self.rates.take if counts else self.rates.has_room
                if not take(rule.number, agent, rule.rate, now):
                    continue
            if rule.decision.action is Action.ALLOW:
                return rule.decision
            return case.completed(rules, rules.index(tool_rule))
        why = case.whys(None, rules)
        return replace(BUILT_IN, why=why) if why else BUILT_IN

    def explain(
        self,
        *,
        agent: str,
        tool: str,
        effects: Effects,
        args: Mapping[str, Any],
        now: float,
        meaning: Meaning = as_written,
        display: Display = display_of,
    ) -> Explanation:
        """Say which rule decides a request and why the others do not; counts nothing.

        Args are those of :meth:`decide`, and so is the decision; ``display`` shows a request where
        a reason needs it.
        """
        from agentgate_server.policy.explaining import explain

        case = Case(agent, tool, effects, args, now, self.resolver, meaning)
        return explain(case, self.rules, self.rules_for(tool), self.rates, BUILT_IN, display)

    def expect(self, *, agent: str, tool: str, effects: Effects) -> Action | None:
        """Return what every request for a tool comes to, or None if it depends.

        It depends where a rule that could decide looks at arguments, hours or rate, unless all
        rules that could decide say the same.
        """
        possible = self.possible(agent=agent, tool=tool, effects=effects)
        return possible.pop() if len(possible) == 1 else None

    def possible(self, *, agent: str, tool: str, effects: Effects) -> set[Action]:
        """Return all that requests for a tool can come to, as far as rules tell."""
        possible: set[Action] = set()
        for tool_rule in self.rules_for(tool):
            rule = tool_rule.rule
            if not rule.concerns(agent, effects):
                continue
            possible.add(rule.decision.action)
            if tool_rule.is_open and rule.hours is None and rule.rate is None:
                return possible
        return possible | {BUILT_IN.action}

    def unknown_tool(self, rule: Rule, names: Iterable[str]) -> str:
        """Say that a rule is about none of these tools, and about which it may be meant; or ""."""
        meant = [glob.pattern for glob in rule.tools]
        if rule.pattern is not None:
            meant.append(rule.pattern.text)
        if not meant or any(rule.for_tool(name) for name in names):
            return ""
        shown = " with ".join(f'"{text}"' for text in meant)
        return f"{shown} is about no known tool{hint(meant, names)}"

    def keep_counts_of(self, former: Policy) -> None:
        """Go on with the counts of rules with a rate that another policy has word for word."""
        for rule in self.rules:
            if rule.rate is not None and rule.form is not None:
                same = (each.number for each in former.rules if each.form == rule.form)
                number = next(same, None)
                if number is not None:
                    self.rates.go_on(rule.number, former.rates, number)

    def rules_for(self, tool: str) -> tuple[ToolRule, ...]:
        """Return the rules that can be about a tool, in the order in which they are tried."""
        known = self.by_tool.get(tool)
        if known is None:
            seen = (rule.for_tool(tool) for rule in self.rules)
            known = tuple(tool_rule for tool_rule in seen if tool_rule is not None)
            if len(self.by_tool) < TOOLS_MAX:
                self.by_tool[tool] = known
        return known


def order_of(rule: Rule) -> tuple[int, int, bool, int]:
    """Sort rules by action, after them defaults, each in the order of the file.

    Of the rules that ask, those that demand the most come first: a plain one above them in the file
    must not spare a request the second person or the code.
    """
    decision = rule.decision
    if rule.is_default:
        return 3, 0, False, rule.number
    return ORDER[decision.action], -decision.approvers, not decision.code, rule.number


def hint(meant: Iterable[str], names: Iterable[str]) -> str:
    """Suggest the nearest tool."""
    import difflib

    for text in meant:
        match = TOOL_NAME.match(text)
        near = difflib.get_close_matches(match[0] if match else text, names, n=1)
        if near:
            return f"; did you mean {near[0]}?"
    return ""
