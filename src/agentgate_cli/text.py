"""Text from elsewhere, made safe and readable for a terminal.

What an agent, a tool or another user wrote may hold escape codes that clear the screen, characters
that turn the direction of reading, or letters that pass for others: a person who approves must
see what is really there. Everything that does not print is shown by its number.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import msgspec

HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, formats (bidi, zero width), surrogates, private use, unassigned, line separators."""

PLAIN = re.compile(r"[ -~]*")
PLAIN_LINES = re.compile(r"[ -~\n]*")
WORD = re.compile(r"\w+")
ASCII_LETTER = re.compile(r"[A-Za-z]")

JOINER = "\u200d"
EMOJI_STYLE = "\ufe0f"

DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)([smhd])")
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}

VALUE_CHARS_MAX = 600
"""One argument in a prompt: about eight lines. What is longer is folded, and the fold says so."""


ID_SHOWN_CHARS = 8
"""Of an id in a list: unique among thousands, and short enough to type."""


def short_id(rid: str) -> str:
    """The end of an id, as lists show it and as commands take it."""
    return printable(rid[-ID_SHOWN_CHARS:])


def printable(text: str) -> str:
    """Return the text in one line, with everything that does not print written as ``\\u202e``.

    Letters of other alphabets stay, unless they stand in a word with Latin ones: "lock" with a
    Cyrillic o in it is shown as ``l\\u043eck``.
    """
    if PLAIN.fullmatch(text):
        return text
    shown = "".join(escape(c) if is_hidden(c) else c for c in text)
    return WORD.sub(lambda word: reveal(word[0]), shown)


def readable(text: str, tab: str = "    ") -> str:
    """Return prose of several lines so that it can't steer a terminal.

    As :func:`printable`, but a new line stays one, odd spaces become plain ones, a joiner between
    two pictures stays (it makes one of them), and words of several alphabets are left alone: who
    reads a model's answer approves nothing by it.

    Args:
        text: what a model said.
        tab: what stands for a tab.
    """
    if PLAIN_LINES.fullmatch(text):
        return text
    text = text.replace("\r\n", "\n")
    return "".join(
        seen(c, text[at - 1 : at], text[at + 1 : at + 2], tab) if is_hidden(c) else c
        for at, c in enumerate(text)
    )


def seen(character: str, before: str, after: str, tab: str) -> str:
    """Return what stands in prose for a character that is not seen as itself."""
    if character == "\n":
        return character
    if character == "\t":
        return tab
    if unicodedata.category(character) == "Zs":
        return " "
    if character == JOINER and is_picture(before) and is_picture(after):
        return character
    return escape(character)


def is_picture(character: str) -> bool:
    """Whether it is an emoji, or what belongs to the one before it."""
    return bool(character) and (
        character == EMOJI_STYLE or unicodedata.category(character) in {"So", "Sk"}
    )


def is_hidden(character: str) -> bool:
    """Whether a character is not seen as itself: any space but the plain one, and HIDDEN."""
    category = unicodedata.category(character)
    return category in HIDDEN_CATEGORIES or (category == "Zs" and character != " ")


def reveal(word: str) -> str:
    """Write the letters by number that do not belong to the Latin alphabet, in a Latin word."""
    if word.isascii() or not ASCII_LETTER.search(word):
        return word
    return "".join(c if c.isascii() or not c.isalpha() or is_latin(c) else escape(c) for c in word)


def is_latin(letter: str) -> bool:
    """Whether a letter is Latin, with or without marks; full-width forms are not."""
    return unicodedata.name(letter, "").startswith("LATIN ")


def escape(character: str) -> str:
    """Write a character by its number, as JSON and Python do."""
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    if short:
        return short
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def escape_json(document: str) -> str:
    """Return JSON text whose strings hold nothing that does not print; the same JSON."""
    return "".join(json.dumps(c)[1:-1] if is_hidden(c) and c != "\n" else c for c in document)


def compact(value: Any) -> str:
    """Return decoded JSON as one printable line of JSON, keys sorted."""
    return printable(msgspec.json.encode(value, order="sorted").decode())


def args_line(args: Any, shortened: Collection[str]) -> str:
    """Return decoded arguments as one printable line of JSON: its beginning if they are shortened.

    Args:
        args: as the gateway shows them.
        shortened: what of the row or approval is not whole.
    """
    return printable(args) if "args" in shortened and isinstance(args, str) else compact(args)


def fold(text: str, chars_max: int = VALUE_CHARS_MAX) -> str:
    """Cut the middle out of a long text, and say how much is missing."""
    if len(text) <= chars_max:
        return text
    half = max((chars_max - 30) // 2, 1)
    missing = len(text) - 2 * half
    return f"{text[:half]} …[{missing} characters more]… {text[-half:]}"


def cut(text: str, chars_max: int) -> str:
    """Cut the end off a long text."""
    return text if len(text) <= chars_max else text[: chars_max - 1] + "…"


def parse_time(text: str) -> float:
    """Return the UTC seconds of an RFC 3339 time of the gateway's; 0 if it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def clock(text: str) -> str:
    """Show an RFC 3339 time as a local time of day, with the date if it is another day.

    With its zone, as other channels show it: who asks, who answers and who reads the log need not
    be in one.
    """
    at = datetime.fromtimestamp(parse_time(text), UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return at.strftime("%H:%M:%S %Z" if at.date() == today else "%Y-%m-%d %H:%M %Z")


def duration(seconds: float) -> str:
    """Show a duration roughly: ``8 s``, ``14 min``, ``3 h``, ``2 days``."""
    seconds = max(seconds, 0.0)
    for limit, unit_s, name in ((90, 1, "s"), (5_400, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def parse_duration(text: str) -> float:
    """Return the seconds of ``90s``, ``10m``, ``1.5h`` or ``1d``.

    Raises:
        ValueError: it is none.
    """
    match = DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time: write 90s, 10m, 2h")
    return float(match[1]) * UNITS_S[match[2]]


def away(reason: str) -> str:
    """Say that the gateway is not there for now."""
    return f"no connection to the gateway: {printable(reason)}; trying again …"


def plural(count: int, noun: str) -> str:
    """Return ``1 tool``, ``2 tools``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
