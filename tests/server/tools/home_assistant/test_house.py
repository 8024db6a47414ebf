"""What the policy is told of the house."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_cli.standins.home import Home, make_home
from agentgate_cli.standins.home_assistant import RENDERED
from agentgate_server.tools.home_assistant import house as houses
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.house import House, read_house


def rendered(home: Home, *left_out: str) -> dict[str, list[bytes]]:
    return {
        template: [msgspec.json.encode(row) for row in batched(rows(home))]
        for template, rows in RENDERED.items()
        if template not in left_out
    }


def batched(rows: list[Any]) -> list[list[Any]]:
    """Two rows a page, and an empty one in the end."""
    return [rows[at : at + 2] for at in range(0, len(rows) + 2, 2)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def house(home: Home | None = None, *left_out: str) -> House:
    clock = Clock()
    made = House(stale_s=60, clock=clock)
    members, problems = read_house(rendered(home or make_home(), *left_out))
    assert problems == []
    made.learn(members, clock())
    return made


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("area_id", "bedroom", {"light.bedroom", "cover.blinds"}),
        ("area_id", "hall", {"light.hall", "climate.hall", "lock.front", "sensor.front_battery"}),
        ("area_id", "entrance hall", {"light.hall", "climate.hall", "lock.front"}),
        ("device_id", "d1", {"light.bedroom"}),
        ("device_id", "d3", {"lock.front", "sensor.front_battery"}),
        ("device_id", "d4", {"lock.front", "sensor.front_battery"}),
        ("label_id", "outside", {"lock.front", "lock.back"}),
        ("label_id", "leads outside", {"lock.front", "lock.back"}),
        ("label_id", "cosy", set()),
        ("floor_id", "ground", {"light.kitchen", "lock.front"}),
        ("floor_id", "ground floor", {"light.kitchen", "lock.front"}),
        ("floor_id", "upstairs", {"light.bedroom"}),
        ("entity_id", "group.lights", {"light.bedroom", "light.kitchen", "light.hall"}),
        ("entity_id", "group.everything", {"group.doors", "lock.front", "lock.back", "light.hall"}),
        ("entity_id", "lock.all_doors", {"lock.front", "lock.back"}),
        ("entity_id", "scene.evening", {"light.hall", "light.kitchen"}),
        ("entity_id", "scene.leaving", {"light.hall", "lock.front"}),
    ],
)
def test_names_stand_for_their_entities(kind: str, name: str, expected: set[str]) -> None:
    found = house()(kind, name)
    assert found is not None
    assert expected <= set(found)
    if "lock.front" not in expected:
        assert not any(entity.startswith("lock.") for entity in found)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("area_id", "attic"),
        ("area_id", ""),
        ("device_id", "d9"),
        ("entity_id", "script.open_up"),
        ("entity_id", "light.hall"),
        ("entity_id", "kitchen"),
        ("service", "rest_command.garage"),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(kind: str, name: str) -> None:
    assert house()(kind, name) is None


def test_nothing_is_known_before_home_assistant_answered() -> None:
    assert not House(stale_s=60).is_known
    assert House(stale_s=60)("area_id", "hall") is None


def test_an_answer_holds_for_its_time_and_no_longer() -> None:
    clock = Clock()
    made = House(stale_s=60, clock=clock)
    made.learn({("area_id", "hall"): frozenset({"light.hall"})}, clock())
    clock.now += 60
    assert made("area_id", "hall") == {"light.hall"}
    clock.now += 1
    assert made("area_id", "hall") is None
    assert not made.is_known


def test_what_has_gone_is_forgotten() -> None:
    made = house()
    made.learn({}, made.clock())
    assert made("area_id", "hall") is None


def test_two_rooms_that_look_alike_share_what_they_hold() -> None:
    home = make_home()
    home.areas["garden"].name = "BEDROOM"
    found = house(home)("area_id", "bedroom")
    assert found is not None
    assert {"lock.back", "light.bedroom"} <= set(found)


def test_a_group_with_a_script_in_it_may_do_anything() -> None:
    home = make_home()
    home.entities["group.lights"].members = ("light.hall", "script.open_up")
    made = house(home)
    assert made("entity_id", "group.lights") is None
    assert made("entity_id", "group.everything") is None
    assert made("entity_id", "group.doors") is not None


def test_groups_that_hold_each_other_end() -> None:
    home = make_home()
    home.entities["group.doors"].members = ("group.everything", "lock.back")
    found = house(home)("entity_id", "group.doors")
    assert found is not None
    assert {"lock.back", "light.hall", "group.doors"} <= set(found)


def test_a_version_without_floors_and_labels_still_has_areas() -> None:
    made = house(None, templates.FLOORS, templates.LABELS)
    assert made("floor_id", "ground") is None
    assert made("label_id", "outside") is None
    assert made("area_id", "hall") is not None


@pytest.mark.parametrize("missing", [templates.DEVICES, templates.AREAS])
def test_what_rests_on_a_missing_answer_is_unknown(missing: str) -> None:
    home = make_home()
    made = house(home, missing)
    assert made("label_id", "outside") is None
    assert (made("floor_id", "ground") is None) == (missing is templates.AREAS)


@pytest.mark.parametrize(
    "text", [b"", b"[", b"{}", b"[[1]]", b'[["a"]]', b"unavailable", b'[["a", "A", [5]]]', b"\xff"]
)
def test_an_answer_that_is_not_understood_leaves_its_kind_unknown(text: bytes) -> None:
    members, problems = read_house({**rendered(make_home()), templates.AREAS: [b"[]", text]})
    assert len(problems) == 1
    assert not any(kind in ("area_id", "floor_id") for kind, _ in members)
    assert ("device_id", "d1") in members


def test_a_house_beyond_all_bounds_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(houses, "NAMES_MAX", 3)
    members, problems = read_house(rendered(make_home()))
    assert "more than 3 entities by area_id: none is kept" in problems
    assert not any(kind == "area_id" for kind, _ in members)
