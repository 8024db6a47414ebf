"""What servers of MCP say that the gate looks at. All else in their messages stays as it is."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.faces.mcp.eras import SERVER_KEY
from agentgate_proto.faces.mcp.messages import Implementation, Token

SAID_CHARS_MAX = 200
"""Characters of a server's name, or of its words about an error, that are shown."""


class Changes(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a server can do with something that it lists."""

    list_changed: bool = False
    subscribe: bool = False


class ServerCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says it can do. Absent: it can't."""

    tools: Changes | None = None
    resources: Changes | None = None
    prompts: Changes | None = None
    logging: dict[str, Any] | None = None
    completions: dict[str, Any] | None = None


class Initialized(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of ``initialize`` (legacy)."""

    protocol_version: str
    capabilities: ServerCapabilities = ServerCapabilities()
    server_info: Implementation = Implementation()


class ServerMeta(msgspec.Struct, frozen=True, kw_only=True):
    """``_meta`` of a result in the modern era."""

    server: Implementation = msgspec.field(name=SERVER_KEY, default=Implementation())


class Discovered(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of ``server/discover`` (modern)."""

    supported_versions: list[str] = []
    capabilities: ServerCapabilities = ServerCapabilities()
    meta: ServerMeta = msgspec.field(name="_meta", default=ServerMeta())


class Page(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of a list, of whatever kind."""

    tools: list[msgspec.Raw] = []
    resources: list[msgspec.Raw] = []
    resource_templates: list[msgspec.Raw] = []
    prompts: list[msgspec.Raw] = []
    next_cursor: str | None = None


class ResultKind(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of which kind a result is (modern)."""

    result_type: str = "complete"


class InputRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is asked in the midst of a call."""

    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")


class InputRequired(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A result that is none yet (modern): answer this, and call again."""

    input_requests: dict[str, InputRequest] = {}
    request_state: str | msgspec.UnsetType = msgspec.UNSET


class ProgressToken(msgspec.Struct, frozen=True, kw_only=True):
    """What progress is about."""

    token: Token = msgspec.field(name="progressToken")
    progress: float


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """What names a resource."""

    uri: str


class ToolDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tool as a server lists it.

    Attributes:
        name: what the server calls it.
        title, description: its words.
        input_schema: JSON Schema of the arguments.
        output_schema: JSON Schema of ``structuredContent``; None: it does not say.
        annotations: its hints, by which nothing may be allowed.
        raw: all of it, as the server wrote it.
    """

    name: str
    title: str = ""
    description: str = ""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any] | None = None
    raw: msgspec.Raw = msgspec.Raw(b"{}")


UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
"""What the decoder raises on what has another form."""

tool_decoder = msgspec.json.Decoder(ToolDefinition)


def read_tool(raw: msgspec.Raw) -> ToolDefinition | None:
    """Read a tool of a list; None: it has not the form of one."""
    try:
        return msgspec.structs.replace(tool_decoder.decode(raw), raw=raw.copy())
    except UNREADABLE:
        return None


def shown(text: str) -> str:
    """Return a server's words so that they fit into one line of a log."""
    line = "".join(each if each.isprintable() else " " for each in text[: 2 * SAID_CHARS_MAX])
    return " ".join(line.split())[:SAID_CHARS_MAX]


def name_of(server: Implementation) -> str:
    """Say who a server is, by its own word."""
    return shown(f"{server.name} {server.version}") or "a server without a name"
