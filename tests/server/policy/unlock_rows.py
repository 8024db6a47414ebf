"""Ways to say "unlock the front door", and requests that say nothing of the kind.

Each row is the ``params`` of a ``tool_request`` as JSON text, as it comes over the wire, so that
rows may differ in what only JSON can say: a key twice, an escape.
"""

from __future__ import annotations

import json
from typing import Any

from tests.server.policy.test_spellings import INNOCENT, SPELLINGS, wide

ONE_RULE = """
defaults:
  - {pattern: "*", action: allow}
rules:
  - pattern: "*[!a-z0-9_]lock[./]*"
    effects: write
    action: deny
    description: "Locks are for people, by whatever tool"
"""
"""A word ``lock`` before a dot or slash. ``lock.*`` alone would be found at the beginning of an
argument only, and not within a URL."""

HOME_RULE = """
defaults:
  - {pattern: "*", action: allow}
rules:
  - {pattern: "ha_call_service(lock.*)", action: deny}
"""
"""In seed 001's own words; enough for Home Assistant."""


def row(tool: str, args: dict[str, Any]) -> str:
    return json.dumps({"tool": tool, "args": args})


def call(**args: Any) -> str:
    return row("ha_call_service", args)


def raw(args: str) -> str:
    """A call with arguments that a dict can't hold."""
    return f'{{"tool": "ha_call_service", "args": {args}}}'


def turn(domain: Any, service: str, **target: Any) -> str:
    return call(domain=domain, service=service, **target)


UNLOCK = '"domain": "lock", "service": "unlock"'
OFF = '"domain": "homeassistant", "service": "turn_off"'

HOUSE: dict[str, str] = {
    "area": turn("lock", "unlock", area_id="hall"),
    "area by its name": turn("homeassistant", "turn_off", area_id="Entrance Hall"),
    "area in full width": turn("homeassistant", "turn_off", area_id=wide("hall")),
    "area in capitals": turn("homeassistant", "turn_off", area_id="HALL"),
    "area among others": turn("homeassistant", "turn_off", area_id=["bedroom", "hall"]),
    "area by a comma": turn("homeassistant", "turn_off", area_id="bedroom,hall"),
    "area in target": turn("homeassistant", "toggle", target={"area_id": "hall"}),
    "area that is none": turn("homeassistant", "turn_off", area_id="attic"),
    "area, empty": turn("homeassistant", "turn_off", area_id=""),
    "area, null": turn("homeassistant", "turn_off", area_id=None),
    "area, true": turn("homeassistant", "turn_off", area_id=True),
    "device": turn("homeassistant", "turn_off", device_id="d3"),
    "device that the lock is a part of": turn("homeassistant", "turn_off", device_id="d4"),
    "device in target": turn("homeassistant", "turn_off", target={"device_id": ["d1", "d3"]}),
    "device as a number": turn("homeassistant", "turn_off", device_id=3),
    "label": turn("homeassistant", "turn_off", label_id="outside"),
    "label by its name": turn("homeassistant", "turn_off", label_id="Leads outside"),
    "label in target": turn("homeassistant", "turn_off", target={"label_id": ["cosy", "outside"]}),
    "floor": turn("homeassistant", "turn_off", floor_id="ground"),
    "floor by its name": turn("homeassistant", "turn_off", floor_id="GROUND FLOOR"),
    "floor in target": turn("homeassistant", "turn_off", target={"floor_id": "ground"}),
    "group of doors": turn("homeassistant", "turn_off", entity_id="group.doors"),
    "group of groups": turn("homeassistant", "turn_off", entity_id="group.everything"),
    "group among lights": turn(
        "homeassistant", "turn_off", entity_id=["light.hall", "group.everything"]
    ),
    "group called like a lock": turn("homeassistant", "turn_off", entity_id="lock.all_doors"),
    "scene with the lock": turn("scene", "turn_on", entity_id="scene.leaving"),
    "scene in target": turn("scene", "turn_on", target={"entity_id": ["scene.leaving"]}),
    "scene by the generic service": turn("homeassistant", "turn_on", entity_id="scene.leaving"),
    "scene that nobody knows": turn("scene", "turn_on", entity_id="scene.hue_door"),
    "scene, applied": turn("scene", "apply", entities={"lock.front": {"state": "unlocked"}}),
    "scene, made": turn("scene", "create", scene_id="x", snapshot_entities=["lock.front"]),
    "script": turn("script", "turn_on", entity_id="script.open_up"),
    "script by its own service": turn("script", "open_up"),
    "other service, open": turn("homeassistant", "open", entity_id="lock.front"),
    "other service, cover": turn("cover", "open_cover", entity_id="lock.front"),
    "entity, true": turn("lock", "unlock", entity_id=True),
    "entity, a number": turn("homeassistant", "turn_off", entity_id=1.0),
    "domain, a number": turn(1, "unlock", entity_id="lock.front"),
    "domain, false": turn(False, "unlock", entity_id="lock.front"),
}
"""With a house that is known."""

