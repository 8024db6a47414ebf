"""MCP clients hear that lists have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.faces.mcp_client import LEGACY, Events
from tests.server.faces.mcp_stage import ROWS, client_of, offering

pytestmark = pytest.mark.anyio


async def test_a_session_hears_that_the_tools_have_changed(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        async with client.listening() as response:
            desk.change_tools(ROWS)
            desk.change_tools(ROWS[:1])
            told = await Events(response).next()
        assert told == {
            "jsonrpc": "2.0",
            "method": "notifications/tools/list_changed",
            "params": {},
        }
        answer = await client.ask("tools/list")
        assert len(answer["result"]["tools"]) == 2


async def test_a_modern_client_hears_it_on_a_stream_of_its_own(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        wanted = {"notifications": {"toolsListChanged": True}}
        message = client.request("subscriptions/listen", wanted)
        tag = {"io.modelcontextprotocol/subscriptionId": message["id"]}
        async with client.streaming(message) as response:
            events = Events(response)
            first = await events.next()
            assert first["method"] == "notifications/subscriptions/acknowledged"
            assert first["params"] == {"_meta": tag, **wanted}
            desk.change_tools(ROWS[:1])
            told = await events.next()
            assert told["method"] == "notifications/tools/list_changed"
            assert told["params"] == {"_meta": tag}
