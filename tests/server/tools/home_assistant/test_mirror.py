"""The mirror: what it shows of what Home Assistant tells."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.mirror import CONTEXTS_MAX, Mirror
from agentgate_server.tools.home_assistant.registries import (
    AreaRow,
    DeviceRow,
    EntityRow,
    FloorRow,
    LabelRow,
)


class Told:
    """A mirror, and how often it said that what something holds has changed."""

    def __init__(self) -> None:
        self.changes = 0
        self.mirror = Mirror(self.count)
        self.tell(a={"light.hall": {"s": "on", "a": {"friendly_name": "Hall"}, "c": "c1", "lc": 5}})
        self.changes = 0

    def count(self) -> None:
        self.changes += 1

    def tell(self, **event: Any) -> None:
        self.mirror.apply(msgspec.Raw(msgspec.json.encode(event)))


def test_a_state_is_added_changed_and_removed() -> None:
    told = Told()
    state = told.mirror.states["light.hall"]
    assert (state.state, state.changed_at, state.updated_at, state.context_id) == ("on", 5, 5, "c1")
    added = {"s": "off", "a": {"brightness": 3}, "lc": 7.5, "c": {"id": "c2", "user_id": "u"}}
    told.tell(c={"light.hall": {"+": added}})
    told.tell(c={"light.hall": {"+": {"lu": 8.25, "c": "c3"}, "-": {"a": ["brightness"]}}})
    assert told.mirror.states["light.hall"].as_json() == {
        "entity_id": "light.hall",
        "state": "off",
        "attributes": {"friendly_name": "Hall"},
        "last_changed": "1970-01-01T00:00:07.500000+00:00",
        "last_updated": "1970-01-01T00:00:08.250000+00:00",
        "context": {"id": "c3", "parent_id": None, "user_id": "u"},
    }
    told.tell(r=["light.hall"])
    assert told.mirror.states == {}
    assert told.changes == 1, "it was there, and may be a group again"


def test_credentials_never_get_in_by_a_first_state_or_by_a_change() -> None:
    told = Told()
    picture = "/api/camera_proxy/camera.porch?token=0123"
    told.tell(a={"camera.porch": {"s": "idle", "a": {"access_token": "0123"}}})
    told.tell(c={"camera.porch": {"+": {"a": {"entity_picture": picture, "access_token": "45"}}}})
    attributes = told.mirror.states["camera.porch"].attributes
    assert attributes == {"entity_picture": "/api/camera_proxy/camera.porch"}


def test_a_harmless_value_that_becomes_a_credential_is_gone() -> None:
    told = Told()
    told.tell(a={"camera.porch": {"s": "idle", "a": {"access_token": None}}})
    assert told.mirror.states["camera.porch"].attributes == {"access_token": None}
    told.tell(c={"camera.porch": {"+": {"a": {"access_token": "0123"}}}})
    assert told.mirror.states["camera.porch"].attributes == {}


@pytest.mark.parametrize(
    "event",
    [
        {"c": {"light.none": {"+": {"s": "on"}}}},
        {"a": {"light.hall": {"a": {}}}},
        {"a": {"light.hall": {"s": 5}}},
        {"a": []},
        [],
    ],
)
def test_what_is_not_understood_is_an_error(event: Any) -> None:
    with pytest.raises(msgspec.MsgspecError):
        Told().mirror.apply(msgspec.Raw(msgspec.json.encode(event)))


@pytest.mark.parametrize(
    ("attributes", "counts"),
    [({"entity_id": ["light.hall"]}, 1), ({"friendly_name": "Group"}, 0)],
)
def test_who_holds_others_is_news_and_what_else_changes_is_not(
    attributes: dict[str, Any], counts: int
) -> None:
    told = Told()
    told.tell(c={"light.hall": {"+": {"a": attributes}}})
    assert told.changes == counts
    told.tell(c={"light.hall": {"+": {"s": "off", "a": {"brightness": 5}}}})
    assert told.changes == counts


def test_a_group_that_is_unavailable_or_back_is_news() -> None:
    told = Told()
    told.tell(c={"light.hall": {"+": {"s": "unavailable"}}})
    told.tell(c={"light.hall": {"+": {"s": "on"}}})
    assert told.changes == 2


def test_what_a_context_has_changed_is_remembered_with_what_it_led_to() -> None:
    told = Told()
    told.tell(a={f"light.n{n}": {"s": "on", "c": "c1"} for n in range(3)})
    told.tell(c={"light.n0": {"+": {"s": "off", "c": {"id": "c2", "user_id": "u"}}}})
    told.tell(c={"light.n1": {"+": {"s": "off", "c": {"id": "c3", "parent_id": "c2"}}}})
    assert [each.entity_id for each in told.mirror.changed_by("c2")] == ["light.n0", "light.n1"]
    assert told.mirror.changed_by("unknown") == []
    for n in range(CONTEXTS_MAX):
        told.tell(c={"light.n2": {"+": {"s": str(n), "c": f"other{n}"}}})
    assert told.mirror.changed_by("c2") == []


def house() -> Mirror:
    mirror = Mirror(lambda: None)
    registries = mirror.registries
    registries.areas = {
        "hall": AreaRow("hall", "Entrance Hall", floor_id="ground", labels=("busy",)),
        "attic": AreaRow("attic", "Attic"),
    }
    registries.floors = {"ground": FloorRow("ground", "Ground floor", 0)}
    registries.labels = {"busy": LabelRow("busy", "Busy"), "old": LabelRow("old", "Old")}
    registries.devices = {"d1": DeviceRow("d1", "Lock", area_id="hall", labels=("old",))}
    rows = [
        EntityRow("lock.front", device_id="d1"),
        EntityRow("light.hall", area_id="hall"),
        EntityRow("light.attic", area_id="attic", labels=("busy",)),
        EntityRow("light.moved", area_id="attic", device_id="d1"),
        EntityRow("light.disabled", area_id="hall", disabled_by="user"),
    ]
    registries.entities = {row.entity_id: row for row in rows}
    states = {row.entity_id: {"s": "on"} for row in rows if row.disabled_by is None}
    states["light.hall"]["a"] = {"friendly_name": "Hall light"}
    states["sun.sun"] = {"s": "above_horizon"}
    mirror.apply(msgspec.Raw(msgspec.json.encode({"a": states})))
    return mirror


@pytest.mark.parametrize(
    ("kind", "name", "held"),
    [
        ("area_id", "hall", ["light.hall", "lock.front"]),
        ("area_id", "attic", ["light.attic", "light.moved"]),
        ("floor_id", "ground", ["light.hall", "lock.front"]),
        ("device_id", "d1", ["light.moved", "lock.front"]),
        ("label_id", "busy", ["light.attic", "light.hall", "lock.front"]),
        ("label_id", "old", ["light.moved", "lock.front"]),
        ("area_id", "cellar", None),
        ("label_id", "hall", None),
    ],
)
def test_what_is_in_things_is_known(kind: str, name: str, held: list[str] | None) -> None:
    assert house().held(kind, name) == held


def test_names_are_those_that_people_use() -> None:
    mirror = house()
    assert mirror.name_of("light.hall") == "Hall light"
    assert mirror.name_of("light.attic") == "light.attic"
    assert mirror.area_name_of("lock.front") == "Entrance Hall"
    assert mirror.area_name_of("sun.sun") == ""


def test_a_registry_that_is_not_to_be_had_leaves_unknown_what_depends_on_it() -> None:
    mirror = house()
    assert set(mirror.rows()) == {
        templates.AREAS,
        templates.DEVICES,
        templates.FLOORS,
        templates.HOLDERS,
        templates.LABELS,
    }
    mirror.registries.floors = None
    assert templates.FLOORS not in mirror.rows()
    mirror.registries.devices = None
    assert set(mirror.rows()) == {templates.HOLDERS}
