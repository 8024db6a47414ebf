"""A gateway that a person logs in at an MCP server, as a program that the suite examines.

The login is that of ``agent-gate mcp login``, and the person in front of the browser says yes at
once. The tokens go into the logins file; from there the gate's own client of MCP servers has them,
and calls every tool.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio
from tests.mcp.acceptance.backend_client import UP_S, arguments
from tests.server.tools.mcp.behind import All, called

from agentgate_cli.exits import Failure
from agentgate_cli.mcp.consent import log_in
from agentgate_server.errors import NotStarted
from agentgate_server.tools.mcp.form import McpAlias, McpServerConfig, McpUrl
from agentgate_server.tools.mcp.login_file import LoginFile
from agentgate_server.tools.mcp.oauth import OAuthLogin
from agentgate_server.tools.mcp.servers import McpServers

ALIAS: Final = "s"
LOGINS: Final = 2
"""A login may end for good; then the gateway says that a person must log in again."""


def browser(url: str) -> None:
    """Say yes: go where the address leads, which is back to the login in the end."""

    def look() -> None:
        with urllib.request.urlopen(url, timeout=UP_S) as answer:
            answer.read()

    threading.Thread(target=look, daemon=True).start()


async def main(url: str) -> int:
    """Log in, and use all that the server offers; return the exit code."""
    server = McpServerConfig(url=McpUrl(url), oauth=True, private=True)
    with tempfile.TemporaryDirectory() as folder:
        file = LoginFile.beside(Path(folder) / "gate.db")
        for _ in range(LOGINS):
            try:
                await logged_in(server, file)
            except Failure as error:
                print(f"no login: {error}", file=sys.stderr)
                return 1
            if not await needs_login(server, file):
                break
    return 0


async def needs_login(server: McpServerConfig, file: LoginFile) -> bool:
    """Call every tool; return whether a person has to log in again for that."""
    login = OAuthLogin(ALIAS, server, file)
    servers = McpServers({McpAlias(ALIAS): server}, pins=All(), authorizers={ALIAS: login})
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(servers.run)
        with suppress(NotStarted):
            await servers.servers[ALIAS].wait_up(UP_S)
            for tool in list(servers):
                if tool.listed:
                    await called(servers, tool.name, arguments(tool.schema, tool.name))
        tasks.cancel_scope.cancel()
    return bool(login.problem)


async def logged_in(server: McpServerConfig, file: LoginFile) -> None:
    """Have a person log in."""
    context: dict[str, str] = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT") or "{}")
    known = {name: context.get(name, "") for name in ("client_id", "client_secret")}
    file.put(ALIAS, await log_in(ALIAS, server, browser, **known))


if __name__ == "__main__":
    sys.exit(anyio.run(main, sys.argv[-1]))
