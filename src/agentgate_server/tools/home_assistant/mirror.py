"""The mirror: the house as it is now, kept by what Home Assistant tells over its WebSocket.

It holds every state and the registries, without credentials, and is only to be trusted while
``is_live``. What the policy gets of it is made by ``rows`` in the form of the templates' answers
(:mod:`agentgate_server.tools.home_assistant.templates`), so that one reader judges both.

::

    mirror.is_live                     whether it shows the house as it is
    mirror.states["light.hall"]        state, attributes, times
    mirror.name_of("light.hall")       "Hall light"
    mirror.area_name_of("light.hall")  "Entrance Hall", or ""
    mirror.held("area_id", "hall")     entities with a state in an area, device, floor, label; None:
                                       there is no such thing
    mirror.registries                  rows of areas, floors, labels, devices, entities
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agentgate_server.policy.spelling import fold
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.credentials import without_credentials
from agentgate_server.tools.home_assistant.registries import ROWS_MAX, AreaRow, Registries

CONTEXTS_MAX: Final = 256
"""Contexts of which is remembered what has changed by them: those of the last seconds."""

CHANGED_MAX: Final = 1_000
"""Entities of one of them."""

Row = list[Any]


@dataclass(slots=True)
class EntityState:
    """The state of an entity. ``attributes`` have no credentials in them.

    Attributes:
        changed_at: when ``state`` changed last, in UTC seconds.
        updated_at: when state or attributes did.
        context_id, parent_id, user_id: whose doing that was, as Home Assistant knows it.
    """

    entity_id: str
    state: str
    attributes: dict[str, Any] = field(default_factory=dict)
    changed_at: float = 0.0
    updated_at: float = 0.0
    context_id: str = ""
    parent_id: str | None = None
    user_id: str | None = None

    @property
    def domain(self) -> str:
        """``light`` of ``light.hall``."""
        return self.entity_id.partition(".")[0]

    def as_json(self) -> dict[str, Any]:
        """Return it as the REST API does, but for ``last_reported``, which is not told."""
        return {
            "entity_id": self.entity_id,
            "state": self.state,
            "attributes": self.attributes,
            "last_changed": iso(self.changed_at),
            "last_updated": iso(self.updated_at),
            "context": {
                "id": self.context_id,
                "parent_id": self.parent_id,
                "user_id": self.user_id,
            },
        }


class Compressed(msgspec.Struct):
    """A state, or what is new of it, as ``subscribe_entities`` tells it."""

    s: str | None = None
    a: dict[str, Any] = {}
    c: str | dict[str, str | None] = ""
    lc: float = 0.0
    lu: float = 0.0


class Removed(msgspec.Struct):
    """Attributes that are gone."""

    a: tuple[str, ...] = ()


class Difference(msgspec.Struct):
    """What has changed of a state."""

    added: Compressed = msgspec.field(name="+", default_factory=Compressed)
    removed: Removed = msgspec.field(name="-", default_factory=Removed)


class Changes(msgspec.Struct):
    """One event of ``subscribe_entities``: states that are new, changed, gone."""

    a: dict[str, Compressed] = {}
    c: dict[str, Difference] = {}
    r: tuple[str, ...] = ()


CHANGES: Final = msgspec.json.Decoder(Changes)


class Mirror:
    """See the module.

    Args:
        changed: is called when a group, a scene or whatever else holds entities has others.

    Attributes:
        is_live: it has been told of all states on the connection that stands.
        states: by entity.
        registries: see :class:`Registries`.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.is_live = False
        self.states: dict[str, EntityState] = {}
        self.registries = Registries()
        self._changed = changed
        self._by_context: OrderedDict[str, dict[str, None]] = OrderedDict()

    # What it is told

    def reset(self) -> None:
        """Forget everything: the connection is over."""
        self.is_live = False
        self.states = {}
        self.registries = Registries()
        self._by_context.clear()

    def apply(self, event: msgspec.Raw) -> None:
        """Take an event of ``subscribe_entities``.

        Raises:
            msgspec.MsgspecError: it is none.
        """
        told = CHANGES.decode(event)
        before = {name: self._holding(name) for name in (*told.a, *told.c, *told.r)}
        for name, new in told.a.items():
            self._add(name, new)
        for name, difference in told.c.items():
            self._change(name, difference)
        for name in told.r:
            self.states.pop(name, None)
        if len(self.states) > ROWS_MAX:
            raise msgspec.ValidationError(f"more than {ROWS_MAX:,} entities")
        if any(self._holding(name) != held for name, held in before.items()):
            self._changed()

    def _add(self, name: str, new: Compressed) -> None:
        if new.s is None:
            raise msgspec.ValidationError(f"no state of {name[:80]!a}")
        state = EntityState(name, new.s)
        state.attributes = without_credentials(new.a)
        state.changed_at, state.updated_at = new.lc, new.lu or new.lc
        self.states[name] = state
        self._keep_context(state, new)

    def _change(self, name: str, difference: Difference) -> None:
        state = self.states.get(name)
        if state is None:
            raise msgspec.ValidationError(f"a change of {name[:80]!a}, which is not there")
        new = difference.added
        if new.s is not None:
            state.state = new.s
        if new.a or difference.removed.a:
            kept = {k: v for k, v in state.attributes.items() if k not in difference.removed.a}
            fresh = without_credentials(new.a)
            for gone in new.a.keys() - fresh.keys():
                kept.pop(gone, None)
            state.attributes = kept | fresh
        if new.lc:
            state.changed_at = state.updated_at = new.lc
        if new.lu:
            state.updated_at = new.lu
        self._keep_context(state, new)

    def _keep_context(self, state: EntityState, new: Compressed) -> None:
        """Keep whose doing a change was. What is not told of it is as before."""
        if isinstance(new.c, str):
            state.context_id = new.c or state.context_id
        else:
            state.context_id = new.c.get("id") or state.context_id
            state.parent_id = new.c.get("parent_id", state.parent_id)
            state.user_id = new.c.get("user_id", state.user_id)
        for context in filter(None, (state.context_id, state.parent_id)):
            changed = self._by_context.setdefault(context, {})
            self._by_context.move_to_end(context)
            if len(changed) < CHANGED_MAX:
                changed[state.entity_id] = None
        while len(self._by_context) > CONTEXTS_MAX:
            self._by_context.popitem(last=False)

    def _holding(self, name: str) -> Any:
        """What an entity says that it holds, and whether it is there to say so."""
        state = self.states.get(name)
        return None if state is None else (state.state == UNAVAILABLE, holding(state))

    # What it shows

    def changed_by(self, context_id: str) -> list[EntityState]:
        """Return the entities that have changed lately by a context, or by what that has led to."""
        names = self._by_context.get(context_id, ())
        return [self.states[name] for name in names if name in self.states]

    def name_of(self, entity_id: str) -> str:
        """Return what people call an entity; its id, if they call it nothing."""
        state = self.states.get(entity_id)
        name = state.attributes.get("friendly_name") if state is not None else None
        return name if isinstance(name, str) and name else entity_id

    def area_name_of(self, entity_id: str) -> str:
        """Return the name of the area that an entity is in, or ""."""
        area = (self.registries.areas or {}).get(self.registries.area_of(entity_id) or "")
        return area.name if area is not None else ""

    def held(self, kind: str, name: str) -> list[str] | None:
        """Return the entities with a state that are in something; None: there is no such thing.

        Args:
            kind: ``area_id``, ``device_id``, ``floor_id`` or ``label_id``.
            name: its id.
        """
        found = self._index()[kind].get(name)
        return None if found is None else sorted(each for each in found if each in self.states)

    def rows(self) -> dict[str, list[Row]]:
        """Return what the policy's templates would come to; what is not to be had is not there."""
        registries, found = self.registries, self._index()
        rows: dict[str, list[Row]] = {
            templates.HOLDERS: [
                [state.entity_id, held_by(state)]
                for state in self.states.values()
                if "entity_id" in state.attributes
            ]
        }
        if registries.groups is not None:
            rows[templates.GROUPS] = [[name] for name in registries.groups]
        if registries.entities is None or registries.devices is None:
            return rows
        rows[templates.DEVICES] = [
            [name, names(found["device_id"][name]), row.parent_device_id, row.composite_device_id]
            for name, row in registries.devices.items()
        ]
        if registries.areas is None:
            return rows
        rows[templates.AREAS] = [
            [name, row.name, names(found["area_id"][name])]
            for name, row in registries.areas.items()
        ]
        if registries.floors is not None:
            rows[templates.FLOORS] = [
                [name, row.name, on_floor(name, registries.areas)]
                for name, row in registries.floors.items()
            ]
        if registries.labels is not None:
            rows[templates.LABELS] = [
                [
                    name,
                    row.name,
                    labelled(name, registries.entities),
                    labelled(name, registries.devices),
                    labelled(name, registries.areas),
                ]
                for name, row in registries.labels.items()
            ]
        return rows

    def former(self, names: Iterable[str]) -> list[str]:
        """Return those of some folded names that are there, available, and hold nothing."""
        wanted = set(names)
        return [
            fold(name)
            for name, state in self.states.items()
            if fold(name) in wanted
            and state.state != UNAVAILABLE
            and "entity_id" not in state.attributes
        ]

    def _index(self) -> Mapping[str, dict[str, set[str]]]:
        """Return the entities in each area, device, floor and label."""
        registries = self.registries
        areas, devices = registries.areas or {}, registries.devices or {}
        found: dict[str, dict[str, set[str]]] = {
            "area_id": {name: set() for name in areas},
            "device_id": {name: set() for name in devices},
            "floor_id": {name: set() for name in registries.floors or {}},
            "label_id": {name: set() for name in registries.labels or {}},
        }
        for name, row in (registries.entities or {}).items():
            if row.disabled_by is not None and name not in self.states:
                continue
            area_id = registries.area_of(name)
            area = areas.get(area_id or "")
            device = devices.get(row.device_id or "")
            put(found["area_id"], name, area_id)
            put(found["device_id"], name, row.device_id)
            put(found["floor_id"], name, area.floor_id if area else None)
            for each in (row, device, area):
                for label in each.labels if each is not None else ():
                    put(found["label_id"], name, label)
        return found


