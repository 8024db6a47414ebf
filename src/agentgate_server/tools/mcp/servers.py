"""All servers behind the gate, and their tools: a source of live tools for the catalogue.

Each server lives by itself. What it offers is looked at by whoever accepts it (``Pinned``), gets
the name that it has here, and is known until the server offers something else, be it up or not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import anyio

from agentgate_proto.faces.mcp_backend.reading import ToolDefinition, read_tool, shown
from agentgate_proto.faces.mcp_backend.saying import header_names
from agentgate_proto.records.pin_words import TITLE_CHARS_MAX, publishable, publishable_schema
from agentgate_proto.records.request import Effects
from agentgate_proto.records.tool_pin import Definition, effects_of
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.secrets.masking import Masker
from agentgate_server.tools.catalogue import nobody_asks
from agentgate_server.tools.dialogue import Dialogues
from agentgate_server.tools.mcp.driver import Link
from agentgate_server.tools.mcp.form import McpAlias, McpServerConfig
from agentgate_server.tools.mcp.guardian import Guardian
from agentgate_server.tools.mcp.naming import name_here
from agentgate_server.tools.mcp.offers import (
    COMPLETE,
    GOVERNED,
    PROMPT,
    READ,
    ServerOffers,
    tool_name,
)
from agentgate_server.tools.mcp.server import McpServer, Pinned, Status
from agentgate_server.tools.mcp.stdio import StdioLink
from agentgate_server.tools.mcp.tool import BACKEND, McpTool, schema_of
from agentgate_server.tools.tool import Tool

if TYPE_CHECKING:
    from agentgate_server.tools.mcp.http import Authorizer

log = logging.getLogger(__name__)

FIXED: Final = {"type": "object", "additionalProperties": False}


class McpServers:
    """See the module; see :class:`agentgate_server.tools.catalogue.LiveTools`.

    Args:
        configs: the servers, by alias.
        pins: says which tools may be used as they are.
        masker: hides secrets in what servers write to their standard error.
        dialogues: finds who can be asked in the midst of a call.
        output_bytes_max: of a result, whatever a server's own limit.
        authorizers: let us in where headers do not, by alias.

    Attributes:
        servers: by alias.
        offers: what they offer besides tools.
        is_taken: whether a name is that of a tool of somebody else's.
        changed: is called when other tools are offered than before; the gate puts it there.
        looks: are called before that.
    """

    def __init__(
        self,
        configs: Mapping[McpAlias, McpServerConfig],
        *,
        pins: Pinned,
        masker: Masker | None = None,
        dialogues: Dialogues | None = None,
        output_bytes_max: int = 16_000_000,
        authorizers: Mapping[str, Authorizer] | None = None,
    ) -> None:
        self.is_taken: Callable[[str], bool] = lambda name: False
        self.changed: Callable[[], None] = nobody_asks
        self.looks: list[Callable[[], None]] = []
        self._pins = pins
        self._masker = masker or Masker()
        self._guardian = Guardian()
        self._output_bytes_max = output_bytes_max
        self._authorizers = authorizers or {}
        dialogues = dialogues or Dialogues()
        self.servers = {
            str(alias): McpServer(
                str(alias), config, self._maker(str(alias), config), dialogues, self._listed
            )
            for alias, config in configs.items()
        }
        self._prefixes = {
            alias: alias if server.config.prefix is None else str(server.config.prefix)
            for alias, server in self.servers.items()
        }
        self.offers = ServerOffers(list(self.servers.values()), self._prefixes)
        self._of_server: dict[str, dict[str, McpTool]] = {}
        self._own = {tool.name: tool for tool in self._governed()}
        self._tools: dict[str, McpTool] = dict(self._own)
        self._known: set[str] = set()
        self._clashes: set[str] = set()

    async def run(self) -> None:
        """Keep all servers running, until cancelled."""
        try:
            async with anyio.create_task_group() as tasks:
                for server in self.servers.values():
                    tasks.start_soon(server.run)
        finally:
            await self._guardian.aclose()

    def remember(self, known: Mapping[str, Sequence[Definition]]) -> None:
        """Offer these as long as their servers have said nothing: who asks for one in the first
        moments of a gateway waits for the server, and is not told that there is no such tool.

        Args:
            known: definitions that are accepted, by alias.
        """
        for alias, definitions in known.items():
            server = self.servers[alias]
            tools = ((read_tool(each.text), each) for each in definitions)
            server.definitions = {
                tool.name: (tool, each)
                for tool, each in tools
                if tool is not None and server.config.offers(tool.name)
            }
            made = (self._tool(server, *each) for each in server.definitions.values())
            self._of_server[alias] = {tool.name: tool for tool in made}
        self._join()

    def look_again(self, alias: str) -> None:
        """Something else of a server is accepted now."""
        server = self.servers.get(alias)
        if server is not None and server.was_listed:
            self._listed(server)

    def current(self) -> dict[str, str]:
        """Return the definitions of tools as they are now, by name; "": there is none any more.

        Those that wait for somebody to look at them are among them: what was asked, of a former
        process too, was asked of others. While a server is away its tools are what they were.
        """
        found = dict.fromkeys(self._known, "")
        found |= {name: tool.definition for name, tool in self._tools.items()}
        for alias, server in self.servers.items():
            prefix = self._prefixes[alias]
            if server.has_listed:
                gone = self._pins.accepted(alias).keys() - server.definitions.keys()
                found |= {name_here(prefix, there): "" for there in gone}
            for there, (_, pin) in server.definitions.items():
                found[name_here(prefix, there)] = pin.hash
        return found

    def health(self) -> dict[str, int]:
        """How many there are of what, for ``/health``: without names."""
        statuses = [server.status for server in self.servers.values()]
        offered = sum(len(server.definitions) for server in self.servers.values())
        counts = {str(each): statuses.count(each) for each in Status if each in statuses}
        tools = len(self._tools) - len(self._own)
        return {"configured": len(statuses), **counts, "tools": tools, "hidden": offered - tools}

    # For the catalogue

    def owns(self, name: str) -> bool:
        """See ``LiveTools``."""
        prefixes = (prefix for prefix in self._prefixes.values() if prefix)
        return name in self._tools or any(name.startswith(f"{each}.") for each in prefixes)

    def get(self, name: str) -> Tool | None:
        """See ``LiveTools``."""
        return self._tools.get(name)

    def __iter__(self) -> Iterator[Tool]:
        return iter(list(self._tools.values()))

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        """See ``LiveTools``; a server that has not listed its tools yet may still do so."""
        known = self._tools.get(name)
        if known is not None:
            return known.for_call(effects, call)
        for alias, server in self.servers.items():
            prefix = self._prefixes[alias]
            if name.startswith(f"{prefix}.") if prefix else not server.definitions:
                return self._unknown(server, name, effects).for_call(effects, call)
        return None

    # Inside

    def _maker(self, alias: str, config: McpServerConfig) -> Callable[[], Link]:
        """Return what makes the way to a server."""
        name = f"MCP server {alias}"

        def over_http() -> Link:
            from agentgate_server.tools.mcp.http import CONNECTIONS_MAX, HttpLink

            options = HttpOptions(
                name=name,
                url=str(config.url),
                headers={str(key): value for key, value in config.headers.items()},
                reach=config.reach,
                ca=config.ca,
                connections_max=CONNECTIONS_MAX,
            )
            return HttpLink(options, self._authorizers.get(alias))

        def over_stdio() -> Link:
            return StdioLink(
                name,
                config.command,
                masker=self._masker,
                guardian=self._guardian,
                env={str(key): value for key, value in config.env.items()},
                folder=config.cwd,
            )

        return over_http if config.url is not None else over_stdio

    def _listed(self, server: McpServer) -> None:
        """A server offers something else, or something else of it is accepted."""
        if server.was_listed:  # other lists may come first; that is no list without tools
            self._take_tools(server)
        for look in (*self.looks, self.changed):
            look()

    def _take_tools(self, server: McpServer) -> None:
        alias = server.alias
        visible = self._pins.visible(alias, [pin for _, pin in server.definitions.values()])
        tools: dict[str, McpTool] = {}
        for there, (tool, pin) in server.definitions.items():
            if there in visible:
                made = self._tool(server, tool, pin)
                tools.setdefault(made.name, made)
        self._of_server[alias] = tools
        self._join()

    def _join(self) -> None:
        """Put the tools of all servers together; of two with one name there is none."""
        joined: dict[str, McpTool] = dict(self._own)
        clashes: set[str] = set()
        for tools in self._of_server.values():
            for name, tool in tools.items():
                if name in joined or name in clashes or self.is_taken(name):
                    clashes.add(name)
                else:
                    joined[name] = tool
        for name in sorted(clashes):
            if name not in self._own:
                joined.pop(name, None)
            if name not in self._clashes:
                text = "several tools are named %s: none of MCP servers is offered under it"
                log.warning(text, shown(name))
        self._clashes = clashes
        self._tools = joined
        self._known |= joined.keys() - self._own.keys()

    def _tool(self, server: McpServer, tool: ToolDefinition, pin: Definition) -> McpTool:
        name = name_here(self._prefixes[server.alias], tool.name)
        schema = publishable_schema(tool.input_schema)
        there = tool.name
        return McpTool(
            name=name,
            description=publishable(tool.description),
            title=publishable(title_of(tool), TITLE_CHARS_MAX),
            effects=effects_of(server.config.effects_of(there), tool.annotations),
            schema=schema,
            returns=publishable_schema(tool.output_schema) or {},
            form="mcp",
            definition=pin.hash,
            backend=BACKEND,
            origin=f"{shown(there)} of the MCP server {server.alias}",
            timeout_s=None,
            args_bytes_max=server.config.args_bytes_max,
            server=server,
            params=lambda args: {"name": there, "arguments": args},
            look=self._tools_get,
            output_bytes_max=self._bytes_max(server),
            fits=schema_of(tool.input_schema, f"arguments of {name}"),
            headers={} if server.config.url is None else header_names(tool.input_schema),
            says=schema_of(tool.output_schema, f"the result of {name}"),
        )

    def _unknown(self, server: McpServer, name: str, effects: Effects) -> McpTool:
        """Return what stands for a tool that is not known at the moment: it runs what is known by
        then."""
        return PendingTool(
            name=name,
            description="",
            effects=effects,
            schema={},
            form="mcp",
            backend=BACKEND,
            origin=f"a tool of the MCP server {server.alias}",
            timeout_s=None,
            args_bytes_max=server.config.args_bytes_max,
            server=server,
            params=dict,
            look=self._tools_get,
            output_bytes_max=self._bytes_max(server),
            is_known=False,
        )

    def _governed(self) -> Iterator[McpTool]:
        """Make the tools by which resources and prompts are read."""
        for alias, server in self.servers.items():
            config = server.config
            kinds = [READ] * config.resources + [PROMPT] * config.prompts
            for kind in [*kinds, COMPLETE] if kinds else ():
                method, description, params, schema = GOVERNED[kind]
                schema = {**FIXED, **schema}
                yield McpTool(
                    name=tool_name(self._prefixes[alias] or alias, kind),
                    description=description.format(alias),
                    effects=Effects.READ,
                    schema=schema,
                    form="mcp",
                    listed=False,
                    backend=BACKEND,
                    origin=f"the MCP server {alias}",
                    timeout_s=None,
                    args_bytes_max=config.args_bytes_max,
                    server=server,
                    method=method,
                    params=params,
                    look=self._tools_get,
                    output_bytes_max=self._bytes_max(server),
                    fits=schema_of(schema, "arguments of ours"),
                )

    def _tools_get(self, name: str) -> McpTool | None:
        return self._tools.get(name)

    def _bytes_max(self, server: McpServer) -> int:
        return min(server.config.output_bytes_max, self._output_bytes_max)


class PendingTool(McpTool):
    """What runs a request whose tool is not known when it starts."""

    async def run(self, args: dict[str, Any]) -> Any:
        """Have the server do it, when it has said that there is such a tool."""
        await self.server.wait_up(self.server.config.wait_s)
        self._compare()
        now = self.look(self.name)
        assert now is not None, "it was compared"
        ready = now.for_call(self.effects, self.call)
        try:
            return await ready.run(args)
        finally:
            self.progress.was_asked = ready.progress.was_asked


def title_of(tool: ToolDefinition) -> str:
    """Return what people are shown as a tool's name, or ""."""
    hint = (tool.annotations or {}).get("title", "")
    return tool.title or (hint if isinstance(hint, str) else "")
