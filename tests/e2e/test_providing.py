"""Tools that our SDK provides, through a gateway on real sockets, on asyncio and on trio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.helpers import Impatient
from tests.held_ports import port_for

from agentgate_client import (
    AgentGateClient,
    AgentGateError,
    ApprovalsClient,
    ClientState,
    OutcomeUnknown,
    Tool,
)
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

AGENT, KITCHEN = "agent-token-0123456789", "kitchen-token-0123456789"
OWNER = "owner-token-0123456789"
BOUND_S = 20.0
POLICY = """
rules:
  - {tool: "kitchen.asked", action: ask}
  - {tool: "kitchen.*", action: allow}
"""


def gateway(folder: Path, port: int) -> Gateway:
    principals = [
        {"name": "kitchen", "role": "agent", "token": KITCHEN},
        {"name": "owner", "role": "approver", "token": OWNER},
    ]
    document = {
        "gateway": {"port": port, "shutdown_s": 0.2},
        "agent": {"token": AGENT},
        "principals": principals,
        "storage": {"path": str(folder / "gate.db")},
    }
    return Gateway(config_from_dict(document), policy=Policy.parse(POLICY))


def client(port: int, token: str, client_id: str) -> AgentGateClient:
    return AgentGateClient(
        f"ws://127.0.0.1:{port}", token, client_id=client_id, backoff=Impatient()
    )


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[tuple[AgentGateClient, AgentGateClient, int]]:
    """A gateway, a provider and an agent."""
    with anyio.fail_after(BOUND_S):
        async with (
            gateway(folder, 0) as gate,
            client(gate.port, KITCHEN, "pi") as pi,
            client(gate.port, AGENT, "hub") as hub,
        ):
            yield pi, hub, gate.port


async def temperature(room: str) -> dict[str, Any]:
    """Say how warm a room is."""
    return {"room": room, "celsius": 21.3}


async def test_what_one_program_provides_another_asks_for(tmp_path: Path) -> None:
    async with house(tmp_path) as (pi, hub, _):
        offered = await pi.provide(Tool.of(temperature, effects="read"))
        assert offered == ["kitchen.temperature"]
        (row,) = [a for a in await hub.list_tools() if a["name"] == "kitchen.temperature"]
        assert (row["description"], row["effects"]) == ("Say how warm a room is.", "read")
        assert await hub.call("kitchen.temperature", {"room": "hall"}) == {
            "room": "hall",
            "celsius": 21.3,
        }
        with pytest.raises(AgentGateError, match="argument 'room': expected string"):
            await hub.call("kitchen.temperature", {"room": 5})
        assert await pi.provide() == []
        with pytest.raises(AgentGateError, match="Unknown tool"):
            await hub.call("kitchen.temperature", {"room": "hall"})


async def test_a_provider_s_own_tool_may_be_asked_for_by_itself(tmp_path: Path) -> None:
    async with house(tmp_path) as (pi, _, _):
        await pi.provide(Tool.of(temperature, effects="read"))
        assert (await pi.call("kitchen.temperature", {"room": "bath"}))["room"] == "bath"


async def test_a_write_whose_provider_closes_in_the_midst_is_unknown(tmp_path: Path) -> None:
    begun = anyio.Event()

    async def slow() -> None:
        begun.set()
        await anyio.sleep_forever()

    async with house(tmp_path) as (pi, hub, _):
        await pi.provide(slow)

        async def leave() -> None:
            await begun.wait()
            await pi.close()

        ends: list[AgentGateError] = []

        async def ask() -> None:
            try:
                await hub.call("kitchen.slow")
            except AgentGateError as error:
                ends.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(leave)
            tasks.start_soon(ask)
        assert [type(end) for end in ends] == [OutcomeUnknown]


async def test_a_large_result_is_passed_on_and_one_that_is_too_large_says_so(
    tmp_path: Path,
) -> None:
    async def text(size: int) -> str:
        return "x" * size

    async with house(tmp_path) as (pi, hub, _):
        await pi.provide(Tool.of(text, effects="read"))
        assert len(await hub.call("kitchen.text", {"size": 900_000})) == 900_000
        with pytest.raises(AgentGateError, match="its result can't be sent"):
            await hub.call("kitchen.text", {"size": 2_000_000})
        assert pi.state is ClientState.CONNECTED


async def test_tools_are_there_again_after_the_gateway_was_restarted_and_a_call_meets_them(
    tmp_path: Path,
) -> None:
    runs: list[str] = []

    async def note(text: str) -> int:
        runs.append(text)
        return len(runs)

    port = port_for(note)
    with anyio.fail_after(BOUND_S):
        async with gateway(tmp_path, port):
            pi, hub = client(port, KITCHEN, "pi"), client(port, AGENT, "hub")
            await pi.connect()
            await hub.connect()
            await pi.provide(note)
            assert await hub.call("kitchen.note", {"text": "a"}) == 1
        async with gateway(tmp_path, port):
            assert await called_when_there(hub, "b") == 2
            await pi.close()
            await hub.close()
    assert runs == ["a", "b"]


async def called_when_there(hub: AgentGateClient, text: str) -> Any:
    """Ask until the tool is there: the provider may come back after the agent."""
    while True:
        try:
            return await hub.call("kitchen.note", {"text": text})
        except AgentGateError as error:
            if "Unknown tool" not in error.message:
                raise
            await anyio.sleep(0.01)


async def test_what_is_approved_after_a_restart_runs_when_its_provider_is_back(
    tmp_path: Path,
) -> None:
    runs: list[str] = []

    async def asked(text: str) -> int:
        runs.append(text)
        return len(runs)

    port = port_for(asked)
    results: list[Any] = []
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as tasks:
            hub = client(port, AGENT, "hub")
            async with gateway(tmp_path, port) as gate, client(port, KITCHEN, "pi") as pi:
                await pi.provide(asked)
                await hub.connect()

                async def ask() -> None:
                    results.append(await hub.call("kitchen.asked", {"text": "a"}))

                tasks.start_soon(ask)
                while not gate.gate.ledger.waiting:
                    await anyio.sleep(0.01)
            async with gateway(tmp_path, port) as gate:
                async with ApprovalsClient(f"ws://127.0.0.1:{port}", OWNER) as owner:
                    (waiting,) = await owner.list()
                    await owner.decide(waiting.id, "approve")
                while not gate.gate.running.count:
                    await anyio.sleep(0.01)
                assert runs == []
                async with client(port, KITCHEN, "pi") as pi:
                    await pi.provide(asked)
                    while not results:
                        await anyio.sleep(0.01)
                await hub.close()
    assert (results, runs) == ([1], ["a"])
