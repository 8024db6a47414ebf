"""Filling: what a tool gets beside what was written, by its places.

A place is a JSON Pointer (RFC 6901): ``/opts/where``. People are shown what a tool gets; the places
say of which of it nobody has written a word.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

PLACES_MAX = 64
"""Places that are told of one request; nobody reads more of them, and it is kept with each row."""

PLACE_CHARS_MAX = 256
"""Of one place: names on the way to it may be of the asker's choosing."""

NAMES_MAX = 4
"""Names of what was filled in within one argument, beside its value."""

DEPTH_MAX = 32
"""As deep as policies look; nobody fills in deeper."""


def filled_places(written: Mapping[str, Any], got: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the places of what is got and was not written, in order; the first of many.

    A null that stands for "left out" is nothing written.

    Args:
        written, got: arguments, decoded JSON.
    """
    places: list[str] = []
    note(places, written, got, "", 0)
    return tuple(places)


def note(places: list[str], written: Any, got: Any, place: str, depth: int) -> None:
    """Note the places within two values that stand in the same one. (Each request with a default
    comes by here, so there are no abstract types and no generators.)"""
    if depth > DEPTH_MAX or len(places) >= PLACES_MAX or len(place) > PLACE_CHARS_MAX:
        return
    if isinstance(got, dict) and isinstance(written, dict):
        for name, value in got.items():
            old = written.get(name)
            if value is old and value is not None:
                continue
            below = f"{place}/{escaped(name)}"
            if old is not None or (value is None and name in written):
                note(places, old, value, below, depth + 1)
            elif len(below) <= PLACE_CHARS_MAX and len(places) < PLACES_MAX:
                places.append(below)
    elif isinstance(got, list) and isinstance(written, list) and len(written) == len(got):
        for index, (old, value) in enumerate(zip(written, got, strict=True)):
            note(places, old, value, f"{place}/{index}", depth + 1)


def without(args: Mapping[str, Any], places: tuple[str, ...]) -> dict[str, Any]:
    """Return arguments without what stands in these places: about as they were written."""
    return pruned(args, frozenset(places), "")


def pruned(value: Mapping[str, Any], places: frozenset[str], place: str) -> dict[str, Any]:
    """The same of an object that stands in a place. It is as deep as a place is long."""
    found = {}
    for name, item in value.items():
        below = f"{place}/{escaped(name)}"
        if below not in places:
            found[name] = rest(item, places, below)
    return found


def rest(value: Any, places: frozenset[str], place: str) -> Any:
    """The same of any value."""
    if not any(each.startswith(f"{place}/") for each in places):
        return value
    if isinstance(value, Mapping):
        return pruned(value, places, place)
    if not isinstance(value, list):  # of what was long only the beginning is kept
        return value
    return [rest(item, places, f"{place}/{index}") for index, item in enumerate(value)]


def mark_of(name: str, places: Collection[str]) -> str:
    """Say what of an argument was filled in, for people: beside its value, in words of ours.

    Args:
        name: of the argument.
        places: all that were filled in.

    Returns:
        "(default)", or the names within it that are; "" if there are none.
    """
    place = f"/{escaped(name)}"
    within = [each.removeprefix(f"{place}/") for each in places if each.startswith(f"{place}/")]
    if place in places:
        return "(default)"
    if not within:
        return ""
    names = dict.fromkeys(each.rpartition("/")[2] for each in within)
    told = [each for each in names if each.isidentifier()][:NAMES_MAX]
    more = ", …" if len(told) < len(names) else ""
    return f"(default: {', '.join(told)}{more})" if told else "(with defaults)"


def escaped(name: str) -> str:
    """Write a name as a part of a place."""
    return name.replace("~", "~0").replace("/", "~1")
