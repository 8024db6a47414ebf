"""Arguments of what only reads: texts, numbers and truth values that say which of many are meant.

Checked before policy sees the request. What is wrong is said with what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agentgate_server.errors import ArgumentError
from agentgate_server.tools.home_assistant.identifiers import (
    ENTITY,
    NAME_CHARS_MAX,
    shown,
)

NAMES_MAX: Final = 100
"""Names in one argument of a tool that reads."""

NAMES_SCHEMA: Final[Mapping[str, Any]] = {"type": "array", "items": {"type": "string"}}
"""A list of names. One name by itself is taken as well, which a model need not know: to say so, a
schema takes twice the room, and some vendors refuse a list of types."""

TEXT_SCHEMA: Final[Mapping[str, Any]] = {"type": "string"}
LIMIT_SCHEMA: Final[Mapping[str, Any]] = {"type": "integer"}
"""At most so many; an error says how many may be asked for."""


def listed(args: Mapping[str, Any], name: str) -> list[Any]:
    """Return an argument that is one value or a list of such; none: it is left out.

    Raises:
        ArgumentError: there are too many, or none in the list.
    """
    if name not in args:
        return []
    value = args[name]
    found = value if isinstance(value, list) else [value]
    if not found:
        raise ArgumentError(f"argument '{name}' must name something, or be left out")
    if len(found) > NAMES_MAX:
        raise ArgumentError(f"argument '{name}' names {len(found)}, and may at most {NAMES_MAX}")
    return found


def texts(args: Mapping[str, Any], name: str, expected: str) -> list[str]:
    """Return an optional argument that is a text or a list of texts, none of them empty.

    Raises:
        ArgumentError: it is neither.
    """
    found = listed(args, name)
    for item in found:
        if not is_text(item):
            raise ArgumentError(f"argument '{name}' must be {expected}, found {shown(item)}")
    return found


def text(args: Mapping[str, Any], name: str, expected: str) -> str:
    """Return an optional argument that is a text; "": it is left out.

    Raises:
        ArgumentError: it is none, or empty.
    """
    value = args.get(name)
    if value is not None and not is_text(value):
        raise ArgumentError(f"argument '{name}' must be {expected}, found {shown(value)}")
    return value or ""


def is_text(value: Any) -> bool:
    """Whether a value is a text that says something, and no book."""
    return isinstance(value, str) and len(value) <= NAME_CHARS_MAX and bool(value.strip())


def entities(args: Mapping[str, Any], name: str = "entity_id") -> list[str]:
    """Return an optional argument that is an entity or a list of entities, each once.

    Raises:
        ArgumentError: it is neither.
    """
    for item in listed(args, name):
        if (
            not isinstance(item, str)
            or len(item) > NAME_CHARS_MAX
            or ENTITY.fullmatch(item) is None
        ):
            raise ArgumentError(
                f"argument '{name}' must be an entity such as light.bedroom, or a list of such, "
                f"found {shown(item)}"
            )
    return list(dict.fromkeys(listed(args, name)))


def whole(args: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """Return an optional whole number within bounds.

    Raises:
        ArgumentError: it is none, or out of bounds.
    """
    value = args.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise ArgumentError(f"argument '{name}' must be a whole number from {least} to {most:,}")
    return value


def flag(args: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return an optional truth value.

    Raises:
        ArgumentError: it is none.
    """
    value = args.get(name, default)
    if not isinstance(value, bool):
        raise ArgumentError(f"argument '{name}' must be true or false, found {shown(value)}")
    return value
