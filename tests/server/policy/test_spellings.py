"""One deny rule in seed 001's form against every way we know to say "unlock the front door"."""

from __future__ import annotations

from typing import Any

import pytest
from tests.server.policy.helpers import nested

from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Effects
from agentgate_server.policy import Policy

POLICY = """
defaults:
  - pattern: "ha_call_service*"
    action: allow
  - pattern: "ha_get_*"
    action: allow
rules:
  - pattern: "ha_call_service(lock.*)"
    action: deny
    description: "Locks stay locked"
"""


def wide(text: str) -> str:
    """The text in full-width forms."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def unlock(**changes: Any) -> dict[str, Any]:
    """The plain request, with some arguments changed; None takes one away."""
    args = {"domain": "lock", "service": "unlock", "entity_id": "lock.front", **changes}
    return {key: value for key, value in args.items() if value is not None}


def generic(**changes: Any) -> dict[str, Any]:
    """The same by the service that takes entities of every domain."""
    return unlock(**{"domain": "homeassistant", "service": "turn_off", **changes})


def entity(spelling: Any) -> dict[str, Any]:
    return generic(entity_id=spelling)


def script(**changes: Any) -> dict[str, Any]:
    return {"domain": "script", "service": "turn_on", "entity_id": "script.run", **changes}


UNLOCK_SERVICE = {"service": "lock.unlock", "target": {"entity_id": "lock.front"}}

SPELLINGS: dict[str, dict[str, Any]] = {
    "plain": unlock(),
    "no entity": unlock(entity_id=None),
    "entity list": unlock(entity_id=["lock.front"]),
    "another lock's service": unlock(service="open"),
    "more arguments": unlock(code="1234", return_response=False),
    "domain in capitals": unlock(domain="LOCK"),
    "domain in title case": unlock(domain="Lock"),
    "domain with spaces": unlock(domain=" lock "),
    "domain with a newline": unlock(domain="lock\n"),
    "domain in full width": unlock(domain=wide("lock")),
    "domain with a Cyrillic o": unlock(domain="l\u043eck"),
    "domain with Greek and Cyrillic": unlock(domain="l\u03bf\u0441\u043a"),
    "domain with a zero-width space": unlock(domain="lo\u200bck"),
    "domain with a soft hyphen": unlock(domain="lo\u00adck"),
    "domain with a NUL": unlock(domain="lock\x00"),
    "domain in bold": unlock(domain="\U0001d425\U0001d428\U0001d41c\U0001d424"),
    "domain in circled letters": unlock(domain="ⓛⓞⓒⓚ"),
    "domain in squared letters": unlock(domain="\U0001f17b\U0001f17e\U0001f172\U0001f17a"),
    "domain in small capitals": unlock(domain="ʟᴏᴄᴋ"),
    "domain with an accent": unlock(domain="l\u00f3ck"),
    "domain with a combining accent": unlock(domain="lo\u0301ck"),
    "domain with a Kelvin sign": unlock(domain="loc\u212a"),
    "domain with a right-to-left mark": unlock(domain="\u200flock"),
    "domain with a letter from no table": unlock(domain="l\u2cb0ck"),
    "domain as a list": unlock(domain=["lock"]),
    "domain as an object": unlock(domain={"lock": 1}),
    "domain as a number": unlock(domain=5),
    "domain as JSON text": unlock(domain='"lock"'),
    "domain in quotes": unlock(domain="'lock'"),
    "domain left out": unlock(domain=None, service="unlock"),
    "domain is null": {**unlock(), "domain": None},
    "domain inside the service": unlock(domain=None, service="lock.unlock"),
    "domain against the service": unlock(domain="light", service="lock.unlock"),
    "path in the service": unlock(domain="light", service="turn_on/../../lock/unlock"),
    "path in the domain": unlock(domain="light/../lock", service="unlock"),
    "query in the service": unlock(domain="light", service="turn_on?x=lock"),
    "percent-encoded domain": unlock(domain="%6cock"),
    "keys in capitals": {"DOMAIN": "lock", "SERVICE": "unlock", "ENTITY_ID": "lock.front"},
    "keys twice": {**unlock(domain="light", service="turn_on"), "Domain": "lock"},
    "generic service": generic(),
    "generic toggle": generic(service="toggle"),
    "a light's service": unlock(domain="light", service="turn_off"),
    "generic service, list": entity(["light.hall", "lock.front"]),
    "generic service, nested list": entity([["lock.front"]]),
    "generic service, JSON list": entity('["light.hall", "lock.front"]'),
    "generic service, JSON text": entity('"lock.front"'),
    "generic service, JSON in JSON": entity('["[\\"lock.front\\"]"]'),
    "generic service, Python list": entity("['lock.front']"),
    "generic service, comma list": entity("light.hall,lock.front"),
    "generic service, comma list with spaces": entity("light.hall , lock.front "),
    "generic service, full-width comma": entity("light.hall\uff0clock.front"),
    "generic service, semicolons": entity("light.hall;lock.front"),
    "generic service, spaces": entity("light.hall lock.front"),
    "generic service, object": entity({"lock.front": True}),
    "generic service, object with the entity inside": entity({"id": "lock.front"}),
    "generic service, capitals": entity("LOCK.FRONT"),
    "generic service, leading space": entity(" lock.front"),
    "generic service, newline": entity("lock.front\n"),
    "generic service, tab inside": entity("lock\t.front"),
    "generic service, Cyrillic": entity("l\u043eck.fr\u043ent"),
    "generic service, full width": entity(wide("lock.front")),
    "generic service, ideographic full stop": entity("lock\u3002front"),
    "generic service, one dot leader": entity("lock\u2024front"),
    "generic service, zero-width joiner": entity("lock\u200d.front"),
    "generic service, byte order mark": entity("\ufefflock.front"),
    "generic service, invisible letter": entity("lo\u3164ck.front"),
    "generic service, percent-encoded": entity("lock%2Efront"),
    "generic service, escape": entity("\\u006cock.front"),
    "generic service, HTML": entity("&#108;ock.front"),
    "generic service, letters from no table": entity("\u2c9f\u0baa.front"),
    "generic service, all": entity("all"),
    "generic service, ALL": entity("ALL"),
    "generic service, star": entity("*"),
    "generic service, registry id": entity("0123456789abcdef0123456789abcdef"),
    "generic service, template": entity("{{ 'lo' ~ 'ck.front' }}"),
    "generic service, number": entity(5),
    "generic service, null": {**generic(), "entity_id": None},
    "generic service, empty text": entity(""),
    "generic service, domain only": entity("lock"),
    "key in camel case": generic(entity_id=None, entityId="lock.front"),
    "key with a hyphen": generic(entity_id=None, **{"entity-id": "lock.front"}),
    "key in capitals": generic(entity_id="light.hall", ENTITY_ID="lock.front"),
    "key in full width": generic(entity_id="light.hall", **{wide("entity_id"): "lock.front"}),
    "key of another argument": generic(entity_id="light.hall", other_entity_id="lock.front"),
    "target": generic(entity_id=None, target={"entity_id": "lock.front"}),
    "target, list": generic(entity_id=None, target={"entity_id": ["light.hall", "lock.front"]}),
    "target, JSON": generic(entity_id=None, target='{"entity_id": "lock.front"}'),
    "target, text": generic(entity_id=None, target="lock.front"),
    "target, list of targets": generic(entity_id=None, target=[{"entity_id": "lock.front"}]),
    "target, key in capitals": generic(entity_id=None, Target={"Entity_ID": "lock.front"}),
    "target, unknown key": generic(entity_id=None, target={"things": "front"}),
    "target beside an innocent entity": generic(
        entity_id="light.hall", target={"entity_id": "lock.front"}
    ),
    "dotted key": generic(entity_id=None, **{"target.entity_id": "lock.front"}),
    "area": generic(entity_id=None, area_id="hallway"),
    "area in target": generic(entity_id=None, target={"area_id": ["hallway"]}),
    "area, a light's service": unlock(
        domain="light", service="turn_off", entity_id=None, area_id="hallway"
    ),
    "device": generic(entity_id=None, device_id="abc123"),
    "label": generic(entity_id=None, target={"label_id": "doors"}),
    "floor": generic(entity_id=None, target={"floor_id": "ground"}),
    "area as a number": generic(entity_id="light.hall", area_id=7),
    "a light, area as a number": unlock(
        domain="light", service="turn_off", entity_id="light.hall", area_id=7
    ),
    "a light, target as a number": unlock(
        domain="light", service="turn_off", entity_id="light.hall", target=7
    ),
    "area beside an innocent entity": generic(entity_id="light.hall", area_id="hallway"),
    "service data": generic(entity_id=None, service_data={"entity_id": "lock.front"}),
    "data": generic(entity_id=None, data={"entity_id": "lock.front"}),
    "data in JSON": generic(entity_id=None, data='{"entity_id": "lock.front"}'),
    "deep data": generic(entity_id=None, data={"a": [{"b": {"entity_id": ["lock.front"]}}]}),
    "script": script(),
    "script by its own service": {"domain": "script", "service": "open_up"},
    "script's variables": script(variables={"action": "lock.unlock", "who": "lock.front"}),
    "script's nested sequence": script(variables={"sequence": [UNLOCK_SERVICE]}),
    "variables of an unknown service": {
        "domain": "house",
        "service": "run",
        "variables": {"then": [UNLOCK_SERVICE]},
    },
    "names in data only": {"domain": "house", "service": "run", "what": "lock.unlock"},
    "domain in data only": {"domain": "house", "service": "run", "x": {"domain": "lock"}},
    "domain list in data": {"domain": "house", "service": "run", "x": {"domain": ["lock"]}},
    "names as keys": {
        "domain": "scene",
        "service": "apply",
        "entities": {"lock.front": "unlocked"},
    },
    "scene": {"domain": "scene", "service": "turn_on", "entity_id": "scene.leaving"},
    "group": generic(entity_id="group.doors"),
    "group in a light's service": unlock(
        domain="light", service="turn_off", entity_id="group.doors"
    ),
    "automation": {"domain": "automation", "service": "trigger", "entity_id": "automation.open"},
    "shell command": {"domain": "shell_command", "service": "open_door"},
    "REST command": {"domain": "rest_command", "service": "open_door"},
    "MQTT": {"domain": "mqtt", "service": "publish", "topic": "z2m/door/set", "payload": "UNLOCK"},
    "spoken": {"domain": "conversation", "service": "process", "text": "unlock the front door"},
    "a mention in data": {
        "domain": "house",
        "service": "run",
        "what": "go: lock.unlock, then stop",
    },
    "a list with rubbish": {"domain": "house", "service": "run", "add": "lock.front, ???"},
    "domains in data": {"domain": "recorder", "service": "forget", "domains": ["lock"]},
    "template in data": {"domain": "house", "service": "run", "what": "{{ states.lock }}"},
    "a list longer than we read": entity(["light.hall"] * 3_000 + ["lock.front"]),
    "deeper than we read": generic(entity_id=None, data=nested(40, {"entity_id": "lock.front"})),
}

INNOCENT: dict[str, dict[str, Any]] = {
    "light": {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"},
    "lights": {"domain": "light", "service": "turn_on", "entity_id": ["light.a", "light.b_2"]},
    "lights in JSON": {"domain": "light", "service": "turn_on", "entity_id": '["light.a"]'},
    "lights by comma": {"domain": "light", "service": "turn_on", "entity_id": "light.a, light.b"},
    "light in target": {
        "domain": "light",
        "service": "turn_on",
        "target": {"entity_id": "light.bedroom"},
    },
    "light in capitals": {"domain": "Light", "service": "turn_on", "entity_id": "Light.Bedroom"},
    "service in capitals": {"domain": "light", "service": "TURN_ON", "entity_id": "light.hall"},
    "light with data": {
        "domain": "light",
        "service": "turn_on",
        "entity_id": "light.bedroom",
        "brightness": 128,
        "rgb_color": [255, 0, 12],
        "effect": "Rainbow",
        "transition": 0.5,
        "flash": None,
    },
    "light named after the lock": {
        "domain": "light",
        "service": "turn_on",
        "entity_id": "light.lock_front",
    },
    "light by the generic service": {
        "domain": "homeassistant",
        "service": "turn_on",
        "entity_id": "light.bedroom",
    },
    "climate": {
        "domain": "climate",
        "service": "set_temperature",
        "entity_id": "climate.living_room",
        "temperature": 21.5,
        "hvac_mode": "heat",
    },
    "clock": {"domain": "clock", "service": "wind", "entity_id": "clock.hall"},
    "message": {
        "domain": "notify",
        "service": "mobile_app_phone",
        "message": "Hello, the door is locked. Front and back!",
        "title": "lock",
        "data": {"push": {"sound": "default"}, "actions": [{"action": "OK", "title": "Fine"}]},
    },
    "music": {
        "domain": "media_player",
        "service": "play_media",
        "entity_id": "media_player.kitchen",
        "media_content_id": "http://example.org/song.mp3",
        "media_content_type": "music",
    },
    "applied scene": {
        "domain": "scene",
        "service": "apply",
        "entities": {"light.hall": {"state": "on", "brightness": 20}, "fan.bath": "off"},
    },
    "no entity": {"domain": "homeassistant", "service": "check_config"},
    "empty list": {"domain": "light", "service": "turn_on", "entity_id": []},
}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.parse(POLICY)


def action(policy: Policy, tool: str, args: dict[str, Any]) -> Action:
    decision = policy.decide(agent="a", tool=tool, effects=Effects.WRITE, args=args, now=0.0)
    return decision.action


@pytest.mark.torture("B8")
@pytest.mark.parametrize("name", SPELLINGS)
def test_no_spelling_escapes_the_deny_rule(policy: Policy, name: str) -> None:
    assert action(policy, "ha_call_service", SPELLINGS[name]) is Action.DENY


@pytest.mark.parametrize("name", INNOCENT)
def test_what_can_be_resolved_is_not_swept_up(policy: Policy, name: str) -> None:
    assert action(policy, "ha_call_service", INNOCENT[name]) is Action.ALLOW


@pytest.mark.parametrize("entity_id", ["light.bedroom", "lock.front", ["lock.front"], 5, "all"])
def test_a_rule_about_one_tool_leaves_others_alone(policy: Policy, entity_id: Any) -> None:
    assert action(policy, "ha_get_state", {"entity_id": entity_id}) is Action.ALLOW
