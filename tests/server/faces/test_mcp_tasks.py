"""Tasks of MCP clients: made, looked at, withdrawn, asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.server.embedded import until
from tests.server.faces.mcp_client import TASKS
from tests.server.faces.mcp_stage import OTHER, client_of, offering

from agentgate_proto.records.outcome import executed

pytestmark = pytest.mark.anyio


async def test_a_client_that_knows_tasks_gets_one(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        made = await client.call("ask_it")
        assert (made["resultType"], made["status"]) == ("task", "working")
        task = {"taskId": made["taskId"]}
        seen = (await client.ask("tasks/get", task))["result"]
        assert (seen["resultType"], seen["status"]) == ("complete", "working")
        assert "waiting for a person" in seen["statusMessage"]
        desk.approve(desk.requests[0])
        seen = (await client.ask("tasks/get", task))["result"]
        assert seen["statusMessage"] == "running"
        desk.settle(desk.requests[0], executed(b'{"done":true}'))
        for _ in range(2):  # it stays so
            seen = (await client.ask("tasks/get", task))["result"]
            assert seen["status"] == "completed"
            assert seen["result"]["structuredContent"] == {"done": True}
        assert len(desk.requests) == 1


async def test_a_task_can_be_withdrawn(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        assert (await client.ask("tasks/cancel", task))["result"] == {"resultType": "complete"}
        await until(lambda: desk.requests[0].outcome, "the withdrawal")
        assert (await client.ask("tasks/get", task))["result"]["status"] == "cancelled"


async def test_a_task_of_somebody_else_is_none(tmp_path: Path) -> None:
    async with (
        offering(tmp_path) as (gateway, _),
        client_of(gateway, **TASKS) as client,
        client_of(gateway, token=OTHER, **TASKS) as other,
    ):
        task_id = (await client.call("ask_it"))["taskId"]
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            response = await other.send(other.request(method, {"taskId": task_id}))
            assert response.status == 404
            assert response.json()["error"]["code"] == -32602


async def test_a_task_asks_its_client_by_its_status(tmp_path: Path) -> None:
    capabilities = TASKS | {"elicitation": {"form": {}}}
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **capabilities) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        asker = desk.requests[0].views[-1].asker
        assert asker is not None
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(bytes(await asker.ask("elicitation/create", b'{"message":"?"}', 5.0)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            seen: Any = {}
            while seen.get("status") != "input_required":
                seen = (await client.ask("tasks/get", task))["result"]
            (name,) = seen["inputRequests"]
            responses = {name: {"action": "accept"}, "other": {"action": "decline"}}
            update = task | {"inputResponses": responses}
            assert (await client.ask("tasks/update", update))["result"] == {
                "resultType": "complete"
            }
        assert json.loads(answers[0]) == {"action": "accept"}
        assert (await client.ask("tasks/get", task))["result"]["status"] == "working"
