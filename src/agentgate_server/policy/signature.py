"""Signatures: a request in one line, for people and for seed 001's patterns.

``ha_call_service(light.turn_on, light.bedroom)``; other tools show their values in the order of
their keys, ``send_mail(Hello, bob)``; without arguments the name stands alone.

No two requests that differ in what is shown have the same signature. What could pass for the
signature's own punctuation is written differently inside a value: a comma with a space as ``,\\ ``,
a backslash twice, what is not seen as ``\\u200b``; a text is put in quotes where it would look
like another kind of value (``"5"``, ``""``) or has spaces at its ends. What passes for something
else is written by its number too, see :mod:`agentgate_proto.text`, so that a person sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from agentgate_proto.text.showing import one_line, straight
from agentgate_server.policy.naming import STATE_READER, STATE_READERS

PERSON_CHARS_MAX = 2_000
"""One value of what a person is asked about; the whole of a longer one is in the arguments. What is
folded is not written as escapes first, so that a large request costs no more than a long one."""

LINE_CHARS_MAX = 16_384
"""All values in such a line, about."""

FEW = 16
"""Values that are shown before it is looked whether they are too long for one line."""

SHOWN_CHARS_MAX = 200
"""One value in ``display_of``: longer ones are folded for the eye, never for a rule."""

NAMING_KEYS = ("entity_id", "target", "area_id", "device_id", "floor_id", "label_id")
"""Arguments of Home Assistant's services that say on what they act."""

LIKE_JSON = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN|-?Infinity"
)
"""A text that JSON would read as something else, as Python's reader takes it."""

UNREADABLE = "<unreadable>"
"""Stands for what is nested too deep or too large a number to show. No text shows so: one that
starts with ``<`` is put in quotes."""

AS_ITSELF = re.compile(
    r"(?!(?:true|false|null|NaN|Infinity)\Z)[A-Za-z_/](?:[A-Za-z0-9_.:/@ -]*[A-Za-z0-9_.:/@-])?"
)
"""Texts that show as themselves, which is told by one look: nearly all are such."""

encode_sorted = msgspec.json.Encoder(order="sorted").encode
IDENTIFIER = re.compile(r"[A-Za-z0-9_]+")


def signature_of(tool: str, args: Mapping[str, Any]) -> str:
    """Return the signature of a request, whole: what patterns are matched with.

    Args:
        tool: the tool's real name.
        args: its arguments, decoded JSON.
    """
    return joined(tool, list(signature_parts(tool, args)))


def person_sees(tool: str, args: Mapping[str, Any]) -> str:
    """Return the signature for people, who are shown no books; see ``PERSON_CHARS_MAX``."""
    if len(args) <= FEW and not tool.startswith("ha_"):  # as nearly always, and quicker
        line = joined(tool, [show(args[key], PERSON_CHARS_MAX) for key in sorted(args)])
        if len(line) <= LINE_CHARS_MAX:
            return line
    parts: list[str] = []
    left = LINE_CHARS_MAX
    for part in signature_parts(tool, args, PERSON_CHARS_MAX):
        left -= len(part)
        if left < 0 and parts:
            parts.append("…(and more)")
            break
        parts.append(part)
    return joined(tool, parts)


def display_of(
    tool: str, args: Mapping[str, Any], *, value_chars_max: int = SHOWN_CHARS_MAX
) -> str:
    """Return the signature with long values folded, for prompts and tables; never for matching."""
    found = signature_parts(tool, args, max(value_chars_max, PERSON_CHARS_MAX))
    parts = [shorten(part, value_chars_max) for part in found]
    return joined(tool, parts)


def signature_parts(
    tool: str, args: Mapping[str, Any], chars_max: int | None = None
) -> Iterator[str]:
    """Yield what stands between the parentheses; nothing: there are none.

    Args:
        tool, args: the request.
        chars_max: of a longer value the middle is folded; None: of none.
    """
    match tool:
        case "ha_call_service":
            service = identifier(args, "domain", chars_max)
            yield f"{service}.{identifier(args, 'service', chars_max)}"
            yield entity_text(args, chars_max)
        case _ if tool == STATE_READER or tool in STATE_READERS:
            if any(key in args for key in NAMING_KEYS):
                yield entity_text(args, chars_max)
        case "ha_fire_event":
            yield show(args["event_type"], chars_max) if "event_type" in args else ""
        case "ha_get_states":
            pass
        case _:
            for key in sorted(args):
                yield show(args[key], chars_max)


def entity_text(args: Mapping[str, Any], chars_max: int | None = None) -> str:
    """Show what a Home Assistant call acts on: its entity, or all that it names."""
    naming = {key: args[key] for key in NAMING_KEYS if key in args}
    if list(naming) == ["entity_id"] and not isinstance(naming["entity_id"], Mapping):
        return show(naming["entity_id"], chars_max)
    return show(naming, chars_max) if naming else ""


def identifier(args: Mapping[str, Any], key: str, chars_max: int | None = None) -> str:
    """Show one half of ``light.turn_on``; quoted unless it is a plain word."""
    if key not in args:
        return ""
    value = args[key]
    if isinstance(value, str) and IDENTIFIER.fullmatch(value) and not looks_like_json(value):
        return folded(value, chars_max)
    return escape(folded(encode(value), chars_max))


def show(value: Any, chars_max: int | None = None) -> str:
    """Show one value; of a text, or of JSON, that is longer than ``chars_max`` the middle is
    folded before it is looked at any closer."""
    if not isinstance(value, str):
        return escape(folded(encode(value), chars_max))
    if AS_ITSELF.fullmatch(value) is not None:
        return value if chars_max is None or len(value) <= chars_max else shorten(value, chars_max)
    if value != value.strip() or looks_like_json(value):
        return escape(folded(encode(value), chars_max))
    return escape(folded(value.replace("\\", "\\\\"), chars_max))


def folded(text: str, chars_max: int | None) -> str:
    """Return a text, without its middle where it is too long."""
    return text if chars_max is None else shorten(text, chars_max)


def looks_like_json(text: str) -> bool:
    """Whether an unquoted text would pass for another kind of value."""
    return not text or text[0] in '[{"<' or LIKE_JSON.fullmatch(text) is not None


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
    return one_line(text.replace(", ", ",\\ ") if ", " in text else text)


def joined(tool: str, parts: Sequence[str]) -> str:
    """Make the line. Of several values those that run right to left would change places."""
    if not parts:
        return tool
    line = f"{tool}({', '.join(parts)})"
    return line if line.isascii() or len(parts) == 1 else straight(line)


def shorten(text: str, chars_max: int) -> str:
    """Fold the middle of a long text, and say how much is hidden."""
    hidden = len(text) - chars_max
    if hidden <= 0:
        return text
    head = chars_max * 2 // 3
    return f"{text[:head]}…({hidden} more characters)…{text[head + hidden :]}"
