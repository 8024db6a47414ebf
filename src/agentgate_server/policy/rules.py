"""Rules: one rule of a policy, and the rule as one tool sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects
from agentgate_server.policy.conditions import Condition, unnamed_arguments
from agentgate_server.policy.entities import Found, domain_of
from agentgate_server.policy.form import RuleForm
from agentgate_server.policy.globs import Glob
from agentgate_server.policy.hours import Hours
from agentgate_server.policy.naming import INDIRECT_KEYS, STATE_READER, STATE_READERS
from agentgate_server.policy.patterns import Pattern, ToolPattern
from agentgate_server.policy.rates import Rate
from agentgate_server.policy.readings import Reading, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        number: its place in the file; defaults come after rules.
        decision: what it decides.
        line: where it begins in the file.
        form: what the file says, to find the same rule in another version of it.
        is_default: it is one of the ``defaults``.
        pattern, tools, conditions, agents, effects, hours, rate: what must be the case; None or
            empty: anything.
        other_args: as an allow rule it covers arguments that it does not name.
    """

    number: int
    decision: Decision
    line: int = 1
    form: RuleForm | None = None
    is_default: bool = False
    pattern: Pattern | None = None
    tools: tuple[Glob, ...] = ()
    conditions: tuple[Condition, ...] = ()
    agents: tuple[Glob, ...] = ()
    effects: Effects | None = None
    hours: Hours | None = None
    rate: Rate | None = None
    other_args: bool = False

    def for_tool(self, tool: str) -> ToolRule | None:
        """Return the rule as one tool sees it, or None if it is about other tools.

        One that denies or asks about the reading of a state is about all that tells of it.
        """
        seen = self._for(tool)
        if seen is None and tool in STATE_READERS and self.decision.action is not Action.ALLOW:
            return self._for(STATE_READER)
        return seen

    def _for(self, tool: str) -> ToolRule | None:
        if self.tools and not any(glob.matches(tool) for glob in self.tools):
            return None
        pattern = None
        if self.pattern is not None:
            pattern = self.pattern.for_tool(tool)
            if pattern is None:
                return None
        return ToolRule(self, pattern)

    def concerns(self, agent: str, effects: Effects) -> bool:
        """Whether the rule is about this agent and this kind of tool."""
        if self.effects is not None and self.effects != effects:
            return False
        return not self.agents or any(glob.matches(agent) for glob in self.agents)


class ToolRule:
    """A rule as one tool sees it.

    Attributes:
        rule: the rule.
        is_open: it matches every request of the tool, whatever the arguments.
    """

    __slots__ = ("is_open", "matches", "pattern", "rule")

    def __init__(self, rule: Rule, pattern: ToolPattern | None) -> None:
        self.rule = rule
        allows = rule.decision.action is Action.ALLOW
        if pattern is not None and (pattern.covers_all if allows else pattern.may_match_all):
            pattern = None
        self.pattern = pattern
        self.is_open = pattern is None and not rule.conditions
        self.matches = self.covers if allows else self.may_match

    def may_match(self, request: Request, readings: Iterable[Reading] | None = None) -> bool:
        """Whether a deny or ask rule matches: any reading that may be meant will do, or any of
        these ``readings``."""
        pattern, conditions = self.pattern, self.rule.conditions
        for reading in request.readings if readings is None else readings:
            if pattern is not None and not pattern.may_match(request, reading):
                continue
            for condition in conditions:
                if not condition.may_hold(request, reading):
                    break
            else:
                return True
        return False

    def covers(self, request: Request) -> bool:
        """Whether an allow rule matches: all that may be meant must be within it."""
        if self.pattern is not None and not self.pattern.covers(request):
            return False
        conditions = self.rule.conditions
        if not conditions:
            return True
        if not all(condition.holds(request) for condition in conditions):
            return False
        # A pattern speaks of all arguments that the signature shows, so of all but those that
        # Home Assistant's services take besides.
        if self.pattern is None and not self.rule.other_args:
            names = (condition.keys for condition in conditions)
            if unnamed_arguments(request.args, names):
                return False
        return request.found is None or self.covers_names(request, request.found)

    def covers_names(self, request: Request, found: Found) -> bool:
        """Whether the conditions cover everything on which the request may act."""
        conditions = [each for each in self.rule.conditions if is_about_names(each)]
        if not conditions:
            return True
        if not found.doubts <= {condition.path for condition in conditions}:
            return False
        stated = [condition for condition in conditions if not condition.takes_all]
        on_entities = [condition for condition in stated if condition.is_on_entities]
        on_places = [condition for condition in stated if condition.path[-1] in INDIRECT_KEYS]
        acted_on = [*found.entities]
        if not on_places:
            acted_on += found.placed
        if self.rule.other_args:
            # Names in data that the rule does not mention may be acted on, or passed on.
            acted_on += found.names
            if found.domains:
                return False
        if on_entities:
            return all(any(each.form_fits(name) for each in on_entities) for name in acted_on)
        # Which entity is left open, so only those of the service's own domain are meant.
        own = {domain for domain, _ in found.services}
        foreign = {domain_of(name) for name in acted_on} - own
        if on_places or not foreign:
            return True
        return all(
            each.field == "domain" and all(map(each.form_fits, sorted(foreign))) for each in stated
        )


def is_about_names(condition: Condition) -> bool:
    """Whether a condition is about what the request acts on."""
    return condition.field != "" or condition.path[-1] in INDIRECT_KEYS
