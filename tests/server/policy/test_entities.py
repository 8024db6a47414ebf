"""What a Home Assistant-like request acts on, beyond what it spells out."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from tests.server.policy.helpers import LIGHT, action, rules

from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy

MEMBERS = """
members:
  entity_id:
    scene.evening: [light.sofa, media_player.tv]
    scene.leaving: [light.sofa, lock.front]
    group.lights: [light.a, light.b]
    group.doors: [lock.front, lock.back]
    script.good_night: [light.a]
  area_id:
    Kitchen: [light.sink, switch.oven]
    hallway: [light.hall, lock.front]
  service:
    rest_command.water: [valve.garden]
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
  - {pattern: "ha_call_service*", action: allow}
"""


def call(domain: str, service: str, **args: Any) -> dict[str, Any]:
    return {"domain": domain, "service": service, **args}


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (call("scene", "turn_on", entity_id="scene.evening"), "allow"),
        (call("scene", "turn_on", entity_id="scene.leaving"), "deny"),
        (call("scene", "turn_on", entity_id=["scene.evening", "scene.leaving"]), "deny"),
        (call("scene", "turn_on", entity_id="scene.other"), "deny"),
        (call("homeassistant", "turn_on", entity_id="group.lights"), "allow"),
        (call("homeassistant", "turn_on", entity_id="group.doors"), "deny"),
        (call("light", "turn_on", entity_id="group.doors"), "allow"),
        (call("script", "good_night"), "allow"),
        (call("script", "turn_on", entity_id="script.good_night"), "allow"),
        (call("script", "turn_on", entity_id="script.other"), "deny"),
        (call("script", "reload"), "allow"),
        (call("rest_command", "water"), "allow"),
        (call("rest_command", "door"), "deny"),
        (call("light", "turn_off", area_id="kitchen"), "allow"),
        (call("light", "turn_off", area_id=" KITCHEN"), "allow"),
        (call("light", "turn_off", area_id=["kitchen", "hallway"]), "allow"),
        (call("homeassistant", "turn_off", area_id="kitchen"), "allow"),
        (call("homeassistant", "turn_off", area_id="hallway"), "deny"),
        (call("homeassistant", "turn_off", target={"area_id": "hallway"}), "deny"),
        (call("light", "turn_off", area_id="cellar"), "deny"),
        (call("light", "turn_off", device_id="kitchen"), "deny"),
    ],
)
def test_members_say_what_indirect_names_stand_for(args: dict[str, Any], expected: str) -> None:
    assert action(Policy.parse(MEMBERS), "ha_call_service", args) == expected


class House:
    """A resolver as a backend would plug it in; it knows no groups."""

    def __init__(self, answer: Collection[str] | None) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str]] = []

    def __call__(self, kind: str, name: str) -> Collection[str] | None:
        self.asked.append((kind, name))
        return None if kind == "entity_id" else self.answer


RULES = """
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
  - {pattern: "ha_call_service*", action: allow}
"""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (["light.a"], "allow"),
        ([], "allow"),
        (["light.a", "lock.front"], "deny"),
        (None, "deny"),
        (["no entity"], "deny"),
    ],
)
def test_a_resolver_is_asked_for_indirect_names(answer: list[str] | None, expected: str) -> None:
    house = House(answer)
    policy = Policy.parse(RULES, resolver=house)
    args = call("homeassistant", "turn_off", target={"device_id": "D1"})
    decision = policy.decide(
        agent="a", tool="ha_call_service", effects=Effects.WRITE, args=args, now=0.0
    )
    assert decision.action == expected
    assert house.asked[0] == ("device_id", "d1")


def test_members_are_asked_before_the_resolver() -> None:
    house = House(["lock.front"])
    policy = Policy.parse(MEMBERS, resolver=house)
    assert (
        action(policy, "ha_call_service", call("homeassistant", "on", area_id="kitchen")) == "allow"
    )
    assert action(policy, "ha_call_service", call("homeassistant", "on", area_id="attic")) == "deny"
    assert ("area_id", "attic") in house.asked
    assert ("area_id", "kitchen") not in house.asked


def test_of_an_everyday_call_it_is_asked_only_whether_its_entity_is_a_group() -> None:
    house = House(None)
    assert action(Policy.parse(RULES, resolver=house), "ha_call_service", LIGHT) == "allow"
    assert house.asked == [("entity_id", "light.bedroom")]


GROUPS = """
members:
  entity_id:
    lock.all_doors: [lock.front, lock.back]
    light.porch: [light.left, light.right]
  area_id:
    hall: [light.hall, script.open_up]
    porch: [lock.all_doors]
