"""Tokens that are made or revoked while the gateway runs count at once."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest
from tests.server.embedded import AGENT, OWNER, http, raw_client, serving

from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient
from agentgate_proto.connection.base import AUTH_FAILED
from agentgate_proto.connection.events import Answered, Authenticated, Closed
from agentgate_proto.principal import Role
from agentgate_server.identity.token_file import StoredToken, TokenFile
from agentgate_server.identity.tokens import hash_token

pytestmark = pytest.mark.anyio


def add(folder: Path, name: str, token: str, role: Role = Role.AGENT) -> None:
    at = "2026-11-20T10:00:00.000Z"
    stored = StoredToken(name=name, role=role, token_hash=hash_token(token), created_at=at)
    TokenFile(folder / "tokens.json").add(stored)


async def test_a_new_token_works_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        add(tmp_path, "garden", "gardens-token")
        async with AgentGateClient(gateway.url, "gardens-token") as client:
            assert await client.call("echo", {"text": "hello"}) == "hello"
        add(tmp_path, "anna", "annas-token", Role.APPROVER)
        status, _, _ = await http(gateway, "GET", "/api/approvals", token="annas-token")
        assert status == 200


async def test_a_revoked_token_is_refused_and_its_connections_are_closed(tmp_path: Path) -> None:
    add(tmp_path, "garden", "gardens-token")
    add(tmp_path, "anna", "annas-token", Role.APPROVER)
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway, "gardens-token") as garden,
        raw_client(gateway, AGENT, "other") as other,
        ApprovalsClient(gateway.url, "annas-token") as anna,
    ):
        assert await anna.list() == []
        await garden.next(Authenticated)
        await other.next(Authenticated)
        TokenFile(tmp_path / "tokens.json").revoke("garden")
        closed = await garden.next(Closed)
        assert (closed.code, closed.reason) == (AUTH_FAILED, "the token was revoked")
        assert await anna.list() == []
        await other.request(1, "list_tools", {})
        assert (await other.next(Answered)).error is None
        with pytest.raises(AgentGateError, match="Invalid token"):
            async with AgentGateClient(gateway.url, "gardens-token"):
                pass


async def test_a_login_with_another_token_notices_a_revocation_too(tmp_path: Path) -> None:
    add(tmp_path, "anna", "annas-token", Role.APPROVER)
    async with serving(tmp_path) as gateway:
        TokenFile(tmp_path / "tokens.json").revoke("anna")
        status, _, _ = await http(gateway, "GET", "/api/approvals", token="annas-token")
        assert status == 401


async def test_what_a_revoked_agent_waits_for_is_withdrawn(tmp_path: Path) -> None:
    add(tmp_path, "garden", "gardens-token")
    async with serving(tmp_path) as gateway, ApprovalsClient(gateway.url, OWNER) as owner:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                async with AgentGateClient(gateway.url, "gardens-token") as client:
                    with pytest.raises(AgentGateError):
                        await client.call("asked", {"text": "x"})

            tasks.start_soon(ask)
            while not (views := gateway.gate.desk.waiting()):
                await anyio.sleep(0.002)
            TokenFile(tmp_path / "tokens.json").revoke("garden")
        with pytest.raises(AgentGateError, match="Already cancelled"):
            await owner.decide(views[0].id, "approve")
        assert gateway.gate.desk.waiting() == []


async def test_what_an_agent_waited_for_who_was_revoked_meanwhile_is_withdrawn_at_the_start(
    tmp_path: Path,
) -> None:
    add(tmp_path, "garden", "gardens-token")
    async with serving(tmp_path) as gateway, raw_client(gateway, "gardens-token", "g") as garden:
        await garden.next(Authenticated)
        await garden.request(1, "tool_request", {"tool": "asked", "args": {"text": "x"}})
        while not gateway.gate.desk.waiting():
            await anyio.sleep(0.002)
    TokenFile(tmp_path / "tokens.json").revoke("garden")
    async with serving(tmp_path) as gateway:
        while gateway.gate.desk.waiting():  # until that is on disk
            await anyio.sleep(0.002)
