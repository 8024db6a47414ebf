"""What is in groups, scenes and areas, where not all of it can be named or known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest
from tests.server.policy.helpers import action
from tests.server.policy.helpers import decide as decided

from agentgate_server.policy import Policy
from agentgate_server.policy.naming import ANYTHING

DENY = """
rules:
  - {pattern: "ha_call_service(cover.*, cover.garage)", action: deny}
  - {pattern: "ha_call_service(lock.*)", action: deny}
defaults:
  - {pattern: "*", action: allow}
"""
HOUSE: Mapping[tuple[str, str], Collection[str]] = {
    ("entity_id", "cover.all_doors"): ["cover.garage", "cover.shed"],
    ("entity_id", "cover.blinds"): ["cover.left", "cover.right"],
    ("entity_id", "cover.odd"): ["cover.left", "cover.itho_non-cve"],
    ("entity_id", "cover.upper"): ["Cover.Garage"],
    ("entity_id", "cover.dark"): [ANYTHING],
    ("entity_id", "cover.nested"): ["cover.left", "cover.all_doors"],
    ("entity_id", "cover.deep"): ["cover.nested", "cover.deep"],
    ("entity_id", "cover.scene_inside"): ["scene.unknown"],
    ("entity_id", "light.mixed"): ["lock.front", "light.katkinson_(en)"],
    ("entity_id", "light.speaks"): ["light.a", "sensor.spanish_(en)"],
    ("entity_id", "group.lights"): ["light.a", "script.open_up"],
    ("entity_id", "group.more"): ["group.lights", "group.starting"],
    ("entity_id", "group.some"): ["light.a", "cover.dark", "cover.odd"],
    ("entity_id", "scene.evening"): ["cover.nested"],
    ("area_id", "kitchen"): ["light.a", "sensor.spanish_(en)"],
    ("area_id", "odd"): ["light.a", "light.katkinson_(en)"],
    ("area_id", "list"): ["light.a", "sensor.x, light.b"],
    ("area_id", "upper"): ["light.a", "Light.B"],
    ("area_id", "dark"): ["light.a", ANYTHING],
    ("area_id", "porch"): ["cover.deep"],
}


def resolve(kind: str, name: str) -> Collection[str] | None:
    return HOUSE.get((kind, name))


def decide(text: str, service: str, **args: Any) -> str:
    domain, _, name = service.partition(".")
    policy = Policy.parse(text, resolver=resolve)
    return action(policy, "ha_call_service", {"domain": domain, "service": name, **args})


@pytest.mark.parametrize(
    ("service", "name", "expected"),
    [
        ("cover.open_cover", "cover.all_doors", "deny"),
        ("cover.open_cover", "cover.shed", "allow"),
        ("cover.open_cover", "cover.blinds", "allow"),
        ("cover.open_cover", "cover.odd", "deny"),
        ("cover.open_cover", "cover.upper", "deny"),
        ("cover.open_cover", "cover.dark", "deny"),
        ("cover.open_cover", "cover.nested", "deny"),
        ("cover.open_cover", "cover.deep", "deny"),
        ("cover.open_cover", "cover.scene_inside", "allow"),
        ("homeassistant.turn_on", "cover.scene_inside", "deny"),
        ("homeassistant.turn_off", "light.mixed", "deny"),
        ("light.turn_off", "light.mixed", "deny"),
        ("light.turn_off", "light.speaks", "allow"),
        ("homeassistant.turn_off", "light.speaks", "deny"),
        ("light.turn_on", "group.lights", "allow"),
        ("homeassistant.turn_on", "group.lights", "deny"),
        ("light.turn_on", "group.more", "deny"),
        ("light.turn_on", "group.some", "allow"),
        ("cover.open_cover", "group.some", "deny"),
        ("scene.turn_on", "scene.evening", "deny"),
    ],
)
def test_a_group_is_all_that_is_in_it_known_or_not(service: str, name: str, expected: str) -> None:
    assert decide(DENY, service, entity_id=name) == expected
    assert decide(DENY, service, entity_id=["light.a", name]) == expected
    assert decide(DENY, service, target={"entity_id": name}) == expected
    # Who is asked where others are denied is asked about the same.
    asked = DENY.replace("action: deny", "action: ask")
    assert decide(asked, service, entity_id=name) == expected.replace("deny", "ask")


@pytest.mark.parametrize(
    ("service", "area", "expected"),
    [
        ("light.turn_off", "kitchen", "allow"),
        ("homeassistant.turn_off", "kitchen", "deny"),
        ("light.turn_off", "odd", "deny"),
        ("cover.open_cover", "odd", "allow"),
        ("light.turn_off", "list", "deny"),
        ("light.turn_off", "upper", "deny"),
        ("light.turn_off", "dark", "deny"),
        ("cover.open_cover", "porch", "deny"),
        ("light.turn_off", "porch", "allow"),
    ],
)
def test_an_odd_id_in_an_area_matters_to_services_that_may_reach_it(
    service: str, area: str, expected: str
) -> None:
    assert decide(DENY, service, area_id=area) == expected
    assert decide(DENY, service, target={"area_id": [area]}) == expected


MEMBERS = """
members:
  entity_id:
    group.mine: [group.lights, light.b]
    scene.mine: [cover.nested]
    script.open_up: [light.a]
  service:
    rest_command.doors: [cover.all_doors]
    rest_command.light: [light.a]
