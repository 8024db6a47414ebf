"""Lists and calls of MCP clients on real sockets and both event loops."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.embedded import OPERATOR, http
from tests.server.faces.mcp_client import MODERN, text_of
from tests.server.faces.mcp_stage import BOTH, client_of, offering
from tests.server.faces.memory_desk import tool_row

pytestmark = pytest.mark.anyio


@BOTH
async def test_tools_are_listed_under_published_names(tmp_path: Path, version: str) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, version) as client:
        answer = await client.ask("tools/list")
        names = [each["name"] for each in answer["result"]["tools"]]
        assert names == ["ask_it", "echo_it", "gate_result", "hang_it", "never_it"]


@BOTH
async def test_an_allowed_call_is_one_response(tmp_path: Path, version: str) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, version) as client:
        response = await client.send(client.calling("echo_it", {"a": 1}, progressToken=7))
        assert response.headers["content-type"] == "application/json"
        assert response.json()["result"]["structuredContent"] == {"a": 1}
        (call,) = desk.calls
        assert not call.was_received
        await client.ask("tools/list")
        assert call.was_received


@BOTH
async def test_what_is_refused_is_an_answer_to_read(tmp_path: Path, version: str) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, version) as client:
        result = await client.call("never_it")
        assert result["isError"] is True
        assert "Try again in 3 s" in text_of(result)


@BOTH
async def test_unknown_tools_and_arguments_that_are_none_are_errors(
    tmp_path: Path, version: str
) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, version) as client:
        status = 400 if version == MODERN else 200
        for params in (
            {"name": "echo.it"},
            {"name": "ask_it", "arguments": {"idempotency_key": 7}},
            {"name": "gate_result", "arguments": {"id": 7}},
        ):
            response = await client.send(client.request("tools/call", params))
            assert response.status == status
            assert response.json()["error"]["code"] == -32602
        response = await client.send(client.calling("nothing"))
        assert response.json()["error"] == {"code": -32602, "message": "Unknown tool: nothing"}


async def test_health_says_how_many_tools_are_hidden(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        desk.change_tools([*desk.rows, tool_row("a.b"), tool_row("a/b")])
        await client.ask("tools/list")
        health = (await http(gateway, "GET", "/health", token=OPERATOR))[2]
        assert health["mcp"] == {"hidden_tools": 2}