rules:
  - {pattern: "ha_call_service(lock.unlock, lock.front)", action: deny}
  - {pattern: "ha_call_service*", action: allow}
"""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (call("lock", "unlock", entity_id="lock.all_doors"), "deny"),
        (call("lock", "unlock", entity_id=["lock.garden", "lock.all_doors"]), "deny"),
        (call("lock", "unlock", area_id="porch"), "deny"),
        (call("lock", "unlock", entity_id="lock.back"), "allow"),
        (call("lock", "lock", entity_id="lock.all_doors"), "allow"),
        (call("light", "turn_on", entity_id="light.porch"), "allow"),
        (call("light", "turn_on", area_id="hall"), "allow"),
        (call("script", "turn_on", area_id="hall"), "deny"),
        (call("homeassistant", "turn_on", area_id="hall"), "deny"),
    ],
)
def test_groups_that_look_like_entities_and_holders_in_areas_are_seen(
    args: dict[str, Any], expected: str
) -> None:
    assert action(Policy.parse(GROUPS), "ha_call_service", args) == expected


def test_a_resolver_that_comes_later_answers_what_nobody_else_does() -> None:
    house, other = House(["lock.front"]), House(["light.a"])
    policy = Policy.parse(MEMBERS)
    policy.resolve_by(house)
    policy.resolve_by(other)
    turn_on = call("homeassistant", "on", area_id="attic")
    assert action(policy, "ha_call_service", turn_on) == "deny"
    assert action(policy, "ha_call_service", {**turn_on, "area_id": "kitchen"}) == "allow"
    plain = Policy.parse(RULES)
    plain.resolve_by(other)
    plain.resolve_by(house)
    assert action(plain, "ha_call_service", turn_on) == "allow"


@pytest.mark.parametrize(
    ("pattern", "args", "expected"),
    [
        ("light.*", LIGHT, "allow"),
        ("light.*", {**LIGHT, "entity_id": ["light.a", "light.b"]}, "allow"),
        ("light.*", call("light", "turn_on", target={"entity_id": "light.a"}), "allow"),
        ("light.*", {**LIGHT, "brightness": 5, "effect": "Rainbow, please"}, "allow"),
        ("light.turn_on, light.bed*", {**LIGHT, "entity_id": ["light.bedroom", "light.a"]}, "ask"),
        ("light.*", {**LIGHT, "entity_id": ["light.a", "lock.front"]}, "ask"),
        ("light.*", {**LIGHT, "entity_id": "lock.front"}, "ask"),
        ("light.*", {**LIGHT, "target": {"entity_id": "lock.front"}}, "ask"),
        ("light.*", {**LIGHT, "data": {"entity_id": "lock.front"}}, "ask"),
        ("light.*", {**LIGHT, "area_id": "kitchen"}, "ask"),
        ("light.*", {**LIGHT, "entity_id": "all"}, "ask"),
        ("light.*", {**LIGHT, "entity_id": "{{ x }}"}, "ask"),
        ("light.*", {**LIGHT, "x": "lock.front"}, "ask"),
        ("light.*", {**LIGHT, "entity_id": "group.all"}, "ask"),
        ("light.*", call("light", "turn_on"), "allow"),
        ("light.turn_on", call("light", "turn_on"), "allow"),
        ("light.turn_on, *", call("light", "turn_on"), "allow"),
        ("light.turn_on", LIGHT, "ask"),
        ("light.turn_on, group.*", {**LIGHT, "entity_id": "group.all"}, "allow"),
        ("homeassistant.*", call("homeassistant", "turn_on", entity_id="light.a"), "ask"),
        ("homeassistant.*", call("homeassistant", "restart"), "allow"),
        ("homeassistant.*, light.*", call("homeassistant", "off", entity_id="light.a"), "allow"),
        ("homeassistant.*, light.*", call("homeassistant", "off", entity_id="lock.a"), "ask"),
        ("homeassistant.*, light.*", call("homeassistant", "off", area_id="x"), "ask"),
        ("scene.*", call("scene", "turn_on", entity_id="scene.evening"), "allow"),
        ("scene.turn_on, scene.ev*", call("scene", "turn_on", entity_id="scene.evening"), "allow"),
        ("scene.*", call("scene", "turn_on", entity_id="script.x"), "ask"),
        ("script.*", call("script", "good_night", who="bob"), "allow"),
        ("shell_command.*", call("shell_command", "backup"), "allow"),
        ("*", call("light", "turn_on", area_id=5), "allow"),
    ],
)
def test_an_allow_pattern_covers_entities_only_as_far_as_it_says(
    pattern: str, args: dict[str, Any], expected: str
) -> None:
    policy = rules(f'pattern: "ha_call_service({pattern})", action: allow')
    assert action(policy, "ha_call_service", args) == expected


@pytest.mark.parametrize(
    ("conditions", "args", "expected"),
    [
        ('domain: light, service: "*", entity_id: "light.*"', LIGHT, "allow"),
        ('domain: light, service: "*"', LIGHT, "ask"),
        ('domain: light, service: "*", entity_id: "light.*"', {**LIGHT, "brightness": 5}, "ask"),
        (
            'domain: light, service: "*", entity_id: "light.*", brightness: {max: 9}',
            {**LIGHT, "brightness": 5},
            "allow",
        ),
        ('domain: "*", service: "*", entity_id: "light.*"', LIGHT, "allow"),
        (
            'domain: "*", service: "*", entity_id: "light.*"',
            call("homeassistant", "off", entity_id="light.a"),
            "allow",
        ),
        (
            'domain: homeassistant, service: "*", entity_id: "*"',
            call("homeassistant", "off", entity_id="light.a"),
            "ask",
        ),
        (
            'domain: "*", service: "*", entity_id: "light.*"',
            {**LIGHT, "entity_id": ["light.a", "light.b"]},
            "allow",
        ),
        (
            'domain: "*", service: "*", entity_id: "light.*"',
            {**LIGHT, "entity_id": ["light.a", "lock.b"]},
            "ask",
        ),
        ('domain: "*", service: "*", entity_id: "*"', {**LIGHT, "entity_id": "all"}, "ask"),
        (
            'domain: light, service: "*", area_id: kitchen',
            call("light", "off", area_id="kitchen"),
            "allow",
        ),
        (
            'domain: light, service: "*", area_id: kitchen',
            call("light", "off", area_id="cellar"),
            "ask",
        ),
        (
            'domain: light, service: "*", target.area_id: kitchen',
            call("light", "off", target={"area_id": "kitchen"}),
            "allow",
        ),
        (
            'domain: light, service: "*", target.area_id: kitchen',
            call("light", "off", target={"area_id": "kitchen", "entity_id": "lock.a"}),
            "ask",
        ),
        (
            'domain: scene, service: turn_on, entity_id: "scene.*"',
            call("scene", "turn_on", entity_id="scene.evening"),
            "allow",
        ),
        (
            'domain: tts, service: say, entity_id: tts.a, media_player_entity_id: "media_player.*"',
            call("tts", "say", entity_id="tts.a", media_player_entity_id="media_player.b"),
            "allow",
        ),
    ],
)
def test_allow_conditions_cover_entities_only_as_far_as_they_say(
    conditions: str, args: dict[str, Any], expected: str
) -> None:
    policy = rules(f"tool: ha_call_service, args: {{{conditions}}}, action: allow")
    assert action(policy, "ha_call_service", args) == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"brightness": 5}, "allow"),
        ({"effect": "Rainbow"}, "allow"),
        ({"target": {"entity_id": "light.b"}}, "allow"),
        ({"target": {"entity_id": "lock.front"}}, "ask"),
        ({"x": "lock.front"}, "ask"),
        ({"x": {"domain": "lock"}}, "ask"),
        ({"area_id": "kitchen"}, "ask"),
    ],
)
def test_other_arguments_may_not_name_other_entities(more: dict[str, Any], expected: str) -> None:
    policy = rules(
        'tool: ha_call_service, args: {entity_id: "light.*"}, other_args: true, action: allow'
    )
    assert action(policy, "ha_call_service", {**LIGHT, **more}) == expected


def test_a_rule_that_is_not_about_names_does_not_care_for_them() -> None:
    policy = rules("tool: ha_call_service, args: {code: 7}, other_args: true, action: allow")
    args = call("homeassistant", "off", area_id="x", code=7)
    assert action(policy, "ha_call_service", args) == "allow"


@pytest.mark.parametrize(
    ("conditions", "args", "expected"),
    [
        ("domain: lock", call("lock", "unlock", entity_id="lock.a"), "deny"),
        ("domain: lock", call("homeassistant", "off", entity_id="lock.a"), "deny"),
        ("domain: lock", call("light", "off", entity_id="light.a"), "allow"),
        ("domain: lock", call("light", "off", area_id="x"), "deny"),
        ("Domain: lock", call("homeassistant", "off", entity_id="lock.a"), "deny"),
        ("service: unlock", call("homeassistant", "off", entity_id="lock.a"), "deny"),
        ("service: unlock", LIGHT, "allow"),
        ("domain: lock, service: unlock", call("lock", "lock", entity_id="lock.a"), "allow"),
        (
            'entity_id: "lock.*"',
            call("homeassistant", "off", target={"entity_id": "lock.a"}),
            "deny",
        ),
        ('entity_id: "lock.*"', LIGHT, "allow"),
        ('entity_id: "lock.*"', call("lock", "unlock"), "allow"),
        ("entity_id: {not_in: [light.a]}", LIGHT, "deny"),
        ("entity_id: {not_in: [light.a]}", call("light", "off", entity_id="light.a"), "allow"),
        ("entity_id: {not_in: [light.a]}", call("light", "off"), "deny"),
        ("area_id: garage", call("cover", "open", area_id="garage"), "deny"),
        ("area_id: garage", call("cover", "open", target={"area_id": ["x", "garage"]}), "deny"),
        ("area_id: garage", call("cover", "open", area_id="kitchen"), "allow"),
        ("area_id: garage", call("cover", "open", entity_id="cover.garage"), "deny"),
        ("area_id: garage", call("cover", "open", device_id="x"), "deny"),
        ("area_id: garage", call("homeassistant", "restart", hard=[1]), "allow"),
        ("brightness: {min: 200}", {**LIGHT, "brightness": 255}, "deny"),
        ("brightness: {min: 200}", {**LIGHT, "data": {"Brightness": "255"}}, "deny"),
        ("brightness: {min: 200}", {**LIGHT, "brightness": 25}, "allow"),
        ("brightness: {min: 200}, domain: light", {**LIGHT, "brightness": 255}, "deny"),
        ("brightness: {min: 200}, domain: fan", {**LIGHT, "brightness": 255}, "allow"),
    ],
)
def test_deny_conditions_find_what_is_acted_on(
    conditions: str, args: dict[str, Any], expected: str
) -> None:
    policy = rules(
        f"tool: ha_call_service, args: {{{conditions}}}, action: deny",
        "tool: ha_call_service, action: allow",
    )
    assert action(policy, "ha_call_service", args) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"entity_id": "lock.front"}, "deny"),
        ({"entity_id": "light.a"}, "allow"),
        ({"entity_id": "LIGHT.A"}, "allow"),
        ({"entity_id": "group.doors"}, "allow"),
        ({"entity_id": ["light.a", "lock.front"]}, "deny"),
        ({"entity_id": "light.a/../lock.front"}, "deny"),
        ({"entity_id": "light.a?x=lock.front"}, "deny"),
        ({"entity_id": "all"}, "deny"),
        ({"entity_id": 5}, "deny"),
        ({"area_id": "x"}, "deny"),
        ({"entity_id": "light.a", "other": "lock.front"}, "deny"),
        ({}, "allow"),
    ],
)
def test_reading_a_state(args: dict[str, Any], expected: str) -> None:
    policy = rules(
        'pattern: "ha_get_state(lock.*)", action: deny', 'pattern: "ha_get*", action: allow'
    )
    assert action(policy, "ha_get_state", args) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"event_type": "alarm"}, "deny"),
        ({"event_type": "Alarm "}, "deny"),
        ({"event_type": ["alarm"]}, "deny"),
        ({"EVENT_TYPE": "alarm"}, "deny"),
        ({"event_type": "bell", "data": "alarm"}, "allow"),
        ({"event_type": "bell", "device_id": "x"}, "allow"),
        ({}, "allow"),
    ],
)
def test_firing_an_event(args: dict[str, Any], expected: str) -> None:
    policy = rules(
        'pattern: "ha_fire_event(alarm)", action: deny',
        'pattern: "ha_fire_event(*)", action: allow',
    )
    assert action(policy, "ha_fire_event", args) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"entity_id": "cover.garage"}, "deny"),
        ({"entity_id": ["light.a", "Cover.Garage"]}, "deny"),
        ({"target": {"entity_id": "cover.garage"}}, "deny"),
        ({"entity_id": "all"}, "deny"),
        ({"entity_id": "group.covers"}, "deny"),
        ({"entity_id": "0123456789abcdef0123456789abcdef"}, "deny"),
        ({"entity_id": "c\u043ev\u0435r.\u0baa"}, "deny"),
        ({"area_id": "x"}, "deny"),
        ({"entity_id": "light.a"}, "allow"),
        ({"entity_id": "customer-42"}, "allow"),
        ({"entity_id": 42}, "allow"),
        ({"target": "prod", "label": "x"}, "allow"),
    ],
)
@pytest.mark.parametrize(
    "rule", ['pattern: "switch_on(cover.*)"', 'tool: switch_on, args: {entity_id: "cover.*"}']
)
def test_other_tools_with_home_assistants_arguments(
    rule: str, args: dict[str, Any], expected: str
) -> None:
    policy = rules(f"{rule}, action: deny", "tool: switch_on, action: allow")
    assert action(policy, "switch_on", args) == expected


def test_members_count_for_other_tools_too() -> None:
    text = MEMBERS.replace("ha_call_service", "switch_on")
    assert action(Policy.parse(text), "switch_on", {"entity_id": "scene.evening"}) == "allow"
    assert action(Policy.parse(text), "switch_on", {"entity_id": "scene.leaving"}) == "deny"
    assert action(Policy.parse(text), "switch_on", {"area_id": "hallway"}) == "deny"
    only = rules('pattern: "switch_on(scene.*)", action: allow')
    assert action(only, "switch_on", {"entity_id": "scene.evening"}) == "allow"


def test_tools_of_home_assistant_take_nothing_but_entities() -> None:
    policy = rules('pattern: "ha_switch(lock.*)", action: deny', "tool: ha_switch, action: allow")
    assert action(policy, "ha_switch", {"entity_id": "light.a"}) == "allow"
    assert action(policy, "ha_switch", {"entity_id": "customer-42"}) == "deny"
    assert action(policy, "ha_switch", {"entity_id": 42}) == "deny"


DIGITS = """
members:
  entity_id:
    script.3d_printer_off: [light.a]
    script.3d_door: [lock.front]
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
  - {pattern: "ha_call_service(script.1584605506836)", action: deny}
  - {pattern: "ha_call_service(light.2nd_on, light.1st)", action: deny}
  - {pattern: "ha_call_service(script.*)", action: allow}
  - tool: ha_call_service
    args: {domain: light, service: 1st_on, entity_id: light.1st}
    action: allow
"""


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (call("script", "1584605506836"), "deny"),
        (call("script", "turn_on", entity_id="script.1584605506836"), "deny"),
        (call("script", "3d_printer_off"), "allow"),
        (call("script", "turn_on", entity_id="script.3d_printer_off"), "allow"),
        (call("script", "3d_door"), "deny"),
        (call("light", "2nd_on", entity_id="light.1st"), "deny"),
        (call("light", "1st_on", entity_id="light.1st"), "allow"),
        (call("light", "1st_on", entity_id="light.2nd"), "ask"),
    ],
)
def test_names_may_begin_with_digits(args: dict[str, Any], expected: str) -> None:
    assert action(Policy.parse(DIGITS), "ha_call_service", args) == expected
