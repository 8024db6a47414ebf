"""What the gate says to a server of MCP: parameters, ``_meta``, headers of HTTP.

All of it is made here, of what a tool was asked with and of numbers of our own. Nothing that an
agent's client has said besides its arguments goes on to a server.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final

from agentgate_proto.faces.mcp.eras import (
    CAPABILITIES_KEY,
    CLIENT_KEY,
    LOG_LEVEL_KEY,
    MODERN,
    VERSION_KEY,
    Era,
)

PROBED: Final = MODERN[0]
"""The revision that a server is asked for first."""

LOG_LEVEL: Final = "info"
"""The least that a server is to tell of a call; who called hears it, not our own log."""

PLAIN: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""What a header can say as it is; the rest goes as ``=?base64?…?=`` (2026-07-28, "Value
Encoding")."""

HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")

PLAIN_TYPES: Final = ("string", "integer", "boolean")
"""Types of arguments that a header can carry; a number has several ways to be written."""

ENCODED: Final = re.compile(r"=\?base64\?.*\?=")

ALL: Final = frozenset(
    {"elicitation.form", "elicitation.url", "sampling", "sampling.tools", "roots"}
)
"""What some client in front may be able to do: said where a server is told once, for all calls."""


def capabilities(can: frozenset[str]) -> dict[str, Any]:
    """Say what a client can be asked for, in the words of the protocol."""
    said: dict[str, Any] = {}
    forms = [each for each in ("form", "url") if f"elicitation.{each}" in can]
    if forms:
        said["elicitation"] = {each: {} for each in forms}
    if "sampling" in can:
        said["sampling"] = {"tools": {}} if "sampling.tools" in can else {}
    if "roots" in can:
        said["roots"] = {}
    return said


def modern_meta(version: str, client: Mapping[str, str], can: frozenset[str]) -> dict[str, Any]:
    """``_meta`` of every request of the modern era."""
    return {
        VERSION_KEY: version,
        CLIENT_KEY: dict(client),
        CAPABILITIES_KEY: capabilities(can),
    }


def call_meta(
    era: Era, version: str, client: Mapping[str, str], can: frozenset[str], token: int
) -> dict[str, Any]:
    """``_meta`` of a call, whose progress is wanted under a token."""
    if era is Era.LEGACY:
        return {"progressToken": token}
    meta = modern_meta(version, client, can)
    return {**meta, LOG_LEVEL_KEY: LOG_LEVEL, "progressToken": token}


def headers(
    era: Era | None, version: str, session: str, method: str, params: Mapping[str, Any]
) -> dict[str, str]:
    """Headers of a message over HTTP.

    Args:
        era: that is spoken; None: it is not known yet.
        version: the revision; "": none is agreed.
        session: of the legacy era, or "".
        method: "" for an answer.
        params: of the message.
    """
    said = {"MCP-Protocol-Version": version} if version else {}
    if session:
        said["Mcp-Session-Id"] = session
    if era is Era.MODERN and method:
        said["Mcp-Method"] = method
        name = params.get("uri" if method.startswith("resources/") else "name")
        if isinstance(name, str):
            said["Mcp-Name"] = header_value(name)
    return said


def header_value(text: str) -> str:
    """Write a text so that a header can carry it."""
    if PLAIN.fullmatch(text) and not ENCODED.fullmatch(text):
        return text
    return f"=?base64?{b64encode(text.encode()).decode()}?="


def header_names(schema: Mapping[str, Any]) -> dict[str, str]:
    """Return which arguments of a tool go into headers as well, each with the name of its header.

    So a server lets what is in front of it see them without reading the body (2026-07-28,
    ``x-mcp-header``).

    Raises:
        ValueError: a header can't be called so, or not have such a value. Over HTTP such a tool
            is not to be used.
    """
    properties = schema.get("properties")
    found: dict[str, str] = {}
    for name, entry in properties.items() if isinstance(properties, dict) else ():
        if not isinstance(entry, dict) or "x-mcp-header" not in entry:
            continue
        said = entry["x-mcp-header"]
        if not isinstance(said, str) or not HEADER_NAME.fullmatch(said):
            raise ValueError("an argument names a header that there can't be")
        if entry.get("type", "string") not in PLAIN_TYPES:
            raise ValueError("an argument that is no plain value names a header")
        if said.lower() in (known.lower() for known in found.values()):
            raise ValueError("two arguments name one header")
        found[name] = said
    return {name: f"Mcp-Param-{said}" for name, said in found.items()}


def headers_of(names: Mapping[str, str], args: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a call with these arguments; null and what is no plain value has
    none."""
    found = {}
    for name, header in names.items():
        value = args.get(name)
        if isinstance(value, bool):
            found[header] = "true" if value else "false"
        elif isinstance(value, str | int):
            found[header] = header_value(str(value))
    return found
