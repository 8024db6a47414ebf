"""What a person is shown of a tool's definition, and what is passed on of its words.

They come from somebody else's server. What can't be seen can steer a reader or a model all the
same: characters that turn the direction of reading, that have no width, or that only programs see.
So a person is shown them by their number, and models do not get them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

import msgspec

from agentgate_proto.records.tool_pin import PINNED, Definition
from agentgate_proto.text.characters import is_blank, is_hidden
from agentgate_proto.text.showing import POINTS, one_line

EMOJI_STYLE = "\ufe0f"
"""Says that a picture is meant in colour, and does nothing after anything else."""

CONTEXT_LINES = 2
"""Lines around a difference that are shown with it."""

STRANGE_MAX = 20
"""Characters that are named; a text in another alphabet has more, and is seen to be one."""

TEXT_CHARS_MAX = 8_192
"""Of a description that is passed on: longer ones crowd out what else a model is told."""

TITLE_CHARS_MAX = 200
"""Of a title that is passed on."""

WORDS = frozenset({"description", "title", "$comment"})
"""Members of a schema that are words for a reader, and mean nothing to who checks arguments."""


def visible(text: str) -> str:
    """Write what is not seen as itself by its number: ``<U+202E>``."""
    return one_line(text, POINTS)


def publishable(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Return words of a server as they are passed on: without what is not seen, and not too long.

    New lines and tabs stay, odd blanks become plain ones, and the form of a picture stays its form.
    """
    kept = text
    if not (text.isascii() and text.isprintable()):
        kept = "".join(passed_on(each) for each in text)
    return kept if len(kept) <= chars_max else f"{kept[: chars_max - 1]}…"


def passed_on(character: str) -> str:
    """Return what stands for a character in words that are passed on."""
    if character in "\n\t" or character == EMOJI_STYLE or not is_hidden(character):
        return character
    return " " if is_blank(character) else ""


def publishable_schema(schema: Any) -> Any:
    """Return a schema whose descriptions and titles are as :func:`publishable` has them.

    Nothing else is touched: names and values are what arguments are checked against.
    """
    if isinstance(schema, list):
        return [publishable_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: publishable(value)
        if name in WORDS and isinstance(value, str)
        else publishable_schema(value)
        for name, value in schema.items()
    }


def lines_of(definition: Definition) -> list[str]:
    """Write a definition in lines for a person; each is ``visible``."""
    members = definition.members
    lines = []
    for member in PINNED:
        if member in members:
            value = members[member]
            text = value if isinstance(value, str) else pretty(value)
            lines += [f"{member}:", *(f"  {visible(line)}" for line in text.split("\n"))]
    return lines


def pretty(value: Any) -> str:
    """Format JSON over several lines."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2).decode()


def diff_lines(old: Definition, new: Definition) -> list[str]:
    """Show what has changed, in lines that begin with ``-``, ``+`` or a blank, and ``@`` between.

    Where the new text has characters that the old one had not and that could pass for others, they
    are named in lines that begin with ``!``.
    """
    found = unified_diff(lines_of(old), lines_of(new), lineterm="", n=CONTEXT_LINES)
    lines = [line for line in found if not line.startswith(("---", "+++"))]
    return [*lines, *(f"! {text}" for text in strange(old, new))]


def strange(old: Definition, new: Definition) -> Iterator[str]:
    """Name the characters outside ASCII that came with a change."""
    before, after = bytes(old.text).decode(), bytes(new.text).decode()
    came = sorted(each for each in set(after) - set(before) if not each.isascii())
    for character in came[:STRANGE_MAX]:
        shown = "" if is_hidden(character) else f" {character}"
        name = unicodedata.name(character, "no name")
        yield f"new character: U+{ord(character):04X}{shown} ({name})"
    if len(came) > STRANGE_MAX:
        yield f"new characters: {len(came) - STRANGE_MAX} more"
