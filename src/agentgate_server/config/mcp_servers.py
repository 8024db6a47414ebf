"""Checks of ``tools.mcp``: names that nobody else has, paths and programs that are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from agentgate_proto.faces.mcp.names import PERMIT
from agentgate_server.backends.urls import split_url
from agentgate_server.config.texts import Host
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.errors import raise_first
from agentgate_server.secrets.secret import Secret
from agentgate_server.secrets.secret_names import is_secret_name
from agentgate_server.tools.mcp.form import McpAlias, McpServerConfig

Servers = Mapping[McpAlias, McpServerConfig]


def check_mcp_servers(
    document: Document, servers: Servers, agents: Iterable[str], upstreams: Iterable[str]
) -> tuple[str, ...]:
    """Check what a document says of MCP servers; return warnings.

    Args:
        document: where errors stand.
        servers: what it says.
        agents: the names of our own agents, whose tools are called ``agent.tool``.
        upstreams: the names of gateways, whose tools are called ``gateway.tool``. No prefix may be
            one of these: somebody else could offer what is meant for a tool of the server.

    Raises:
        DocumentError: something can't be used.
    """
    taken = {name.partition(".")[0]: f"the agent {name!r}" for name in sorted(agents)}
    taken |= {name: f"the gateway {name!r}" for name in upstreams}
    taken[PERMIT] = "the permission prompt (faces.mcp.permit)"
    errors: list[DocumentError] = []
    warnings: list[str] = []
    for alias, server in servers.items():
        place: Place = ("tools", "mcp", alias)
        prefix = prefix_of(alias, server)
        if prefix in taken:
            text = f"tools of {taken[prefix]} could have names of this prefix: choose another"
            errors.append(document.error((*place, "prefix"), text))
        elif prefix:
            taken[prefix] = f"the server {str(alias)!r}"
        errors += (document.error((*place, *key), text) for key, text in problems_of(server))
        if server.url is not None and is_clear_text(server.url):
            text = "what is sent there, tokens among it, leaves this machine in clear text"
            warnings.append(f"{document.error((*place, 'url'), text)}")
    raise_first(errors)
    return tuple(warnings)


def prefix_of(alias: str, server: McpServerConfig) -> str:
    """Return what the names of a server's tools begin with, or ""."""
    return alias if server.prefix is None else server.prefix


def problems_of(server: McpServerConfig) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a server: where below it, and why."""
    if any("\0" in part for part in server.command):
        yield ("command",), "no program takes a NUL character"
    for name, value in server.env.items():
        if "\0" in value.value:
            yield ("env", name), "no variable takes a NUL character"


def is_clear_text(url: str) -> bool:
    """Whether what is sent to a URL leaves this machine without TLS."""
    origin, _ = split_url(url)
    return origin.scheme == "http" and not Host(origin.host).is_loopback


def mcp_servers_of(
    servers: Servers, folder: Path, at: Callable[[Path], Path]
) -> dict[McpAlias, McpServerConfig]:
    """Resolve the paths of servers.

    Args:
        servers: what the file says.
        folder: of the file, absolute.
        at: makes a path of the file absolute.
    """
    return {alias: resolved(each, folder, at) for alias, each in servers.items()}


def resolved(server: McpServerConfig, folder: Path, at: Callable[[Path], Path]) -> McpServerConfig:
    """Resolve the paths of one server."""
    command = server.command
    if not command:
        return msgspec.structs.replace(server, ca=server.ca and at(server.ca))
    if "/" in command[0]:
        command = (str(at(Path(command[0]))), *command[1:])
    cwd = at(server.cwd) if server.cwd is not None else folder
    return msgspec.structs.replace(server, command=command, cwd=cwd)


def secrets_of(servers: Servers) -> Iterator[Secret]:
    """Yield what is to be masked: headers, and variables that are named like secrets."""
    for server in servers.values():
        yield from server.headers.values()
        yield from (value for name, value in server.env.items() if is_secret_name(name))


def secret_places(servers: Servers) -> Iterator[Place]:
    """Yield where secrets stand."""
    for alias, server in servers.items():
        place: Place = ("tools", "mcp", alias)
        yield from ((*place, "headers", name) for name in server.headers)
        yield from ((*place, "env", name) for name in server.env if is_secret_name(name))
