"""Mistakes in a policy file: each stops the start with one line that says where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentgate_server.documents import DocumentError
from agentgate_server.policy import Policy

RULE = "rules:\n  - tool: f\n    action: allow\n"


@pytest.mark.torture("A")
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("rulez:\n  - tool: f\n", "p.yaml:1: rulez: unknown key 'rulez'; did you mean 'rules'?"),
        (
            "rules:\n  - patern: '*'\n    action: deny\n",
            "p.yaml:2: rules[0].patern: unknown key 'patern'; did you mean 'pattern'?",
        ),
        (
            "rules:\n  - pattern: '*'\n    action: dney\n",
            "p.yaml:3: rules[0].action: 'dney' is not one of allow, deny, ask; did you mean",
        ),
        ("rules:\n  - pattern: '*'\n", "p.yaml:2: rules[0].action: is missing: add 'action'"),
        ("rules:\n  - action: deny\n", "p.yaml:2: rules[0]: a rule needs pattern, tool, args"),
        (
            "defaults:\n  - hours: 08:00-22:00\n    action: deny\n",
            "p.yaml:2: defaults[0]: a rule needs pattern",
        ),
        ("rules: deny\n", "p.yaml:1: rules: needs a list"),
        ("", "p.yaml: the document is empty: 'agent-gate init' writes one to begin with"),
        (f"{RULE}    effects: reed\n", "p.yaml:4: rules[0].effects: 'reed' is not one of"),
        (f"{RULE}    rate: often\n", "p.yaml:4: rules[0].rate: 'often' is not a rate: write it"),
        (f"{RULE}    rate: 10001/s\n", "p.yaml:4: rules[0].rate: '10001/s' is not a rate"),
        (f"{RULE}    rate: 0/s\n", "p.yaml:4: rules[0].rate: '0/s' is not a rate"),
        (
            "rules:\n  - tool: f\n    rate: 5/s\n    action: deny\n",
            "p.yaml:3: rules[0].rate: rate belongs on a rule with action: allow",
        ),
        (
            "rules:\n  - tool: f\n    action: ask\n    other_args: true\n",
            "p.yaml:4: rules[0].other_args: other_args belongs on a rule with action: allow",
        ),
        (
            "rules:\n  - tool: f\n    action: deny\n    ask_again_after_unknown: false\n",
            "p.yaml:4: rules[0].ask_again_after_unknown: ask_again_after_unknown belongs on",
        ),
        (f"{RULE}    other_args: true\n", "other_args belongs on a rule with args"),
        (f"{RULE}    hours: mornings\n", "p.yaml:4: rules[0].hours: 'mornings' is not a span"),
        (f"{RULE}    hours: 08:00-08:00\n", "'08:00-08:00' is empty or ends after 24:00"),
        (f"{RULE}    hours: 08:00-24:30\n", "'08:00-24:30' is empty or ends after 24:00"),
        (f"{RULE}    hours: {{between: 08:00-09:00, days: [monday]}}\n", "days are mon, tue"),
        (f"{RULE}    hours: {{between: 08:00-09:00, days: []}}\n", "not none"),
        (f"{RULE}    hours: {{between: 08:00-09:00, tz: Berlin}}\n", "no time zone 'Berlin'"),
        (f"{RULE}    hours: {{between: 08:00-09:00, tz: ../x}}\n", "no time zone '../x'"),
        (f"{RULE}    args: {{}}\n", "p.yaml:4: rules[0].args: must have 1 entries or more"),
        (f"{RULE}    args: {{x: {{}}}}\n", "rules[0].args.x: an argument needs one of pattern"),
        (f"{RULE}    args: {{x: []}}\n", "rules[0].args.x: needs a list of 1 to 1000 values"),
        (f"{RULE}    args: {{x: [[1]]}}\n", "rules[0].args.x[0]: needs a single value"),
        (
            f"{RULE}    args: {{x: {{mim: 1}}}}\n",
            "rules[0].args.x.mim: unknown key 'mim'; did you mean 'min'?",
        ),
        (
            f"{RULE}    args: {{target: {{entity_id: x}}}}\n",
            "for a nested argument write target.entity_id",
        ),
        (f"{RULE}    args: {{x: {{min: 2, max: 1}}}}\n", "min 2 is above max 1"),
        (f"{RULE}    args: {{x: {{min: low}}}}\n", "rules[0].args.x.min: needs a number"),
        (f"{RULE}    args: {{x: {{max: true}}}}\n", "rules[0].args.x.max: needs a number"),
        (f"{RULE}    args: {{x: {{min: .nan}}}}\n", "rules[0].args.x.min: needs a number"),
        (f"{RULE}    args: {{x: {{in: dev}}}}\n", "rules[0].args.x.in: needs a list"),
        (f"{RULE}    args: {{x: {{not_in: []}}}}\n", "rules[0].args.x.not_in: needs a list"),
        (f"{RULE}    args: {{x: {{pattern: 5}}}}\n", "rules[0].args.x.pattern: needs text"),
        (f"{RULE}    args: {{a..b: 5}}\n", "an argument's name is missing"),
        (f"{RULE}    args: {{x: {'y' * 1_001}}}\n", "a pattern has at most 1000 characters"),
        (
            "rules:\n  - pattern: 'write_note(secret'\n    action: deny\n",
            "p.yaml:2: rules[0].pattern: ( has no ) at the end, so no request could match",
        ),
        ("rules:\n  - {pattern: 'f(a) ', action: deny}\n", "rules[0].pattern: ( has no )"),
        ("rules:\n  - {pattern: 'f(a)?', action: deny}\n", "rules[0].pattern: ( has no )"),
        ("defaults:\n  - {pattern: '*(a', action: ask}\n", "defaults[0].pattern: ( has no )"),
        (
            "rules:\n  - {pattern: 'f([secret)', action: deny}\n",
            "p.yaml:2: rules[0].pattern: [ has no ] after it: write [abc] for one of a, b, c",
        ),
        ("rules:\n  - {pattern: 'f([!)', action: deny}\n", "rules[0].pattern: [ has no ]"),
        ("rules:\n  - {pattern: 'f([])', action: deny}\n", "rules[0].pattern: [ has no ]"),
        ("rules:\n  - {pattern: 'f([z-a])', action: deny}\n", "[z-a] is no character at all"),
        ("rules:\n  - {pattern: 'f([Z-a])', action: deny}\n", "[z-a] is no character at all"),
        ("rules:\n  - {tool: 'f[ab', action: deny}\n", "p.yaml:2: rules[0].tool: [ has no ]"),
        ("rules:\n  - {tool: [f, 'g['], action: deny}\n", "rules[0].tool[1]: [ has no ]"),
        (f"{RULE}    agents: 'a['\n", "p.yaml:4: rules[0].agents: [ has no ]"),
        (f"{RULE}    args: {{x: '[ab'}}\n", "p.yaml:4: rules[0].args.x: [ has no ]"),
        (
            f"{RULE}    args: {{x: {{pattern: '[b-a]'}}}}\n",
            "rules[0].args.x: [b-a] is no character",
        ),
        (f"{RULE}    agents: []\n", "p.yaml:4: rules[0].agents: "),
        (f"{RULE}    pattern: ''\n", "p.yaml:4: rules[0].pattern: must not be empty"),
        (
            f"{RULE}members:\n  aera_id: {{x: [light.a]}}\n",
            "p.yaml:5: members.aera_id: unknown kind of name 'aera_id'; did you mean 'area_id'?",
        ),
        (f"{RULE}members:\n  area_id: {{x: [a]}}\n", "members.area_id.x[0]: 'a' is not an entity"),
        (f"{RULE}members:\n  area_id: {{x: light.a}}\n", "members.area_id.x: needs a list"),
    ],
)
def test_a_mistake_is_told_in_one_line(text: str, error: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Policy.parse(text, "p.yaml")
    assert error in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "f",
        "f(*",
        "f(a*",
        "f()",
        "*(*x*)",
        "*",
        "*[!a-z0-9_]lock[./]*",
        "f([[]a])",
        "f([]a])",
        "f(a(b)",
    ],
)
def test_what_can_match_is_taken(pattern: str) -> None:
    text = f"rules:\n  - {{pattern: '{pattern}', action: deny}}\n"
    assert Policy.parse(text).rules[0].pattern is not None


def test_a_parenthesis_is_a_letter_like_others_in_what_is_no_signature() -> None:
    assert Policy.parse("rules:\n  - {tool: f, args: {x: 'a(b'}, action: deny}\n").rules


def test_all_mistakes_of_a_file_are_collected() -> None:
    text = "rules:\n  - {tool: f, action: deny, rate: x}\n  - {action: ask}\n"
    with pytest.raises(DocumentError) as caught:
        Policy.parse(text, "p.yaml")
    assert [error.line for error in (caught.value, *caught.value.others)] == [2, 2, 3]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"nope\.yaml: file not found: create it"):
        Policy.load(tmp_path / "nope.yaml")


def test_decisions_of_a_file_go_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "permissions.yaml"
    path.write_text(RULE)
    assert Policy.load(path).rules[0].decision.rule == "permissions.yaml:2"
