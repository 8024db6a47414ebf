"""The examples of the reference load, and do what is said of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.server.policy.helpers import LIGHT, action

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy
from agentgate_server.policy.form import RuleForm
from agentgate_server.policy.leaves import TEXT_CHARS_MAX as REQUEST_CHARS
from agentgate_server.policy.naming import MEMBER_KINDS
from agentgate_server.policy.readings import READING_CHARS_MAX, TEXT_CHARS_MAX

TEXT = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_example_loads(block: str) -> None:
    assert Policy.parse(block).rules


def example(mark: str) -> Policy:
    """The one example that contains a text."""
    (block,) = (block for block in BLOCKS if mark in block)
    return Policy.parse(block)


@pytest.mark.parametrize(
    ("mark", "tool", "args", "expected"),
    [
        ("Locks are for people", "ha_get_state", {"entity_id": "sensor.a"}, "allow"),
        ("to: [grocer", "pay", {"to": "baker", "amount": 50}, "allow"),
        ("to: [grocer", "pay", {"to": "baker", "amount": 51}, "ask"),
        ("not_in: [dev", "restart", {"where": "prod"}, "deny"),
        ("not_in: [dev", "restart", {"where": "dev"}, "ask"),
        ("guest-*", "f", {}, "ask"),
        ("/srv/shared", "read_file", {"path": "/srv/shared/x"}, "allow"),
        ("/srv/shared", "read_file", {"path": "/srv/shared/../x"}, "ask"),
        (
            "scene.evening",
            "ha_call_service",
            {"domain": "scene", "service": "turn_on", "entity_id": "scene.evening"},
            "allow",
        ),
        (
            "scene.evening",
            "ha_call_service",
            {"domain": "scene", "service": "turn_on", "entity_id": "scene.leaving"},
            "deny",
        ),
    ],
)
def test_examples_decide_as_described(
    mark: str, tool: str, args: dict[str, Any], expected: str
) -> None:
    assert action(example(mark), tool, args) == expected


def test_the_first_example_allows_lights_by_day_up_to_a_brightness() -> None:
    policy = example("Locks are for people")
    rule = next(rule for rule in policy.rules if rule.hours is not None)
    assert rule.hours is not None
    noon = next(now for now in range(0, 86_400, 3_600) if rule.hours.contain(now))
    night = next(now for now in range(0, 86_400, 3_600) if not rule.hours.contain(now))
    dim, bright = {**LIGHT, "brightness_pct": 60}, {**LIGHT, "brightness_pct": 61}
    assert action(policy, "ha_call_service", dim, now=noon) == "allow"
    assert action(policy, "ha_call_service", bright, now=noon) == "ask"
    assert action(policy, "ha_call_service", dim, now=night) == "ask"


def test_reading_is_allowed_by_the_recipe() -> None:
    policy = example("effects: read")
    assert action(policy, "f", effects=Effects.READ) == "allow"
    assert action(policy, "f", effects=Effects.WRITE) == "ask"


def test_the_reference_names_every_key_and_kind() -> None:
    for key in RuleForm.__struct_fields__:
        assert f"| `{key}` |" in TEXT
    for kind in MEMBER_KINDS:
        assert f"`{kind}`" in TEXT


def test_the_reference_tells_the_caps() -> None:
    assert (TEXT_CHARS_MAX // 1_000, READING_CHARS_MAX // 1_000, REQUEST_CHARS) == (8, 20, 200_000)
    assert all(text in TEXT for text in ("8,000", "20,000", "200,000"))
