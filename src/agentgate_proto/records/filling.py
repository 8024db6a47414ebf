"""Filling: what a tool gets beside what was written, by its places.

A place is a JSON Pointer (RFC 6901): ``/opts/where``. People are shown what a tool gets; the places
say of which of it nobody has written a word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
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
    places = (place for place in walk(written, got, "", 0) if len(place) <= PLACE_CHARS_MAX)
    return tuple(islice(places, PLACES_MAX))


def walk(written: Any, got: Any, place: str, depth: int) -> Iterator[str]:
    """Yield the places within two values that stand in the same one."""
    if depth > DEPTH_MAX:
        return
    match written, got:
        case Mapping(), Mapping():
            for name, value in got.items():
                below = f"{place}/{escaped(name)}"
                old = written.get(name)
                if old is None and (value is not None or name not in written):
                    yield below
                else:
                    yield from walk(old, value, below, depth + 1)
        case list(), list() if len(written) == len(got):
            for index, (old, value) in enumerate(zip(written, got, strict=True)):
                yield from walk(old, value, f"{place}/{index}", depth + 1)
        case _:
            return


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
