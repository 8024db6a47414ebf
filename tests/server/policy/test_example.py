"""The example file, which is seed 001's, loads unchanged and says what it says there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.server.policy.helpers import LIGHT, decide, unknown_tools

from agentgate_server.policy import Policy

EXAMPLE = Path(__file__).parents[3] / "permissions.example.yaml"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.load(EXAMPLE)


@pytest.mark.parametrize(
    ("tool", "args", "expected", "description"),
    [
        ("ha_get_state", {"entity_id": "sensor.temp"}, "allow", ""),
        ("ha_get_states", {}, "allow", ""),
        ("ha_call_service", LIGHT, "ask", "Light control requires approval"),
        (
            "ha_call_service",
            {"domain": "lock", "service": "unlock", "entity_id": "lock.front"},
            "deny",
            "Lock control is always denied",
        ),
        (
            "ha_call_service",
            {"domain": "climate", "service": "turn_on", "entity_id": "climate.x"},
            "ask",
            "",
        ),
        ("ha_fire_event", {"event_type": "x"}, "deny", "Event firing is always denied"),
        ("reboot", {}, "ask", ""),
    ],
)
def test_the_example_decides_as_seed_001_says(
    policy: Policy, tool: str, args: dict[str, Any], expected: str, description: str
) -> None:
    decision = decide(policy, tool, args)
    assert (decision.action, decision.description) == (expected, description)
    assert decision.rule.startswith("permissions.example.yaml:")


def test_every_rule_of_the_example_is_about_a_tool_of_seed_001(policy: Policy) -> None:
    tools = ("ha_get_state", "ha_get_states", "ha_call_service", "ha_fire_event")
    assert unknown_tools(policy, *tools) == []
