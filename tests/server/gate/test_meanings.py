"""What the tool gets decides, through a whole gateway: what is written is kept as it came."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest
from tests.server.embedded import AGENT, BOUND_S, config

from agentgate_client import AgentGateClient, AgentGateError, ErrorCode
from agentgate_server import tool
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

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
        if type(self).made == 2:
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
