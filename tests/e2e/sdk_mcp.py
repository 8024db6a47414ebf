"""A client made with the official SDK of MCP: ``python -m tests.e2e.sdk_mcp URL TOKEN MODE LOOP``.

MODE is ``legacy`` or ``auto``, LOOP ``asyncio`` or ``trio``. It prints one line of JSON for each
thing that it has done, and goes on when a line comes on its standard input, so that whoever runs it
can do something in between.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import anyio
import anyio.to_thread
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

BOUND_S = 60.0


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def go_on() -> None:
    await anyio.to_thread.run_sync(sys.stdin.readline)


def told(result: Any) -> dict[str, Any]:
    """What a model is told."""
    texts = [block.text for block in result.content if block.type == "text"]
    return {
        "error": bool(result.is_error),
        "texts": texts,
        "structured": result.structured_content,
        "meta": result.meta,
    }


async def play(url: str, token: str, mode: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with anyio.fail_after(BOUND_S):
        async with httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(BOUND_S)) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode=mode) as client:  # type: ignore[arg-type]
                await script(client)


async def script(client: Client) -> None:
    listed = await client.list_tools()
    say(version=client.protocol_version, tools=[tool.name for tool in listed.tools])
    say(allowed=told(await client.call_tool("get_state", {"entity_id": "sensor.temp"})))
    say(denied=told(await client.call_tool("forbidden", {"key": "a"})))
    progressed: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        progressed.append(progress)

    asked = await client.call_tool("asked_write", {"key": "yes"}, progress_callback=on_progress)
    say(asked=told(asked), progressed=progressed)
    pending = told(await client.call_tool("asked_write", {"key": "later"}))
    say(pending=pending)
    await go_on()
    rid = pending["meta"]["agentgate/request_id"]
    say(fetched=told(await client.call_tool("gate_result", {"request_id": rid})))
    say(repeated=told(await client.call_tool("asked_write", {"key": "later"})))


if __name__ == "__main__":
    anyio.run(play, *sys.argv[1:4], backend=sys.argv[4])
