"""What a scene waits for, and what it says: patterns and texts with places to fill.

A pattern is a text in which ``*`` stands for anything and ``{name}`` for anything that is wanted
later: ``turn {state} the {lamp}``. Large and small letters are the same, and so are all blanks;
everything else stands for itself. It is matched in one pass, each place taking as little as it can,
without a second try: whatever a scene waits for, and whatever an agent says, it takes no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
WILDCARD = re.compile(r"\*+|\{[a-z_][a-z0-9_]*\}")
FILLED = re.compile(r"\{\{([a-z_][a-z0-9_]*)\}\}|\{([a-z_][a-z0-9_]*)\}")
"""A place in a text, or, in doubled braces, what only looks like one."""

GIVEN: Final = ("text", "result")
"""Places that every scene knows: what was said to the model, and what its tools answered."""


class Pattern:
    """What a text is compared with.

    Attributes:
        names: of its places.
    """

    def __init__(self, pattern: str) -> None:
        """Make a pattern.

        Raises:
            ValueError: it can't be one; the text says why and what to do.
        """
        literals = [blanks_as_one(text) for text in WILDCARD.split(pattern.strip())]
        wildcards = WILDCARD.findall(pattern)
        self.names = tuple(name[1:-1] for name in wildcards if name[0] == "{")
        for name in self.names:
            if name in GIVEN:
                raise ValueError(f"the place {{{name}}} has a meaning already: call it otherwise")
            if self.names.count(name) > 1:
                raise ValueError(f"the place {{{name}}} is there twice: call one otherwise")
        if "" in literals[1:-1]:
            raise ValueError("two places are side by side: write something between them")
        groups = []
        for wildcard, literal in zip(wildcards, literals[1:], strict=True):
            place = f"(?P<{wildcard[1:-1]}>.*?)" if wildcard[0] == "{" else ".*?"
            groups.append(place + re.escape(literal))
        if groups:
            groups[-1] += r"\Z"
        # Atomic groups: what a place has taken is never given back.
        source = re.escape(literals[0]) + "".join(f"(?>{group})" for group in groups)
        self._match = re.compile(source + r"\Z", re.IGNORECASE).match

    def match(self, text: str) -> dict[str, str] | None:
        """Compare a whole text; return what stands in the places, or None: it does not match."""
        found = self._match(blanks_as_one(text.strip()))
        return None if found is None else found.groupdict()


def blanks_as_one(text: str) -> str:
    """Write each run of blanks as one."""
    return re.sub(r"\s+", " ", text)


def places_in(value: Any) -> Iterable[str]:
    """Yield the names of the places in a text, or in all texts of a JSON value."""
    match value:
        case str():
            for literal, name in FILLED.findall(value):
                if not literal:
                    yield name
        case dict():
            for key, item in value.items():
                yield from places_in(key)
                yield from places_in(item)
        case list():
            for item in value:
                yield from places_in(item)
        case _:
            pass


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Fill the places in a text, or in all texts of a JSON value; all must have a value."""
    match value:
        case str():
            return FILLED.sub(
                lambda found: f"{{{found[1]}}}" if found[1] else values[found[2]], value
            )
        case dict():
            return {filled(key, values): filled(item, values) for key, item in value.items()}
        case list():
            return [filled(item, values) for item in value]
        case _:
            return value
