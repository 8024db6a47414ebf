"""The names under which tools are published to MCP clients: ``[a-z0-9_]``, at most 48 characters.

Clients spell names their own way: some turn ``/`` and ``:`` both into ``_`` and keep one of two
tools that meet so, some cut long names in the middle. A published name is safe from all of that,
and depends on nothing but the tool's own name: not on what else there is, nor on the order of
starts. Two tools that meet all the same are both hidden: whichever was called, somebody may have
meant the other. But no server of MCP behind the gate can hide a tool that is not of one, by
choosing its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from agentgate_proto.rpc.results import ToolRow

NAME_CHARS: Final = 48
"""Clients put their own name of the server before it (``mcp__gate__``), and vendors of models take
64 characters in all."""

KEPT_CHARS: Final = 39
"""... of a longer name that are kept; an underscore and 8 characters of a hash come after them."""

HASH_CHARS: Final = 8

GATE_RESULT: Final = "gate_result"
"""The tool that fetches the outcome of a request that was pending."""

PERMIT: Final = "permit"
"""The tool by which a client asks for the use of its own built-in tools."""

RESERVED: Final = frozenset({GATE_RESULT, PERMIT})
"""No tool of the catalogue can be published under these."""

MCP_FORM: Final = "mcp"
"""``ToolRow.form`` of the tools of MCP servers: these choose the names of their tools."""

FOREIGN = re.compile("[^a-z0-9_]")


def published(name: str) -> str:
    """Return how a tool, or a prompt, of this name is published."""
    plain = FOREIGN.sub("_", name.lower())
    if len(plain) <= NAME_CHARS:
        return plain
    return f"{plain[:KEPT_CHARS]}_{sha256(name.encode()).hexdigest()[:HASH_CHARS]}"


def clashes_of(names: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return the published names that several of these would have, or that are reserved, each with
    those that would have it; sorted."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(published(name), []).append(name)
    return [
        (name, sorted(found[name]))
        for name in sorted(found)
        if len(found[name]) > 1 or name in RESERVED
    ]


class Published:
    """The tools of a catalogue under their published names.

    Args:
        rows: the tools, in any order.

    Attributes:
        tools: by published name, sorted by it.
        clashes: published names that several tools have, or that are reserved, each with the names
            of those of these tools that are not in ``tools``; sorted.
    """

    __slots__ = ("clashes", "tools")

    def __init__(self, rows: Iterable[ToolRow]) -> None:
        found: dict[str, list[ToolRow]] = {}
        for row in rows:
            found.setdefault(published(row.name), []).append(row)
        self.tools: dict[str, ToolRow] = {}
        self.clashes: list[tuple[str, list[str]]] = []
        for name in sorted(found):
            meeting = found[name]
            own = [row for row in meeting if row.form != MCP_FORM]
            kept = own if len(own) == 1 else meeting
            if len(kept) == 1 and name not in RESERVED:
                self.tools[name] = kept[0]
            hidden = sorted(row.name for row in meeting if self.tools.get(name) is not row)
            if hidden:
                self.clashes.append((name, hidden))
