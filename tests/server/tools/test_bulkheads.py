"""Bulkheads: one tool's slowness touches no other call. On both event loops."""

import threading
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from tests.server.tools.helpers import BOUND_S, outcome_of, until

from agentgate_proto.quotas.places import RESERVED
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects
from agentgate_server.errors import NotStarted, ToolFailed
from agentgate_server.tools.bulkheads import THREADS_SHARE
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Call, Runner
from agentgate_server.tools.threads import THREADS_MAX
from agentgate_server.tools.tool import AsyncTool

pytestmark = pytest.mark.anyio

OWN_MAX = THREADS_MAX // THREADS_SHARE * (RESERVED - 1) // RESERVED
"""Threads of one tool for one agent."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Slow(AsyncTool):
    """A tool of some backend that answers when told to."""

    go: anyio.Event = field(default_factory=anyio.Event)
    running: list[str] = field(default_factory=list)

    def check(self, args: dict[str, Any]) -> None:
        pass

    async def run(self, args: dict[str, Any]) -> Any:
        self.running.append(self.name)
        await self.go.wait()


def slow(name: str, **options: Any) -> Slow:
    common: dict[str, Any] = {"description": "", "effects": Effects.WRITE, "schema": {}}
    return Slow(name=name, backend="test", origin="test", **common, **options)


async def test_a_blocking_tool_that_hangs_leaves_threads_for_the_others(runner: Runner) -> None:
    release, started = threading.Event(), []

    def hang() -> None:
        started.append(1)
        release.wait(BOUND_S)

    tool = python_tool(hang, timeout_s=None)
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(2 * THREADS_MAX):
                tasks.start_soon(outcome_of, runner, tool)
            await until(lambda: len(started) == OWN_MAX)
            other = await outcome_of(runner, python_tool(lambda: 1, name="other"))
            assert other.status is Status.EXECUTED
            assert len(started) == OWN_MAX
            release.set()
    finally:
        release.set()
    assert len(started) == 2 * THREADS_MAX


async def test_what_one_agent_makes_hang_is_there_for_another(runner: Runner) -> None:
    """And where that one's calls wait as well, the two have turns."""
    release, seen = threading.Event(), list[str]()

    def note(owner: str) -> str:
        if owner == "evil":
            release.wait(BOUND_S)
        seen.append(owner)
        return owner

    tool = python_tool(note, timeout_s=None, effects="read")

    async def ask(owner: str) -> Outcome:
        return await runner.run_call(Call(runner, tool, {"owner": owner}, owner))

    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(2 * THREADS_MAX):
                tasks.start_soon(ask, "evil")
            await until(lambda: runner.threads.lanes.running == OWN_MAX)
            assert (await ask("good")).status is Status.EXECUTED
            assert seen == ["good"]
            release.set()
    finally:
        release.set()


async def test_where_many_wait_one_who_has_most_of_them_gives_way(runner: Runner) -> None:
    tool, outcomes = slow("lamp", concurrency_max=1, queue_max=2), dict[str, Outcome]()

    async def ask(owner: str, name: str) -> None:
        outcomes[name] = await runner.run_call(Call(runner, tool, {}, owner))

    def waiting() -> int:
        return runner.bulkheads.bulkheads["lamp"].waiting

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "evil", "first")
        await until(lambda: tool.running == ["lamp"])
        for number in range(3):
            tasks.start_soon(ask, "evil", f"evil{number}")
            await until(lambda number=number: waiting() == min(number + 1, 2))
        await until(lambda: "evil2" in outcomes)
        tasks.start_soon(ask, "good", "good")
        await until(lambda: "evil1" in outcomes)
        tool.go.set()
    refused = {name for name, outcome in outcomes.items() if outcome.status is Status.FAILED}
    assert refused == {"evil1", "evil2"}
    assert "lamp is busy: 1 calls run and 2 wait" in outcomes["evil1"].message
    assert outcomes["good"].status is Status.EXECUTED


async def test_tools_of_one_backend_share_its_lane_and_no_other_tool_does(runner: Runner) -> None:
    shared: dict[str, Any] = {"bulkhead": "backend hub", "concurrency_max": 2}
    tools = [slow("one", **shared), slow("two", **shared), slow("three", **shared)]
    alone = slow("alone", concurrency_max=1)
    async with anyio.create_task_group() as tasks:
        for tool in (*tools, alone):
            tasks.start_soon(outcome_of, runner, tool)
        await until(lambda: alone.running == ["alone"])
        await until(lambda: runner.bulkheads.bulkheads["backend hub"].waiting == 1)
        assert sum(len(tool.running) for tool in tools) == 2
        for tool in (*tools, alone):
            tool.go.set()
    assert all(len(tool.running) == 1 for tool in tools)


async def test_a_caller_beyond_the_queue_is_told_so_at_once(runner: Runner) -> None:
    tool = slow("hub", concurrency_max=1, queue_max=1)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(outcome_of, runner, tool)
        await until(lambda: tool.running == ["hub"])
        await until(lambda: runner.bulkheads.bulkheads["hub"].waiting == 1)
        outcome = await outcome_of(runner, tool)
        tool.go.set()
    assert outcome.status is Status.FAILED
    assert outcome.message == (
        "it was not started: hub is busy: 1 calls run and 1 wait; ask again later"
    )
    assert len(tool.running) == 2


async def test_a_place_is_given_back_however_the_call_ends(runner: Runner) -> None:
    async def fail(kind: str) -> None:
        if kind == "hang":
            await anyio.sleep_forever()
        raise ToolFailed("the hub says no") if kind == "say" else ValueError(kind)

    tool = python_tool(fail, concurrency_max=1, timeout_s=0.05)
    outcomes: list[Outcome] = [
        await outcome_of(runner, tool, kind=kind) for kind in ("hang", "say", "raise", "say")
    ]
    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN, *[Status.FAILED] * 3]
    assert outcomes[3].message == "the hub says no"


async def test_a_tool_that_did_nothing_is_told_to_have_not_started(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def nothing() -> None:
        raise NotStarted("the hub is off")

    outcome = await outcome_of(runner, python_tool(nothing))
    assert outcome.status is Status.FAILED
    assert outcome.message == "it was not started: the hub is off"
    assert caplog.text == ""
