"""A server made with the official SDK: ``python sdk_server.py stdio``, or ``http PORT``."""

from __future__ import annotations

import sys
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("foreign")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@server.tool()
def breaks() -> str:
    """Fails."""
    raise ValueError("no such thing")


@server.tool()
async def steps(ctx: Context[Any, Any]) -> str:
    """Tells how far it is."""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3, f"step {step}")
    return "done"


@server.resource("note://one")
def note() -> str:
    """A note."""
    return "hello"


@server.prompt()
def greet(who: str) -> str:
    """Greets."""
    return f"hi {who}"


if __name__ == "__main__":
    if sys.argv[1] == "http":
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
    else:
        server.run()
