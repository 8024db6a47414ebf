"""Naming arguments: those that say on what a request acts, which people must see whatever else.

A tool may have many arguments, and an agent may add more to some of them. What is shown of a
request has little room, so these come first, and none of them gives way to one that says how.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WHAT = (
    *("domain", "service", "action", "event_type", "method"),
    *("entity_id", "entity", "target", "device_id", "area_id", "floor_id", "label_id"),
    "path",
)
"""Those that say what is done to what. Nothing there is a secret, whatever else has the same value,
and wherever it stands: a person who decides must see it."""

NAMING = (
    *WHAT,
    *("to", "cc", "bcc", "recipient", "recipients", "user", "account"),
    *("command", "cmd", "code", "script", "query", "sql"),
    *("file", "file_path", "filename", "source", "src", "destination", "dest", "dst"),
    *("url", "uri", "host", "server", "repo", "branch", "table"),
    *("id", "name", "amount", "subject"),
)
"""Whole names, in the order in which they are shown: no tool has room for many of them, so an agent
that makes arguments up can't push one out by others."""

PLACES = {name: place for place, name in enumerate(NAMING)}


def is_naming(name: str) -> bool:
    """Whether an argument says on what is acted."""
    return name.lower() in PLACES


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of arguments: first those that say on what is acted, then the others by name."""
    return sorted(names, key=lambda name: (PLACES.get(name.lower(), len(NAMING)), name))


def ordered(args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments in this order."""
    return {name: args[name] for name in in_order(args)}


def shown_names(names: Iterable[str], others_max: int) -> list[str]:
    """The names of arguments that are shown: all that say on what is acted, and some others.

    Args:
        names: of all arguments.
        others_max: how many are shown, unless the former are more.
    """
    found = in_order(names)
    naming = sum(map(is_naming, found))
    return found[: max(naming, others_max)]
