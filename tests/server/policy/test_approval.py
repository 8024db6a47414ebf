"""What a rule may demand of a yes: several people, a one-time code."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.policy.helpers import decide, rules

from agentgate_proto.records.decision import Action, Decision
from agentgate_proto.records.request import Effects
from agentgate_server.documents import DocumentError
from agentgate_server.policy import Policy


def decided(text: str, **args: object) -> Decision:
    policy = Policy.parse(text)
    return policy.decide(agent="a", tool="pay", effects=Effects.WRITE, args=args, now=0.0)


def test_a_rule_that_says_nothing_takes_one_tap() -> None:
    decision = decided("rules:\n  - {tool: pay, action: ask}\n")
    assert (decision.action, decision.approvers, decision.code) == (Action.ASK, 1, False)


def test_a_rule_may_demand_several_people_and_a_code() -> None:
    text = "rules:\n  - {tool: pay, action: ask, approval: {approvers: 2, code: true}}\n"
    decision = decided(text)
    assert (decision.approvers, decision.code) == (2, True)


def test_what_demands_the_most_comes_first_whatever_the_order_of_the_file() -> None:
    text = """
rules:
  - {tool: pay, action: ask}
  - {tool: pay, action: ask, approval: {code: true}}
  - {tool: pay, args: {sum: {min: 500}}, action: ask, approval: {approvers: 2}}
"""
    assert (decided(text, sum=5).approvers, decided(text, sum=5).code) == (1, True)
    assert decided(text, sum=500).approvers == 2


def test_a_no_still_comes_before_them() -> None:
    text = """
rules:
  - {tool: pay, action: ask, approval: {approvers: 2}}
  - {tool: pay, action: deny}
"""
    assert decided(text).action is Action.DENY


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("action: allow, approval: {approvers: 2}", "approval belongs on a rule with action: ask"),
        ("action: deny, approval: {code: true}", "approval belongs on a rule with action: ask"),
        ("action: ask, approval: {approvers: 0}", "rules[0].approval.approvers"),
        ("action: ask, approval: {approvers: 11}", "rules[0].approval.approvers"),
        ("action: ask, approval: {approver: 2}", "did you mean 'approvers'?"),
        ("action: ask, approval: 2", "rules[0].approval"),
    ],
)
def test_what_cannot_be_meant_stops_the_start(keys: str, error: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Policy.parse(f"rules:\n  - {{tool: pay, {keys}}}\n")
    assert error in str(caught.value)


BOTH = """
rules:
  - {tool: pay, args: {amount: {min: 500}}, action: ask, approval: {code: true}}
  - {tool: pay, args: {to: {not_in: [grocer]}}, action: ask, approval: {approvers: 2}}
  - {tool: pay, action: ask, description: plain}
defaults:
  - {pattern: "*", action: ask, approval: {approvers: 3, code: true}}
"""


@pytest.mark.parametrize(
    ("args", "approvers", "code", "rule"),
    [
        ({"to": "mallory", "amount": 600}, 2, True, "p.yaml:4, and for the code p.yaml:3"),
        ({"to": "grocer", "amount": 600}, 1, True, "p.yaml:3"),
        ({"to": "mallory", "amount": 6}, 2, False, "p.yaml:4"),
        ({"to": "grocer", "amount": 6}, 1, False, "p.yaml:5"),
    ],
)
def test_the_demands_of_all_rules_that_ask_add_up(
    args: dict[str, Any], approvers: int, code: bool, rule: str
) -> None:
    policy = Policy.parse(BOTH, "p.yaml")
    decision = decide(policy, "pay", args)
    assert (decision.approvers, decision.code, decision.rule) == (approvers, code, rule)
    told = policy.explain(agent="house", tool="pay", effects=Effects.WRITE, args=args, now=0.0)
    assert told.decision == decision


def test_a_rule_for_other_hours_or_agents_adds_no_demand() -> None:
    policy = rules(
        "tool: pay, action: ask, approval: {approvers: 2}",
        "tool: pay, agents: bob, action: ask, approval: {code: true}",
        'tool: pay, hours: {between: "06:00-12:00", tz: UTC}, action: ask, approval: {code: true}',
    )
    assert [decide(policy, "pay").code, decide(policy, "pay", agent="bob").code] == [False, True]
    assert decide(policy, "pay", now=7 * 3_600.0).code
