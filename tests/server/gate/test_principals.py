"""Who may connect, as operators see and change it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.server.console.browser import Browser
from tests.server.embedded import AGENT, OPERATOR, OWNER, config, http, raw_client, serving, until

from agentgate_client import AgentGateClient, AgentGateError, ApprovalsClient
from agentgate_proto.connection.base import AUTH_FAILED
from agentgate_proto.connection.events import Answered, Authenticated, Closed
from agentgate_proto.principal import Role
from agentgate_proto.rpc.principal_methods import PrincipalRow
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.gate.principals import NO_FILE
from agentgate_server.gateway import Gateway
from agentgate_server.identity.token_file import TokenFile, TokenFileError

pytestmark = pytest.mark.anyio

NAMED = {
    "agents": {"house": {"password": "a-long-password", "model": "m"}},
    "sessions": {"models": {"m": {"backend": "rehearsal"}}},
}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with serving(tmp_path) as gateway:
        yield gateway


def told(folder: Path, event: str) -> list[dict[str, str]]:
    with AuditFile(folder / "gate.db") as file:
        entries = [json.loads(line) for line in file.lines()]
    return [each for each in entries if each["event"] == event]


async def rows(client: ApprovalsClient) -> dict[str, PrincipalRow]:
    return {row.name: row for row in (await client.principals()).principals}


async def test_a_token_that_an_operator_makes_counts_at_once_and_the_audit_names_both(
    gateway: Gateway, tmp_path: Path
) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        made = await ops.make_token("garden", Role.AGENT)
        assert made.token.startswith("ag_")
        assert made.token not in repr(made)
        async with AgentGateClient(gateway.url, made.token) as garden:
            assert await garden.call("echo", {"text": "hello"}) == "hello"
            row = (await rows(ops))["garden"]
            assert (row.role, row.source, row.connections) == (Role.AGENT, "file", 1)
            assert row.created_at == made.created_at
        assert made.token not in (tmp_path / "tokens.json").read_text()
        gone = await ops.revoke_token("garden")
        assert (gone.name, gone.role, gone.remark) == ("garden", Role.AGENT, "")
        with pytest.raises(AgentGateError, match="Invalid token"):
            await AgentGateClient(gateway.url, made.token).connect()
        assert "garden" not in await rows(ops)
    await gateway.gate.writer.flush()
    for event in ("token.added", "token.revoked"):
        (entry,) = told(tmp_path, event)
        named = {name: entry[name] for name in ("principal", "role", "approver", "channel")}
        assert named == {
            "principal": "garden",
            "role": "agent",
            "approver": "ops",
            "channel": "terminal",
        }


async def test_the_audit_says_that_it_was_done_in_the_browser(
    gateway: Gateway, tmp_path: Path
) -> None:
    browser = Browser(gateway)
    await browser.call("login", {"token": OPERATOR})
    ticket = (await browser.call("ticket")).json["token"]
    async with ApprovalsClient(gateway.url, ticket) as ops:
        await ops.make_token("garden", Role.AGENT)
    await gateway.gate.writer.flush()
    (entry,) = told(tmp_path, "token.added")
    assert (entry["approver"], entry["channel"]) == ("ops", "console")


async def test_the_list_says_who_is_there_and_who_was(gateway: Gateway) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        before = await rows(ops)
        assert [row.source for row in before.values()] == ["config"] * 3
        assert (before["ops"].connections, before["agent"].connections) == (1, 0)
        assert before["agent"].last_seen == ""
        async with raw_client(gateway) as agent:
            await agent.next(Authenticated)
            assert (await rows(ops))["agent"].connections == 1
        await until(lambda: not gateway.gate.authenticator.presence.connections["agent"], "its end")
        row = (await rows(ops))["agent"]
        assert (row.connections, bool(row.last_seen)) == (0, True)
        assert before["owner"].last_seen == ""
        await http(gateway, "GET", "/api/approvals", token=OWNER)
        assert (await rows(ops))["owner"].last_seen


async def test_named_agents_are_in_the_list(tmp_path: Path) -> None:
    async with serving(tmp_path, **NAMED) as gateway, ApprovalsClient(gateway.url, OPERATOR) as ops:
        row = (await rows(ops))["house"]
        assert (row.role, row.source, row.login) == (Role.AGENT, "config", "password")
        with pytest.raises(AgentGateError, match="is a named agent of config"):
            await ops.make_token("house", Role.AGENT)


async def test_the_list_goes_on_where_it_was(gateway: Gateway) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        page = await ops.principals(after="owner")
        assert [row.name for row in page.principals] == ["ops"]
        with pytest.raises(AgentGateError, match="nobody is called 'gone' any more"):
            await ops.principals(after="gone")


async def test_who_stands_in_the_configuration_is_shut_out_and_told_how_to_come_back(
    gateway: Gateway,
) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops, raw_client(gateway) as agent:
        await agent.next(Authenticated)
        gone = await ops.revoke_token("agent")
        assert gone.connections == 1
        assert gone.remark.startswith("it stands in config: its owner comes back with")
        assert (await agent.next(Closed)).code == AUTH_FAILED
        assert (await rows(ops))["agent"].revoked
        with pytest.raises(AgentGateError, match="nobody called 'agent' has a token that counts"):
            await ops.revoke_token("agent")


async def test_nobody_revokes_their_own_token_by_mistake(gateway: Gateway) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        made = await ops.make_token("second", Role.OPERATOR)
        with pytest.raises(AgentGateError, match="your own token") as caught:
            await ops.revoke_token("ops")
        assert caught.value.code == -32010
    async with raw_client(gateway, OPERATOR) as raw:
        await raw.next(Authenticated)
        await raw.request(1, "revoke_token", {"name": "ops", "confirm": True})
        answer = await raw.next(Answered)
        assert msgspec.json.decode(answer.result)["name"] == "ops"
        assert (await raw.next(Closed)).code == AUTH_FAILED
    async with ApprovalsClient(gateway.url, made.token) as second:
        with pytest.raises(AgentGateError, match="'second' is the last operator"):
            await second.revoke_token("second", confirm=True)


async def test_only_operators_look_and_change(gateway: Gateway) -> None:
    async with ApprovalsClient(gateway.url, OWNER) as owner:
        for call in (owner.principals(), owner.make_token("x", Role.AGENT)):
            with pytest.raises(AgentGateError, match="not for the role approver"):
                await call


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("two words", "name must be one word: two-words"),
        ("\u202eevil", "name must be printable characters"),
        ("owner", "'owner' is in config already"),
        ("garden", "'garden' has a token: revoke it first"),
    ],
)
async def test_a_name_that_nobody_may_have_is_refused(
    gateway: Gateway, name: str, text: str
) -> None:
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        await ops.make_token("garden", Role.AGENT)
        with pytest.raises(AgentGateError, match=text) as caught:
            await ops.make_token(name, Role.AGENT)
        assert caught.value.code == -32602


async def test_a_file_that_cannot_be_written_makes_no_token(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: TokenFile, _: object) -> None:
        raise TokenFileError("cannot be written: No space left on device")

    monkeypatch.setattr(TokenFile, "add", fails)
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        with pytest.raises(AgentGateError, match="No space left") as caught:
            await ops.make_token("garden", Role.AGENT)
        assert caught.value.code == -32603
        assert "garden" not in await rows(ops)


async def test_where_there_is_no_file_of_tokens_the_error_names_the_key(gateway: Gateway) -> None:
    gateway.gate.authenticator.tokens.file = None
    async with ApprovalsClient(gateway.url, OPERATOR) as ops:
        with pytest.raises(AgentGateError, match="set 'tokens' in the configuration"):
            await ops.make_token("garden", Role.AGENT)
    assert "tokens" in NO_FILE


async def test_a_person_of_the_messenger_is_no_agent(tmp_path: Path) -> None:
    phone = {"token": "1:" + "a" * 35, "chat_id": 5, "allowed_users": [{"id": 5, "name": "anna"}]}
    from agentgate_server.config.newcomers import objection_to_newcomer

    made = config(tmp_path, messenger={"type": "telegram", "telegram": phone})
    assert "who answers approvals" in objection_to_newcomer(made, "anna", Role.AGENT)
    assert objection_to_newcomer(made, "anna", Role.APPROVER) == ""
    assert AGENT
