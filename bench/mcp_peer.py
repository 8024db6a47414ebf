"""The peer of ``bench.mcp``, run by an interpreter that has FastMCP, which ours has not.

``mcp_peer.py stdio``: a server with one tool. ``mcp_peer.py proxy PORT``: FastMCP's proxy of such a
server, over Streamable HTTP.
"""

from __future__ import annotations

import sys

from fastmcp import FastMCP


def server() -> FastMCP:
    """The server behind."""
    made = FastMCP("behind")

    @made.tool
    def bench_read(entity_id: str, note: str = "") -> dict[str, str]:
        return {"entity_id": entity_id, "state": "21.3", "unit": "°C", "note": note}

    return made


def proxy() -> FastMCP:
    """The proxy, which starts the server as a child."""
    from fastmcp.client.transports import StdioTransport
    from fastmcp.server import create_proxy

    return create_proxy(StdioTransport(sys.executable, [__file__, "stdio"]), name="proxy")


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server().run(transport="stdio", show_banner=False)
    else:
        port = int(sys.argv[2])
        proxy().run(transport="http", port=port, show_banner=False, log_level="error")