RAW: dict[str, str] = {
    "domain twice": raw(f'{{"domain": "light", {UNLOCK}, "entity_id": "lock.front"}}'),
    "domain twice, the lock first": raw(
        f'{{{UNLOCK}, "domain": "light", "entity_id": "lock.front"}}'
    ),
    "service twice": raw(f'{{"service": "lock", {UNLOCK}, "entity_id": "lock.front"}}'),
    "entity twice": raw(f'{{{OFF}, "entity_id": "light.hall", "entity_id": "lock.front"}}'),
    "entity twice, once in capitals": raw(
        f'{{{OFF}, "ENTITY_ID": "lock.front", "entity_id": "light.hall"}}'
    ),
    "entity twice, once escaped": raw(
        f'{{{OFF}, "entity_id": "light.hall", "\\u0065ntity_id": "lock.front"}}'
    ),
    "entity twice in target": raw(
        f'{{{OFF}, "target": {{"entity_id": "light.hall", "entity_id": ["lock.front"]}}}}'
    ),
    "target twice": raw(f'{{{OFF}, "target": {{}}, "target": {{"entity_id": "lock.front"}}}}'),
    "target and beside it": raw(
        f'{{{OFF}, "entity_id": "light.hall", "target": {{"entity_id": "lock.front"}}}}'
    ),
    "escaped letters": raw(f'{{{OFF}, "entity_id": "\\u006c\\u006fck.front"}}'),
    "escaped slash and dot": raw(f'{{{OFF}, "entity_id": "lock\\u002efront"}}'),
    "escaped NUL": raw(f'{{{OFF}, "entity_id": "lock.front\\u0000"}}'),
    "escaped surrogate pair": raw(f'{{{OFF}, "entity_id": "\\ud835\\udc25ock.front"}}'),
    "JSON in a text": raw(f'{{{OFF}, "entity_id": "[\\"light.hall\\", \\"lock.front\\"]"}}'),
    "white space": raw(f'{{\t{UNLOCK} ,\n"entity_id"\r\n:\t"lock.front" }}'),
    "exponent": raw(f'{{{OFF}, "entity_id": 1e2}}'),
    "tool twice": f'{{"tool": "x", "tool": "ha_call_service", "args": {{{UNLOCK}}}}}',
    "arguments twice": f'{{"tool": "ha_call_service", "args": {{}}, "args": {{{UNLOCK}}}}}',
}
"""What only the text of a request can say. Of a key that is there twice the last one counts, and
what is sent on is made anew of what the policy saw."""

ENTITIES: dict[str, Any] = {
    "plain": "lock.front",
    "capitals": "LOCK.Front",
    "full width": wide("lock.front"),
    "Cyrillic": "l\u043eck.fr\u043ent",
    "Greek": "l\u03bfck.front",
    "zero width": "lo\u200bck.front",
    "soft hyphen": "lock\u00ad.front",
    "accent": "l\u00f3ck.front",
    "ideographic full stop": "lock\u3002front",
    "white space": " lock.front\n",
    "tab inside": "lock\t.front",
    "percent-encoded": "lock%2Efront",
    "percent-encoded letter": "%6Cock.front",
    "percent-encoded twice": "lock%252Efront",
    "percent-encoded three times": "%25256cock.front",
    "percent-encoded UTF-8": "l%D0%BEck.front",
    "percent-encoded NUL": "lock.front%00",
    "dot segment": "./lock.front",
    "up and down": "x/../lock.front",
    "up and down, encoded": "x%2F..%2Flock.front",
    "up and down, encoded twice": "light.hall%252f..%252flock.front",
    "slashes": "//lock.front//",
    "backslash": "..\\lock.front",
    "query": "lock.front?x=1",
    "query, encoded": "lock.front%3Fx=1",
    "fragment": "lock.front#light.hall",
    "matrix": "light.hall;e=lock.front",
    "comma list": "light.hall,lock.front",
    "lines": "light.hall\nlock.front",
    "carriage return, encoded": "light.hall%0d%0alock.front",
    "bars": "light.hall|lock.front",
    "quotes": "'lock.front'",
    "JSON text": '"lock.front"',
    "JSON list": '["light.hall", "lock.front"]',
    "list": ["light.hall", "lock.front"],
    "nested list": [[["lock.front"]]],
    "object": {"id": "lock.front"},
    "key of an object": {"lock.front": True},
}
"""For an API of locks that takes an entity."""

