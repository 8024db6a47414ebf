"""Targets: on which entities a service call acts, as far as the mirror shows.

Home Assistant says *done* to a call for an entity that does not exist, is unavailable, or is of
another kind than the service: it only writes a line into its own log. So it is looked at before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentgate_server.policy.naming import OWN_DOMAIN_ONLY
from agentgate_server.tools.home_assistant.mirror import UNAVAILABLE, Mirror

PLACES: Final = {
    "area_id": "area",
    "device_id": "device",
    "floor_id": "floor",
    "label_id": "label",
}
"""What indirect names name."""

ACTING: Final = OWN_DOMAIN_ONLY | {
    "calendar",
    "counter",
    "input_button",
    "input_datetime",
    "input_text",
    "timer",
    "todo",
    "weather",
}
"""Domains whose services act on entities of their own, and on nothing that is not there."""

ACTING_SERVICES: Final = frozenset(
    {("homeassistant", name) for name in ("turn_on", "turn_off", "toggle")}
    | {(domain, "turn_on") for domain in ("automation", "scene", "script")}
    | {(domain, name) for domain in ("automation", "script") for name in ("turn_off", "toggle")}
    | {("automation", "trigger"), ("notify", "send_message")}
)
"""Services of other domains that do, too."""

GROUPS_DEEP: Final = 8
"""Groups within each other that are looked into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """On what a call acts.

    Attributes:
        entities: those that it acts on.
        missing: what is named and not there, each in words.
        absent: entities among that of which Home Assistant knows nothing.
        idle: what is named and is done nothing with, each in words.
        places: what is named indirectly, each with how many of the entities are in it: an area
            by its name.
    """

    entities: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    places: tuple[tuple[str, int], ...] = ()


def acts(domain: str, service: str) -> bool:
    """Whether a service acts on the entities that it is given, and on nothing else."""
    return domain in ACTING or (domain, service) in ACTING_SERVICES


def listed(value: Any) -> list[str]:
    """Return a target's names: one, or several in a list."""
    names = value if isinstance(value, list) else [value]
    return [name for name in names if isinstance(name, str)]


def targets_of(mirror: Mirror, domain: str, service: str, data: Mapping[str, Any]) -> Targets:
    """Find on what a call acts. Of services that may act on anything nothing is said.

    Args:
        mirror: it must be live.
        domain, service: what is called.
        data: its data, with what it acts on.
    """
    if not acts(domain, service):
        return Targets()
    aim = Aim(mirror, domain)
    for name in listed(data.get("entity_id", [])):
        aim.take_entity(name)
    for kind in PLACES:
        for name in listed(data.get(kind, [])):
            aim.take_place(kind, name)
    return aim.found()


class Aim:
    """One walk over what a call names.

    Args:
        mirror: shows the house.
        domain: the service's.
    """

    def __init__(self, mirror: Mirror, domain: str) -> None:
        self.mirror = mirror
        self.domain = domain
        self.entities: dict[str, None] = {}
        self.missing: list[str] = []
        self.absent: list[str] = []
        self.idle: dict[str, None] = {}
        self.places: list[tuple[str, int]] = []

    def found(self) -> Targets:
        """Return what was found."""
        return Targets(
            entities=tuple(self.entities),
            missing=tuple(self.missing),
            absent=tuple(self.absent),
            idle=tuple(self.idle),
            places=tuple(self.places),
        )

    def take_entity(self, name: str) -> None:
        """Take an entity that is named."""
        if name == "none":
            return
        if name == "all":
            for each in filter(self.is_of_domain, self.mirror.states):
                self.take_present(each)
        elif name not in self.mirror.states:
            self.missing.append(absence_of(self.mirror, name))
            if name not in (self.mirror.registries.entities or {}):
                self.absent.append(name)
        else:
            for member in self.expanded(name):
                self.take_present(member)

    def take_present(self, name: str) -> None:
        """Take an entity that is there, maybe as a member of a group."""
        if not self.is_of_domain(name):
            self.idle[f"{name} is no {self.domain}"] = None
        elif self.mirror.states[name].state == UNAVAILABLE:
            self.idle[f"{name} is unavailable"] = None
        else:
            self.entities[name] = None

    def take_place(self, kind: str, name: str) -> None:
        """Take what is in an area, device, floor or label."""
        held = self.mirror.held(kind, name)
        if held is None:
            if getattr(self.mirror.registries, f"{PLACES[kind]}s") is not None:
                self.missing.append(f"there is no {PLACES[kind]} {name}")
            return
        here = [each for each in held if self.is_of_domain(each)]
        self.places.append((self.place_name(kind, name), len(here)))
        if not here:
            self.idle[f"the {PLACES[kind]} {name} holds no {self.domain}"] = None
        for each in here:
            self.take_present(each)

    def place_name(self, kind: str, name: str) -> str:
        """Return what people call a place."""
        table = getattr(self.mirror.registries, f"{PLACES[kind]}s") or {}
        row = table.get(name)
        called = getattr(row, "name_by_user", None) or getattr(row, "name", None)
        return called or name

    def is_of_domain(self, name: str) -> bool:
        """Whether the service is for entities such as this one."""
        return self.domain in ("homeassistant", name.partition(".")[0])

    def expanded(self, name: str, depth: int = 0) -> Iterator[str]:
        """Yield the members of a ``group.…`` that are there, or the entity itself. Other groups are
        entities of their domain, which pass on what they are told."""
        held = self.mirror.states[name].attributes.get("entity_id")
        if not name.startswith("group.") or not isinstance(held, list) or depth == GROUPS_DEEP:
            yield name
            return
        for member in listed(held):
            if member in self.mirror.states:
                yield from self.expanded(member, depth + 1)


def absence_of(mirror: Mirror, name: str) -> str:
    """Say that an entity is not there, and whether it once was."""
    row = (mirror.registries.entities or {}).get(name)
    if row is None:
        return f"there is no entity {name}"
    if row.disabled_by is not None:
        return f"{name} is disabled in Home Assistant"
    return f"{name} is known to Home Assistant, but not there now: its integration is not loaded"
