"""The tools of each principal as MCP clients see them: by published names, with definitions."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from hashlib import sha256
from typing import Final

import msgspec

from agentgate_proto.faces.mcp.names import MCP_FORM, RESERVED, Published, published
from agentgate_proto.faces.mcp.tools import tool_definitions
from agentgate_proto.principal import Principal
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import ToolRow
from agentgate_server.faces.call_desk import CallDesk

log = logging.getLogger(__name__)

PRINCIPALS_MAX: Final = 1_024
"""Whose tools are kept by name; beyond it all are made anew, which costs a moment and no more."""


class Catalogue:
    """What one principal can call.

    Args:
        rows: the tools.
        all_names: returns the names of what there is for anybody.
        join_window_s: how long a call can be joined by the same after its end.
        permit: whether clients may ask here for the use of their own tools.
    """

    def __init__(
        self,
        rows: list[ToolRow],
        all_names: Callable[[], list[str]],
        join_window_s: float,
        *,
        permit: bool,
    ) -> None:
        self._rows = rows
        self._all_names = all_names
        self._join_window_s = join_window_s
        self._permit = permit
        self._definitions: dict[str, list[bytes]] = {}
        self.names = Published(rows)

    def row(self, name: str) -> ToolRow | None:
        """Return a tool under its published name."""
        return self.names.tools.get(name)

    def may_be_denied(self, name: str) -> bool:
        """Whether a tool may be there under a published name that this principal was not told of:
        what is denied is not listed. A name that several have means none of them."""
        clashes = {clash for clash, _ in self.names.clashes}
        return name == published(name) and name not in RESERVED | clashes

    def asked_for(self, name: str) -> str:
        """Return the name of the tool that is meant by a published one that is not listed: whoever
        was told of it before its rule changed is to hear that it is denied."""
        return self._unlisted.get(name, name)

    @cached_property
    def _unlisted(self) -> dict[str, str]:
        unlisted = set(self._all_names()) - {row.name for row in self._rows}
        found = Counter(map(published, unlisted))
        return {name: tool for tool in unlisted if found[name := published(tool)] == 1}

    def named(self, tool: str) -> tuple[str, ToolRow | None]:
        """Return the published name of a tool, and what is known of it."""
        name = published(tool)
        row = self.names.tools.get(name)
        return name, row if row is not None and row.name == tool else None

    def definitions(self, version: str) -> list[bytes]:
        """Return what ``tools/list`` says, sorted by name."""
        made = self._definitions.get(version)
        if made is None:
            made = self._definitions[version] = tool_definitions(
                self.names.tools, version, self._join_window_s, permit=self._permit
            )
        return made

    @cached_property
    def fingerprint(self) -> bytes:
        """Another one if the list is another one."""
        return sha256(msgspec.json.encode(sorted(self._rows, key=lambda row: row.name))).digest()


class Catalogues:
    """Those of all principals.

    Args:
        desk: knows the tools.
        join_window_s, permit: as for :class:`Catalogue`.
    """

    def __init__(self, desk: CallDesk, join_window_s: float, *, permit: bool) -> None:
        self._desk = desk
        self._join_window_s = join_window_s
        self._permit = permit
        self._made: dict[Principal, Catalogue] = {}
        self._said: list[tuple[str, list[str]]] = []
        desk.on_tools_changed(self.forget)

    def of(self, principal: Principal) -> Catalogue:
        """Return what a principal can call."""
        made = self._made.get(principal)
        if made is None:
            if len(self._made) >= PRINCIPALS_MAX:
                self._made.clear()
            made = Catalogue(
                self._desk.tools(principal),
                self._desk.tool_names,
                self._join_window_s,
                permit=self._permit,
            )
            self._made[principal] = made
            self._say(made)
        return made

    def row(self, principal: Principal, name: str) -> ToolRow | None:
        """Return a tool of a principal under its published name."""
        return self.of(principal).row(name)

    @property
    def hidden(self) -> int:
        """How many tools nobody can call by MCP, because their names clash."""
        return sum(len(tools) for _, tools in self._said)

    def forget(self) -> None:
        """The tools may be others than before."""
        self._made.clear()

    def _say(self, made: Catalogue) -> None:
        """Say once which tools are hidden because their names clash."""
        if made.names.clashes != self._said:
            self._said = made.names.clashes
            for name, tools in self._said:
                text = (
                    "mcp: hidden, because another tool is called %s, too: %s; "
                    "another prefix (tools.mcp) helps"
                )
                log.warning(text, name, ", ".join(tools))


def can_be_stopped(row: ToolRow | None) -> bool:
    """Whether a tool can be stopped while it runs without harm: one that only reads, or one whose
    server can be told and says what came of it."""
    return row is not None and (row.effects is Effects.READ or row.form == MCP_FORM)
