"""What a rule may demand of a yes: several people, a one-time code."""

from __future__ import annotations

import pytest

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
