"""Explaining: which rule decides a request, and why each of the others does not.

It asks the same :class:`~agentgate_server.policy.case.Case` as a decision does, in the same order.
Nothing is counted, so a question changes no later decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from agentgate_proto.records.decision import Action, Decision
from agentgate_server.policy.case import Case, Miss
from agentgate_server.policy.conditions import MISSING, Condition, unnamed_arguments
from agentgate_server.policy.meanings import received
from agentgate_server.policy.rates import Rates
from agentgate_server.policy.readings import Request
from agentgate_server.policy.rules import Rule, ToolRule
from agentgate_server.policy.signature import display_of

Display = Callable[[str, Mapping[str, Any]], str]
"""Shows a tool and its arguments in a line, see :func:`display_of`."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one rule does not decide.

    Attributes:
        rule: the rule, as decisions name it.
        line: its line in the file.
        action: what it would have decided.
        text: why it does not.
    """

    rule: str
    line: int
    action: Action
    text: str

    def __str__(self) -> str:
        return f"{self.rule} ({self.action}): {self.text}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its reasons.

    Attributes:
        decision: exactly what the policy decides.
        line: the line of the rule that decides; 0: none does, see ``Decision.rule``.
        reasons: why the others do not, in the order in which rules are tried.
        gets: the signature of what the tool gets, where that is not what is written: rules look at
            both; "": they are the same.
        clock: by which time the hours of the rule that decides were judged; "": it has none.
    """

    decision: Decision
    line: int
    reasons: tuple[Reason, ...]
    gets: str = ""
    clock: str = ""


def explain(
    case: Case,
    rules: Sequence[Rule],
    concerned: Sequence[ToolRule],
    rates: Rates,
    otherwise: Decision,
    display: Display = display_of,
) -> Explanation:
    """Explain what a policy decides.

    Args:
        case: the request.
        rules: all rules of the policy, in the order in which they are tried.
        concerned: those that can be about the tool.
        rates: what the rules with a rate have allowed already.
        otherwise: what is decided where no rule matches.
        display: how a request is shown.
    """
    by_number = {each.rule.number: each for each in concerned}
    decider: Rule | None = None
    reasons = []
    for rule in rules:
        tool_rule = by_number.get(rule.number)
        text = objection(case, tool_rule, rates, display)
        if not text and decider is None:
            decider = rule
            continue
        text = text or "matches too, but comes after the rule that decides"
        reasons.append(Reason(rule.decision.rule, rule.line, rule.decision.action, text))
    decision, clock = decision_of(case, decider, concerned, otherwise), ""
    if decider is not None and decider.hours is not None:
        clock = decider.hours.clock(case.now)
    gets = "" if case.meant is None else display(case.tool, received(case.meant.whole))
    return Explanation(decision, decider.line if decider else 0, tuple(reasons), gets, clock)


def decision_of(
    case: Case, decider: Rule | None, concerned: Sequence[ToolRule], otherwise: Decision
) -> Decision:
    """Return what a rule decides about a request, with what others demand, and with its doubts."""
    if decider is None:
        why = case.whys(None, concerned)
        return replace(otherwise, why=why) if why else otherwise
    if decider.decision.action is Action.ALLOW:
        return decider.decision
    numbers = [each.rule.number for each in concerned]
    return case.completed(concerned, numbers.index(decider.number))


def objection(
    case: Case, tool_rule: ToolRule | None, rates: Rates, display: Display = display_of
) -> str:
    """Say why a rule does not match a request, or return ""."""
    if tool_rule is None:
        return f"is about other tools than {case.tool}"
    rule = tool_rule.rule
    match case.miss(tool_rule):
        case Miss.CALLER if rule.effects not in (None, case.effects):
            return f"is about tools that {rule.effects}, and {case.tool} is one to {case.effects}"
        case Miss.CALLER:
            return f"is about other agents than {case.agent}"
        case Miss.ARGUMENTS:
            return arguments_text(tool_rule, case, display)
        case Miss.HOURS:
            assert rule.hours is not None, "it has missed them"
            return f"it is not the time for it (hours; here it is {rule.hours.clock(case.now)})"
        case None:
            pass
    if rule.rate is not None and not rates.has_room(rule.number, case.agent, rule.rate, case.now):
        return f"has allowed {case.agent} all that its rate allows for now"
    return ""


def arguments_text(tool_rule: ToolRule, case: Case, display: Display) -> str:
    """Say which part of a rule the arguments miss."""
    shown = display(case.tool, case.args)
    request, pattern, rule = case.request, tool_rule.pattern, tool_rule.rule
    if rule.decision.action is Action.ALLOW:
        if tool_rule.matches(request) and case.given is not None:
            got = display(case.tool, case.given.args)
            return f"of what it gets: {uncovered(tool_rule, case.given, got)}"
        return uncovered(tool_rule, request, shown)
    readings = request.readings
    if pattern is not None and not any(pattern.may_match(request, each) for each in readings):
        return f"its pattern does not match {shown}"
    for condition in rule.conditions:
        if not any(condition.may_hold(request, each) for each in readings):
            return missed(condition, request)
    return f"no one thing that {shown} may mean matches all of it"


def uncovered(tool_rule: ToolRule, request: Request, shown: str) -> str:
    """Say what of a request an allow rule does not cover."""
    pattern, rule = tool_rule.pattern, tool_rule.rule
    if pattern is not None and not pattern.covers(request):
        return f"its pattern does not cover all that {shown} may mean"
    for condition in rule.conditions:
        if not condition.holds(request):
            return missed(condition, request)
    names = (condition.keys for condition in rule.conditions)
    if pattern is None and not rule.other_args and unnamed_arguments(request.args, names):
        return "there are arguments that it does not name (other_args: true takes them)"
    return f"{shown} may act on more than it names"


def missed(condition: Condition, request: Request) -> str:
    """Say how an argument misses a condition."""
    if condition.lookup(request.args) is MISSING:
        return f"there is no argument {condition.name}"
    return f"{condition.name} is not what it asks for"