URLS: dict[str, str] = {
    "entity": "http://hub.local/entities/lock.front/open",
    "capitals": "HTTP://HUB.LOCAL/Entities/Lock.Front/Open",
    "service": "http://hub.local/api/services/lock/unlock",
    "service, encoded": "http://hub.local/api/services/%6cock/unlock",
    "service, slash encoded": "http://hub.local/api/services%2Flock%2Funlock",
    "service, encoded twice": "http://hub.local/api/services/%256Cock/unlock",
    "entity, encoded": "http://hub.local/entities/lock%2Efront",
    "up and down": "http://hub.local/entities/light.hall/../lock.front",
    "up and down, encoded": "http://hub.local/entities/light.hall/%2e%2e/lock.front",
    "query": "http://hub.local/api?entity_id=lock.front",
    "query, encoded": "http://hub.local/api?entity_id=%6C%6F%63%6B%2E%66%72%6F%6E%74",
    "query, twice": "http://hub.local/api?e=light.hall&e=lock.front",
    "fragment": "http://hub.local/api#lock.front",
    "user": "http://lock.front@hub.local/",
    "backslash": "http://hub.local\\lock.front",
    "without a scheme": "//hub.local/lock.front",
    "full width": "http://hub.local/" + wide("lock.front"),
    "full-width slash": "http://hub.local\uff0flock.front",
    "Cyrillic, encoded": "http://hub.local/l%D0%BEck.front",
    "line end": "http://hub.local/entities\r\n/lock.front",
}
"""For a tool that visits a URL."""

NOW_HARMLESS = "group in a light's service"
"""What ``light.turn_off`` does to a group of doors is nothing, once it is known what is in it."""

ROWS: dict[str, str] = {
    **{
        f"home: {name}": row("ha_call_service", args)
        for name, args in SPELLINGS.items()
        if name != NOW_HARMLESS
    },
    **{f"house: {name}": text for name, text in HOUSE.items()},
    **{f"JSON: {name}": text for name, text in RAW.items()},
    **{f"entity: {name}": row("hub_open", {"entity": each}) for name, each in ENTITIES.items()},
    **{
        f"body: {name}": row("hub_command", {"command": {"do": "open", "what": each}})
        for name, each in ENTITIES.items()
    },
    **{f"URL: {name}": row("hub_visit", {"url": each}) for name, each in URLS.items()},
}
"""Every row must be denied."""

HARMLESS: dict[str, str] = {
    **{f"home: {name}": row("ha_call_service", args) for name, args in INNOCENT.items()},
    f"home: {NOW_HARMLESS}": row("ha_call_service", SPELLINGS[NOW_HARMLESS]),
    "read the lock": row("ha_get_state", {"entity_id": "lock.front"}),
    "read everything": row("ha_get_states", {}),
    "lights of the hall": turn("light", "turn_off", area_id="hall"),
    "lights of the floor": turn("light", "turn_on", target={"floor_id": "ground"}),
    "lights of a device": turn("light", "turn_on", device_id="d1"),
    "all of the bedroom": turn("homeassistant", "turn_off", area_id="bedroom"),
    "all of the bedroom by its name": turn("homeassistant", "turn_off", area_id="BEDROOM"),
    "label without locks": turn("homeassistant", "turn_off", label_id="cosy"),
    "upstairs": turn("homeassistant", "turn_off", target={"floor_id": "upstairs"}),
    "group of lights": turn("homeassistant", "turn_off", entity_id="group.lights"),
    "scene of lights": turn("scene", "turn_on", entity_id="scene.evening"),
    "battery of the lock": row("ha_get_state", {"entity_id": "sensor.front_battery"}),
    "entity twice, the lock first": raw(
        f'{{{OFF}, "entity_id": "lock.front", "entity_id": "light.hall"}}'
    ),
    "event": row("ha_fire_event", {"event_type": "doorbell", "door": "front"}),
    "light by HTTP": row("hub_open", {"entity": "light.hall"}),
    "clock by HTTP": row("hub_open", {"entity": "clock.hall"}),
    "block by HTTP": row("hub_open", {"entity": "block/5"}),
    "words by HTTP": row("hub_command", {"command": {"do": "say", "what": "the lock is fine"}}),
    "URL of a light": row("hub_visit", {"url": "http://hub.local/entities/light.hall/on?x=%20"}),
    "URL of a clock": row("hub_visit", {"url": "http://hub.local/clock.hall/unlock"}),
}
"""Every row must be allowed by the same rule."""
