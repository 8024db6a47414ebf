"""``agent-gate mcp``: what connects MCP to the gate on a command line."""

from __future__ import annotations

import click

from agentgate_cli.lazy import LazyGroup

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


@click.group(cls=LazyGroup, sections=SECTIONS)
def mcp() -> None:
    """Connect MCP clients to the gate."""
