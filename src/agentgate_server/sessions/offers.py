"""Offers: the tools that a model is told of, by what the policy says to its session's principal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from agentgate_proto.models.request import ToolSpec
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import LeftOut
from agentgate_proto.sessions.material import Material, model_names
from agentgate_server.sessions.sources import Found
from agentgate_server.tools.provided.tool import BACKEND
from agentgate_server.tools.tool import Tool

TOOLS_MAX = 128
"""Tools that a model is told of: OpenAI takes no more."""

TOOLS_BYTES_MAX = 262_144
"""Their names, descriptions and schemas together, as JSON: about 65,000 tokens, with each
request."""

encode = msgspec.json.Encoder(order="sorted").encode

Expect = Callable[[str, Tool], str | None]
"""Says what every request of a principal for a tool comes to ("allow", "deny", "ask"), or None: it
depends on the request."""


def tool_specs(
    catalogue: Iterable[Tool], expect: Expect, principal: str
) -> tuple[tuple[ToolSpec, ...], dict[str, str], list[LeftOut]]:
    """Say which tools a model may want.

    What the policy denies whatever the arguments are does not exist for the principal, nor for its
    models, and is not named among what is left out either.

    Args:
        catalogue: all tools.
        expect: asks the policy.
        principal: whose session it is.

    Returns:
        The tools, sorted by the names that the model is told; their names in the catalogue, by
        those; and what is left out.
    """
    tools = {tool.name: tool for tool in catalogue}
    told = model_names(tools)  # of all, so that names do not hang on what the policy says
    offered = {name: tool for name, tool in tools.items() if expect(principal, tool) != "deny"}
    specs: list[ToolSpec] = []
    left_out: list[LeftOut] = []
    room = TOOLS_BYTES_MAX

    def leave_out(name: str, size: int, why: str) -> None:
        left_out.append(LeftOut(section=SectionName.TOOLS, what=name, bytes=size, why=why))

    for model_name, name in in_turn(told, offered):
        spec = spec_of(model_name, offered[name])
        size = len(encode(spec))
        if len(specs) == TOOLS_MAX:
            leave_out(name, size, f"there are more than {TOOLS_MAX} tools")
        elif size > room:
            leave_out(
                name, size, f"all tools together would have more than {TOOLS_BYTES_MAX} bytes"
            )
        else:
            specs.append(spec)
            room -= size
    for name in sorted(set(offered) - set(told.values())):
        leave_out(name, 0, "another tool has the name that it would have to be told by")
    specs.sort(key=lambda spec: spec.name)
    return tuple(specs), {spec.name: told[spec.name] for spec in specs}, left_out


def in_turn(told: Mapping[str, str], offered: Mapping[str, Tool]) -> list[tuple[str, str]]:
    """Say for which tools to look for room first, by their two names: our own, then the first of
    each who offers some here, then the second of each. So nobody's many leave none for others."""
    turns: Counter[str] = Counter()
    order: list[tuple[int, str, str]] = []
    for model_name, name in sorted(told.items()):
        if name in offered:
            owner = owner_of(offered[name])
            turns[owner] += bool(owner)
            order.append((turns[owner], model_name, name))
    return [(model_name, name) for _, model_name, name in sorted(order)]


def owner_of(tool: Tool) -> str:
    """Return who offers a tool here: a gateway behind this one, a principal; "": it is our own."""
    if tool.behind is not None:
        return tool.behind.gateway
    return tool.name.rpartition(".")[0] if tool.backend == BACKEND else ""


def spec_of(model_name: str, tool: Tool) -> ToolSpec:
    """Say what a model is told of a tool. Vendors want the schema to say that it is an object's."""
    schema = {"type": "object", "properties": {}, **tool.schema}
    return ToolSpec(name=model_name, description=tool.description, schema=schema)


def material_of(
    found: Found, catalogue: Iterable[Tool], expect: Expect, principal: str
) -> Material:
    """Join what a workspace says and the tools."""
    specs, names, left_out = tool_specs(catalogue, expect, principal)
    return Material(
        memory=found.memory,
        skills=found.skills,
        tools=specs,
        names=names,
        left_out=(*found.left_out, *left_out),
    )
