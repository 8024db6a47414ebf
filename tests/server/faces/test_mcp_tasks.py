"""Tasks of MCP clients: made, looked at, withdrawn, asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.embedded import until
from tests.server.faces.mcp_client import TASKS
from tests.server.faces.mcp_stage import OTHER, client_of, offering

from agentgate_proto.records.outcome import executed
from agentgate_server.faces import mcp_tasks
from agentgate_server.tools.dialogue import NotAnswered

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


async def test_a_task_that_nobody_asks_about_is_left_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tasks, "IDLE_S", 0.01)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        await until(lambda: not desk.requests[0].views, "that nobody listens")
        seen = (await client.ask("tasks/get", task))["result"]
        assert seen["status"] == "working"


async def test_of_many_tasks_the_one_longest_not_asked_about_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 2)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        one, two, _ = [(await client.call("ask_it", {"a": each}))["taskId"] for each in range(3)]
        assert [len(request.views) for request in desk.requests] == [0, 1, 1]
        assert (await client.ask("tasks/get", {"taskId": two}))["result"]["status"] == "working"
        assert (await client.ask("tasks/get", {"taskId": one}))["result"]["status"] == "working"
        assert [len(request.views) for request in desk.requests] == [1, 1, 0]


async def test_of_large_results_that_nobody_collects_the_first_are_left_to_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tasks, "RESULTS_BYTES_MAX", 2_000)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        tasks = [(await client.call("ask_it", {"a": each}))["taskId"] for each in range(4)]
        for request in desk.requests[:3]:
            desk.settle(request, executed(b'"%s"' % (b"x" * 900)))
        assert [len(request.views) for request in desk.requests] == [0, 1, 1, 1]
        for task in tasks[:3]:
            seen = (await client.ask("tasks/get", {"taskId": task}))["result"]
            assert seen["status"] == "completed"
            assert "x" * 900 in seen["result"]["content"][0]["text"]


async def test_a_task_whose_request_is_forgotten_is_none(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        desk.settle(desk.requests[0], executed(b"1"))
        await client.ask("tasks/get", task)
        desk.requests.clear()
        for method in ("tasks/get", "tasks/get"):
            answer = await client.send(client.request(method, task))
            assert (answer.status, answer.json()["error"]["code"]) == (404, -32602)


async def test_a_task_is_not_lost_because_it_can_not_be_looked_at_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 1)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        await client.call("ask_it", {"a": 2})  # nobody listens for the first any more
        desk.problem = "the disk is gone"
        seen = (await client.ask("tasks/get", task))["result"]
        assert seen["status"] == "working"
        assert "the disk is gone" in seen["statusMessage"]
        desk.problem = ""
        seen = (await client.ask("tasks/get", task))["result"]
        assert "waiting for a person" in seen["statusMessage"]


async def test_who_asks_about_a_task_that_can_not_be_shown_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("a bug")

    monkeypatch.setattr(mcp_tasks, "NEWS_S", 0.05)
    monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 1)
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        one, _ = [(await client.call("ask_it", {"a": each}))["taskId"] for each in range(2)]
        desk.is_silent = True
        with monkeypatch.context() as patch:
            patch.setattr(mcp_tasks.Task, "shown", broken)
            error = (await client.ask("tasks/get", {"taskId": one}))["error"]
        assert error["code"] == -32603
        assert "it goes on" in error["message"]
        seen = (await client.ask("tasks/get", {"taskId": one}))["result"]
        assert seen["status"] == "working"


async def test_who_asks_about_a_task_that_is_left_meanwhile_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_tasks, "NEWS_S", 60.0)
    monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 1)
    async with (
        offering(tmp_path) as (gateway, desk),
        client_of(gateway, **TASKS) as client,
        client_of(gateway, **TASKS) as second,
    ):
        one, two = [(await client.call("ask_it", {"a": each}))["taskId"] for each in range(2)]
        desk.is_silent = True
        seen: list[Any] = []

        async def look() -> None:
            seen.append((await client.ask("tasks/get", {"taskId": one}))["result"]["status"])

        async with anyio.create_task_group() as tasks:
            before = len(desk.calls)
            tasks.start_soon(look)
            await until(lambda: len(desk.calls) > before, "the look")
            assert not seen
            tasks.start_soon(second.ask, "tasks/get", {"taskId": two})
            await until(lambda: seen, "an answer")
            tasks.cancel_scope.cancel()
        assert seen == ["working"]


async def test_a_task_that_runs_is_not_stopped(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        desk.approve(desk.requests[0])
        assert "result" in await client.ask("tasks/cancel", task)
        assert (await client.ask("tasks/get", task))["result"]["statusMessage"] == "running"
        assert desk.requests[0].outcome is None


async def test_a_task_that_can_be_stopped_is(tmp_path: Path) -> None:
    async with (
        offering(tmp_path, hold_s=0.01) as (gateway, desk),
        client_of(gateway, **TASKS) as client,
    ):
        task = {"taskId": (await client.call("hang_it"))["taskId"]}
        assert "result" in await client.ask("tasks/cancel", task)
        await until(lambda: desk.withdrawn, "that it is withdrawn")
        assert desk.withdrawn == [desk.requests[0]]


async def test_a_task_can_be_withdrawn_that_nobody_has_listened_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 1)
        await client.call("ask_it", {"a": 2})
        assert not desk.requests[0].views
        assert "result" in await client.ask("tasks/cancel", task)
        await until(lambda: desk.requests[0].outcome, "the withdrawal")


async def test_a_task_that_was_found_again_asks_its_client_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capabilities = TASKS | {"roots": {}}
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **capabilities) as client:
        task = {"taskId": (await client.call("ask_it"))["taskId"]}
        monkeypatch.setattr(mcp_tasks, "TASKS_MAX", 1)
        await client.call("ask_it", {"a": 2})
        await client.ask("tasks/get", task)
        asker = desk.requests[0].views[-1].asker
        assert asker is not None
        assert asker.can == {"roots"}


async def test_a_task_asks_nobody_what_they_can_not_answer(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, **TASKS) as client:
        await client.call("ask_it")
        asker = desk.requests[0].views[-1].asker
        assert asker is not None
        asker.tell("notifications/progress", msgspec.Raw(b'{"progress":1}'))
        with pytest.raises(NotAnswered):
            await asker.ask("elicitation/create", msgspec.Raw(b'{"message":"?"}'), 5.0)
