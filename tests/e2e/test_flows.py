"""Seed 001's integration flows (FR10) over real WebSockets, the SDK on asyncio and on trio.

The house behind the gate is made of plain tools, and the person answers over the native protocol;
Home Assistant and Telegram themselves belong to the next issue.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.held_ports import port_for

from agent_gate import (
    AgentGateClient,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    ClientState,
)
from agentgate_client.approvals import ApprovalsClient
from agentgate_server import tool
from agentgate_server.config import config_from_dict
from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy

pytestmark = pytest.mark.anyio

AGENT, OWNER = "agent-token-0123456789", "owner-token-0123456789"
BOUND_S = 10.0
POLICY = """
defaults:
  - {pattern: "*", action: ask}
rules:
  - {pattern: "ha_get_state*", action: allow}
  - {pattern: "ha_call_service(lock.*)", action: deny, description: "doors stay shut"}
"""


class House:
    """A house whose every service call is counted."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def tools(self) -> list[Any]:
        @tool(effects="read", name="ha_get_state", inline=True)
        def ha_get_state(entity_id: str) -> dict[str, str]:
            return {"entity_id": entity_id, "state": "21.3"}

        @tool(name="ha_call_service")
        async def ha_call_service(domain: str, service: str, entity_id: str) -> dict[str, bool]:
            self.calls.append(f"{domain}.{service} {entity_id}")
            return {"done": True}

        return [ha_get_state, ha_call_service]


@pytest.fixture
def house() -> House:
    return House()


@asynccontextmanager
async def serving(house: House, folder: Path, port: int = 0) -> AsyncIterator[Gateway]:
    config = config_from_dict(
        {
            "gateway": {"port": port, "shutdown_s": 1},
            "agent": {"token": AGENT},
            "principals": [{"name": "owner", "role": "approver", "token": OWNER}],
            "storage": {"path": str(folder / "gate.db")},
        }
    )
    with anyio.fail_after(BOUND_S):
        async with Gateway(config, tools=house.tools(), policy=Policy.parse(POLICY)) as gateway:
            yield gateway


async def first_approval(person: ApprovalsClient) -> Any:
    while not (waiting := await person.list()):
        await anyio.sleep(0.005)
    return waiting[0]


async def light(client: AgentGateClient, results: list[Any]) -> None:
    try:
        results.append(
            await client.tool_request(
                "ha_call_service", domain="light", service="turn_on", entity_id="light.bedroom"
            )
        )
    except AgentGateError as error:
        results.append(error)


@pytest.mark.seed001("FR10-AC1", "FR10-AC2", "FR10-AC3", "FR2-AC2", "FR3-AC1")
async def test_an_allowed_request_is_executed(house: House, tmp_path: Path) -> None:
    async with serving(house, tmp_path) as gateway, AgentGateClient(gateway.url, AGENT) as client:
        state = await client.tool_request("ha_get_state", entity_id="sensor.temp")
    assert state == {"entity_id": "sensor.temp", "state": "21.3"}


@pytest.mark.seed001("FR10-AC4", "FR2-AC3")
async def test_a_denied_request_is_an_error_and_runs_nothing(house: House, tmp_path: Path) -> None:
    async with serving(house, tmp_path) as gateway, AgentGateClient(gateway.url, AGENT) as client:
        with pytest.raises(AgentGateDenied, match="doors stay shut") as caught:
            await client.tool_request(
                "ha_call_service", domain="lock", service="unlock", entity_id="lock.front"
            )
    assert caught.value.code == -32003
    assert house.calls == []


@pytest.mark.seed001("FR10-AC5", "FR10-AC6")
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_person_decides_what_policy_asks(
    house: House, tmp_path: Path, decision: Any
) -> None:
    results: list[Any] = []
    async with (
        serving(house, tmp_path) as gateway,
        AgentGateClient(gateway.url, AGENT) as client,
        ApprovalsClient(gateway.url, OWNER) as person,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(light, client, results)
        approval = await first_approval(person)
        assert approval.signature == "ha_call_service(light.turn_on, light.bedroom)"
        await person.decide(approval.id, decision)
    if decision == "approve":
        assert results == [{"done": True}]
        assert house.calls == ["light.turn_on light.bedroom"]
    else:
        assert isinstance(results[0], AgentGateDenied)
        assert results[0].code == -32001
        assert house.calls == []


@pytest.mark.seed001("FR10-AC7", "FR5-AC1")
async def test_an_outcome_decided_while_offline_is_collected_by_the_next_process(
    house: House, tmp_path: Path
) -> None:
    async with (
        serving(house, tmp_path) as gateway,
        ApprovalsClient(gateway.url, OWNER) as person,
    ):
        async with (
            AgentGateClient(gateway.url, AGENT, client_id="robot") as client,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(light, client, [])
            approval = await first_approval(person)
            await client.close()
        assert (await person.decide(approval.id, "approve")).status == "approved"
        async with AgentGateClient(gateway.url, AGENT, client_id="robot") as client:
            while not (rows := await client.get_pending_results()):
                await anyio.sleep(0.005)
    assert rows[0]["status"] == "executed"
    assert rows[0]["data"] == {"done": True}
    assert house.calls == ["light.turn_on light.bedroom"]


@pytest.mark.seed001("FR4-AC3", "FR4-AC4", "FR5-AC2", "FR5-AC3", "FR10-AC7")
async def test_a_waiting_call_survives_a_restart_of_the_gateway(
    house: House, tmp_path: Path
) -> None:
    port, results = port_for(house), list[Any]()
    async with anyio.create_task_group() as tasks:
        async with serving(house, tmp_path, port) as first:
            client = AgentGateClient(first.url, AGENT)
            await client.connect()
            tasks.start_soon(light, client, results)
            async with ApprovalsClient(first.url, OWNER) as person:
                approval = await first_approval(person)
        assert client.state is not ClientState.CLOSED
        async with (
            serving(house, tmp_path, port) as second,
            ApprovalsClient(second.url, OWNER) as person,
        ):
            await person.decide(approval.id, "approve")
            while not results:
                await anyio.sleep(0.005)
            await client.close()
    assert results == [{"done": True}]
    assert house.calls == ["light.turn_on light.bedroom"]


async def test_a_call_that_its_caller_cancels_is_withdrawn_from_the_person(
    house: House, tmp_path: Path
) -> None:
    async with (
        serving(house, tmp_path) as gateway,
        AgentGateClient(gateway.url, AGENT) as client,
        ApprovalsClient(gateway.url, OWNER) as person,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(light, client, [])
        approval = await first_approval(person)
        tasks.cancel_scope.cancel()
    async with serving(house, tmp_path) as gateway, ApprovalsClient(gateway.url, OWNER) as person:
        assert await person.list() == []
        with pytest.raises(AgentGateError) as caught:
            await person.decide(approval.id, "approve")
    assert caught.value.code == -32009
    assert caught.value.data["status"] == "cancelled"
    assert house.calls == []


async def test_a_call_that_times_out_is_withdrawn_and_says_so(house: House, tmp_path: Path) -> None:
    async with (
        serving(house, tmp_path) as gateway,
        AgentGateClient(gateway.url, AGENT) as client,
        ApprovalsClient(gateway.url, OWNER) as person,
    ):
        args = {"domain": "light", "service": "turn_on", "entity_id": "light.bedroom"}
        with pytest.raises(AgentGateTimeout, match="withdrawn and did not run"):
            await client.call("ha_call_service", args, timeout_s=0.2)
        assert await person.list() == []
    assert house.calls == []
