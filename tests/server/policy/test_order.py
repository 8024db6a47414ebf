"""Which of several rules decides."""

from __future__ import annotations

import fnmatch
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.server.policy.helpers import action, decide, rules, unknown_tools

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy, signature_of

PATTERNS = ["*", "f*", "f", "f(*)", "f(a*)", "f(*b)", "f(a, b)", "f(?, *)", "g(*)", "f([!a]*)"]
rule_forms = st.fixed_dictionaries(
    {"pattern": st.sampled_from(PATTERNS), "action": st.sampled_from(["allow", "deny", "ask"])}
)


def naive(files: dict[str, Any], signature: str) -> tuple[str, str]:
    """Seed 001's order of rules, told as plainly as can be; returns the action and the rule."""
    for wanted in ("deny", "ask", "allow"):
        for index, rule in enumerate(files["rules"]):
            if rule["action"] == wanted and fnmatch.fnmatchcase(signature, rule["pattern"]):
                return wanted, f"rules {index}"
    for index, rule in enumerate(files["defaults"]):
        if fnmatch.fnmatchcase(signature, rule["pattern"]):
            return rule["action"], f"defaults {index}"
    return "ask", "built-in"


@given(
    st.lists(rule_forms, max_size=6),
    st.lists(rule_forms, max_size=4),
    st.sampled_from(["f", "g", "h"]),
    st.sampled_from(["a", "b", "ab"]),
)
def test_rules_are_tried_in_the_order_of_seed_001(
    rules: list[Any], defaults: list[Any], tool: str, value: str
) -> None:
    # One plain argument: where nothing can be spelled differently, both must agree, but for the
    # bare name of a tool, by which a deny or ask rule means each call.
    files = {"rules": rules, "defaults": defaults}
    for rule in [*rules, *defaults]:
        rule["description"] = "rule"
        if rule["pattern"] == "f" and rule["action"] != "allow":
            rule["pattern"] = "f*"
    text = yaml.safe_dump(files, sort_keys=False)
    decision = decide(Policy.parse(text, "p.yaml"), tool, {"x": value})
    expected, where = naive(files, signature_of(tool, {"x": value}))
    assert decision.action == expected
    if where == "built-in":
        assert decision.rule == "built-in"
    else:
        kind, index = where.split()
        line = line_of(text, kind, int(index))
        assert decision.rule == f"p.yaml:{line}"


def line_of(text: str, kind: str, index: int) -> int:
    """The line on which an entry starts in what PyYAML writes."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"{kind}:"))
    entries = [n for n, line in enumerate(lines) if n > start and line.startswith("- ")]
    return entries[index] + 1


def test_deny_wins_over_ask_and_ask_over_allow_however_specific() -> None:
    policy = rules(
        'pattern: "f(exactly this)", action: allow',
        'pattern: "f(exactly*)", action: ask',
        'pattern: "*", action: deny, agents: mallory',
    )
    assert action(policy, "f", {"x": "exactly this"}) == "ask"
    assert action(policy, "f", {"x": "exactly this"}, agent="mallory") == "deny"


def test_defaults_are_taken_top_to_bottom_whatever_their_action() -> None:
    policy = Policy.parse(
        """
defaults:
  - {pattern: "f(a*)", action: allow}
  - {pattern: "f*", action: deny}
  - {pattern: "*", action: allow}
