"""JSON with comments, changed in one place: all else stays as its owner wrote it.

Editors and agents keep their settings as JSON in which comments and trailing commas are allowed.
Whoever reads such a file and writes it anew loses what people wrote there; so the text is scanned
for the place that matters, and only that is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

INDENT = "  "

BLANK = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
SCALAR = re.compile(r"[^\s,\]}\"/]+")
NESTING_MAX = 100
"""Deeper than any settings; the scanner recurses."""


class JsoncError(ValueError):
    """The text is not what it should be; says where."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an object: its name, and where name and value stand."""

    name: str
    at: int
    value_at: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """An object or a list in a text: where it begins and ends, and what is in it."""

    at: int
    end: int
    members: tuple[Member, ...]
    has_last_comma: bool


def read(text: str) -> Any:
    """Return what a text says; an empty one says ``{}``.

    Raises:
        JsoncError: it can't be read.
    """
    if not plain(text).strip():
        return {}
    try:
        return msgspec.json.decode(plain(text))
    except msgspec.DecodeError as error:
        raise JsoncError(str(error)) from None


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Return the text with a member set, by the names that lead to it.

    What is missing on the way is made.

    Raises:
        JsoncError: it can't be read, or something on the way is no object.
    """
    before = read(text)
    if not plain(text).strip():
        text = text.rstrip() + ("\n" if text.strip() else "") + "{}\n"
    changed = set_in(text, path, value)
    expected = merged(before, path, value)
    if read(changed) != expected:
        raise JsoncError("it has a member twice")
    return changed


def merged(document: Any, path: Sequence[str], value: Any) -> Any:
    """Return a document with a member set.

    Raises:
        JsoncError: something on the way is no object.
    """
    if not path:
        return value
    if not isinstance(document, dict):
        raise JsoncError(f"where {path[0]!r} should be is no object")
    return {**document, path[0]: merged(document.get(path[0], {}), path[1:], value)}


def plain(text: str) -> str:
    """Return the text without comments, trailing commas and mark of byte order.

    Raises:
        JsoncError: a comment or a string does not end.
    """
    parts: list[str] = []
    at = 1 if text.startswith("\ufeff") else 0
    while at < len(text):
        if text[at] == '"':
            end = string_end(text, at)
            parts.append(text[at:end])
        elif text.startswith(("//", "/*"), at):
            end = blank_end(text, at)
            if end == at:
                raise JsoncError(f"line {line_of(text, at)}: a comment that does not end")
            parts.append(" ")
        elif text[at] == "," and is_last_comma(text, at):
            end = at + 1
        else:
            end = at + 1
            parts.append(text[at])
        at = end
    return "".join(parts)


def set_in(text: str, path: Sequence[str], value: Any) -> str:
    """See ``put``; of a text that has at least ``{}``."""
    at = blank_end(text, 1 if text.startswith("\ufeff") else 0)
    for depth, name in enumerate(path):
        found = object_at(text, at)
        member = next((each for each in found.members if each.name == name), None)
        rest: Any = value
        for inner in reversed(path[depth + 1 :]):
            rest = {inner: rest}
        if member is None:
            return inserted(text, found, name, rest, depth)
        if depth + 1 == len(path):
            shown = written(value, line_indent(text, member.at), newline_of(text))
            return text[: member.value_at] + shown + text[member.end :]
        at = member.value_at
    raise AssertionError("a path has at least one name")


def inserted(text: str, found: Found, name: str, value: Any, depth: int) -> str:
    """Return the text with one more member in an object."""
    newline = newline_of(text)
    if not found.members:
        outer = line_indent(text, found.at) or INDENT * depth
        indent = outer + INDENT
        inside = text[found.at + 1 : found.end - 1].rstrip()
        shown = f"{encoded(name)}: {written(value, indent, newline)}"
        new = f"{{{inside}{newline}{indent}{shown}{newline}{outer}}}"
        return text[: found.at] + new + text[found.end :]
    last = found.members[-1]
    indent = line_indent(text, found.members[0].at)
    shown = f"{encoded(name)}: {written(value, indent, newline)}"
    close = found.end - 1
    between = text[last.end : close].rstrip()
    comma = "" if found.has_last_comma else ","
    is_one_line = "\n" not in text[found.at : found.end]
    outer = "" if is_one_line else line_indent(text, close)
    gap = f"{newline}{indent or outer + INDENT}"
    return f"{text[: last.end]}{comma}{between}{gap}{shown}{newline}{outer}{text[close:]}"


def object_at(text: str, at: int, depth: int = 0) -> Found:
    """Scan an object.

    Raises:
        JsoncError: there is none.
    """
    if text[at : at + 1] != "{":
        raise JsoncError(f"line {line_of(text, at)}: here should be an object")
    return scanned(text, at, depth)


def scanned(text: str, at: int, depth: int) -> Found:
    """Scan an object or a list."""
    if depth > NESTING_MAX:
        raise JsoncError(f"line {line_of(text, at)}: nested too deeply")
    is_object, closing = text[at] == "{", "}" if text[at] == "{" else "]"
    start, members, has_comma = at, [], False
    at = blank_end(text, at + 1)
    while text[at : at + 1] != closing:
        name, name_at = "", at
        if is_object:
            end = string_end(text, at)
            name = msgspec.json.decode(text[at:end])
            at = blank_end(text, end)
            if text[at : at + 1] != ":":
                raise JsoncError(f"line {line_of(text, at)}: here should be a colon")
            at = blank_end(text, at + 1)
        end = value_end(text, at, depth)
        members.append(Member(name, name_at, at, end))
        at = blank_end(text, end)
        has_comma = text[at : at + 1] == ","
        if has_comma:
            at = blank_end(text, at + 1)
        elif text[at : at + 1] != closing:
            raise JsoncError(f"line {line_of(text, at)}: here should be a comma")
    return Found(start, at + 1, tuple(members), has_comma)


def value_end(text: str, at: int, depth: int) -> int:
    """Return where the value ends that begins here."""
    if text[at : at + 1] in ("{", "["):
        return scanned(text, at, depth + 1).end
    if text[at : at + 1] == '"':
        return string_end(text, at)
    match = SCALAR.match(text, at)
    if match is None:
        raise JsoncError(f"line {line_of(text, at)}: here should be a value")
    return match.end()


def is_last_comma(text: str, at: int) -> bool:
    """Whether nothing but the end of an object or a list comes after this comma."""
    end = blank_end(text, at + 1)
    return text[end : end + 1] in ("}", "]")


def string_end(text: str, at: int) -> int:
    """Return where the string ends that begins here."""
    match = STRING.match(text, at)
    if match is None:
        raise JsoncError(f"line {line_of(text, at)}: here should be a whole string")
    return match.end()


def blank_end(text: str, at: int) -> int:
    """Return where blanks and comments end that begin here."""
    match = BLANK.match(text, at)
    assert match is not None, "nothing at all is blank, too"
    return match.end()


def line_indent(text: str, at: int) -> str:
    """The blanks with which the line begins in which this stands."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def line_of(text: str, at: int) -> int:
    """The number of the line in which this stands."""
    return text.count("\n", 0, at) + 1


def newline_of(text: str) -> str:
    """How lines end in a text."""
    return "\r\n" if "\r\n" in text else "\n"


def encoded(value: Any) -> str:
    """One line of JSON."""
    return msgspec.json.encode(value).decode()


def written(value: Any, indent: str, newline: str) -> str:
    """JSON for the eye, as deep as ``indent``; lists in one line."""
    if isinstance(value, dict) and value:
        deeper = indent + INDENT
        rows = [
            f"{deeper}{encoded(name)}: {written(each, deeper, newline)}"
            for name, each in value.items()
        ]
        return f"{{{newline}{f',{newline}'.join(rows)}{newline}{indent}}}"
    if isinstance(value, list) and value:
        return f"[{', '.join(written(each, indent, newline) for each in value)}]"
    return encoded(value)
