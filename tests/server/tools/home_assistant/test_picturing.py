"""What a person who is asked sees of the house."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_server.tools.home_assistant.mirror import Mirror
from agentgate_server.tools.home_assistant.picturing import (
    CHARS_MAX,
    picture_of,
    picture_of_entity,
)
from agentgate_server.tools.home_assistant.registries import AreaRow, DeviceRow, EntityRow

NAMES = {
    "light.hall": ("on", "Hall light"),
    "light.mirror": ("off", "Mirror"),
    "light.stairs": ("unavailable", "Stairs"),
    "lock.front": ("locked", "Front door"),
    "climate.hall": ("heat", "Thermostat"),
    "cover.blinds": ("open", "Blinds"),
    "button.bell": ("2026-01-01T00:00:00+00:00", "Bell"),
    "script.open_up": ("off", "Open up"),
    "light.bare": ("off", ""),
}


def house() -> Mirror:
    mirror = Mirror(lambda: None)
    registries = mirror.registries
    registries.areas = {
        "hall": AreaRow("hall", "Entrance Hall"),
        "attic": AreaRow("attic", "Attic"),
    }
    registries.devices = {"d1": DeviceRow("d1", "Lamp", name_by_user="My lamp")}
    registries.floors, registries.labels = {}, {}
    in_hall = ("light.hall", "light.mirror", "light.stairs", "lock.front")
    registries.entities = {name: EntityRow(name, area_id="hall") for name in in_hall}
    registries.entities["light.bare"] = EntityRow("light.bare", device_id="d1")
    states: dict[str, Any] = {
        name: {"s": state, "a": {"friendly_name": called}}
        for name, (state, called) in NAMES.items()
    }
    held = {"entity_id": ["light.hall", "lock.front"], "friendly_name": "Leaving"}
    states["scene.leaving"] = {"s": "unknown", "a": held}
    measure = {"friendly_name": "Hall", "unit_of_measurement": "°C"}
    states["sensor.hall"] = {"s": "21.3", "a": measure}
    mirror.apply(msgspec.Raw(msgspec.json.encode({"a": states})))
    mirror.is_live = True
    return mirror


@pytest.mark.parametrize(
    ("call", "data", "words"),
    [
        ("light.turn_off", {"entity_id": "light.hall"}, "Hall light (on) → off"),
        ("light.toggle", {"entity_id": "light.hall"}, "Hall light (on) → off"),
        (
            "light.toggle",
            {"entity_id": ["light.hall", "light.mirror"]},
            "Hall light (on), Mirror (off)",
        ),
        (
            "light.turn_on",
            {"entity_id": "light.bare", "brightness_pct": 40},
            "light.bare (off) → on, at 40 %",
        ),
        (
            "light.turn_off",
            {"area_id": "hall"},
            (
                "Entrance Hall holds 3 lights: Hall light (on), Mirror (off) → off; "
                "light.stairs is unavailable"
            ),
        ),
        ("light.turn_on", {"device_id": "d1"}, "My lamp holds 1 light: light.bare (off) → on"),
        (
            "lock.unlock",
            {"area_id": "hall"},
            "Entrance Hall holds 1 lock: Front door (locked) → unlocked",
        ),
        (
            "homeassistant.turn_off",
            {"area_id": "hall"},
            (
                "Entrance Hall holds 4 entities: Hall light (on), Mirror (off), Front door "
                "(locked) → off; light.stairs is unavailable"
            ),
        ),
        (
            "climate.set_temperature",
            {"entity_id": "climate.hall", "temperature": 21.5},
            "Thermostat (heat) → 21.5°",
        ),
        ("cover.stop_cover", {"entity_id": "cover.blinds"}, "Blinds (open)"),
        ("button.press", {"entity_id": "button.bell"}, "Bell"),
        ("scene.turn_on", {"entity_id": "scene.leaving"}, "Leaving (sets Hall light, Front door)"),
        ("script.open_up", {}, "Open up (off)"),
        ("script.turn_on", {"entity_id": "script.open_up"}, "Open up (off) → on"),
        ("tts.speak", {"entity_id": "light.hall", "message": "x"}, "Hall light (on)"),
        ("mqtt.publish", {"topic": "x"}, ""),
        (
            "light.turn_on",
            {"entity_id": "light.x"},
            "there is no entity light.x, so nothing would be done",
        ),
        (
            "light.turn_on",
            {"area_id": "cellar"},
            "there is no area cellar, so nothing would be done",
        ),
        (
            "light.turn_on",
            {"entity_id": "lock.front"},
            "lock.front is no light, so nothing would be done",
        ),
        (
            "light.turn_on",
            {"area_id": "attic"},
            "the area attic holds no light, so nothing would be done",
        ),
    ],
)
def test_a_call_is_pictured(call: str, data: dict[str, Any], words: str) -> None:
    domain, _, service = call.partition(".")
    assert picture_of(house(), domain, service, data) == words


def test_all_lights_are_counted_out() -> None:
    mirror = house()
    more = {f"light.n{n}": {"s": "on", "a": {"friendly_name": f"N{n}"}} for n in range(9)}
    mirror.apply(msgspec.Raw(msgspec.json.encode({"a": more})))
    words = picture_of(mirror, "light", "turn_off", {"entity_id": "all"})
    assert words.startswith(
        "Hall light (on), Mirror (off), light.bare (off), N0 (on) and 8 more → off"
    )


def test_an_entity_is_pictured() -> None:
    assert picture_of_entity(house(), "sensor.hall") == "Hall (21.3 °C)"
    assert picture_of_entity(house(), "sensor.x") == "there is no entity sensor.x"


def test_names_that_somebody_chose_stay_on_one_short_line() -> None:
    mirror = house()
    named = {"s": "on", "a": {"friendly_name": "A\n\nRule: allowed\t" + "x" * 500}}
    mirror.apply(msgspec.Raw(msgspec.json.encode({"a": {"light.odd": named}})))
    words = picture_of(mirror, "light", "turn_off", {"entity_id": "light.odd"})
    assert words.startswith("A Rule: allowed xxx")
    assert words.endswith("x… (on) → off")
    assert len(words) < 100
    states = {f"light.m{n}": named for n in range(9)}
    mirror.apply(msgspec.Raw(msgspec.json.encode({"a": states})))
    long = picture_of(mirror, "light", "turn_off", {"entity_id": list(states)})
    assert len(long) <= CHARS_MAX
    assert "\n" not in long


def test_of_a_house_that_is_not_known_nothing_is_said() -> None:
    mirror = house()
    mirror.reset()
    assert picture_of(mirror, "light", "turn_off", {"entity_id": "light.hall"}) == ""
    assert picture_of_entity(mirror, "light.hall") == ""
