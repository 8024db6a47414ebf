"""Mentions: which entries of a logbook speak of what may not be seen, by its id or by its name.

A name is found where its words stand in a row, in any case and whatever is between them. That
leaves out too much where something hidden is called like a common word, and never too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import anyio.lowlevel

from agentgate_server.tools.home_assistant.base import LOOKED_AT_ONCE, Shows, entity_of
from agentgate_server.tools.home_assistant.states import name_of

MENTION: Final = re.compile(r"[0-9]*+[a-z_][a-z0-9_]*+\.[a-z0-9_]+")
"""What may be an entity in a sentence."""

WORD: Final = re.compile(r"\w+")

WORDS_MAX: Final = 6
"""Of a name; one that is longer is known by its first words."""

LETTERS_MIN: Final = 3
"""Of a name by which something is looked for: a shorter one tells nothing, and is in everything."""

ENTRIES_AT_ONCE: Final = 200
"""Entries that are looked at before others get their turn."""

Name = tuple[str, ...]


async def hidden_names(states: Iterable[Any], shows: Shows) -> frozenset[Name]:
    """Return the names of those entities that may not be seen, as words.

    Args:
        states: all state objects.
        shows: says what may be seen.
    """
    found: set[Name] = set()
    for place, state in enumerate(states):
        if place % LOOKED_AT_ONCE == 0:
            await anyio.lowlevel.checkpoint()
        words = words_of(name_of(state))[:WORDS_MAX]
        if sum(map(len, words)) >= LETTERS_MIN and not shows(entity_of(state)):
            found.add(tuple(words))
    return frozenset(found)


async def tellable(
    rows: list[dict[str, Any]], shows: Shows, hidden: frozenset[Name]
) -> list[dict[str, Any]]:
    """Return those of some entries whose words may be told.

    Args:
        rows: entries that are about nothing that may not be seen.
        shows: says what may be seen.
        hidden: see :func:`hidden_names`.
    """
    found: list[dict[str, Any]] = []
    for at in range(0, len(rows), ENTRIES_AT_ONCE):
        await anyio.lowlevel.checkpoint()
        some = rows[at : at + ENTRIES_AT_ONCE]
        found += [row for row in some if may_be_told(row, shows, hidden)]
    return found


def may_be_told(row: Mapping[str, Any], shows: Shows, hidden: frozenset[Name]) -> bool:
    """Whether the words of an entry name nothing that may not be seen."""
    name, message = (str(row.get(key) or "") for key in ("name", "message"))
    if not all(shows(found[0]) for found in MENTION.finditer(f"{name} {message}".lower())):
        return False
    # What is seen may have the name of something that is not: it is its own, and is told.
    texts = (message,) if entity_of(row) else (name, message)
    return not any(phrase in hidden for text in texts for phrase in phrases_of(text))


def phrases_of(text: str) -> Iterator[Name]:
    """Yield what may be a name in a text."""
    words = words_of(text)
    for at in range(len(words)):
        for length in range(1, WORDS_MAX + 1):
            yield tuple(words[at : at + length])


def words_of(text: str) -> list[str]:
    """Return the words of a text, in one case."""
    return WORD.findall(text.casefold())
