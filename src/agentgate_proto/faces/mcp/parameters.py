"""Arguments of tools that are repeated in headers (``Mcp-Param-*``, modern era over HTTP).

A tool's schema may mark properties with ``x-mcp-header``; a client must then send their values in
headers as well, so that what routes by these on the way sees what is done. Here both must agree.

Source: specification of MCP 2026-07-28, "Custom Headers from Tool Parameters".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.faces.mcp.http import decoded
from agentgate_proto.rpc.jsonrpc import UNREADABLE
from agentgate_proto.wire.headers import Headers

MARK: Final = "x-mcp-header"
PREFIX: Final = "mcp-param-"
PRIMITIVES: Final = ("string", "integer", "boolean")
TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
DEPTH_MAX: Final = 16
"""Objects within objects that are looked through."""

NUMBER = re.compile(r"-?[0-9]{1,300}(?:\.[0-9]{1,300})?")
"""An integer, which may be written with a fraction of zeros. Not longer than any value that fits
JSON, so that reading it costs nothing."""


def mismatch(schema: Mapping[str, Any], arguments: bytes, headers: Headers) -> str | None:
    """Say how the headers differ from the arguments of a call; None: they don't.

    Args:
        schema: of the tool's arguments.
        arguments: a JSON object.
        headers: of the request.
    """
    marked = dict(marked_in(schema))
    if not marked:
        return None
    try:
        values = msgspec.json.decode(arguments)
    except UNREADABLE:
        return "the arguments can't be read"
    for name, path in marked.items():
        said = headers.all(PREFIX + name)
        value = value_at(values, path)
        if value is None:
            if said:
                return f"the header {PREFIX}{name} has no argument"
            continue
        if len(said) != 1:
            return f"the header {PREFIX}{name} is missing, or there are several"
        text = decoded(said[0])
        if text is None or not is_same(text, value):
            return f"the header {PREFIX}{name} and the argument {'.'.join(path)} differ"
    return None


def marked_in(
    schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The marked properties that can be reached by ``properties`` alone: the header's name in small
    letters, and the path to the value."""
    properties = schema.get("properties")
    if not isinstance(properties, dict) or len(path) >= DEPTH_MAX:
        return
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        mark = inner.get(MARK)
        if isinstance(mark, str) and TOKEN.fullmatch(mark) and inner.get("type") in PRIMITIVES:
            yield mark.lower(), (*path, name)
        yield from marked_in(inner, (*path, name))


def value_at(values: Any, path: tuple[str, ...]) -> Any:
    """The value at a path; None: there is none."""
    for name in path:
        if not isinstance(values, dict):
            return None
        values = values.get(name)
    return values


def is_same(text: str, value: Any) -> bool:
    """Whether a header says what an argument says; numbers are compared as such."""
    match value:
        case bool():
            return text == ("true" if value else "false")
        case int():
            whole, _, rest = text.partition(".")
            return (
                NUMBER.fullmatch(text) is not None and int(whole) == value and not rest.strip("0")
            )
        case float():
            return NUMBER.fullmatch(text) is not None and float(text) == value
        case str():
            return text == value
        case _:
            return False
