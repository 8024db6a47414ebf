"""The MCP face on real sockets and both event loops: who may come, and what for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.server.embedded import OWNER
from tests.server.faces.mcp_client import LEGACY, McpClient, text_of
from tests.server.faces.mcp_stage import OTHER, client_of, offering

pytestmark = pytest.mark.anyio


# Who may come


async def test_who_has_no_token_or_a_wrong_one_is_told_which(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _):
        client = McpClient(gateway.port, "")
        response = await client.send(client.request("tools/list"))
        assert (response.status, response.headers["www-authenticate"]) == (401, "Bearer")
        client.token = "wrong"
        response = await client.send(client.request("tools/list"))
        assert response.status == 401
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        client.token = OWNER
        response = await client.send(client.request("tools/list"))
        assert response.status == 403
        await client.close()


async def test_an_open_face_lets_programs_of_this_machine_in(tmp_path: Path) -> None:
    async with offering(tmp_path, is_open=True) as (gateway, desk):
        async with client_of(gateway, token="") as client:
            assert (await client.call("echo_it"))["isError"] is False
        assert desk.requests[0].who.name == "default"


# Sessions


async def test_sessions_are_of_their_principal_until_they_end(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, _),
        client_of(gateway, LEGACY) as client,
        client_of(gateway, LEGACY, OTHER) as other,
    ):
        own, other.session = other.session, client.session
        assert (await other.send(other.request("tools/list"))).status == 404
        other.session = own
        assert (await client.send(None, "DELETE")).status == 204
        assert (await client.send(client.request("tools/list"))).status == 404
        assert (await client.send(None, "DELETE")).status == 404
        async with client.listening() as response:
            assert response.status == 404
        assert (await other.send(other.request("tools/list"))).status == 200


async def test_without_a_session_there_is_nothing_to_listen_to_and_nothing_to_end(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway) as client:
        assert (await client.send(None, "GET")).status == 405
        assert (await client.send(None, "DELETE")).status == 405


async def test_a_batch_is_answered_by_one_array(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, hold_s=0.05) as (gateway, _),
        client_of(gateway, "2025-03-26") as client,
    ):
        batch = [
            client.calling("echo_it", {"a": 1}),
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            client.calling("ask_it"),
            client.request("ping"),
        ]
        response = await client.send(batch)
        by_id = {each["id"]: each["result"] for each in response.json()}
        assert json.loads(text_of(by_id[batch[0]["id"]])) == {"a": 1}
        assert by_id[batch[2]["id"]]["_meta"]["agentgate/status"] == "pending"
        assert by_id[batch[3]["id"]] == {}
        only = [{"jsonrpc": "2.0", "method": "notifications/initialized"}]
        assert (await client.send(only)).status == 202


async def test_later_revisions_have_no_batches(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, "2025-06-18") as client:
        response = await client.send([client.request("ping")])
        assert response.status == 400
