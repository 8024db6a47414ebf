"""The MCP face on real sockets and both event loops: who may come, and what for."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from h11 import RemoteProtocolError
from tests.server.embedded import AGENT, OWNER
from tests.server.faces.mcp_client import LEGACY, MODERN, Events, McpClient, text_of
from tests.server.faces.mcp_stage import OTHER, client_of, offering

from agentgate_server.faces.mcp import BODY_BYTES_MAX

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


# What does not fit (the rules of Streamable HTTP)


@pytest.mark.parametrize(
    ("headers", "change", "status", "code"),
    [
        ({"mcp_name": "ask_it"}, {}, 400, -32020),
        ({"mcp_method": "tools/list"}, {}, 400, -32020),
        ({"mcp_protocol_version": "2025-11-25"}, {}, 400, -32020),
        ({"mcp_protocol_version": "1900-01-01"}, {}, 400, -32020),
        ({}, {"params": {"name": "echo_it", "_meta": {}}}, 400, -32602),
        ({"mcp_method": "tools/nothing"}, {"method": "tools/nothing"}, 404, -32601),
        ({"mcp_method": "initialize"}, {"method": "initialize"}, 404, -32601),
        ({"mcp_method": "ping"}, {"method": "ping"}, 404, -32601),
        ({"content_type": "text/plain"}, {}, 415, -32600),
        ({"accept": "application/json"}, {}, 406, -32600),
    ],
)
async def test_a_modern_request_must_say_the_same_everywhere(
    tmp_path: Path, headers: dict[str, str], change: dict[str, Any], status: int, code: int
) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        message = client.calling("echo_it") | change
        answer = await client.send(message, **headers)
        assert (answer.status, answer.json()["error"]["code"]) == (status, code)
        assert desk.requests == []


async def test_a_revision_that_nobody_speaks_is_refused_with_those_that_are(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway) as client:
        client.version = "1900-01-01"
        answer = await client.send(client.request("tools/list"), mcp_protocol_version="1900-01-01")
        assert (answer.status, answer.json()["error"]["code"]) == (400, -32022)
        assert MODERN in answer.json()["error"]["data"]["supported"]


async def test_pages_and_names_that_are_not_the_gateways_are_refused_before_the_token(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        message = client.calling("echo_it")
        for token in (AGENT, "wrong"):
            client.token = token
            assert (await client.send(message, origin="http://evil.example")).status == 403
        assert desk.requests == []


async def test_a_client_that_names_no_revision_is_served_by_its_session(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, LEGACY) as client:
        headers = client.headers()
        del headers["mcp-protocol-version"]
        body = json.dumps(client.calling("echo_it", {"a": 1})).encode()
        async with client.http.stream("POST", client.path, headers, body) as response:
            answer = await response.json()
        assert answer["result"]["structuredContent"] == {"a": 1}


async def test_a_client_may_mix_the_eras(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway, LEGACY) as client:
        session, client.version = client.session, MODERN
        answer = await client.send(client.calling("echo_it"), mcp_session_id=session)
        assert answer.json()["result"]["resultType"] == "complete"
        client.version = LEGACY
        answer = await client.send(client.calling("echo_it"))
        assert "resultType" not in answer.json()["result"]


async def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        message = client.calling("echo_it", {"a": "x" * BODY_BYTES_MAX})
        assert (await client.send(message)).status == 413
        assert desk.requests == []


async def test_what_begins_a_login_elsewhere_is_nowhere(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _), client_of(gateway) as client:
        for path in (
            "/.well-known/oauth-protected-resource/mcp",
            "/.well-known/oauth-protected-resource",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
            "/register",
        ):
            client.path = path
            assert (await client.send(None, "GET")).status == 404
            assert (await client.send({}, "POST")).status == 404


# The end of a token, and of the gateway


async def test_a_revoked_token_ends_what_it_opened(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, LEGACY) as client:
        authenticator = gateway.gate.authenticator
        async with (
            client.streaming(client.calling("ask_it", progressToken=1)) as call,
            client.listening() as notices,
        ):
            events = Events(call)
            await events.next()
            authenticator.reconfigure(())
            authenticator.close_revoked()
            with pytest.raises(RemoteProtocolError):
                await events.next()
            with pytest.raises(RemoteProtocolError):
                await Events(notices).next()
        assert (await client.send(client.request("ping"))).status == 401
        assert desk.calls[0].left


async def test_when_the_gateway_ends_who_can_not_come_back_is_told_how_to_go_on(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as clients:
        async with offering(tmp_path) as (gateway, _):
            client = await clients.enter_async_context(client_of(gateway))
            call = client.calling("ask_it", progressToken=1)
            wanted = {"notifications": {"toolsListChanged": True}}
            listen = client.request("subscriptions/listen", wanted)
            held = Events(await clients.enter_async_context(client.streaming(call)))
            notices = Events(await clients.enter_async_context(client.streaming(listen)))
            await held.next()
            await notices.next()
        answer = await held.answer()
        assert answer["result"]["_meta"]["agentgate/status"] == "pending"
        assert (await notices.answer())["result"]["resultType"] == "complete"


async def test_nothing_of_a_session_or_a_token_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with offering(tmp_path) as (gateway, _), client_of(gateway, LEGACY) as client:
        await client.call("echo_it")
        assert (await client.send(client.request("nothing"))).status == 200
        assert client.session not in caplog.text
        assert AGENT not in caplog.text


@pytest.mark.parametrize("era", [MODERN, LEGACY])
async def test_who_lists_too_often_is_told_when_to_come_back_and_may_still_call(
    tmp_path: Path, era: str
) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, era) as client:
        desk.too_often = "more than 600 requests a minute", 0.2
        for method in ("tools/list", "initialize" if era is LEGACY else "server/discover"):
            response = await client.send(client.request(method))
            assert response.status == 429
            assert response.headers["retry-after"] == "1"
            error = response.json()["error"]
            assert error["message"] == "more than 600 requests a minute: try again in 1 s"
        assert (await client.call("echo_it"))["isError"] is False
        desk.too_often = None
        assert (await client.send(client.request("tools/list"))).status == 200


async def test_each_listing_of_a_batch_counts(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, "2025-03-26") as client:
        desk.too_often = "too many", 3.0
        batch = [client.request("tools/list"), client.request("ping")]
        response = await client.send(batch)
        answers = {each["id"]: each for each in response.json()}
        assert answers[batch[0]["id"]]["error"]["message"] == "too many: try again in 3 s"
        assert answers[batch[1]["id"]]["result"] == {}
