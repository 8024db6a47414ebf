"""Definitions of tools, as servers give them."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.tool_pin import Definition, definition_of

LIGHT: dict[str, Any] = {
    "name": "set_light",
    "description": "Turns a lamp on or off.",
    "inputSchema": {"type": "object", "properties": {"on": {"type": "boolean"}}},
}


def tool(name: str = "set_light", description: str = "", **members: Any) -> Definition:
    """A tool, by default one that turns lamps on."""
    said = LIGHT | {"name": name} | members
    if description:
        said["description"] = description
    return definition_of(msgspec.json.encode(said))
