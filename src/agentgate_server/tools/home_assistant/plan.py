"""The plan of a house: its areas, floors and labels by name, and what is in them.

The policy asks :mod:`house`, where a name may stand for more than one place and what is not known
is a danger. Here is what agents are shown and may ask by, so what is not known is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from agentgate_server.documents.errors import did_you_mean
from agentgate_server.policy.spelling import fold

NAMED_MAX: Final = 20
"""Places that an error lists where none is near to what was asked for."""

Entities = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An area, a floor or a label.

    Attributes:
        id: what services take.
        name: what people call it.
        entities: what is in it, as far as that is known.
        within: the id of the floor that an area is on, or "".
    """

    id: str
    name: str
    entities: Entities = frozenset()
    within: str = ""


class NoSuchPlace(LookupError):
    """There is no place of that name; its text says what there is."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What there is.

    Attributes:
        areas, floors, labels: in the order of their ids.
    """

    areas: Sequence[Place] = ()
    floors: Sequence[Place] = ()
    labels: Sequence[Place] = ()

    @cached_property
    def area_of(self) -> Mapping[str, str]:
        """The name of the area that each entity is in, by the entity's id."""
        return {entity: area.name for area in self.areas for entity in area.entities}

    def places(self, kind: str) -> Sequence[Place]:
        """Return the places of a kind: ``area``, ``floor`` or ``label``."""
        return {"area": self.areas, "floor": self.floors, "label": self.labels}[kind]

    def within(self, kind: str, names: Iterable[str]) -> Entities:
        """Return what is in some places.

        Args:
            kind: ``area``, ``floor`` or ``label``.
            names: their ids, or their names in any case.

        Raises:
            NoSuchPlace: one of them is none.
        """
        found: set[str] = set()
        for name in names:
            found |= self.find(kind, name)
        return frozenset(found)

    def find(self, kind: str, name: str) -> Entities:
        """Return what is in one place, or in all of that name.

        Raises:
            NoSuchPlace: there is none.
        """
        folded = fold(name)
        places = self.places(kind)
        found = [place for place in places if folded in (fold(place.id), fold(place.name))]
        if not found:
            raise NoSuchPlace(f"there is no {kind} {name!r}{what_there_is(name, places)}")
        return frozenset().union(*(place.entities for place in found))


def what_there_is(name: str, places: Sequence[Place]) -> str:
    """Say which place may be meant, or which there are."""
    if not places:
        return ": there are none"
    near = did_you_mean(name, [known for place in places for known in (place.name, place.id)])
    if near:
        return near
    named = ", ".join(place.id for place in places[:NAMED_MAX])
    more = f" and {len(places) - NAMED_MAX} more" if len(places) > NAMED_MAX else ""
    return f"; there are {named}{more}"
