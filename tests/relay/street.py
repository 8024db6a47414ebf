"""Two gateways in the test's own event loop: an office, and a house behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from tests.client.helpers import Impatient

from agentgate_client import AgentGateClient, ApprovalsClient
from agentgate_proto.records.approval import ApprovalView
from agentgate_relay import Links
from agentgate_relay.gateway_link import GatewayLink
from agentgate_server import tool
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.config import config_from_dict
from agentgate_server.errors import ArgumentError
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.tools.tool import Tool

BOUND_S = 20.0
RELAY, ANN, BOB, GARDEN = (f"{name}-token-0123456789" for name in ("relay", "ann", "bob", "garden"))

ALLOW_ALL = "defaults: [{pattern: '*', action: allow}]"
HOUSE_POLICY = """
defaults: [{pattern: "*", action: allow}]
rules:
  - {pattern: "unlock*", action: ask, description: doors are asked for}
  - {pattern: "burn(all)", action: deny, description: never}
"""


class House:
    """What is done in the house.

    Attributes:
        done: what was done, in order.
        go_on: lets slow tools end.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        self.go_on = anyio.Event()

    def tools(self) -> list[Tool | Callable[..., Any]]:
        """The tools of the house."""

        @tool(effects="read")
        async def temperature(room: str) -> float:
            """How warm it is."""
            self.done.append(f"temperature {room}")
            return 21.5

        @tool(effects="write")
        async def note(text: str) -> str:
            """Write something down."""
            self.done.append(f"note {text}")
            return text

        @tool(effects="write")
        async def unlock(door: str) -> str:
            """Unlock a door."""
            self.done.append(f"unlock {door}")
            return "open"

        @tool(effects="write")
        async def burn(what: str) -> None:
            """Burn something down."""
            self.done.append(f"burn {what}")

        @tool(effects="write")
        async def slow(text: str) -> str:
            """Write something down, and take a while over it."""
            self.done.append(f"slow {text}")
            await self.go_on.wait()
            return text

        @tool(effects="write")
        async def jam(door: str) -> None:
            """Fail."""
            raise RuntimeError(f"the {door} door is jammed")

        @tool(effects="write")
        async def pick(what: str) -> None:
            """Pick what there is, and nothing else."""
            raise ArgumentError(f"what: there is no {what}")

        return [temperature, note, unlock, burn, slow, jam, pick]


@asynccontextmanager
async def house(
    folder: Path,
    doings: House,
    *,
    approves: bool = False,
    policy: str = HOUSE_POLICY,
    port: int = 0,
) -> AsyncIterator[Gateway]:
    """The gateway behind. Ann answers there."""
    config = config_from_dict(
        {
            "gateway": {"port": port, "shutdown_s": 0.2},
            "principals": [
                {"name": "office", "role": "relay", "token": RELAY, "approves": approves},
                {"name": "ann", "role": "approver", "token": ANN},
            ],
            "storage": {"path": str(folder / "house.db")},
        },
        name="house",
    )
    async with Gateway(config, tools=doings.tools(), policy=Policy.parse(policy)) as gateway:
        yield gateway


@asynccontextmanager
async def office(
    folder: Path, url: str, *, policy: str = ALLOW_ALL, metrics: Any = None, **upstream: Any
) -> AsyncIterator[Gateway]:
    """The gateway in front. Garden asks there, and Bob answers."""
    config = config_from_dict(
        {
            "gateway": {"port": 0, "shutdown_s": 0.2},
            "principals": [
                {"name": "garden", "role": "agent", "token": GARDEN},
                {"name": "bob", "role": "approver", "token": BOB},
                {"name": "ops", "role": "operator", "token": f"ops-{BOB}"},
            ],
            "storage": {"path": str(folder / "office.db")},
            "metrics": metrics or {},
            "upstreams": {"house": {"url": url, "token": RELAY, "tools": ["*"], **upstream}},
        },
        name="office",
    )
    links = partial(Links, backoff=Impatient)
    async with Gateway(config, policy=Policy.parse(policy), upstreams=links) as gateway:
        yield gateway


class Street:
    """Both, with an agent at the office and a person at either.

    Attributes:
        behind, front: the gateways.
        agent: Garden.
        ann, bob: who answers at the house, and at the office.
    """

    def __init__(
        self,
        behind: Gateway,
        front: Gateway,
        agent: AgentGateClient,
        ann: ApprovalsClient,
        bob: ApprovalsClient,
    ) -> None:
        self.behind = behind
        self.front = front
        self.agent = agent
        self.ann = ann
        self.bob = bob


def link_of(front: Gateway) -> GatewayLink:
    """The link from the office to the house."""
    upstreams = front.gate.upstreams
    found = upstreams.get("house") if upstreams is not None else None
    assert isinstance(found, GatewayLink)
    return found


@asynccontextmanager
async def street(
    folder: Path,
    doings: House,
    *,
    approves: bool = False,
    front_policy: str = ALLOW_ALL,
    behind_policy: str = HOUSE_POLICY,
    **upstream: Any,
) -> AsyncIterator[Street]:
    """Open all of it, within a bound."""
    with anyio.fail_after(BOUND_S):
        async with (
            house(folder, doings, approves=approves, policy=behind_policy) as behind,
            office(folder, behind.url, policy=front_policy, **upstream) as front,
            AgentGateClient(front.url, GARDEN, client_id="garden") as agent,
            ApprovalsClient(behind.url, ANN) as ann,
            ApprovalsClient(front.url, BOB) as bob,
        ):
            yield Street(behind, front, agent, ann, bob)


async def waits(gateway: Gateway) -> ApprovalView:
    """Wait until somebody is asked there, and return it."""
    while not (views := gateway.gate.desk.waiting()):
        await anyio.sleep(0.002)
    (view,) = views
    return view


async def audit_of(gateway: Gateway) -> list[dict[str, Any]]:
    """The entries of a gateway's audit."""
    import msgspec

    await gateway.gate.writer.flush()
    with AuditFile(gateway.config.storage.path) as audit:
        return [msgspec.json.decode(line) for line in audit.lines()]
