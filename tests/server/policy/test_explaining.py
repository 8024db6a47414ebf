"""An explanation is the decision itself, and says of every other rule why it was not that one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.policy.helpers import LIGHT, decide, json_args, tools
from tests.server.policy.test_robustness import ALL_KINDS

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy
from agentgate_server.policy.explaining import Explanation

MORNING = 7 * 3_600.0


def explain(
    policy: Policy | str,
    tool: str,
    args: dict[str, Any] | None = None,
    *,
    agent: str = "house",
    effects: Effects = Effects.WRITE,
    now: float = 0.0,
) -> Explanation:
    if isinstance(policy, str):
        policy = Policy.parse(policy)
    return policy.explain(agent=agent, tool=tool, effects=effects, args=args or {}, now=now)


def reason(rule: str, tool: str, args: dict[str, Any] | None = None, **more: Any) -> str:
    """Why one rule does not decide."""
    policy = Policy.parse(f"rules:\n  - {{{rule}}}\n")
    (only,) = explain(policy, tool, args, **more).reasons
    return only.text


EVERY_KIND = f"""{ALL_KINDS}
  - {{tool: x, hours: "06:00-12:00", agents: "g*", action: deny}}
  - {{effects: read, agents: [house, garden], action: allow}}
defaults:
  - {{pattern: "ha_*", action: ask}}
  - {{pattern: "x*", rate: 2/min, action: allow}}
"""


@settings(max_examples=400)
@given(
    tool=tools,
    args=json_args,
    agent=st.sampled_from(["house", "garden"]),
    effects=st.sampled_from(Effects),
    now=st.sampled_from([0.0, MORNING]),
    before=st.integers(0, 3),
)
def test_the_explained_decision_is_the_one_that_is_made(
    tool: str, args: dict[str, Any], agent: str, effects: Effects, now: float, before: int
) -> None:
    policy = Policy.parse(EVERY_KIND)
    for _ in range(before):  # uses up rates
        decide(policy, tool, args, agent=agent, effects=effects, now=now)
    explained = explain(policy, tool, args, agent=agent, effects=effects, now=now)
    assert explained == explain(policy, tool, args, agent=agent, effects=effects, now=now)
    made = decide(policy, tool, args, agent=agent, effects=effects, now=now)
    assert explained.decision == made
    decided_by_a_rule = made.rule != "built-in"
    assert len(explained.reasons) == len(policy.rules) - decided_by_a_rule
    assert (explained.line > 0) == decided_by_a_rule
    assert made.rule not in {each.rule for each in explained.reasons}


def test_asking_why_counts_nothing() -> None:
    policy = Policy.parse("rules:\n  - {tool: x, rate: 1/min, action: allow}\n")
    for _ in range(3):
        assert explain(policy, "x").decision.action == "allow"
    assert decide(policy, "x").action == "allow"
    assert (
        explain(policy, "x").reasons[0].text == "has allowed house all that its rate allows for now"
    )
    assert explain(policy, "x", agent="other").decision.action == "allow"


@pytest.mark.parametrize(
    ("rule", "tool", "args", "text"),
    [
        ("tool: y, action: deny", "x", {}, "is about other tools than x"),
        ("agents: garden, action: deny", "x", {}, "is about other agents than house"),
        (
            "effects: read, action: deny",
            "x",
            {},
            "is about tools that read, and x is one to write",
        ),
        (
            'tool: x, hours: {between: "06:00-12:00", tz: Europe/Berlin}, action: deny',
            "x",
            {},
            "it is not the time for it (hours; here it is thu 01:00 in Europe/Berlin)",
        ),
        ('pattern: "x(a)", action: deny', "x", {"k": "b"}, "its pattern does not match x(b)"),
        (
            'pattern: "x(a)", action: allow',
            "x",
            {"k": "b"},
            "its pattern does not cover all that x(b) may mean",
        ),
        ("tool: x, args: {k: 1}, action: deny", "x", {"k": 2}, "k is not what it asks for"),
        ("tool: x, args: {k: 1}, action: deny", "x", {}, "there is no argument k"),
        ("tool: x, args: {k: {max: 1}}, action: allow", "x", {"k": 2}, "k is not what it asks for"),
        ("tool: x, args: {k.l: 1}, action: allow", "x", {"k": {}}, "there is no argument k.l"),
        (
            "tool: x, args: {k: 1}, action: allow",
            "x",
            {"k": 1, "l": 2},
            "there are arguments that it does not name (other_args: true takes them)",
        ),
        (
            'args: {domain: light, service: "*"}, other_args: true, action: allow',
            "ha_call_service",
            {**LIGHT, "entity_id": ["a.b", "c.d"]},
            'ha_call_service(light.turn_on, ["a.b","c.d"]) may act on more than it names',
        ),
        (
            'pattern: "ha_call_service(lock.*)", args: {service: turn_on}, action: deny',
            "ha_call_service",
            {**LIGHT, "data": {"x": "lock.front"}},
            "",
        ),
    ],
)
def test_each_miss_is_told_in_its_own_words(
    rule: str, tool: str, args: dict[str, Any], text: str
) -> None:
    if text:
        assert reason(rule, tool, args) == text
    else:  # the pattern's reading knows no service, so the condition may hold
        assert explain(f"rules:\n  - {{{rule}}}\n", tool, args).reasons == ()


def test_a_rule_that_matches_too_late_is_said_to() -> None:
    policy = Policy.parse(
        "rules:\n  - {tool: x, action: allow}\n  - {tool: x, action: deny}\n"
        "  - {tool: y, action: ask}\n"
    )
    explained = explain(policy, "x")
    assert explained.line == 3
    assert [str(each) for each in explained.reasons] == [
        "permissions.yaml:4 (ask): is about other tools than x",
        "permissions.yaml:2 (allow): matches too, but comes after the rule that decides",
    ]
