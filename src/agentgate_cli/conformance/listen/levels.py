"""The levels of a client: what it can do, and what each builds on (``spec/README.md``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

LEVELS: dict[str, str] = {
    "minimal": "",
    "reconnect": "minimal",
    "withdrawing": "reconnect",
    "keep-alive": "reconnect",
    "kept-rows": "reconnect",
    "sessions": "reconnect",
    "providing": "reconnect",
}
"""Each with what it builds on, "" for nothing."""


def including(names: Iterable[str], levels: Mapping[str, str] = LEVELS) -> frozenset[str]:
    """Those of these names, with those that they build on, among ``levels``.

    Raises:
        KeyError: there is no such level.
    """
    found: set[str] = set()
    for name in names:
        level = name
        while level:
            found.add(level)
            level = levels[level]
    return frozenset(found)
