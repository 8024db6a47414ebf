"""FastMCP's client against a gate: ``python fastmcp_client.py URL TOKEN legacy|auto``.

It runs in an environment of its own, so that nothing else is imported here. What it does and prints
is the same as in ``ts_client.mjs``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
from fastmcp import Client  # type: ignore[import-not-found,unused-ignore]
from fastmcp.client.transports import (  # type: ignore[import-not-found,unused-ignore]
    StreamableHttpTransport,
)

BOUND_S = 60.0


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def told(result: Any) -> dict[str, Any]:
    """What a model is told."""
    texts = [each.text for each in result.content if each.type == "text"]
    return {
        "error": bool(result.is_error),
        "text": "\n".join(texts),
        "structured": result.structured_content,
    }


async def play(url: str, token: str, mode: str) -> None:
    transport = StreamableHttpTransport(url, headers={"Authorization": f"Bearer {token}"})
    with anyio.fail_after(BOUND_S):
        async with Client(transport, mode=mode) as client:
            await script(client, mode)


async def script(client: Any, mode: str) -> None:
    tools = await client.list_tools()
    say(version=client.protocol_version, tools=[tool.name for tool in tools])
    heard: list[float] = []

    async def call(tool: str, **arguments: Any) -> dict[str, Any]:
        return told(await client.call_tool(tool, arguments, raise_on_error=False))

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    say(allowed=await call("get_state", entity_id="sensor.temp"))
    say(denied=await call("forbidden", key="a"))
    asked = await client.call_tool("asked_write", {"key": f"held {mode}"}, progress_handler=hear)
    say(asked=told(asked), heard=len(heard))
    with anyio.CancelScope() as scope:

        async def give_up(progress: float, total: float | None, message: str | None) -> None:
            scope.cancel()

        arguments = {"key": f"given up {mode}"}
        await client.call_tool("asked_write", arguments, progress_handler=give_up)
    say(cancelled=scope.cancelled_caught)
    say(after=await call("get_state", entity_id="x"))


if __name__ == "__main__":
    anyio.run(play, *sys.argv[1:4])
