"""What another gateway asks for, on behalf of its own principals, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.embedded import OPERATOR, OWNER, RawClient, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.behalf import OnBehalf, RelayedApproval
from agentgate_proto.rpc.messages import DecideApproval, ListRequests, ToolRequest
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

OFFICE, HOUSE = "office-token-0123456789", "house-token-0123456789"
RELAYS = [
    {"name": "office", "role": "relay", "token": OFFICE},
    {"name": "house", "role": "relay", "token": HOUSE, "approves": True},
]
BEHALF = OnBehalf(principal="garden", hops=("first",))
APPROVED = RelayedApproval(approver="ann", approval="r7")


@asynccontextmanager
async def relayed(
    folder: Path, token: str = OFFICE
) -> AsyncIterator[tuple[Gateway, RawClient, RawClient]]:
    """A gateway, a relay in front of it, and a person."""
    async with (
        serving(folder, principals=RELAYS) as gateway,
        raw_client(gateway, token) as relay,
        raw_client(gateway, OWNER, "owner") as owner,
    ):
        await relay.next(Authenticated)
        await owner.next(Authenticated)
        yield gateway, relay, owner


async def ask(client: RawClient, request_id: int, **said: Any) -> None:
    params = ToolRequest(**{"tool": "echo", "args": {"text": "hi"}, **said})
    await client.request(request_id, "tool_request", params)


async def answer(client: RawClient) -> Any:
    answered = await client.next(Answered)
    return answered.error or msgspec.json.decode(answered.result)


async def test_a_relay_asks_as_itself_and_the_audit_says_for_whom(tmp_path: Path) -> None:
    async with relayed(tmp_path) as (gateway, relay, _):
        await ask(relay, 1, on_behalf_of=BEHALF)
        assert (await answer(relay))["data"] == "hi"
        await relay.request(2, "list_requests", ListRequests())
        (row,) = (await answer(relay))["requests"]
        assert (row["agent"], row["on_behalf_of"]) == ("office", "garden")
        async with raw_client(gateway, OPERATOR, "ops") as operator:
            await operator.next(Authenticated)
            await operator.request(1, "list_requests", ListRequests())
            assert (await answer(operator))["requests"] == [row]
        await gateway.gate.writer.flush()
        with AuditFile(gateway.config.storage.path) as audit:
            entries = [msgspec.json.decode(line) for line in audit.lines()]
        (entry,) = (entry for entry in entries if entry.get("on_behalf_of"))
        assert (entry["agent"], entry["on_behalf_of"], entry["hops"]) == (
            "office",
            "garden",
            ["first"],
        )


async def test_what_only_a_relay_may_say_is_refused_of_others(tmp_path: Path) -> None:
    said: list[dict[str, Any]] = [
        {"on_behalf_of": BEHALF},
        {"approved": APPROVED},
        {"must_ask": True},
    ]
    async with serving(tmp_path) as gateway, raw_client(gateway) as agent:
        await agent.next(Authenticated)
        for number, more in enumerate(said, start=1):
            await ask(agent, number, **more)
            error = await answer(agent)
            assert error.code == ErrorCode.INVALID_PARAMS
            assert "only a relay" in error.message


async def test_a_request_that_comes_back_is_a_loop_and_does_not_run(tmp_path: Path) -> None:
    async with relayed(tmp_path) as (gateway, relay, _):
        hops = ("first", gateway.gate.authenticator.epoch)
        await ask(relay, 1, on_behalf_of=OnBehalf(principal="garden", hops=hops))
        error = await answer(relay)
        assert error.code == ErrorCode.RELAY_LOOP
        assert "in a circle" in error.message
        await relay.request(2, "list_requests", ListRequests())
        assert (await answer(relay))["requests"] == []


async def test_what_is_left_to_a_person_here_is_asked_and_says_for_whom(tmp_path: Path) -> None:
    async with relayed(tmp_path) as (gateway, relay, owner):
        await ask(relay, 1, on_behalf_of=BEHALF, must_ask=True)
        await until(gateway.gate.desk.waiting, "the approval")
        (view,) = gateway.gate.desk.waiting()
        assert (view.agent, view.on_behalf_of) == ("office", "garden")
        assert "leaves it to a person" in view.rule
        await owner.request(1, "decide_approval", DecideApproval(id=view.id, decision="approve"))
        assert (await answer(relay))["data"] == "hi"


@pytest.mark.parametrize(("token", "counts"), [(OFFICE, False), (HOUSE, True)])
async def test_a_yes_there_counts_only_of_a_relay_that_is_trusted_with_it(
    tmp_path: Path, token: str, counts: bool
) -> None:
    async with relayed(tmp_path, token) as (gateway, relay, _):
        await ask(relay, 1, tool="asked", on_behalf_of=BEHALF, approved=APPROVED)
        if counts:
            assert (await answer(relay))["data"] == "hi"
        else:
            await until(gateway.gate.desk.waiting, "the approval")
        await relay.request(2, "list_requests", ListRequests())
        (row,) = (await answer(relay))["requests"]
        assert ("approved in front, by ann" in row["rule"]) == counts


async def test_a_relay_whose_token_was_revoked_has_asked_for_nothing(tmp_path: Path) -> None:
    async with relayed(tmp_path) as (gateway, relay, _):
        await ask(relay, 1, tool="asked", on_behalf_of=BEHALF)
        await until(gateway.gate.desk.waiting, "the approval")
        kept = [each for each in gateway.config.identities if each.principal.name != "office"]
        gateway.gate.authenticator.reconfigure(kept)
        gateway.gate.authenticator.close_revoked()
        await until(lambda: not gateway.gate.desk.waiting(), "that it is withdrawn")