"""
    )
    assert action(policy, "f", {"x": "ab"}) == "allow"
    assert action(policy, "f", {"x": "b"}) == "deny"
    assert action(policy, "g") == "allow"


def test_without_any_rule_a_person_is_asked() -> None:
    decision = decide("rules: []", "f")
    assert (decision.action, decision.rule) == (Action.ASK, "built-in")
    assert decide("rules:\ndefaults:\n", "f").rule == "built-in"


def test_the_decision_names_the_rule_by_file_and_line() -> None:
    policy = Policy.parse(
        "rules:\n  - pattern: '*'\n    action: allow\n    description: Fine by me\n",
        "house/rules.yaml",
    )
    decision = decide(policy, "f")
    assert (decision.rule, decision.description) == ("house/rules.yaml:2", "Fine by me")


def test_the_first_of_equals_is_named() -> None:
    policy = rules(
        'pattern: "g", action: deny', 'tool: "f", action: deny', 'tool: "*", action: deny'
    )
    assert decide(policy, "f").rule == "permissions.yaml:3"


def test_a_rule_may_opt_out_of_asking_again_after_an_unknown_outcome() -> None:
    policy = rules(
        "tool: f, action: allow, ask_again_after_unknown: false", "tool: g, action: allow"
    )
    assert decide(policy, "f").ask_again_after_unknown is False
    assert decide(policy, "g").ask_again_after_unknown is True


def test_rules_for_other_tools_are_not_looked_at() -> None:
    lines = [f'pattern: "tool_{n}(*)", action: deny' for n in range(500)]
    policy = rules(*lines, "tool: mine, action: allow")
    assert len(policy.rules_for("mine")) == 1
    assert len(policy.rules_for("tool_7")) == 1


def test_what_is_sorted_out_by_tool_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_server.policy.engine.TOOLS_MAX", 3)
    policy = rules('pattern: "*", action: allow')
    for n in range(10):
        assert action(policy, f"tool_{n}") == "allow"
    assert len(policy.by_tool) == 3


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Action.ASK),
        (["tool: f, action: allow"], Action.ALLOW),
        (["tool: f, action: deny"], Action.DENY),
        (['pattern: "f(*)", action: deny'], Action.DENY),
        (['pattern: "f(*)", action: allow'], None),
        (['pattern: "f*", action: allow'], Action.ALLOW),
        (['pattern: "f(a*)", action: allow'], None),
        (['pattern: "f(a*)", action: ask'], Action.ASK),
        (["tool: f, args: {x: 1}, action: deny", "tool: f, action: allow"], None),
        (["tool: f, args: {x: 1}, action: deny", "tool: f, action: deny"], Action.DENY),
        (["tool: f, action: deny, agents: other", "tool: f, action: allow"], Action.ALLOW),
        (["tool: f, action: deny, effects: read", "tool: f, action: allow"], Action.ALLOW),
        (['tool: f, action: deny, hours: "08:00-09:00"', "tool: f, action: allow"], None),
        (["tool: f, action: allow, rate: 1/min"], None),
        (["tool: g, action: deny"], Action.ASK),
        (['pattern: "g*", action: deny', "effects: write, action: allow"], Action.ALLOW),
    ],
)
def test_what_to_expect_of_a_tool(lines: list[str], expected: Action | None) -> None:
    policy = rules(*lines) if lines else Policy.parse("rules: []")
    assert policy.expect(agent="house", tool="f", effects=Effects.WRITE) is expected


def test_home_assistant_calls_always_have_parentheses() -> None:
    policy = rules('pattern: "ha_call_service(*)", action: allow')
    expected = policy.expect(agent="a", tool="ha_call_service", effects=Effects.WRITE)
    assert expected is Action.ALLOW


def test_rules_about_no_known_tool_are_warned_of() -> None:
    policy = Policy.parse(
        """
defaults:
  - {pattern: "*", action: ask}
  - {pattern: "nonsense*", action: allow}
rules:
  - {pattern: "ha_call_servise(lock.*)", action: deny}
  - {pattern: "ha_call_service(lock.*)", action: deny}
  - {tool: [restrat, stop], action: deny}
  - {tool: restart, pattern: "stop(*)", action: deny}
  - {agents: nobody, action: deny}
"""
    )
    assert unknown_tools(policy, "ha_call_service", "restart") == [
        f"permissions.yaml:{line}: {meant} is about no known tool{hint}"
        for line, meant, hint in (
            (6, '"ha_call_servise(lock.*)"', "; did you mean ha_call_service?"),
            (8, '"restrat" with "stop"', "; did you mean restart?"),
            (9, '"restart" with "stop(*)"', "; did you mean restart?"),
            (4, '"nonsense*"', ""),
        )
    ]
    assert unknown_tools(policy, "ha_call_service", "restart", "stop", "nonsense")[1:] == [
        'permissions.yaml:9: "restart" with "stop(*)" is about no known tool; did you mean restart?'
    ]
