"""Conditions on single arguments, seen from deny rules and from allow rules."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.policy.helpers import action, nested, rules

from agentgate_server.policy.leaves import TEXT_CHARS_MAX

ESCAPES = {
    "plain": "kube-system",
    "list": ["kube-system"],
    "longer list": ["dev", "kube-system"],
    "JSON list": '["kube-system"]',
    "JSON text": '"kube-system"',
    "JSON object": '{"name": "kube-system"}',
    "nested": {"name": "kube-system"},
    "as a key": {"kube-system": True},
    "capitals": "Kube-System",
    "full width": "".join(chr(ord(char) + 0xFEE0) for char in "kube-system"),
    "look-alike": "kube-s\u0443stem",
    "trailing space": "kube-system ",
    "newline": "kube-system\n",
    "zero width": "kube\u200b-system",
    "comma list": "dev,kube-system",
    "percent": "kube%2Dsystem",
    "quotes": "'kube-system'",
}


@pytest.mark.torture("B8")
@pytest.mark.parametrize("spelling", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize(
    "rule",
    [
        "tool: restart, args: {where: kube-system}, action: deny",
        "tool: restart, args: {where: [kube-system, prod]}, action: deny",
        "tool: restart, args: {where: {in: [kube-system]}}, action: deny",
        "tool: restart, args: {where: {not_in: [dev, staging]}}, action: deny",
        'tool: restart, args: {where: {pattern: "kube-*"}}, action: deny',
        'tool: restart, args: {where: "Kube-[s]ystem"}, action: deny',
        'pattern: "restart(kube-system)", action: deny',
        'pattern: "restart(kube-*)", action: deny',
        'pattern: "restart(KUBE-SYSTEM)", action: deny',
    ],
)
def test_no_spelling_of_a_value_escapes_a_deny_rule(rule: str, spelling: Any) -> None:
    policy = rules(rule, "tool: restart, action: allow")
    assert action(policy, "restart", {"where": spelling}) == "deny"
    assert action(policy, "restart", {"where": "dev"}) == "allow"


@pytest.mark.torture("B8")
@pytest.mark.parametrize("spelling", ESCAPES.values(), ids=ESCAPES)
@pytest.mark.parametrize(
    "rule",
    [
        "tool: restart, args: {where: [dev, staging]}, action: allow",
        "tool: restart, args: {where: {in: [dev, staging]}}, action: allow",
        "tool: restart, args: {where: {not_in: [kube-system]}}, action: allow",
        "tool: restart, args: {where: dev}, action: allow",
        'pattern: "restart(dev*)", action: allow',
    ],
)
def test_an_allow_rule_covers_only_what_it_says(rule: str, spelling: Any) -> None:
    policy = rules(rule)
    assert action(policy, "restart", {"where": spelling}) == "ask"
    assert action(policy, "restart", {"where": "dev"}) == "allow"


@pytest.mark.parametrize(
    "args",
    [
        {"Where": "kube-system"},
        {"WHERE": ["kube-system"]},
        {"options": {"where": "kube-system"}},
        {"options": [{"deep": {"Where": "kube-system"}}]},
        {"options": '{"where": "kube-system"}'},
        {"options.where": "kube-system"},
        {"where": "dev", "wh\u0435re": "kube-system"},
        {"where": "dev", "options": {"where": "kube-system"}},
    ],
)
def test_an_argument_is_found_under_other_keys(args: dict[str, Any]) -> None:
    deny = "tool: restart, args: {where: kube-system}, action: deny"
    assert action(rules(deny, "tool: restart, action: allow"), "restart", args) == "deny"
    allow = "tool: restart, args: {where: {in: [dev]}}, other_args: true, action: allow"
    assert action(rules(allow), "restart", args) == "ask"


@pytest.mark.parametrize(
    ("condition", "fits", "others"),
    [
        ("5", [5, 5.0], ["5", True, 6, None, [5]]),
        ("true", [True], [1, "true", False, [True]]),
        ("null", [None], ["null", 0, "", []]),
        ('"5"', ["5", 5], ["55", [5]]),
        ("{min: 1, max: 10}", [1, 10, 2.5], [0, 11, "5", True, None, [5], {"x": 5}, 10.001]),
        ("{min: 1}", [1, 10**30], [0.999, -(10**30), "1"]),
        ("{max: 1}", [1, -5], [2]),
        ("{in: [a, 1, null]}", ["a", 1, None], ["b", "A", True, "1", ["a"]]),
        ("{not_in: [a]}", ["b", 5], ["a", "A", " a", ["b"], "x,a"]),
        ('{pattern: "a*", not_in: [ab]}', ["ac", "a"], ["ab", "AB", "b", "a,ab"]),
        ('"/tmp/*"', ["/tmp/x", "/tmp/a b"], ["/tmp/../etc/x", "/etc/x", "/tmp/%2e%2e/x", "/tmp"]),
        ('"*"', ["", 5, None, [1, 2], {"x": "y"}, "{{ x }}"], []),
    ],
)
def test_an_allow_rule_takes_values_as_written(
    condition: str, fits: list[Any], others: list[Any]
) -> None:
    policy = rules(f"tool: f, args: {{x: {condition}}}, action: allow")
    assert [action(policy, "f", {"x": value}) for value in fits] == ["allow"] * len(fits)
    assert [action(policy, "f", {"x": value}) for value in others] == ["ask"] * len(others)


@pytest.mark.parametrize(
    ("condition", "caught", "others"),
    [
        ("5", [5, 5.0, "5", " 5", "5.0", "05", [5], {"y": "5"}, "\u0665"], [6, "6", True, None]),
        ("true", [True, "true", "True", [True], 1, "1", "yes", "ON"], [False, "false", 0, "x"]),
        ("false", [False, "false", 0, "no", "off"], [True, 1, "yes"]),
        ("null", [None, "null"], [0, ""]),
        (
            "{min: 100}",
            [100, 1e3, "100", "1e3", [5, 500], "much", None, True, "1,000", {"eur": 200}],
            [99, "99", 0, -5, "-5", [1, 2]],
        ),
        ("{min: 1, max: 2}", [1, "2", "x"], [0, 3, "3"]),
        ("{not_in: [a, b]}", ["c", "a ", ["a"], {"x": "a"}, 5, None, "a,b", "A"], ["a", "b"]),
        ('"*secret*"', ["a Secret thing", {"secret": 1}, "s\u0435cret"], ["open", ""]),
    ],
)
def test_a_deny_rule_takes_values_in_every_spelling(
    condition: str, caught: list[Any], others: list[Any]
) -> None:
    policy = rules(f"tool: f, args: {{x: {condition}}}, action: deny", "tool: f, action: allow")
    assert [action(policy, "f", {"x": value}) for value in caught] == ["deny"] * len(caught)
    assert [action(policy, "f", {"x": value}) for value in others] == ["allow"] * len(others)


def test_all_conditions_of_a_rule_must_be_met() -> None:
    policy = rules(
        'tool: pay, args: {to: "bank-*", amount: {max: 50}}, action: allow',
        "tool: pay, args: {to: mallory, amount: {min: 10}}, action: deny",
    )
    assert action(policy, "pay", {"to": "bank-a", "amount": 50}) == "allow"
    assert action(policy, "pay", {"to": "bank-a", "amount": 51}) == "ask"
    assert action(policy, "pay", {"to": "mallory", "amount": 10}) == "deny"
    assert action(policy, "pay", {"to": "mallory", "amount": 9}) == "ask"


def test_an_allow_rule_needs_the_arguments_that_it_names() -> None:
    policy = rules('tool: f, args: {x: "*"}, action: allow')
    assert action(policy, "f", {}) == "ask"
    assert action(policy, "f", {"X": "a"}) == "ask"


def test_an_argument_that_an_allow_rule_does_not_name_is_asked_about() -> None:
    args = {"x": 1, "force": True}
    assert action(rules("tool: f, args: {x: 1}, action: allow"), "f", args) == "ask"
    more = "tool: f, args: {x: 1}, other_args: true, action: allow"
    assert action(rules(more), "f", args) == "allow"
    assert action(rules("tool: f, action: allow"), "f", args) == "allow"


def test_a_deny_rule_does_not_care_for_other_arguments() -> None:
    policy = rules("tool: f, args: {x: 1}, action: deny")
    assert action(policy, "f", {"x": 1, "force": True}) == "deny"


def test_an_argument_found_elsewhere_must_fit_too() -> None:
    policy = rules("tool: f, args: {x: {min: 1, max: 9}}, other_args: true, action: allow")
    assert action(policy, "f", {"x": 5, "y": {"z": 1}}) == "allow"
    assert action(policy, "f", {"x": 5, "y": {"x": 6}}) == "allow"
    assert action(policy, "f", {"x": 5, "y": {"x": 60}}) == "ask"
    assert action(policy, "f", {"x": 5, "y": {"x": "much"}}) == "ask"


def test_an_argument_that_is_left_out_is_none_of_the_excepted() -> None:
    policy = rules(
        "tool: f, args: {x: {not_in: [dev]}}, action: deny",
        "tool: g, args: {x: dev}, action: deny",
        'tool: "*", action: allow',
    )
    assert action(policy, "f") == "deny"
    assert action(policy, "g") == "allow"


def test_dotted_names_reach_into_arguments() -> None:
    policy = rules(
        "tool: f, args: {spec.where: prod}, action: deny",
        'tool: f, args: {spec.where: "*", spec.size: {max: 3}}, action: allow',
    )
    assert action(policy, "f", {"spec": {"where": "prod"}}) == "deny"
    assert action(policy, "f", {"a": {"spec": [{"where": "prod"}]}}) == "deny"
    assert action(policy, "f", {"spec": {"where": "dev", "size": 3}}) == "allow"
    assert action(policy, "f", {"spec": {"where": "dev", "size": 4}}) == "ask"
    assert action(policy, "f", {"spec": {"where": "dev", "size": 3, "x": 1}}) == "ask"
    assert action(policy, "f", {"spec": "dev"}) == "ask"
    assert action(policy, "f", {"where": "prod"}) == "ask"


def test_pattern_and_conditions_must_both_match() -> None:
    policy = rules(
        'pattern: "f(*, b*)", args: {x: {max: 5}}, action: allow',
        'pattern: "g(*, b*)", args: {x: {min: 5}}, action: deny',
        "tool: g, action: allow",
    )
    assert action(policy, "f", {"x": 5, "y": "bc"}) == "allow"
    assert action(policy, "f", {"x": 6, "y": "bc"}) == "ask"
    assert action(policy, "f", {"x": 5, "y": "c"}) == "ask"
    assert action(policy, "g", {"x": 5, "y": "b"}) == "deny"
    assert action(policy, "g", {"x": 4, "y": "b"}) == "allow"
    assert action(policy, "g", {"x": 5, "y": "c"}) == "allow"


@pytest.mark.parametrize(
    "args",
    [
        {"env": "prod"},
        {"env": "prod", "version": "1.2"},
        {"a": 1, "env": "prod", "z": "x"},
        {"env": ["prod"], "force": True},
        {"ENV": "prod", "a": "x"},
    ],
)
def test_further_arguments_do_not_undo_a_deny_pattern(args: dict[str, Any]) -> None:
    policy = rules('pattern: "deploy(prod)", action: deny', "tool: deploy, action: allow")
    assert action(policy, "deploy", args) == "deny"


def test_a_key_in_another_case_does_not_change_the_order_of_values() -> None:
    policy = rules('pattern: "move(there, here)", action: deny', "tool: move, action: allow")
    assert action(policy, "move", {"to": "there", "whence": "here"}) == "deny"
    assert action(policy, "move", {"to": "there", "Whence": "here"}) == "deny"


def test_the_bare_name_of_a_tool_denies_every_call_and_allows_only_the_bare_one() -> None:
    deny = rules("pattern: reboot, action: deny")
    assert action(deny, "reboot", {"now": True}) == "deny"
    assert action(deny, "reboot_later") == "ask"
    allow = rules("pattern: reboot, action: allow")
    assert action(allow, "reboot") == "allow"
    assert action(allow, "reboot", {"now": True}) == "ask"


def test_a_pattern_with_parentheses_denies_the_call_without_arguments_too() -> None:
    assert action(rules('pattern: "reboot(*)", action: deny'), "reboot") == "deny"
    assert action(rules('pattern: "reboot(*)", action: allow'), "reboot") == "ask"


def test_a_value_cannot_pass_for_two() -> None:
    policy = rules('pattern: "copy(/tmp/*, /home/*)", action: allow')
    assert action(policy, "copy", {"a": "/tmp/x", "b": "/home/y"}) == "allow"
    assert action(policy, "copy", {"a": "/tmp/x, /home/y", "b": "/etc/z"}) == "ask"
    assert action(policy, "copy", {"a": "/tmp/x", "b": "/etc/z, /home/y"}) == "ask"


LONG = {
    "one text": "x" * 40_000,
    "many names": ",".join(f"x{n}" for n in range(6_000)),
    "many texts": [f"x{n:07}" * 9 for n in range(1_000)],
    "long list": ["x"] * 3_000,
    "long object": {f"x{n}": 1 for n in range(3_000)},
    "lists of lists": [["x"] * 100] * 100,
    "depth": nested(40, "x"),
}


@pytest.mark.parametrize("value", LONG.values(), ids=LONG)
def test_more_than_is_looked_at_counts_against_the_request(value: Any) -> None:
    policy = rules(
        'pattern: "f(*secret*)", action: deny',
        'pattern: "g(*x)", action: allow',
        "tool: h, action: allow",
    )
    assert action(policy, "f", {"x": value}) == "deny"
    assert action(policy, "g", {"x": value}) == "ask"
    assert action(policy, "h", {"x": value}) == "allow"


def test_the_beginning_of_a_long_text_is_known() -> None:
    policy = rules('pattern: "write(/etc/*)", action: deny', 'pattern: "write(*)", action: allow')
    text = "All work, and no play. " * 1_500
    assert action(policy, "write", {"body": text, "path": "/tmp/x"}) == "allow"
    assert action(policy, "write", {"body": text, "path": "/etc/x"}) == "deny"


@pytest.mark.parametrize("length", [70_000, 500_000])
def test_a_long_argument_does_not_count_against_rules_about_another(length: int) -> None:
    policy = rules(
        'tool: write, args: {path: "/etc/*"}, action: deny',
        'tool: write, args: {text: "*secret*"}, action: ask',
        'tool: write, args: {path: "/tmp/*", text: "*"}, action: allow',
    )
    text = ("All work. " * (length // 10))[:length]
    expected = "allow" if length < TEXT_CHARS_MAX else "ask"
    assert action(policy, "write", {"path": "/tmp/a", "text": text}) == expected
    assert action(policy, "write", {"path": "/tmp/../etc/a", "text": text}) == "deny"
    assert action(policy, "write", {"path": "/tmp/a", "text": text + "[secret]"}) == "ask"


@pytest.mark.parametrize("rule", ["pattern: 'f([!A-Z]*)'", "tool: f, args: {name: '[!A-Z]*'}"])
def test_a_class_that_leaves_letters_out_holds_as_written(rule: str) -> None:
    policy = rules(f"{rule}, action: deny", "tool: f, action: allow")
    assert action(policy, "f", {"name": "small"}) == "deny"
    assert action(policy, "f", {"name": "5 small"}) == "deny"
    assert action(policy, "f", {"name": "Large"}) == "allow"


@pytest.mark.parametrize("amount", [5, 5.0])
@pytest.mark.parametrize(
    "rule",
    [
        "args: {amount: 5}",
        "args: {amount: 5.0}",
        "args: {amount: '5'}",
        "args: {amount: '5.00'}",
        "args: {amount: {pattern: '5e0', max: 9}}",
        "pattern: f(5)",
        "pattern: f(5.0)",
        "pattern: 'f(*, 5.0)'",
        "pattern: '*(5e0)'",
    ],
)
def test_a_number_is_the_same_however_a_rule_writes_it(rule: str, amount: float) -> None:
    policy = rules(f"{rule}, action: deny", "tool: f, action: allow")
    assert action(policy, "f", {"a": "x", "amount": amount}) == "deny"
    assert action(policy, "f", {"a": "x", "amount": 50}) == "allow"
    assert action(policy, "f", {"a": "x", "amount": 5.5}) == "allow"


@pytest.mark.parametrize("amount", [2**60, 2.0**60, 2**60 + 1])
@pytest.mark.parametrize("written", ["1152921504606846976", "1.152921504606847e18"])
def test_a_number_that_is_rounded_is_the_same(written: str, amount: float) -> None:
    policy = rules(
        f"args: {{amount: '{written}'}}, action: deny",
        f"pattern: g({written}), action: deny",
        "tool: [f, g], action: allow",
    )
    assert [action(policy, tool, {"amount": amount}) for tool in "fg"] == ["deny", "deny"]
    assert action(policy, "f", {"amount": 2**61}) == "allow"


def test_a_text_that_looks_like_a_number_is_a_text() -> None:
    policy = rules("args: {v: '1.10'}, action: deny", "pattern: g(1.10), action: deny")
    for tool in "fg":
        assert action(policy, tool, {"v": "1.10"}) == "deny"
        assert action(policy, tool, {"v": "1.1"}) == "ask"
        assert action(policy, tool, {"v": 1.1}) == "deny"
