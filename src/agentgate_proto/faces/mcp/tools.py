"""Definitions of tools as MCP clients get them: names and schemas as they are, hints from us alone.

A client may act on an annotation (Codex runs what says ``readOnlyHint`` without asking anybody), so
each is made from the effects that this gateway's configuration gives to the tool, whatever the
tool's own server says. A definition depends on the tool, the revision and the configuration, never
on the connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.names import GATE_RESULT, PERMIT
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import ToolRow

KEY: Final = "idempotency_key"
"""The argument by which a client says that a call is another one than the same before."""

TITLED_SINCE: Final = "2025-06-18"
"""The first revision with titles, ``outputSchema`` and ``structuredContent``."""

READ_HINTS: Final[dict[str, Any]] = {"readOnlyHint": True}
WRITE_HINTS: Final[dict[str, Any]] = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "openWorldHint": True,
}

RESULT_WORDS: Final = (
    "Get the outcome of a request that waits for a person's approval. Call it with the request_id "
    "that a pending answer named. It waits for a while and returns the tool's own result as soon "
    "as there is one; nothing is run again by asking."
)
RESULT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "request_id": {
            "type": "string",
            "description": "the id that the pending answer named",
            "minLength": 1,
            "maxLength": NAME_CHARS_MAX,
        }
    },
    "required": ["request_id"],
    "additionalProperties": False,
}
PERMIT_WORDS: Final = (
    "Ask whether a built-in tool of this client may be used: for the client's own permission "
    "prompt, not for models. The policy answers, or a person does; the answer is a JSON text."
)
PERMIT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "tool_name": {"type": "string", "description": "the built-in tool"},
        "input": {"type": "object", "description": "what it would be called with"},
        "tool_use_id": {"type": "string", "description": "names this use of it"},
    },
    "required": ["tool_name", "input"],
}


class Definition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A tool in ``tools/list``."""

    name: str
    title: str = ""
    description: str = ""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: dict[str, Any]


def tool_definition(published: str, row: ToolRow, version: str, join_window_s: float) -> bytes:
    """Return the definition of a tool.

    Args:
        published: its published name.
        row: the tool.
        version: the revision that the client speaks.
        join_window_s: how long after its end a call is joined by one that is the same; 0: not.
    """
    writes = row.effects is not Effects.READ
    titled = version >= TITLED_SINCE
    return msgspec.json.encode(
        Definition(
            name=published,
            title=row.title if titled else "",
            description=row.description,
            input_schema=input_schema(row, join_window_s),
            output_schema=output_schema(row, version) if titled else None,
            annotations=WRITE_HINTS if writes else READ_HINTS,
        )
    )


def tool_definitions(
    tools: Mapping[str, ToolRow], version: str, join_window_s: float, *, permit: bool
) -> list[bytes]:
    """Return all definitions, sorted by name, with those of this gateway's own tools.

    Args:
        tools: by published name, see ``names.Published``.
        version, join_window_s: as for ``tool_definition``.
        permit: whether clients may ask here for the use of their own tools.
    """
    made = {name: tool_definition(name, row, version, join_window_s) for name, row in tools.items()}
    made |= own_definitions(version, permit=permit)
    return [made[name] for name in sorted(made)]


def own_definitions(version: str, *, permit: bool) -> dict[str, bytes]:
    """Return the definitions of the tools that are not in the catalogue, by their names."""
    titled = version >= TITLED_SINCE
    result = Definition(
        name=GATE_RESULT,
        title="Outcome of a pending request" if titled else "",
        description=RESULT_WORDS,
        input_schema=RESULT_SCHEMA,
        annotations=READ_HINTS | {"openWorldHint": False},
    )
    made = {GATE_RESULT: msgspec.json.encode(result)}
    if permit:
        ask = Definition(
            name=PERMIT,
            title="Permission prompt" if titled else "",
            description=PERMIT_WORDS,
            input_schema=PERMIT_SCHEMA,
            annotations=WRITE_HINTS,
        )
        made[PERMIT] = msgspec.json.encode(ask)
    return made


def takes_key(row: ToolRow, join_window_s: float) -> bool:
    """Whether a key may be among the arguments of a call: the tool writes, calls are joined, and it
    has no argument of that name itself, which would mean something else."""
    if row.effects is Effects.READ or not join_window_s:
        return False
    properties = row.args.get("properties", {})
    return isinstance(properties, dict) and KEY not in properties


def take_key(row: ToolRow, args: msgspec.Raw, join_window_s: float) -> tuple[msgspec.Raw, str]:
    """Take the key out of the arguments of a call.

    Args:
        row: the tool.
        args: as the client sent them.
        join_window_s: as for ``tool_definition``.

    Returns:
        The arguments without it, and the key; "" if there is none, or it is not for us.

    Raises:
        ValueError: what stands there can't be a key; the text says so.
    """
    if KEY.encode() not in bytes(args) or not takes_key(row, join_window_s):
        return args, ""
    try:
        members = msgspec.json.decode(args, type=dict[str, msgspec.Raw])
        key = msgspec.json.decode(members.pop(KEY, b'""'), type=str)
    except msgspec.ValidationError as error:
        raise ValueError(f"{KEY} must be a string of 1 to {NAME_CHARS_MAX} characters") from error
    if len(key) > NAME_CHARS_MAX:
        raise ValueError(f"{KEY} must be a string of 1 to {NAME_CHARS_MAX} characters")
    return msgspec.Raw(msgspec.json.encode(members)), key


def input_schema(row: ToolRow, join_window_s: float) -> dict[str, Any]:
    """The schema of the arguments: always of an object, with the key if it takes one."""
    schema = {"type": "object"} | row.args | {"type": "object"}
    if not takes_key(row, join_window_s):
        return schema
    minutes = max(1, round(join_window_s / 60))
    words = (
        "Optional. Set a new value to do the very same thing again on purpose; without it, a "
        f"repeat within {minutes} minutes gets the first outcome and nothing is run again."
    )
    key = {"type": "string", "description": words, "maxLength": NAME_CHARS_MAX}
    return schema | {"properties": {**schema.get("properties", {}), KEY: key}}


def output_schema(row: ToolRow, version: str) -> dict[str, Any] | None:
    """The schema of the result; None: the tool has none, or one that an old client can't take,
    which would throw the whole list away."""
    if not row.returns or (version not in MODERN and row.returns.get("type") != "object"):
        return None
    return row.returns


def structured(row: ToolRow | None, version: str) -> bool:
    """Whether a client of this revision is told that the tool's results have a structure."""
    return row is not None and version >= TITLED_SINCE and output_schema(row, version) is not None
