"""``agent-gate mcp``: an MCP server on standard input and output, and what goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agentgate_cli.arguments import Duration
from agentgate_cli.beside import DEFAULT_URL
from agentgate_cli.lazy import LazyGroup
from agentgate_cli.remote import insecure_option

SECTIONS = {
    "Commands": {
        "setup": ("agentgate_cli.mcp.setup:setup", "Write an MCP client's settings."),
    },
    "Servers behind the gate": {
        "status": ("agentgate_cli.mcp.status:status", "Show what is known of them."),
        "review": ("agentgate_cli.mcp.review:review", "Look at their tools, and accept them."),
        "login": ("agentgate_cli.mcp.login:login", "Log in where a server wants OAuth."),
    },
}
"""Where each command is, and its line in the help."""


@click.group(cls=LazyGroup, sections=SECTIONS, invoke_without_command=True)
@click.option(
    "--url",
    envvar="AGENT_GATE_URL",
    default=DEFAULT_URL,
    help=f"The gateway.  [default: $AGENT_GATE_URL or {DEFAULT_URL}]",
)
@click.option(
    "--token",
    envvar="AGENT_GATE_TOKEN",
    help="The agent's token. Better in $AGENT_GATE_TOKEN, or in a file.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    envvar="AGENT_GATE_TOKEN_FILE",
    help="A file that holds the token and nothing else.",
)
@click.option(
    "--ca-file",
    type=click.Path(path_type=Path),
    help="PEM file of the authority that signed the gateway's certificate.",
)
@insecure_option
@click.option(
    "--hold",
    "hold_s",
    type=Duration(),
    metavar="TIME",
    help="Answer a call after so many seconds (or as in 15m) even if nobody has decided: with the "
    "id of the request, to be asked for later.  [default: wait as long as it takes]",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    help="What to log on standard error.  [default: warning]",
)
@click.pass_context
def mcp(ctx: click.Context, /, **options: Any) -> int:
    """Be an MCP server in front of a gateway, on standard input and output.

    An MCP client starts it: 'agent-gate mcp setup CLIENT' writes the client's settings. While the
    gateway restarts, calls wait, and none is lost or run twice.
    """
    if ctx.invoked_subcommand is not None:
        return 0
    from agentgate_cli.mcp.stdio import serve
    from agentgate_cli.mcp.told import Told

    return serve(Told(**options))
