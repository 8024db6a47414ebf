"""All attacks, by their names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.pressure.attacks import (
    blinds,
    deceits,
    floods,
    guesses,
    hoards,
    mixtures,
    readings,
    strangers,
)
from tests.pressure.attacks.attack import Attack, name_of
from tests.pressure.attacks.deceit import Deceit

KINDS = (strangers, floods, hoards, blinds, mixtures)
TRICKS = (deceits, readings, guesses)


def attacks() -> dict[str, type[Attack]]:
    """All of them, in the order of their files."""
    return {name_of(each): each for kind in KINDS for each in classes_of(vars(kind))}


def tricks() -> dict[str, type[Deceit]]:
    """All deceits, likewise."""
    return {
        name_of(each): each
        for kind in TRICKS
        for each in vars(kind).values()
        if isinstance(each, type) and issubclass(each, Deceit) and each is not Deceit
    }


def classes_of(names: dict[str, object]) -> Iterator[type[Attack]]:
    """The attacks that a module defines itself; not those that only have others made from them."""
    for each in names.values():
        if (
            isinstance(each, type)
            and issubclass(each, Attack)
            and each.__module__ == names["__name__"]
            and each.run is not Attack.run
        ):
            yield each


def kind_of(attack: type) -> str:
    """The file that it stands in; all deceits are of one kind."""
    if issubclass(attack, Deceit):
        return "deceits"
    return attack.__module__.rpartition(".")[2]
