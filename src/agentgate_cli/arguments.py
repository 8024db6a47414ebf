"""A tool's arguments on a command line: KEY=VALUE, and one JSON object."""

from __future__ import annotations

import sys
from typing import Any

import click


def read_args(text: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    """Make the tool's arguments of ``--args`` and KEY=VALUE; the latter win.

    Raises:
        click.UsageError: they can't be read.
    """
    import msgspec

    args: dict[str, Any] = {}
    if text is not None:
        try:
            args = msgspec.json.decode(given_text(text), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise click.UsageError(f"--args needs a JSON object: {error}") from None
    named: set[str] = set()
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.UsageError(f"{pair!r} is no argument: write KEY=VALUE")
        if key in named:
            raise click.UsageError(f"{key!r} is given twice; a list is written {key}='[1, 2]'")
        named.add(key)
        args[key] = read_value(value)
    return args


def given_text(text: str) -> str:
    """Return the text of ``--args``; ``-``: standard input, without the mark that editors of
    Windows put in front (RFC 8259 section 8.1 lets it be passed over)."""
    return (sys.stdin.read() if text == "-" else text).removeprefix("\ufeff")


def read_value(text: str) -> Any:
    """Read JSON, or take the text as it is."""
    import msgspec

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
