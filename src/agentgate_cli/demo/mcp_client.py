"""An MCP client on a pipe, as little as the demo needs: what Claude Code and others say."""

from __future__ import annotations

from typing import Any

from agentgate_cli.demo.processes import Child, DemoError

VERSION = "2025-11-25"
ABOUT = "demo"
"""Under which progress is told."""


class McpClient:
    """One client, with one call at a time.

    Args:
        child: the server's process.
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self._last = 0
        self._early: list[dict[str, Any]] = []

    async def connect(self) -> tuple[str, int]:
        """Begin; return the name of the server, and how many tools it has."""
        capabilities: dict[str, Any] = {}
        info = {"name": "the demo", "version": "1"}
        opened = await self._request(
            "initialize",
            {"protocolVersion": VERSION, "capabilities": capabilities, "clientInfo": info},
        )
        await self._child.tell(jsonrpc="2.0", method="notifications/initialized")
        listed = await self._request("tools/list", {})
        return str(opened["serverInfo"]["name"]), len(listed["tools"])

    async def call(self, tool: str, args: dict[str, Any]) -> int:
        """Call a tool; return under which id."""
        meta = {"progressToken": ABOUT}
        return await self._send("tools/call", {"name": tool, "arguments": args, "_meta": meta})

    async def progress(self) -> str:
        """Wait for what is said while a call waits."""
        while True:
            message = await self._child.read()
            if message.get("method") == "notifications/progress":
                return str(message["params"].get("message", ""))
            self._early.append(message)

    async def result(self, request: int) -> dict[str, Any]:
        """Wait for the result of a request.

        Raises:
            DemoError: it is an error of the protocol.
        """
        early, self._early = self._early, []
        while True:
            message = early.pop(0) if early else await self._child.read()
            if message.get("id") != request:
                continue
            if "result" not in message:
                raise DemoError(f"agent-gate mcp answers {message.get('error')}")
            result: dict[str, Any] = message["result"]
            return result

    @staticmethod
    def text(result: dict[str, Any]) -> str:
        """The text of a result."""
        return "\n".join(part.get("text", "") for part in result.get("content", []))

    async def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return await self.result(await self._send(method, params))

    async def _send(self, method: str, params: dict[str, Any]) -> int:
        self._last += 1
        await self._child.tell(jsonrpc="2.0", id=self._last, method=method, params=params)
        return self._last
