"""A make-believe home for the stand-in of Home Assistant: what is in it, and what belongs where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agentgate_cli.standins.home_records import Records

UNAVAILABLE = "unavailable"
"""The state of what does not answer."""

TELL_TOKENS = frozenset({"camera", "image"})
"""Domains whose entities tell the token of their picture as an attribute as well."""


@dataclass(slots=True, kw_only=True)
class Entity:
    """One entity with its state, as the registry and the state machine of Home Assistant have it.

    Attributes:
        area: overrides the area of its device.
        members: of a group or a scene; they are an attribute while it is available.
        token: opens its picture to whoever has it; "": it has no picture.
        changed: when its state changed last, RFC 3339.
    """

    id: str
    state: str
    name: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    device: str = ""
    area: str = ""
    labels: frozenset[str] = frozenset()
    members: tuple[str, ...] | None = None
    token: str = ""
    changed: str = "2026-01-01T00:00:00+00:00"

    @property
    def domain(self) -> str:
        """``light`` of ``light.hall``."""
        return self.id.partition(".")[0]

    def set_state(self, state: str) -> None:
        """Take a new state, now."""
        self.state = state
        self.changed = datetime.now(UTC).isoformat()

    @property
    def is_group(self) -> bool:
        """Whether it was made as a group, so that Home Assistant knows it for one."""
        return self.members is not None and self.domain != "scene"

    def shown_attributes(self) -> dict[str, Any]:
        """Return what it shows: of an entity that is unavailable, its name and little more."""
        shown: dict[str, Any] = {"friendly_name": self.name or self.id}
        if self.state == UNAVAILABLE:
            return shown
        shown |= self.attributes
        if self.token:
            shown["entity_picture"] = f"/api/{self.domain}_proxy/{self.id}?token={self.token}"
        if self.token and self.domain in TELL_TOKENS:
            shown["access_token"] = self.token
        if self.members is not None:
            shown["entity_id"] = list(self.members)
        return shown

    def as_json(self) -> dict[str, Any]:
        """Return the state object of the REST API."""
        return {
            "entity_id": self.id,
            "state": self.state,
            "attributes": self.shown_attributes(),
            "last_changed": self.changed,
            "last_reported": self.changed,
            "last_updated": self.changed,
            "context": {"id": "01HSTANDIN", "parent_id": None, "user_id": None},
        }

    def as_compressed(self) -> dict[str, Any]:
        """Return the state as ``subscribe_entities`` has it, but for its context."""
        changed_at = datetime.fromisoformat(self.changed).timestamp()
        return {"s": self.state, "a": self.shown_attributes(), "lc": changed_at}


@dataclass(slots=True, kw_only=True)
class Device:
    """A device; ``parent`` is the device that it is a part of."""

    id: str
    name: str
    area: str = ""
    labels: frozenset[str] = frozenset()
    parent: str = ""


@dataclass(slots=True, kw_only=True)
class Area:
    """A room."""

    id: str
    name: str
    floor: str = ""
    labels: frozenset[str] = frozenset()


class Home:
    """Everything, by id.

    Args:
        entities, devices, areas: what there is.
        floors, labels: names by id.

    Attributes:
        records: what is recorded and planned.
    """

    def __init__(
        self,
        entities: Iterable[Entity],
        devices: Iterable[Device] = (),
        areas: Iterable[Area] = (),
        floors: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
    ) -> None:
        self.entities = {entity.id: entity for entity in entities}
        self.devices = {device.id: device for device in devices}
        self.areas = {area.id: area for area in areas}
        self.floors = floors or {}
        self.labels = labels or {}
        self.records = Records()

    def state_of(self, entity_id: str) -> dict[str, Any] | None:
        """Return the state object of an entity; None: there is none."""
        entity = self.entities.get(entity_id)
        return None if entity is None else entity.as_json()

    def of_device(self, device: str) -> list[str]:
        """Return the entities of a device."""
        return [entity.id for entity in self.entities.values() if entity.device == device]

    def of_area(self, area: str) -> list[str]:
        """Return the entities in an area; those without one of their own are where their device
        is."""
        found = []
        for entity in self.entities.values():
            device = self.devices.get(entity.device)
            if area == (entity.area or (device.area if device else "")):
                found.append(entity.id)
        return found

    def of_floor(self, floor: str) -> list[str]:
        """Return the areas of a floor."""
        return [area.id for area in self.areas.values() if area.floor == floor]

    def labelled(self, label: str) -> tuple[list[str], list[str], list[str]]:
        """Return the entities, devices and areas with a label."""
        entities = [entity.id for entity in self.entities.values() if label in entity.labels]
        devices = [device.id for device in self.devices.values() if label in device.labels]
        areas = [area.id for area in self.areas.values() if label in area.labels]
        return entities, devices, areas

    def targets(self, data: dict[str, Any]) -> list[str]:
        """Return the entities that a service's data names, as Home Assistant finds them."""
        areas = {area for area in listed(data, "area_id") if area in self.areas}
        devices = set(listed(data, "device_id"))
        found = dict.fromkeys(listed(data, "entity_id"))
        for label in listed(data, "label_id"):
            entities, labelled_devices, labelled_areas = self.labelled(label)
            found.update(dict.fromkeys(entities))
            devices.update(labelled_devices)
            areas.update(labelled_areas)
        for floor in listed(data, "floor_id"):
            areas.update(self.of_floor(floor))
        devices.update([device.id for device in self.devices.values() if device.parent in devices])
        for device_id in sorted(devices):
            found.update(dict.fromkeys(self.of_device(device_id)))
        for area_id in sorted(areas):
            found.update(dict.fromkeys(self.of_area(area_id)))
        return self.expand(self.entities if "all" in found else found)

    def expand(self, names: Iterable[str]) -> list[str]:
        """Put the members of groups in the groups' place."""
        found: dict[str, None] = {}
        queue = list(names)
        for name in queue:
            entity = self.entities.get(name)
            if entity is None:
                continue
            if entity.members is None or entity.domain == "scene":
                found[name] = None
            else:
                queue.extend(member for member in entity.members if member not in queue)
        return list(found)


