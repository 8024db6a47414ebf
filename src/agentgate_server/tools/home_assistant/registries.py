"""The registries: what Home Assistant has written down of entities, devices, areas, floors, labels.

Each is a list that is asked for as a whole (``config/…_registry/list``) and announced when it
changes (the event ``…_registry_updated``).
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any, Final

import msgspec

from agentgate_server.errors import ToolFailed

ROWS_MAX: Final = 100_000
"""Rows of one registry; a house with more is not understood."""


class EntityRow(msgspec.Struct, frozen=True):
    """An entity. Not every entity is here: some have a state only."""

    entity_id: str
    name: str | None = None
    original_name: str | None = None
    device_id: str | None = None
    area_id: str | None = None
    labels: tuple[str, ...] = ()
    platform: str = ""
    disabled_by: str | None = None
    hidden_by: str | None = None
    entity_category: str | None = None


class DeviceRow(msgspec.Struct, frozen=True):
    """A device; ``parent_device_id`` and ``composite_device_id`` (2026.8 and later) are those that
    it is a part of."""

    id: str
    name: str | None = None
    name_by_user: str | None = None
    area_id: str | None = None
    labels: tuple[str, ...] = ()
    parent_device_id: str | None = None
    composite_device_id: str | None = None


class AreaRow(msgspec.Struct, frozen=True):
    """An area: a room, or a garden."""

    area_id: str
    name: str
    floor_id: str | None = None
    labels: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class FloorRow(msgspec.Struct, frozen=True):
    """A floor; ``level`` is 0 for the ground floor, if it has any."""

    floor_id: str
    name: str
    level: int | None = None
    aliases: tuple[str, ...] = ()


class LabelRow(msgspec.Struct, frozen=True):
    """A label."""

    label_id: str
    name: str


class Source(msgspec.Struct, frozen=True):
    """Where an entity comes from: the integration's name is ``domain``."""

    domain: str = ""


Ask = Callable[[str], Awaitable[msgspec.Raw]]
"""Sends a command without fields; see :meth:`Link.ask`."""


class Registries:
    """All of them, as they were last told; None: not to be had.

    Attributes:
        refused: why a registry is not to be had, by its name.
    """

    def __init__(self) -> None:
        self.entities: dict[str, EntityRow] | None = None
        self.devices: dict[str, DeviceRow] | None = None
        self.areas: dict[str, AreaRow] | None = None
        self.floors: dict[str, FloorRow] | None = None
        self.labels: dict[str, LabelRow] | None = None
        self.groups: frozenset[str] | None = None
        self.refused: dict[str, str] = {}

    async def load(self, ask: Ask, names: Iterable[str] = ()) -> None:
        """Ask for some of them, or for all.

        Args:
            ask: sends commands.
            names: of :data:`LOADS`; none: all.

        Raises:
            NotStarted, EffectUnknown: there is no answer.
        """
        for name in [*names] or [*LOADS]:
            kind, take = LOADS[name]
            try:
                take(self, await ask(kind))
            except ToolFailed as error:
                setattr(self, name, None)
                self.refused[name] = str(error)
            except msgspec.MsgspecError as error:
                setattr(self, name, None)
                self.refused[name] = f"what {kind} tells is not understood: {error}"
            else:
                self.refused.pop(name, None)

    def area_of(self, entity_id: str) -> str | None:
        """Return the area of an entity, which is that of its device if it has none of its own."""
        row = (self.entities or {}).get(entity_id)
        if row is None:
            return None
        if row.area_id is not None:
            return row.area_id
        device = (self.devices or {}).get(row.device_id or "")
        return device.area_id if device is not None else None


def table(row: type[Any], key: str) -> Callable[[msgspec.Raw], dict[str, Any]]:
    """Return what reads a list of rows into a table by one of their fields."""
    decoder: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(types.GenericAlias(list, row))

    def read(told: msgspec.Raw) -> dict[str, Any]:
        rows = decoder.decode(told)
        if len(rows) > ROWS_MAX:
            raise msgspec.ValidationError(f"{len(rows):,} rows, and at most {ROWS_MAX:,} are kept")
        return {getattr(each, key): each for each in rows}

    return read


def loads(name: str, row: type[Any], key: str) -> tuple[str, Callable[[Registries, Any], None]]:
    """Return the command for a registry, and what takes its answer."""
    read = table(row, key)
    kind = f"config/{name[:-1] if name != 'entities' else 'entity'}_registry/list"
    return kind, lambda found, told: setattr(found, name, read(told))


SOURCES: Final = msgspec.json.Decoder(dict[str, Source])


def take_groups(found: Registries, told: msgspec.Raw) -> None:
    """Keep which entities are groups by their making."""
    sources: Collection[tuple[str, Source]] = SOURCES.decode(told).items()
    found.groups = frozenset(name for name, source in sources if source.domain == "group")


LOADS: Final[dict[str, tuple[str, Callable[[Registries, Any], None]]]] = {
    "entities": loads("entities", EntityRow, "entity_id"),
    "devices": loads("devices", DeviceRow, "id"),
    "areas": loads("areas", AreaRow, "area_id"),
    "floors": loads("floors", FloorRow, "floor_id"),
    "labels": loads("labels", LabelRow, "label_id"),
    "groups": ("entity/source", take_groups),
}
"""Of each registry: the command that lists it, and what takes the answer."""

UPDATES: Final = {
    "entity_registry_updated": ("entities", "groups"),
    "device_registry_updated": ("devices",),
    "area_registry_updated": ("areas",),
    "floor_registry_updated": ("floors",),
    "label_registry_updated": ("labels",),
}
"""What has changed when an event says so."""
