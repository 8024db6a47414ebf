"""The peer of ``bench.mcp_face``: FastMCP's proxy, and the server that both proxies stand before.

``mcp_peer.py stdio``: a server with one tool, as little as there can be, so that what is measured
is who stands before it. ``mcp_peer.py proxy PORT``: FastMCP's proxy of such a server, over
Streamable HTTP; it needs an interpreter that has FastMCP, which ours has not.
"""

from __future__ import annotations

import json
import sys
from typing import Any

TOOL = {
    "name": "bench_read",
    "description": "Read a state.",
    "inputSchema": {
        "type": "object",
        "properties": {"entity_id": {"type": "string"}, "note": {"type": "string"}},
        "required": ["entity_id"],
    },
}


def serve() -> None:
    """Be the server, in both eras."""
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message:
            continue
        result = answer(message["method"], message.get("params") or {})
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
        if result is None:
            reply["error"] = {"code": -32601, "message": "Method not found"}
        else:
            reply["result"] = result
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result of a request; None: there is no such method."""
    modern = {"resultType": "complete"}
    lasting = {**modern, "ttlMs": 60_000, "cacheScope": "public"}
    match method:
        case "server/discover":
            return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **lasting}
        case "initialize":
            return {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "behind", "version": "1"},
            }
        case "tools/list":
            return {"tools": [TOOL], **lasting}
        case "tools/call":
            state = {**params["arguments"], "state": "21.3", "unit": "°C"}
            return {"content": [{"type": "text", "text": json.dumps(state)}], **modern}
        case "ping":
            return {}
    return None


def proxy(port: int) -> None:
    """Be the proxy, which starts the server as a child."""
    from fastmcp.client.transports import StdioTransport
    from fastmcp.server import create_proxy

    behind = StdioTransport(sys.executable, [__file__, "stdio"])
    made = create_proxy(behind, name="proxy")
    made.run(transport="http", port=port, show_banner=False, log_level="error")


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        serve()
    else:
        proxy(int(sys.argv[2]))
