"""Identifiers: what may stand in a call to Home Assistant where it expects a name.

Checked before policy sees the request, and before a path is made of them: what is no plain name
never gets further.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agentgate_server.errors import ArgumentError

WORD: Final = re.compile(r"[a-z0-9_]+")
"""A domain or a service. Home Assistant makes services of scripts and devices by itself, such as
``script.1584605506836`` and ``script.3d_printer_off``."""

ENTITY: Final = re.compile(r"[0-9]*[a-z_][a-z0-9_]*\.[a-z0-9_]+")
EVENT_TYPE: Final = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z0-9_]+)?")
"""As the first agent-gate had it for all of Home Assistant's names."""

NAME_CHARS_MAX: Final = 255
"""Home Assistant's own limit on the length of an entity's name, and so of a script's service."""

EVENT_CHARS_MAX: Final = 64
"""Its limit on an event's type."""

TARGETS_MAX: Final = 500
"""Names in one call; a house has fewer lights."""

TARGET_KEYS: Final = ("entity_id", "device_id", "area_id", "floor_id", "label_id")
"""How a call says on what it acts."""

ANY_ENTITIES: Final = ("all", "none")
"""What Home Assistant takes for an entity and is none."""

TARGET_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]+")
"""An id of an area, device, floor or label: slugs and hexadecimal numbers."""

SHOWN_CHARS_MAX: Final = 80


def word(args: Mapping[str, Any], name: str) -> str:
    """Return a domain or a service.

    Raises:
        ArgumentError: it is missing or no plain name.
    """
    return one(args, name, WORD, NAME_CHARS_MAX, "a plain name such as light or turn_on")


def entity(args: Mapping[str, Any]) -> str:
    """Return the one entity of a request.

    Raises:
        ArgumentError: it is missing or none.
    """
    return one(args, "entity_id", ENTITY, NAME_CHARS_MAX, "an entity such as light.bedroom")


def event_type(args: Mapping[str, Any]) -> str:
    """Return the type of an event.

    Raises:
        ArgumentError: it is missing or no plain name.
    """
    return one(args, "event_type", EVENT_TYPE, EVENT_CHARS_MAX, "a plain name such as doorbell")


def one(
    args: Mapping[str, Any], name: str, form: re.Pattern[str], chars_max: int, expected: str
) -> str:
    """Return an argument that must be there and have a form."""
    if name not in args:
        raise ArgumentError(f"missing argument '{name}': {expected}")
    value = args[name]
    if not isinstance(value, str) or len(value) > chars_max or not form.fullmatch(value):
        raise ArgumentError(f"argument '{name}' must be {expected}, found {shown(value)}")
    return value


def service_data(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is sent to a service: all but its name, ``target`` put in the place where the
    REST API wants what it holds.

    Raises:
        ArgumentError: a name in it has no form, or stands twice.
    """
    data = {
        key: value
        for key, value in args.items()
        if key not in ("domain", "service", "target", "return_response")
    }
    target = args.get("target", {})
    if not isinstance(target, dict):
        raise ArgumentError(f"argument 'target' must be an object, found {shown(target)}")
    for key, value in target.items():
        if key not in TARGET_KEYS:
            raise ArgumentError(f"target takes {', '.join(TARGET_KEYS)}; found {shown(key)}")
        if key in data:
            raise ArgumentError(f"'{key}' is there twice, in target and outside")
        data[key] = value
    for key in TARGET_KEYS:
        if key in data:
            check_names(key, data[key])
    return data


def check_names(key: str, value: Any) -> None:
    """Refuse a target that is no name and no list of names."""
    names = value if isinstance(value, list) else [value]
    if len(names) > TARGETS_MAX:
        raise ArgumentError(f"argument '{key}' names {len(names)}, and may at most {TARGETS_MAX}")
    for name in names:
        if not is_target(key, name):
            kind = "an entity such as light.bedroom" if key == "entity_id" else "an id"
            raise ArgumentError(
                f"argument '{key}' must be {kind}, or a list of such, found {shown(name)}"
            )


def is_target(key: str, name: Any) -> bool:
    """Whether a value can be the name of something to act on."""
    if not isinstance(name, str) or not 0 < len(name) <= NAME_CHARS_MAX:
        return False
    if key == "entity_id":
        return name in ANY_ENTITIES or ENTITY.fullmatch(name) is not None
    return TARGET_NAME.fullmatch(name) is not None


def words(args: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield an optional argument that is a plain name or a list of such.

    Raises:
        ArgumentError: it is neither.
    """
    value = args.get(name, [])
    for item in value if isinstance(value, list) else [value]:
        yield word({name: item}, name)


def only(args: Mapping[str, Any], *names: str) -> None:
    """Refuse arguments of other names.

    Raises:
        ArgumentError: there are some.
    """
    for key in args:
        if key not in names:
            takes = ", ".join(names) or "none"
            raise ArgumentError(f"unknown argument {shown(key)}, the arguments are: {takes}")


def shown(value: Any) -> str:
    """Show a value that is not what it should be, shortened."""
    text = ascii(value) if isinstance(value, str) else type(value).__name__
    return text if len(text) <= SHOWN_CHARS_MAX else text[: SHOWN_CHARS_MAX - 1] + "…"
