"""What tells of an entity is under the rules about its state, by whichever tool."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy, signature_of
from agentgate_server.policy.naming import STATE_READERS

READS = "{effects: read, action: allow}"


def decided(rules: str, tool: str, **args: Any) -> str:
    policy = Policy.parse(f"rules: [{rules}]")
    decision = policy.decide(agent="agent", tool=tool, effects=Effects.READ, args=args, now=0)
    return decision.action.value


@pytest.mark.parametrize("tool", STATE_READERS)
@pytest.mark.parametrize("action", ["deny", "ask"])
@pytest.mark.parametrize(
    "about",
    [
        'pattern: "ha_get_state(camera.*)"',
        'tool: ha_get_state, args: {entity_id: "camera.*"}',
        'pattern: "ha_get_state(camera.bedroom)", agents: [agent]',
    ],
)
def test_a_rule_about_a_state_is_about_all_that_tells_of_it(
    tool: str, action: str, about: str
) -> None:
    rules = f"{{{about}, action: {action}}}, {READS}"
    assert decided(rules, "ha_get_state", entity_id="camera.bedroom") == action
    assert decided(rules, tool, entity_id="camera.bedroom") == action
    assert decided(rules, tool, entity_id=["sensor.temp", "camera.bedroom"], hours=3) == action
    assert decided(rules, tool, entity_id=" Camera.Bedroom") == action
    assert decided(rules, tool, entity_id="sensor.temp") == "allow"


@pytest.mark.parametrize("tool", STATE_READERS)
def test_who_may_read_no_state_gets_nothing_of_it(tool: str) -> None:
    for rule in ("{tool: ha_get_state, action: deny}", "{pattern: ha_get_state, action: deny}"):
        assert decided(f"{rule}, {READS}", tool, entity_id="sensor.temp") == "deny"
        assert decided(f"{rule}, {READS}", "ha_list_areas") == "allow"


@pytest.mark.parametrize("tool", STATE_READERS)
def test_leave_to_read_a_state_is_no_leave_to_read_more(tool: str) -> None:
    for rule in (
        '{pattern: "ha_get_state(*)", action: allow}',
        "{tool: ha_get_state, action: allow}",
    ):
        assert decided(rule, "ha_get_state", entity_id="sensor.temp") == "allow"
        assert decided(rule, tool, entity_id="sensor.temp") == "ask"


def test_signatures_show_what_is_named_and_nothing_else() -> None:
    assert signature_of("ha_get_history", {"entity_id": "a.b", "hours": 3}) == "ha_get_history(a.b)"
    assert signature_of("ha_get_todo", {"entity_id": ["a.b"]}) == 'ha_get_todo(["a.b"])'
    assert signature_of("ha_get_logbook", {"hours": 3}) == "ha_get_logbook"


@pytest.mark.parametrize(
    ("pattern", "args", "expected"),
    [
        ("ha_get_logbook", {"hours": 3}, "allow"),
        ("ha_get_logbook", {"entity_id": "lock.front"}, "ask"),
        ("ha_get_logbook(lock.*)", {"entity_id": "lock.front", "hours": 3}, "allow"),
        ("ha_get_logbook(lock.*)", {"entity_id": ["lock.front", "light.hall"]}, "ask"),
        ("ha_get_logbook(lock.*)", {}, "ask"),
        ("ha_get_logbook*", {}, "allow"),
    ],
)
def test_allow_rules_are_about_what_is_named(
    pattern: str, args: dict[str, Any], expected: str
) -> None:
    rule = f'{{pattern: "{pattern}", action: allow}}'
    assert decided(rule, "ha_get_logbook", **args) == expected


def test_the_bare_name_of_the_list_allows_every_look() -> None:
    rule = "{pattern: ha_get_states, action: allow}"
    for args in ({}, {"domain": "light"}, {"area": ["hall"], "limit": 5, "entity_id": "a.b"}):
        assert decided(rule, "ha_get_states", **args) == "allow"
