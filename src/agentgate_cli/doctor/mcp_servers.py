"""MCP servers, tried: started, or connected to, and asked what they offer. No tool is called.

Each is begun anew beside one that a running gateway may have, as every client of MCP does. One that
wants a login is only connected to: to use the login would renew it, under a gateway that uses it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from agentgate_cli.doctor.backends import try_connection
from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.doctor.reaching import all_at_once, unreached
from agentgate_cli.text import plural, printable

if TYPE_CHECKING:
    from agentgate_proto.records.tool_pin import Definition
    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding
    from agentgate_server.tools.mcp.form import McpAlias, McpServerConfig
    from agentgate_server.tools.mcp.server import McpServer

WAIT_S = 30.0
"""Some are fetched from the network at each start (npx, uvx)."""

ANY = "*"
"""In ``tools``: all that there are."""

LOGGER = "agentgate_server"
"""What tells of servers. What they write to standard error is told there, too."""


async def reach_servers(patient: Patient, config: Config) -> Report:
    """Try each server that the configuration names; nothing is started that others can change."""
    from agentgate_server.backing import dangers_of, problems_of
    from agentgate_server.secrets.masking import Masker
    from agentgate_server.tools.mcp.servers import McpServers

    servers = config.tools.mcp
    if not servers:
        return Report()
    problems = [*problems_of(config)]
    if any(dangers_of(config)):
        return Report("they were not started: see tools")
    findings = [each for each in await logins(config) if each is not None]
    tried = {
        alias: server
        for alias, server in servers.items()
        if not server.oauth and not any(text.startswith(f"tools.mcp.{alias}.") for text in problems)
    }
    with last_words() as lines:
        made = McpServers(tried, pins=Nothing(), masker=Masker(config.secrets))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.run)
            found = await all_at_once(made.servers.values(), lambda each: try_server(each, lines))
            tasks.cancel_scope.cancel()
    findings += [each for each in found if each is not None]
    return Report(f"{plural(len(servers), 'server')}, each can be reached", tuple(findings))


class Nothing:
    """Accepts nothing: what they offer is not used here."""

    def visible(self, alias: str, definitions: Sequence[Definition]) -> frozenset[str]:
        """See ``Pinned``."""
        return frozenset()

    def accepted(self, alias: str) -> Mapping[str, str]:
        """See ``Pinned``."""
        return {}


class Lines(logging.Handler):
    """Keeps the last line of standard error of each server."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.last: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; called by the threads that read what servers write."""
        name, _, line = record.getMessage().partition(": ")
        if name.startswith("MCP server ") and " " not in name.removeprefix("MCP server "):
            self.last[name.removeprefix("MCP server ")] = line


@contextmanager
def last_words() -> Iterator[Mapping[str, str]]:
    """Keep the log from the terminal meanwhile, and what servers write at the end in it."""
    log, lines = logging.getLogger(LOGGER), Lines()
    before = log.level, log.propagate
    log.addHandler(lines)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield lines.last
    finally:
        log.removeHandler(lines)
        log.setLevel(before[0])
        log.propagate = before[1]


async def logins(config: Config) -> list[Finding | None]:
    """See that those who want a login have one, and can be connected to."""
    from agentgate_server.backends.http_options import HttpOptions
    from agentgate_server.store.private_file import PrivateFileError
    from agentgate_server.tools.mcp.login_file import LoginFile

    file = LoginFile.beside(config.storage.path)

    async def one(row: tuple[McpAlias, McpServerConfig]) -> Finding | None:
        alias, server = row
        try:
            known = file.get(alias)
        except PrivateFileError:  # which is told of elsewhere
            return None
        is_used = known is not None and known.url == str(server.url)
        if known is None or not is_used or not (known.access_token or known.refresh_token):
            return doubtful(
                f"{alias} needs a login, and there is none",
                f"'agent-gate mcp login {alias}'",
            )
        place = f"tools.mcp.{alias}"
        options = HttpOptions(
            name=f"MCP server {alias}", url=str(server.url), reach=server.reach, ca=server.ca
        )
        return await try_connection(options, f"{place}.url", f"{place}.ca")

    return await all_at_once([row for row in config.tools.mcp.items() if row[1].oauth], one)


async def try_server(server: McpServer, lines: Mapping[str, str]) -> Finding | None:
    """Wait for one; None: it is up, and offers something."""
    key = f"tools.mcp.{server.alias}"
    with anyio.move_on_after(WAIT_S):
        await server.wait_decided()
    if server.is_up:
        return None if server.definitions or ANY in server.config.tools else empty(server, key)
    if server.config.url is not None:
        return away(server, key)
    said = lines.get(server.alias, "")
    last = f"; it said last: {printable(said)}" if said else ""
    why = printable(server.problem) or f"it does not answer within {WAIT_S:g} s"
    step = (
        f"start it by hand in the folder that {key}.cwd names, and see what it says; it gets no "
        f"variables but those of {key}.env, PATH, HOME and the language"
    )
    return broken(f"{server.alias} does not start: {why}{last}", step)


def away(server: McpServer, key: str) -> Finding:
    """Say why a server is not there that is reached over HTTP."""
    why = server.problem or f"it does not answer within {WAIT_S:g} s"
    if "could not be reached" in why or "may not reach" in why:
        return unreached(why, str(server.config.url), f"{key}.url", f"{key}.ca")
    step = next((step for sign, step in STEPS.items() if sign in why), OTHERWISE)
    return broken(f"{server.alias}: {printable(why)}", step.format(key=key, alias=server.alias))


STEPS = {
    "401": "put what it wants into {key}.headers, as in Authorization: Bearer ${{TOKEN}}; or, if "
    "it wants a login, {key}.oauth: true and 'agent-gate mcp login {alias}'",
    "403": "see what the token in {key}.headers may do there",
    "404": "correct the path in {key}.url, as in https://mcp.example/mcp",
    "405": "correct the path in {key}.url, as in https://mcp.example/mcp",
}
"""What to do, by the status that it answers with."""

OTHERWISE = "see its own log, and whether {key}.url is that of an MCP server (Streamable HTTP)"


def empty(server: McpServer, key: str) -> Finding:
    """Nothing of what it has is offered here."""
    return doubtful(
        f"{server.alias} offers no tool that is named in {key}.tools",
        f"correct the names in {key}.tools, or leave it out for all of them",
    )
