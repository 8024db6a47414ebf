"""Rules that are proposed for what opens a house, and that they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agentgate_cli.starter.compose import starter
from agentgate_cli.starter.house_rules import KINDS, Proposal, propose, with_rules
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy

STATES: list[Any] = [
    {"entity_id": "lock.front", "attributes": {"friendly_name": "Front door"}},
    {"entity_id": "lock.back", "attributes": {}},
    {"entity_id": "alarm_control_panel.home", "attributes": {"friendly_name": "Alarm"}},
    {"entity_id": "cover.garage", "attributes": {"device_class": "garage"}},
    {"entity_id": "cover.drive", "attributes": {"device_class": "gate", "friendly_name": "Drive"}},
    {"entity_id": "cover.blinds", "attributes": {"device_class": "blind"}},
    {"entity_id": "valve.water", "attributes": {"friendly_name": "Wa\x1b[2Jter"}},
    {"entity_id": "light.hall", "attributes": {}},
    {"entity_id": "lock.with (odd) id", "attributes": {}},
    {"entity_id": 7, "attributes": {}},
    {"entity_id": "lock.none", "attributes": None},
]


def test_what_opens_is_found_and_what_does_not_is_left_alone() -> None:
    locks, alarms, covers, valves = propose(STATES)
    assert locks.entities == (("lock.back", "lock.back"), ("lock.front", "Front door"))
    assert (locks.action, alarms.action) == ("deny", "deny")
    assert covers.entities == (("cover.drive", "Drive"), ("cover.garage", "cover.garage"))
    assert covers.patterns == [
        "ha_call_service(cover.*, cover.drive)",
        "ha_call_service(cover.*, cover.garage)",
    ]
    assert valves.shown == "valve.water"  # its name would do something to a terminal
    assert propose(STATES[5:6]) == []


def test_of_many_some_are_shown() -> None:
    (locks,) = propose({"entity_id": f"lock.n{i}", "attributes": {}} for i in range(9))
    assert locks.shown == "lock.n0, lock.n1, lock.n2, lock.n3 and 5 more"


def decided(policy: Policy, domain: str, service: str, **target: str) -> str:
    args = {"domain": domain, "service": service, **target}
    found = policy.explain(
        agent="agent", tool="ha_call_service", effects=Effects.WRITE, args=args, now=0.0
    )
    return found.decision.action.value


def policy_with(*proposals: Proposal) -> Policy:
    return Policy.parse(with_rules(starter("house.yaml"), proposals), name="house.yaml")


@pytest.mark.parametrize("action", ["deny", "ask"])
def test_the_rules_hold_whichever_way_the_thing_is_named(action: str) -> None:
    policy = policy_with(*(replace(each, action=action) for each in propose(STATES)))
    for entity in ("lock.front", "alarm_control_panel.home", "cover.garage", "valve.water"):
        domain = entity.partition(".")[0]
        assert decided(policy, domain, "anything", entity_id=entity) == action
        assert decided(policy, "homeassistant", "toggle", entity_id=entity) == action
    assert decided(policy, "lock", "unlock", entity_id="lock.of_tomorrow") == action
    assert decided(policy, "cover", "open_cover", entity_id="cover.blinds") == "ask"
    assert decided(policy, "light", "turn_on", entity_id="light.hall") == "ask"


def test_what_is_chosen_to_have_no_rule_has_none() -> None:
    text = with_rules(starter("house.yaml"), [replace(each, action="none") for each in KINDS])
    assert "lock.*" not in text
    assert "alarm_control_panel" not in text
    assert "Looking does no harm" in text
    assert "ha_fire_event" in text
    assert Policy.parse(text, name="x")
