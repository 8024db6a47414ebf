"""A gateway and an MCP server that wants OAuth: it waits for a person, and renews its tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from tests.server.embedded import AGENT, http, serving
from tests.server.tools.mcp.oauth_server import OAuthServer, oauth_server

from agentgate_client import AgentGateClient
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.tools.mcp import server as servers
from agentgate_server.tools.mcp.login_file import Login, LoginFile

pytestmark = pytest.mark.anyio

ALL = 'defaults:\n  - {pattern: "*", action: allow}\n'


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with oauth_server() as found:
        yield found


@pytest.fixture(autouse=True)
def quick_restarts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "PAUSE_S", 0.05)
    monkeypatch.setattr(servers, "PAUSE_S_MAX", 0.1)


def log_in(folder: Path, server: OAuthServer, access: str, *, lasts_s: float = 3_600.0) -> None:
    server.renewing.add("renew-0")
    LoginFile.beside(folder / "gate.db").put(
        "locked",
        Login(
            url=server.url,
            token_endpoint=f"{server.issuer}/token",
            client_id="c1",
            access_token=access,
            refresh_token="renew-0",
            expires_at=time.time() + lasts_s,
        ),
    )


@asynccontextmanager
async def gateway_of(
    folder: Path, server: OAuthServer
) -> AsyncIterator[tuple[Gateway, AgentGateClient]]:
    locked = {"url": server.url, "private": True, "oauth": True, "pins": "first-use"}
    policy = Policy.parse(ALL)
    async with (
        serving(folder, policy=policy, tools={"mcp": {"locked": locked}}) as gateway,
        AgentGateClient(gateway.url, AGENT) as agent,
    ):
        yield gateway, agent


async def look(agent: AgentGateClient) -> str:
    """Have the tool called, once it is offered; return the token that the server saw."""
    while "locked.look" not in {each["name"] for each in await agent.list_tools()}:
        await anyio.sleep(0.02)
    said = (await agent.call("locked.look"))["content"][0]["text"]
    return str(said).removeprefix("seen by ")[::-1]


async def test_without_a_login_nothing_is_asked_until_a_person_has_brought_one(
    tmp_path: Path, server: OAuthServer
) -> None:
    async with gateway_of(tmp_path, server) as (gateway, agent):
        while not gateway.backing or not gateway.backing.logins["locked"].problem:
            await anyio.sleep(0.01)
        assert server.seen == []
        _, _, health = await http(gateway, "GET", "/health")
        assert health["mcp_servers"]["waiting_for_login"] == 1
        server.valid.add("access-0")
        log_in(tmp_path, server, "access-0")
        assert await look(agent) == "access-0"
        _, _, health = await http(gateway, "GET", "/health")
        assert "waiting_for_login" not in health["mcp_servers"]
    tokens = [form for name, _, path, form in server.seen if path != "/mcp"]
    assert tokens == []  # nobody was led anywhere


async def test_a_token_that_has_ended_is_renewed_before_it_is_sent(
    tmp_path: Path, server: OAuthServer
) -> None:
    log_in(tmp_path, server, "access-0", lasts_s=-1.0)
    async with gateway_of(tmp_path, server) as (_, agent):
        assert await look(agent) == "access-1"
    assert server.paths()[0] == "/token"
    kept = LoginFile.beside(tmp_path / "gate.db").get("locked")
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("access-1", "renew-1")


async def test_a_token_that_the_server_takes_no_more_is_renewed(
    tmp_path: Path, server: OAuthServer
) -> None:
    log_in(tmp_path, server, "revoked")
    async with gateway_of(tmp_path, server) as (_, agent):
        assert await look(agent) == "access-1"
    assert "Bearer access-1" in server.headers
    assert AGENT not in server.headers + str(server.seen)
