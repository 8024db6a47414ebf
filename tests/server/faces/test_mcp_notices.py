"""MCP clients hear that lists have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.faces.mcp_client import LEGACY, Events
from tests.server.faces.mcp_stage import OTHER, ROWS, client_of, offering

from agentgate_server.faces import mcp_notices

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


async def test_a_session_has_one_stream(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, LEGACY) as client,
        client.listening() as first,
        client.listening() as second,
    ):
        assert await Events(first).next() is None
        desk.change_tools(ROWS[:1])
        told = await Events(second).next()
        assert told["method"] == "notifications/tools/list_changed"


async def test_a_principal_has_so_many_streams_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_notices, "STREAMS_MAX", 1)
    async with (
        offering(tmp_path) as (gateway, _),
        client_of(gateway, LEGACY) as client,
        client_of(gateway) as modern,
        client_of(gateway, LEGACY, OTHER) as other,
        client.listening(),
        other.listening() as response,
    ):
        assert response.status == 200
        wanted = {"notifications": {"toolsListChanged": True}}
        answer = await modern.send(modern.request("subscriptions/listen", wanted))
        assert (answer.status, answer.json()["error"]["code"]) == (429, 429)
        await client.begin()
        refused = await client.send(None, "GET")
        assert (refused.status, refused.headers["retry-after"]) == (429, "30")


async def test_what_was_not_asked_for_is_not_told(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        wanted = {"notifications": {"resourceSubscriptions": ["a:b"]}}
        async with client.streaming(client.request("subscriptions/listen", wanted)) as response:
            events = Events(response)
            first = await events.next()
            assert first["params"]["notifications"] == {"resourceSubscriptions": ["a:b"]}
            desk.change_tools(ROWS[:1])
            gateway.gate.closing[-1]()
            last = await events.next()
            assert last["result"]["resultType"] == "complete"
