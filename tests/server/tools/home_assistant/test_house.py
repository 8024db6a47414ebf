"""What the policy is told of the house."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.server.tools.home_assistant.houses import Clock, house, told_of

from agentgate_cli.standins.home import make_home
from agentgate_server.policy.naming import ANYTHING
from agentgate_server.tools.home_assistant import house as houses
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.house import SOMETHING, House, Told

DOORS = frozenset({"lock.front", "lock.back"})


def told(**holders: frozenset[str]) -> Told:
    """A look that tells of groups of locks only."""
    return Told(members={}, holders={f"lock.{name}": held for name, held in holders.items()})


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
        ("entity_id", "group.everything", {"group.lights", "group.doors"}),
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
    made = house()
    made.clock.now += 60
    assert made("area_id", "bedroom") == {"light.bedroom", "cover.blinds"}
    assert made("entity_id", "lock.all_doors") == DOORS
    assert made.is_known
    assert made.knows_groups
    made.clock.now += 1
    assert made("area_id", "bedroom") is None
    assert not made.is_known
    assert not made.knows_groups


def test_a_group_of_which_nothing_was_heard_for_long_may_hold_anything() -> None:
    made = house()
    made.clock.now += 61
    assert made("entity_id", "lock.all_doors") == DOORS | {ANYTHING}
    assert ANYTHING in (made("entity_id", "group.doors") or ())
    assert made("entity_id", "light.hall") is None, "it was no group when it was heard of last"


def test_an_area_that_has_gone_is_forgotten() -> None:
    made = house()
    made.learn(told(), made.clock())
    assert made("area_id", "hall") is None
    assert made("entity_id", "scene.evening") is None
    assert made("entity_id", "group.doors") is None


def test_a_group_that_is_not_told_of_any_more_stays_one() -> None:
    made = house()
    made.clock.now += 30
    gone = told()
    assert made.former(gone) == ["lock.all_doors"]
    made.learn(gone, made.clock())
    assert made("entity_id", "lock.all_doors") == DOORS
    made.clock.now += 31
    made.learn(gone, made.clock())
    assert made("entity_id", "lock.all_doors") == DOORS | {ANYTHING}


def test_a_group_that_is_there_and_none_any_more_is_an_entity_like_others() -> None:
    made = house()
    gone = told()
    made.learn(gone, made.clock(), plain=made.former(gone))
    assert made("entity_id", "lock.all_doors") is None
    assert made.former(gone) == []


def test_groups_that_could_not_be_read_stay_what_they_were() -> None:
    made = house()
    made.clock.now += 30
    blind = replace(told_of(make_home()), holders=None, unread={"cover.new", "lock.all_doors"})
    assert made.former(blind) == []
    made.learn(blind, made.clock())
    assert made("area_id", "bedroom") == {"light.bedroom", "cover.blinds"}
    assert made("entity_id", "lock.all_doors") == DOORS
    assert made("entity_id", "group.doors") == DOORS
    assert made("entity_id", "cover.new") == SOMETHING
    assert made("entity_id", "light.hall") is None
    assert made.is_known
    assert not made.knows_groups
    made.clock.now += 31
    assert made.is_known
    assert made("entity_id", "lock.all_doors") == DOORS | {ANYTHING}


def test_every_entity_may_be_a_group_where_none_was_ever_told_of() -> None:
    made = House(stale_s=60, clock=Clock())
    made.learn(replace(told_of(make_home()), holders=None), made.clock())
    assert made.is_known
    assert not made.knows_groups
    assert made("entity_id", "light.hall") == SOMETHING
    assert made("entity_id", "scene.evening") is None


def test_a_group_that_is_away_is_one_before_it_told_what_is_in_it() -> None:
    made = House(stale_s=60, clock=Clock())
    made.learn(replace(told(), unread={"lock.doors"}), made.clock())
    assert made("entity_id", "lock.doors") == SOMETHING
    made.learn(told(doors=DOORS), made.clock())
    assert made("entity_id", "lock.doors") == DOORS
    made.learn(replace(told(), unread={"lock.doors"}), made.clock())
    assert made("entity_id", "lock.doors") == DOORS


def test_of_too_many_groups_those_told_of_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(houses, "NAMES_MAX", 2)
    made = House(stale_s=60, clock=Clock())
    made.learn(told(a=DOORS), made.clock())
    made.learn(told(b=DOORS), made.clock())
    made.learn(told(c=DOORS), made.clock())
    assert made("entity_id", "lock.a") is None
    assert made("entity_id", "lock.b") == DOORS
    assert made("entity_id", "lock.c") == DOORS


def test_groups_that_hold_each_other_are_told_as_they_are() -> None:
    home = make_home()
    home.entities["group.doors"].members = ("group.everything", "lock.back")
    assert house(home)("entity_id", "group.doors") == {"group.everything", "lock.back"}


def test_two_rooms_that_look_alike_share_what_they_hold() -> None:
    home = make_home()
    home.areas["garden"].name = "BEDROOM"
    found = house(home)("area_id", "bedroom")
    assert found is not None
    assert {"lock.back", "light.bedroom"} <= set(found)


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