def listed(data: dict[str, Any], key: str) -> list[str]:
    """Return a value of a service's data as Home Assistant reads it: lists and comma lists."""
    value = data.get(key)
    if isinstance(value, str):
        return [part.strip().lower() for part in value.split(",")]
    return [str(item) for item in value] if isinstance(value, list) else []


def make_home() -> Home:
    """Return a home with lights, locks, groups and scenes on two floors."""
    outside = frozenset({"outside"})
    return Home(
        [
            Entity(id="light.bedroom", state="off", name="Bedroom", device="d1", area="bedroom"),
            Entity(id="light.kitchen", state="off", name="Kitchen", device="d2"),
            Entity(id="light.hall", state="on", name="Hall", area="hall"),
            Entity(id="switch.kettle", state="off", name="Kettle", area="kitchen"),
            Entity(id="lock.front", state="locked", name="Front door", device="d3"),
            Entity(id="lock.back", state="locked", name="Back door", area="garden"),
            Entity(id="sensor.front_battery", state="87", name="Lock battery", device="d3"),
            Entity(id="cover.blinds", state="open", name="Blinds", area="bedroom"),
            Entity(id="climate.hall", state="heat", name="Thermostat", area="hall"),
            Entity(
                id="sensor.temp",
                state="21.3",
                name="Temperature",
                attributes={"unit_of_measurement": "°C", "device_class": "temperature"},
                area="kitchen",
            ),
            Entity(
                id="group.lights",
                state="off",
                members=("light.bedroom", "light.kitchen", "light.hall"),
            ),
            Entity(id="group.doors", state="locked", members=("lock.front", "lock.back")),
            Entity(id="group.everything", state="on", members=("group.lights", "group.doors")),
            Entity(id="lock.all_doors", state="locked", members=("lock.front", "lock.back")),
            Entity(id="scene.evening", state="unknown", members=("light.hall", "light.kitchen")),
            Entity(id="scene.leaving", state="unknown", members=("light.hall", "lock.front")),
            Entity(id="script.open_up", state="off", name="Open up"),
            Entity(id="camera.porch", state="idle", name="Porch", token=f"{0xCA3E:064x}"),
            Entity(id="media_player.tv", state="playing", name="TV", token=f"{0x7E1E:064x}"),
        ],
        [
            Device(id="d1", name="Bedside lamp", area="bedroom"),
            Device(id="d2", name="Ceiling lamp", area="kitchen"),
            Device(id="d3", name="Smart lock", area="hall", labels=outside, parent="d4"),
            Device(id="d4", name="Lock bridge"),
        ],
        [
            Area(id="bedroom", name="Bedroom", floor="upstairs"),
            Area(id="kitchen", name="Kitchen", floor="ground"),
            Area(id="hall", name="Entrance Hall", floor="ground"),
            Area(id="garden", name="Garden", labels=outside),
        ],
        {"ground": "Ground floor", "upstairs": "Upstairs"},
        {"outside": "Leads outside", "cosy": "Cosy"},
    )
