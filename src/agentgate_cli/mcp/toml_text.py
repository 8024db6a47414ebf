"""TOML, changed in one place: one table is put in, all else stays as its owner wrote it.

Python reads TOML and does not write it. The lines of the table are found by their headers, and the
result is read again: where that is not what was meant, nothing is changed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

HEADER = re.compile(r"\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]\]?\s*(#.*)?$")
BARE = re.compile(r"[A-Za-z0-9_-]+")
PART = re.compile(r"\s*(?:\"(?P<quoted>[^\"]*)\"|'(?P<literal>[^']*)'|(?P<bare>[\w-]+))\s*(?:\.|$)")


class TomlError(ValueError):
    """The text can't be read, or not be changed here; says why."""


def put(text: str, path: Sequence[str], table: Mapping[str, Any]) -> str:
    """Return the text with a table in place of what was under its name.

    Raises:
        TomlError: it can't be read, or the table is not written as one of its own.
    """
    before = read(text)
    expected = merged(before, path, table)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    ours = [at for at, line in enumerate(lines) if is_of(line, path)]
    cut = [range(at, table_end(lines, at)) for at in ours]
    gone = {at for each in cut for at in each}
    kept = [line for at, line in enumerate(lines) if at not in gone]
    new = rows_of(path, table)
    if ours:
        kept[ours[0] : ours[0]] = new
    else:
        kept += ["", *new] if kept and kept[-1].strip() else new
    changed = newline.join(kept) + newline
    try:
        came_out = tomllib.loads(changed)
    except tomllib.TOMLDecodeError:
        came_out = {}
    if came_out != expected:
        raise TomlError(f"{'.'.join(path)} is not written as a table of its own")
    return changed


def shown(path: Sequence[str], table: Mapping[str, Any]) -> str:
    """The table as a text."""
    return "\n".join(rows_of(path, table)) + "\n"


def read(text: str) -> dict[str, Any]:
    """Return what a text says.

    Raises:
        TomlError: it can't be read.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None


def merged(document: Any, path: Sequence[str], table: Mapping[str, Any]) -> Any:
    """Return a document with a table set."""
    if not path:
        return dict(table)
    if not isinstance(document, dict):
        raise TomlError(f"where {path[0]!r} should be is no table")
    return {**document, path[0]: merged(document.get(path[0], {}), path[1:], table)}


def is_of(line: str, path: Sequence[str]) -> bool:
    """Whether a line is the header of the table, or of one within it."""
    match = HEADER.match(line)
    if match is None:
        return False
    names, at, name = [], 0, match["name"]
    while at < len(name) and (part := PART.match(name, at)) is not None:
        names.append(part["quoted"] or part["literal"] or part["bare"] or "")
        at = part.end()
    return names[: len(path)] == list(path)


def table_end(lines: Sequence[str], start: int) -> int:
    """Where a table ends; comments before the next header belong to that."""
    end = start + 1
    for at in range(start + 1, len(lines)):
        line = lines[at].strip()
        if HEADER.match(line):
            break
        if line and not line.startswith("#"):
            end = at + 1
    return end


def rows_of(path: Sequence[str], table: Mapping[str, Any]) -> list[str]:
    """The lines of a table, and of the tables within it."""
    rows = [f"[{'.'.join(map(key, path))}]"]
    rows += [f"{key(k)} = {value(v)}" for k, v in table.items() if not isinstance(v, dict)]
    for name, inner in table.items():
        if isinstance(inner, dict):
            rows += ["", *rows_of([*path, name], inner)]
    return rows


def key(name: str) -> str:
    """A name as a key."""
    return name if BARE.fullmatch(name) else value(name)


def value(each: Any) -> str:
    """Texts, numbers, truth and lists are written as in JSON."""
    return msgspec.json.encode(each).decode()
