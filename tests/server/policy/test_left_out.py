"""To leave an argument out is one more way to say its default."""

from functools import partial
from typing import Any

import pytest
from tests.server.policy.helpers import rules

from agentgate_proto.records.request import Effects
from agentgate_server import tool
from agentgate_server.policy import Policy
from agentgate_server.policy.meanings import Meant, filled_in
from agentgate_server.tools.catalogue import Catalogue

FRONT = {"door": "front"}
ALL = "defaults:\n  - {pattern: '*', action: allow}\n"


def action(policy: Policy, args: dict[str, str], defaults: dict[str, str]) -> str:
    request: dict[str, Any] = {"agent": "house", "tool": "unlock", "effects": Effects.WRITE}
    request |= {"args": args, "now": 0.0, "meaning": partial(filled_in, defaults)}
    decided = policy.decide(**request)
    explained = policy.explain(**request)
    assert explained.decision == decided
    return decided.action.value


@pytest.mark.parametrize(
    "rule",
    [
        "{tool: unlock, args: {door: front}, action: ACTION}",
        "{tool: unlock, args: {door: {not_in: [back]}}, action: ACTION}",
        "{pattern: 'unlock(*front*)', action: ACTION}",
        "{pattern: 'unlock(front)', action: ACTION}",
    ],
)
@pytest.mark.parametrize("word", ["deny", "ask"])
def test_a_deny_or_ask_rule_on_a_default_holds_for_what_is_left_out(rule: str, word: str) -> None:
    policy = Policy.parse(f"{ALL}rules:\n  - {rule.replace('ACTION', word)}\n")
    assert action(policy, {}, FRONT) == word
    assert action(policy, FRONT, FRONT) == word
    assert action(policy, {"door": "back"}, FRONT) == "allow"


@pytest.mark.parametrize("door", ["front", "back"])
def test_an_allow_rule_on_what_is_left_out_does_not_match(door: str) -> None:
    policy = rules("tool: unlock, args: {door: {not_in: [front]}}, action: allow")
    assert action(policy, {"door": "back"}, {"door": door}) == "allow"
    assert action(policy, {}, {"door": door}) == "ask"


def test_an_allow_rule_that_names_what_is_given_needs_to_name_no_defaults() -> None:
    by_pattern = rules("pattern: unlock(back), action: allow")
    by_args = rules("tool: unlock, args: {door: back}, action: allow")
    for policy in (by_pattern, by_args):
        assert action(policy, {"door": "back"}, {"how": "slowly"}) == "allow"


def test_the_tools_defaults_are_those_of_its_schema() -> None:
    @tool
    def unlock(door: str = "front", times: int = 1, note: str | None = None) -> None:
        pass

    catalogue = Catalogue.of(unlock)
    assert catalogue.meaning_of("unlock")({}) == Meant({"door": "front", "times": 1})
    assert catalogue.meaning_of("unlock")({"door": "back", "times": 2}) is None
    assert catalogue.meaning_of("none")({}) is None
