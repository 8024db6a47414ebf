"""The house: what areas, devices, labels, floors, groups and scenes hold, as Home Assistant says.

The policy asks it what an indirect name stands for (:class:`agentgate_server.policy.Resolver`). It
answers from memory. What it does not know, or has not heard of lately, it does not guess: the
policy then takes the name for a match of every deny and ask rule, and for none that allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from agentgate_server.policy.naming import HOLDERS
from agentgate_server.policy.spelling import fold
from agentgate_server.tools.home_assistant import templates

NAMES_MAX: Final = 100_000
"""Entities behind the names of one kind, all together. A large house has some thousand; more is
no house, and is not kept."""

Entities = frozenset[str]
Members = Mapping[tuple[str, str], Entities]
"""What is known of each kind and folded name."""

Things = dict[str, set[str]]


class House:
    """A resolver that is told by Home Assistant.

    Args:
        stale_s: for how long an answer holds, in seconds.
        clock: seconds that only go forward.
    """

    def __init__(self, stale_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.stale_s = stale_s
        self.clock = clock
        self._members: Members = {}
        self._heard_at: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is an answer that still holds."""
        return self._heard_at is not None and self.clock() - self._heard_at <= self.stale_s

    def learn(self, members: Members, asked_at: float) -> None:
        """Take all that is known now; what stood before is forgotten.

        Args:
            members: see :func:`read_house`.
            asked_at: when Home Assistant was asked, by ``clock``.
        """
        self._members = members
        self._heard_at = asked_at

    def __call__(self, kind: str, name: str) -> Collection[str] | None:
        """See :class:`agentgate_server.policy.Resolver`."""
        return self._members.get((kind, name)) if self.is_known else None


def read_house(rendered: Mapping[str, Sequence[bytes]]) -> tuple[Members, list[str]]:
    """Understand what Home Assistant rendered.

    Args:
        rendered: the pages that came of each template; what is missing stays unknown.

    Returns:
        What is known, and what could not be understood, each in one line.
    """
    reader = Reader(rendered)
    reader.read()
    return reader.members, reader.problems


class Reader:
    """One walk over the answers."""

    def __init__(self, rendered: Mapping[str, Sequence[bytes]]) -> None:
        self.rendered = rendered
        self.members: dict[tuple[str, str], Entities] = {}
        self.problems: list[str] = []
        self.devices: Things = {}
        self.areas: Things = {}

    def read(self) -> None:
        """Read devices and areas first: labels and floors are made of them."""
        parts = self.rows(templates.DEVICES, list[tuple[str, Texts, str | None, str | None]])
        for device, entities, parent, composite in parts or ():
            for name in (device, parent, composite):
                if name:
                    self.devices.setdefault(name, set()).update(entities)
        self.note("device_id", self.devices.items())
        areas = self.rows(templates.AREAS, list[tuple[str, str | None, Texts]])
        self.areas = {area: set(entities) for area, _, entities in areas or ()}
        self.note("area_id", self.areas.items())
        self.note("area_id", [(name or "", found) for _, name, found in areas or ()])
        floors = self.rows(templates.FLOORS, list[tuple[str, str | None, Texts]])
        for floor, name, held in floors or ():
            self.note_all("floor_id", (floor, name), [self.areas.get(area) for area in held])
        labels = self.rows(templates.LABELS, list[tuple[str, str | None, Texts, Texts, Texts]])
        for label, name, entities, devices, held in labels or ():
            # A device that is in no row has no entity with a state: nothing there can act.
            none = None if parts is None else set[str]()
            found = [set(entities), *(self.devices.get(device, none) for device in devices)]
            self.note_all("label_id", (label, name), [*found, *map(self.areas.get, held)])
        self.read_holders()

    def read_holders(self) -> None:
        """Note what is in groups and scenes, and in the groups that are in them."""
        rows = self.rows(templates.HOLDERS, list[tuple[str, Texts | str]])
        held = {
            holder: {entities} if isinstance(entities, str) else set(entities)
            for holder, entities in rows or ()
        }
        for holder in held:
            entities = expand(holder, held)
            if entities is not None:
                self.note("entity_id", [(holder, entities)])

    def rows(self, template: str, form: type[Any]) -> Any:
        """Return the rows of one template, or None if there are none to be had."""
        pages = self.rendered.get(template)
        if pages is None:
            return None
        try:
            return [row for page in pages for row in msgspec.json.decode(page, type=form)]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self.problems.append(f"unexpected answer to {template[:40]}…: {error}")
            return None

    def note_all(
        self, kind: str, names: Iterable[str | None], parts: Iterable[set[str] | None]
    ) -> None:
        """Note what a thing is made of, if all parts are known."""
        found: set[str] = set()
        for part in parts:
            if part is None:
                return
            found |= part
        self.note(kind, [(name, found) for name in names if name])

    def note(self, kind: str, things: Iterable[tuple[str, Collection[str]]]) -> None:
        """Note the entities behind names. Names that look alike share theirs."""
        for name, entities in things:
            key = (kind, fold(name))
            if key[1]:
                self.members[key] = self.members.get(key, frozenset()) | frozenset(entities)
        if sum(len(found) for (of, _), found in self.members.items() if of == kind) > NAMES_MAX:
            self.problems.append(f"more than {NAMES_MAX:,} entities by {kind}: none is kept")
            self.members = {key: found for key, found in self.members.items() if key[0] != kind}


Texts = list[str]


def expand(holder: str, held: Mapping[str, set[str]]) -> set[str] | None:
    """Return all that is in a holder, at any depth; None: something in it is not known."""
    found: set[str] = set()
    queue = [holder]
    while queue:
        for entity in held[queue.pop()] - found:
            found.add(entity)
            if entity in held:
                queue.append(entity)
            elif entity.partition(".")[0] in HOLDERS:
                return None
    return found
