"""What the tool gets decides, is shown and kept, through a whole gateway and its restart."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import msgspec
import pytest
from tests.server.embedded import AGENT, BOUND_S, OWNER, config, raw_client, until

from agentgate_client import (
    AgentGateClient,
    AgentGateError,
    ApprovalsClient,
    ApprovalView,
    ErrorCode,
)
from agentgate_proto.connection.events import Authenticated
from agentgate_proto.digest import canonical_args, digest_of
from agentgate_server import tool
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

NUMBERS = count(1)
ID = "12345678-1234-1234-1234-1234567890ab"
POLICY = f"""
rules:
  - {{tool: deploy, args: {{opts.where: prod}}, action: deny}}
  - {{tool: byid, args: {{ident: "{ID}"}}, action: deny}}
defaults:
  - {{pattern: "*", action: allow}}
"""


@dataclass
class Options:
    where: str = "prod"


@tool
def deploy(opts: Options) -> str:
    return f"deployed to {opts.where}"


@tool(name="byid")
def by_id(ident: UUID) -> str:
    return str(ident)


@dataclass
class Fickle:
    """A record that can be made once, but not again."""

    made = 0

    def __post_init__(self) -> None:
        type(self).made += 1
        if type(self).made >= 2:
            raise ValueError("not again")


@tool
def fickle(what: Fickle) -> str:
    return "done"


@pytest.mark.parametrize(
    ("name", "args", "denied"),
    [
        ("deploy", {"opts": {"where": "prod"}}, True),
        ("deploy", {"opts": {}}, True),
        ("deploy", {"opts": {"where": "dev"}}, False),
        ("byid", {"ident": ID}, True),
        ("byid", {"ident": ID.replace("-", "")}, True),
        ("byid", {"ident": ID.replace("a", "c").replace("-", "")}, False),
    ],
)
async def test_no_spelling_of_what_is_denied_reaches_the_tool(
    tmp_path: Path, name: str, args: dict[str, Any], denied: bool
) -> None:
    gateway = Gateway(config(tmp_path), tools=[deploy, by_id], policy=Policy.parse(POLICY))
    with anyio.fail_after(BOUND_S):
        async with gateway, AgentGateClient(gateway.url, AGENT) as client:
            if not denied:
                assert await client.call(name, args)
                return
            with pytest.raises(AgentGateError) as caught:
                await client.call(name, args)
            assert caught.value.code == ErrorCode.DENIED_BY_POLICY


async def test_what_can_be_made_once_only_is_denied(tmp_path: Path) -> None:
    policy = Policy.parse("rules:\n  - {tool: fickle, args: {what.x: y}, action: deny}\n")
    gateway = Gateway(config(tmp_path), tools=[fickle], policy=policy)
    Fickle.made = 0
    with anyio.fail_after(BOUND_S):
        async with gateway, AgentGateClient(gateway.url, AGENT) as client:
            with pytest.raises(AgentGateError, match="the policy failed"):
                await client.call("fickle", {"what": {}})


@dataclass
class Plan:
    options: Options = field(default_factory=Options)
    number: int = field(default_factory=lambda: next(NUMBERS))


async def waiting(people: ApprovalsClient) -> list[ApprovalView]:
    """What waits, as soon as something does."""
    while not (found := await people.list()):
        await anyio.sleep(0.002)
    return found


def audited(path: Path) -> list[dict[str, Any]]:
    """The entries of the audit."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT lines FROM audit ORDER BY seq").fetchall()
    return [json.loads(line) for (lines,) in rows for line in lines.splitlines()]


async def test_what_the_person_sees_is_what_the_tool_gets_and_what_is_kept(tmp_path: Path) -> None:
    got: list[Any] = []

    @tool(name="plan")
    def run(plan: Plan, ident: UUID, rate: float = 1) -> str:
        got.append({"plan": asdict(plan), "ident": str(ident), "rate": rate})
        return "done"

    gateway = Gateway(config(tmp_path), tools=[run], policy=Policy.parse("{}"))
    with anyio.fail_after(BOUND_S):
        async with (
            gateway,
            AgentGateClient(gateway.url, AGENT) as client,
            ApprovalsClient(gateway.url, OWNER) as people,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(client.call, "plan", {"plan": {}, "ident": ID.upper()})
            (view,) = await waiting(people)
            seen = msgspec.json.decode(view.args)
            assert seen["plan"]["options"] == {"where": "prod"}
            assert (seen["ident"], seen["rate"]) == (ID, 1.0)
            assert view.defaults == ("/rate", "/plan/options", "/plan/number")
            assert ID in view.signature
            await people.decide(view.id, "approve")
            await until(lambda: got, "it has run")
            assert got == [seen]
    (told,) = [each for each in audited(tmp_path / "gate.db") if each["event"] == "request.asked"]
    assert told["args"] == seen
    assert told["digest"] == digest_of("plan", canonical_args(seen))


@pytest.mark.parametrize("goes_on", [True, False])
async def test_an_ask_of_before_a_restart_is_none_for_another_default(
    tmp_path: Path, goes_on: bool
) -> None:
    @tool(name="ship")
    def first(where: str = "prod") -> str:
        return where

    @tool(name="ship")
    def second(where: str = "prod", how: str = "") -> str:
        return where

    then = first if goes_on else second
    with anyio.fail_after(BOUND_S):
        gateway = Gateway(config(tmp_path), tools=[first], policy=Policy.parse("{}"))
        async with (
            gateway,
            ApprovalsClient(gateway.url, OWNER) as people,
            raw_client(gateway) as client,
        ):
            await client.next(Authenticated)
            await client.request(1, "tool_request", {"tool": "ship", "args": {}})
            await waiting(people)
        gateway = Gateway(config(tmp_path), tools=[then], policy=Policy.parse("{}"))
        async with gateway, ApprovalsClient(gateway.url, OWNER) as people:
            if goes_on:
                (view,) = await people.list()
                assert (await people.decide(view.id, "approve")).status == "approved"
                return
            while await people.list():
                await anyio.sleep(0.002)
    told = audited(tmp_path / "gate.db")
    (ended,) = [each for each in told if each["event"] == "request.ended"]
    assert ended["status"] == "expired"
    assert ended["message"].startswith("The tool changed")
