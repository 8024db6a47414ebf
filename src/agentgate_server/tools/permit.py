"""Permission prompts of MCP clients as tools: ``permit.Bash`` and the like.

A client that asks before it uses a tool of its own asks here (``faces.mcp.permit``), and rules and
people decide about it as about any other. The tool itself does nothing: that it was let through is
what its caller wanted to know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from agentgate_proto.faces.mcp.permit import (
    NAME,
    OTHERS,
    PREFIX,
    SHOWN_AS,
    SIZE,
    SUBJECTS,
    USE,
    allowed,
    input_of,
)
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError
from agentgate_server.tools.tool import SyncTool, Tool

BACKEND = "permit"
ORIGIN = "faces.mcp.permit"

WORDS = "Whether a client may use its own tool {name}; nothing runs at the gateway."


@dataclass(frozen=True, eq=False, kw_only=True)
class PermitTool(SyncTool):
    """The question for one of a client's own tools."""

    returns_at_once: bool = True

    @property
    def of(self) -> str:
        """The client's name of its tool."""
        return self.name.removeprefix(PREFIX)

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool``: they must show what the input says, and all of it."""
        try:
            input_of(self.of, args)
        except ValueError as error:
            raise ArgumentError(str(error)) from None

    def call(self, args: dict[str, Any]) -> Any:
        """Say that it was let through."""
        return allowed(input_of(self.of, args))


class Permits:
    """All of them; a source of live tools, because a client may have any number of its own."""

    def owns(self, name: str) -> bool:
        """See ``LiveTools``."""
        return name.startswith(PREFIX)

    def get(self, name: str) -> Tool | None:
        """See ``LiveTools``: whatever a client calls its tool can be asked about."""
        is_one = self.owns(name) and NAME.fullmatch(name.removeprefix(PREFIX))
        return tool_of(name) if is_one and len(name) <= NAME_CHARS_MAX else None

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        """See ``LiveTools``: what was let through is still let through."""
        return self.get(name)

    def __iter__(self) -> Iterator[Tool]:
        """Go through those that are known by name, so that rules about them are known to mean
        something."""
        return (tool_of(PREFIX + name) for name in SUBJECTS)


@cache
def listed_tool(name: str) -> PermitTool:
    """One of those that are listed: the same each time."""
    return make(name)


def tool_of(name: str) -> PermitTool:
    """The tool of this name."""
    return listed_tool(name) if name.removeprefix(PREFIX) in SUBJECTS else make(name)


def make(name: str) -> PermitTool:
    """Make a tool."""
    of = name.removeprefix(PREFIX)
    return PermitTool(
        name=name,
        description=WORDS.format(name=of),
        effects=Effects.WRITE,
        schema=schema_of(of),
        backend=BACKEND,
        origin=ORIGIN,
        listed=False,
    )


def schema_of(of: str) -> dict[str, Any]:
    """What a request may say."""
    properties: dict[str, Any] = {
        SIZE: {"type": "string", "description": "how much would be written"},
        OTHERS: {"type": "object", "description": "the rest of the tool's input"},
        USE: {"type": "string", "description": "the client's id of this use"},
    }
    if subject := SUBJECTS.get(of):
        properties = {SHOWN_AS.get(subject, subject): {"type": "string"}, **properties}
    return {"type": "object", "properties": properties, "additionalProperties": False}
