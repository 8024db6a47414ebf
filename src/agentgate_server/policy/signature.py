"""Signatures: a request in one line, for people and for seed 001's patterns.

``ha_call_service(light.turn_on, light.bedroom)``; other tools show their values in the order of
their keys, ``send_mail(Hello, bob)``; without arguments the name stands alone.

No two requests that differ in what is shown have the same signature. What could pass for the
signature's own punctuation is written differently inside a value: a comma with a space as ``,\\ ``,
a backslash twice, what does not print as ``\\u200b``; a text is put in quotes where it would look
like another kind of value (``"5"``, ``""``) or has spaces at its ends. A letter that passes for a
Latin one within a Latin word is written by its number, so that a person sees it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from agentgate_server.policy.confusables import CONFUSABLES
from agentgate_server.policy.spelling import is_plain

SHOWN_CHARS_MAX = 200
"""One value in ``display_of``: longer ones are folded for the eye, never for a rule."""

NAMING_KEYS = ("entity_id", "target", "area_id", "device_id", "floor_id", "label_id")
"""Arguments of Home Assistant's services that say on what they act."""

UNREADABLE = "<unreadable>"
"""Stands for what is nested too deep or too large a number to show. No text shows so: one that
starts with ``<`` is put in quotes."""

encode_sorted = msgspec.json.Encoder(order="sorted").encode
IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")
WORD = re.compile(r"\w+")
# The Danish letter oe is in the table as well, but it is Latin.
FOREIGN_LETTERS = "".join(
    char
    for char in map(chr, CONFUSABLES)
    if char.isalpha() and not unicodedata.name(char, "").startswith("LATIN ")
)
FOREIGN = re.compile(f"[{FOREIGN_LETTERS}]")
LATIN_LETTER = re.compile(r"[A-Za-z]")


def signature_of(tool: str, args: Mapping[str, Any]) -> str:
    """Return the signature of a request, whole: what patterns are matched with.

    Args:
        tool: the tool's real name.
        args: its arguments, decoded JSON.
    """
    parts = signature_parts(tool, args)
    return f"{tool}({', '.join(parts)})" if parts else tool


def display_of(
    tool: str, args: Mapping[str, Any], *, value_chars_max: int = SHOWN_CHARS_MAX
) -> str:
    """Return the signature with long values folded, for prompts and tables; never for matching."""
    parts = [shorten(part, value_chars_max) for part in signature_parts(tool, args)]
    return f"{tool}({', '.join(parts)})" if parts else tool


def signature_parts(tool: str, args: Mapping[str, Any]) -> list[str]:
    """Return what stands between the parentheses; empty: there are none."""
    match tool:
        case "ha_call_service":
            service = f"{identifier(args, 'domain')}.{identifier(args, 'service')}"
            return [service, entity_text(args)]
        case "ha_get_state":
            return [entity_text(args)]
        case "ha_fire_event":
            return [show(args["event_type"]) if "event_type" in args else ""]
        case "ha_get_states":
            return []
        case _:
            return [show(args[key]) for key in sorted(args)]


def entity_text(args: Mapping[str, Any]) -> str:
    """Show what a Home Assistant call acts on: its entity, or all that it names."""
    naming = {key: args[key] for key in NAMING_KEYS if key in args}
    if list(naming) == ["entity_id"] and not isinstance(naming["entity_id"], Mapping):
        return show(naming["entity_id"])
    return show(naming) if naming else ""


def identifier(args: Mapping[str, Any], key: str) -> str:
    """Show one half of ``light.turn_on``; quoted unless it is a plain word."""
    if key not in args:
        return ""
    value = args[key]
    if isinstance(value, str) and IDENTIFIER.fullmatch(value) and not looks_like_json(value):
        return value
    return escape(encode(value))


def show(value: Any) -> str:
    """Show one value."""
    if not isinstance(value, str):
        return escape(encode(value))
    if is_plain(value):
        return value
    if value != value.strip() or looks_like_json(value):
        return escape(encode(value))
    return escape(value.replace("\\", "\\\\"))


def looks_like_json(text: str) -> bool:
    """Whether an unquoted text would pass for another kind of value."""
    if not text or text[0] in '[{"<':
        return True
    if text[0] not in "-0123456789tfnIN":
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def encode(value: Any) -> str:
    """Write a value as compact JSON with sorted keys."""
    try:
        return encode_sorted(value).decode()
    except (OverflowError, RecursionError, TypeError, ValueError):
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except (RecursionError, TypeError, ValueError):
        return UNREADABLE


def escape(text: str) -> str:
    """Write what could mislead a reader, or pass for punctuation of ours, as escapes."""
    return readable(text.replace(", ", ",\\ ") if ", " in text else text)


def readable(text: str) -> str:
    """Write on one line what a reader could not see, or take for something else, as escapes."""
    if not text.isprintable():
        text = "".join(char if char.isprintable() else escape_char(char) for char in text)
    return WORD.sub(escape_confusables, text) if FOREIGN.search(text) else text


def escape_confusables(word: re.Match[str]) -> str:
    """Write the letters of a Latin word that only look Latin by their numbers."""
    if not LATIN_LETTER.search(word[0]):
        return word[0]
    return FOREIGN.sub(lambda match: escape_char(match[0]), word[0])


def escape_char(char: str) -> str:
    """Write one character as a JSON escape."""
    if char in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char]
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def shorten(text: str, chars_max: int) -> str:
    """Fold the middle of a long text, and say how much is hidden."""
    hidden = len(text) - chars_max
    if hidden <= 0:
        return text
    head = chars_max * 2 // 3
    return f"{text[:head]}…({hidden} more characters)…{text[head + hidden :]}"