"""


@pytest.mark.parametrize(
    ("service", "args", "expected"),
    [
        ("homeassistant.turn_on", {"entity_id": "group.mine"}, "allow"),
        ("scene.turn_on", {"entity_id": "scene.mine"}, "deny"),
        ("script.open_up", {}, "allow"),
        ("rest_command.doors", {}, "deny"),
        ("rest_command.light", {}, "allow"),
    ],
)
def test_what_the_policy_says_of_members_and_the_house_says_of_those_goes_together(
    service: str, args: dict[str, Any], expected: str
) -> None:
    assert decide(MEMBERS + DENY, service, **args) == expected


def test_a_tool_of_ones_own_looks_behind_groups_as_well() -> None:
    rules = DENY.replace("ha_call_service(cover.*, cover.garage)", "open_up(cover.garage)")
    policy = Policy.parse(rules, resolver=resolve)
    assert action(policy, "open_up", {"entity_id": "cover.shed"}) == "allow"
    for name in ("cover.garage", "cover.deep", "cover.dark", "cover.upper"):
        assert action(policy, "open_up", {"entity_id": name}) == "deny"


OPEN = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
defaults:
  - {pattern: "*", action: allow}
"""


@pytest.mark.parametrize(
    "service",
    [
        "homematic.set_device_value",
        "nodered.trigger",
        "matter.write_attribute",
        "homeassistant.turn_off",
        "somebodys_integration.do",
    ],
)
def test_a_service_that_names_no_entity_may_reach_any_unless_it_is_known_to_do_no_harm(
    service: str,
) -> None:
    domain, _, verb = service.partition(".")
    args = {"domain": domain, "service": verb, "address": "KEQ0", "value": True}
    decision = decided(OPEN, "ha_call_service", args)
    assert decision.action == "deny"
    assert decision.why == (f"what the service {service} does is not known",)
    trusted = f"{OPEN}members:\n  service: {{{service}: []}}\n"
    assert action(trusted, "ha_call_service", args) == "allow"
    reaches = f"{OPEN}members:\n  service: {{{service}: [lock.front]}}\n"
    assert action(reaches, "ha_call_service", args) == "deny"


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("notify.phone", {"message": "hello"}),
        ("persistent_notification.create", {"message": "hello"}),
        ("homeassistant.restart", {}),
        ("homeassistant.reload_all", {}),
        ("light.turn_on", {}),
        ("scene.reload", {}),
        ("somebodys_integration.reload", {}),
        ("somebodys_integration.do", {"entity_id": "fan.hall"}),
    ],
)
def test_what_does_no_harm_or_names_what_it_acts_on_is_no_doubt(
    service: str, more: dict[str, Any]
) -> None:
    domain, _, verb = service.partition(".")
    args = {"domain": domain, "service": verb, **more}
    assert action(OPEN, "ha_call_service", args) == "allow"
