"""Reading: understand what Home Assistant tells of its house, by templates or by its registries.

Any entity may have an attribute called ``entity_id``, and any integration may make ids that Home
Assistant would not take from its users. So a row that is not understood leaves only the thing
unknown that it is about, and an id that no rule can name stays what it is: to the policy something
that is not known, beside what is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from agentgate_server.policy.entities import is_entity
from agentgate_server.policy.naming import ANYTHING
from agentgate_server.policy.spelling import fold
from agentgate_server.tools.home_assistant import templates
from agentgate_server.tools.home_assistant.house import NAMES_MAX, Entities, Told
from agentgate_server.tools.home_assistant.identifiers import shown
from agentgate_server.tools.home_assistant.plan import Place, Plan

SHOWN_MAX: Final = 10
"""Names in one line about what was not understood."""

UNTOLD: Final = frozenset({"automation", "script"})
"""Domains whose entities do what is written elsewhere, whatever attributes they have."""

Row = list[Any]
Things = dict[str, Entities]


def read_house(rendered: Mapping[str, Sequence[bytes]]) -> Told:
    """Understand what Home Assistant rendered.

    Args:
        rendered: the pages that came of each template; what is missing stays unknown.
    """
    found: dict[str, list[Row]] = {}
    problems: list[str] = []
    for template, pages in rendered.items():
        try:
            found[template] = [row for page in pages for row in rows_of(page)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems.append(f"unexpected answer to {template[:40]}…: {error}")
    return Reader(found, problems).read()


def read_rows(found: Mapping[str, list[Row]]) -> Told:
    """Understand the same rows, of whom else has them.

    Args:
        found: the rows of each template; what is missing stays unknown.
    """
    return Reader(found, []).read()


class Reader:
    """One walk over the answers.

    Args:
        found: the rows of each template, each with a text as the first.
        problems: what could not be understood so far.
    """

    def __init__(self, found: Mapping[str, list[Row]], problems: list[str]) -> None:
        self.found = found
        self.members: dict[tuple[str, str], Entities] = {}
        self.problems = problems
        self.dark: dict[str, None] = {}
        self.odd: dict[str, None] = {}
        self.areas: list[Place] = []
        self.floors: list[Place] = []
        self.labels: list[Place] = []

    def read(self) -> Told:
        """Read devices and areas first: labels and floors are made of them."""
        devices, areas = self.read_devices(), self.read_areas()
        for floor, name, held in self.rows(templates.FLOORS, 3) or ():
            parts = [areas.get(area) for area in self.names(held, f"floor {shown(floor)}")]
            self.note_all("floor_id", (floor, name), parts)
            self.floors.append(place(floor, name, parts))
            self.put_on(floor, held)
        for label, name, entities, labelled, held in self.rows(templates.LABELS, 5) or ():
            what = f"label {shown(label)}"
            # A device that is in no row has no entity with a state: nothing there can act.
            none = {device: frozenset[str]() for device in self.names(labelled, what)}
            none.pop(ANYTHING, None)
            found = {**none, **devices} if devices is not None else {}
            parts = [self.entities(entities, what)]
            parts += [found.get(device) for device in self.names(labelled, what)]
            parts += [areas.get(area) for area in self.names(held, what)]
            self.note_all("label_id", (label, name), parts)
            self.labels.append(place(label, name, parts))
        holders = self.read_holders()
        groups = {fold(group) for (group,) in self.rows(templates.GROUPS, 1) or ()}
        self.limit()
        self.tell("what is in these is not understood", self.dark)
        self.tell("no rule can name these", self.odd)
        return Told(
            members=self.members,
            holders=holders,
            unread=groups - (holders or {}).keys(),
            problems=tuple(self.problems),
            plan=Plan(areas=self.areas, floors=self.floors, labels=self.labels),
        )

    def read_devices(self) -> Things | None:
        """Note what devices have and return it, or None if that is not known."""
        rows = self.rows(templates.DEVICES, 4)
        devices: Things = {}
        for device, entities, parent, composite in rows or ():
            found = self.entities(entities, f"device {shown(device)}")
            for name in (device, parent, composite):
                if name is not None:
                    devices[str(name)] = devices.get(str(name), frozenset()) | found
        self.note("device_id", devices.items())
        return None if rows is None else devices

    def read_areas(self) -> Things:
        """Note what is in areas, and return it."""
        areas: Things = {}
        for area, name, entities in self.rows(templates.AREAS, 3) or ():
            areas[area] = self.entities(entities, f"area {shown(area)}")
            self.note("area_id", [(area, areas[area]), (name, areas[area])])
            self.areas.append(place(area, name, [areas[area]]))
        return areas

    def put_on(self, floor: str, areas: Any) -> None:
        """Note on which floor areas are."""
        held = areas if isinstance(areas, list) else ()
        self.areas = [
            replace(each, within=floor) if each.id in held else each for each in self.areas
        ]

    def read_holders(self) -> Things | None:
        """Return what is in groups and scenes, or None if that is not known."""
        rows = self.rows(templates.HOLDERS, 2)
        if rows is None:
            return None
        holders: Things = {}
        for holder, entities in rows:
            name = fold(holder)
            if name.partition(".")[0] in UNTOLD:
                continue
            found = self.entities(entities, shown(holder))
            holders[name] = holders.get(name, frozenset()) | found
        if sum(map(len, holders.values())) > NAMES_MAX:
            self.problems.append(f"more than {NAMES_MAX:,} entities in groups: none is kept")
            return None
        return holders

    def rows(self, template: str, cells: int) -> list[Row] | None:
        """Return the rows of one template, each with so many cells; None: there are none."""
        rows = self.found.get(template)
        if rows is None:
            return None
        return [[*row, *[None] * cells][:cells] for row in rows]

    def entities(self, value: Any, what: str) -> Entities:
        """Return the entities in a cell, and note those that no rule can name."""
        found = frozenset(self.names(value, what))
        for name in found:
            if name != ANYTHING and not is_entity(name):
                self.odd[f"{shown(name)} in {what}"] = None
        return found

    def names(self, value: Any, what: str) -> list[str]:
        """Return the names in a cell: a list, or a text with commas. ``ANYTHING`` stands for what
        is neither."""
        if isinstance(value, str):
            return [part.strip() for part in value.split(",")]
        if isinstance(value, list) and all(isinstance(name, str) for name in value):
            return value
        self.dark[what] = None
        texts = value if isinstance(value, list) else ()
        return [ANYTHING, *(name for name in texts if isinstance(name, str))]

    def note_all(self, kind: str, names: Iterable[Any], parts: Collection[Entities | None]) -> None:
        """Note what a thing is made of, if all parts are known."""
        found: set[str] = set()
        for part in parts:
            if part is None:
                return
            found |= part
        self.note(kind, [(name, found) for name in names])

    def note(self, kind: str, things: Iterable[tuple[Any, Collection[str]]]) -> None:
        """Note the entities behind names. Names that look alike share theirs."""
        for name, entities in things:
            key = (kind, fold(name) if isinstance(name, str) else "")
            if key[1]:
                self.members[key] = self.members.get(key, frozenset()) | frozenset(entities)

    def limit(self) -> None:
        """Drop kinds of which there is more than can be kept."""
        for kind in dict.fromkeys(kind for kind, _ in self.members):
            found = [len(held) for (of, _), held in self.members.items() if of == kind]
            if sum(found) > NAMES_MAX:
                self.problems.append(f"more than {NAMES_MAX:,} entities by {kind}: none is kept")
                self.members = {key: held for key, held in self.members.items() if key[0] != kind}

    def tell(self, what: str, names: Collection[str]) -> None:
        """Add a line on names, if there are any."""
        if names:
            more = f" and {len(names) - SHOWN_MAX:,} more" if len(names) > SHOWN_MAX else ""
            self.problems.append(f"{what}: {', '.join([*names][:SHOWN_MAX])}{more}")


def place(id_: str, name: Any, parts: Iterable[Entities | None]) -> Place:
    """Make a place of the plan, with what is known of its parts."""
    entities = frozenset[str]().union(*(part for part in parts if part is not None))
    shown_name = name if isinstance(name, str) and name else id_
    return Place(id=id_, name=shown_name, entities=entities - {ANYTHING})


def rows_of(page: bytes) -> list[Row]:
    """Return the rows of a page.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: there is something else, or a row that does not say
            what it is about.
    """
    rows = msgspec.json.decode(page, type=list[Row])
    for row in rows:
        if not row or not isinstance(row[0], str) or not row[0]:
            raise msgspec.DecodeError("a row does not begin with an id")
    return rows