UNAVAILABLE: Final = "unavailable"


def put(found: dict[str, set[str]], entity: str, where: str | None) -> None:
    """Note where an entity is, if there is such a place."""
    if where in found:
        found[where].add(entity)


def names(found: Iterable[str]) -> list[str]:
    """Return names in one order."""
    return sorted(found)


def labelled(label: str, table: Mapping[str, Any]) -> list[str]:
    """Return the keys of the rows with a label."""
    return [name for name, row in table.items() if label in row.labels]


def on_floor(floor: str, areas: Mapping[str, AreaRow]) -> list[str]:
    """Return the areas of a floor."""
    return [name for name, area in areas.items() if area.floor_id == floor]


def holding(state: EntityState) -> Any:
    """Return the attribute that tells what an entity holds; "" if it has none."""
    return state.attributes.get("entity_id", "")


def held_by(state: EntityState) -> list[str] | str | None:
    """Return the same as our template does: a list of texts, or a text; None: it is neither."""
    held = state.attributes["entity_id"]
    if isinstance(held, list):
        return [each if isinstance(each, str) else str(each) for each in held]
    return held if isinstance(held, str) else None


def iso(at: float) -> str:
    """Write a time as Home Assistant does."""
    return datetime.fromtimestamp(at, UTC).isoformat()
