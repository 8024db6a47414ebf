"""What the templates of the gateway come to in the stand-in's home."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agentgate_cli.standins.home import UNAVAILABLE, Home
from agentgate_server.tools.home_assistant import templates


def held(value: Any) -> list[str] | str | None:
    """Return what our template makes of an attribute ``entity_id``."""
    if isinstance(value, str):
        return value
    return list(map(str, value)) if isinstance(value, list | tuple | set) else None


def short(template: str, *kept: int) -> Callable[[Home], list[Any]]:
    """Return what a template comes to, with some cells only."""
    return lambda home: [[row[cell] for cell in kept] for row in RENDERED[template](home)]


RENDERED: Final[dict[str, Callable[[Home], list[Any]]]] = {
    templates.AREAS: lambda home: [
        [area.id, area.name, home.of_area(area.id)] for area in home.areas.values()
    ],
    templates.FLOORS: lambda home: [
        [floor, name, home.of_floor(floor)] for floor, name in home.floors.items()
    ],
    templates.LABELS: lambda home: [
        [label, name, *home.labelled(label)] for label, name in home.labels.items()
    ],
    templates.DEVICES: lambda home: [
        [device.id, home.of_device(device.id), device.parent or None, None]
        for device in home.devices.values()
        if home.of_device(device.id)
    ],
    templates.HOLDERS: lambda home: [
        [entity.id, held(shown["entity_id"])]
        for entity in home.entities.values()
        if "entity_id" in (shown := entity.shown_attributes())
    ],
    templates.GROUPS: lambda home: [
        [entity.id] for entity in home.entities.values() if entity.is_group
    ],
    templates.FORMER: lambda home: [
        [entity.id]
        for entity in home.entities.values()
        if entity.state != UNAVAILABLE and "entity_id" not in entity.shown_attributes()
    ],
}
"""What each template comes to, all rows of it."""

RENDERED.update(
    {
        templates.SHORT[templates.AREAS]: short(templates.AREAS, 0, 1),
        templates.SHORT[templates.FLOORS]: short(templates.FLOORS, 0, 1),
        templates.SHORT[templates.LABELS]: short(templates.LABELS, 0, 1),
        templates.SHORT[templates.HOLDERS]: short(templates.HOLDERS, 0),
        templates.SHORT[templates.DEVICES]: lambda home: [
            [device, None, *wholes] for device, _, *wholes in RENDERED[templates.DEVICES](home)
        ],
    }
)
