"""Time limits of tools: what is stopped, what is abandoned, and what is said. On both loops."""

import math
import threading
from typing import Any

import anyio
import pytest
from tests.server.tools.helpers import BOUND_S, outcome_of, until

from agentgate_proto.records.outcome import Status
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Call, Runner

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("effects", "status"), [("write", Status.UNKNOWN), ("read", Status.FAILED)]
)
async def test_an_async_tool_out_of_time_is_stopped(
    runner: Runner, effects: Any, status: Status
) -> None:
    cancelled = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    outcome = await outcome_of(runner, python_tool(hang, effects=effects, timeout_s=0.01))
    assert outcome.status is status
    assert "hang timed out after 0.01 s" in outcome.message
    assert ("it may have taken effect" in outcome.message) is (effects == "write")
    assert cancelled == [True]


async def test_a_tool_that_names_no_time_limit_has_the_configured_one() -> None:
    async def hang() -> None:
        await anyio.sleep_forever()

    configured = Runner(timeout_s=0.01)
    outcome = await outcome_of(configured, python_tool(hang))
    assert "hang timed out after 0.01 s" in outcome.message
    configured.close()


async def test_an_error_made_of_our_own_cancellation_is_a_time_out(runner: Runner) -> None:
    async def convert() -> None:
        try:
            await anyio.sleep_forever()
        except BaseException as error:
            raise ValueError("connection lost") from error

    async def grouped() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(convert)
            await anyio.sleep_forever()

    for function in (convert, grouped):
        outcome = await outcome_of(runner, python_tool(function, timeout_s=0.01))
        assert outcome.status is Status.UNKNOWN
        assert "timed out after 0.01 s" in outcome.message


async def test_a_tool_that_finishes_although_it_was_stopped_has_finished(runner: Runner) -> None:
    async def stubborn() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(0.02)
        return "done"

    outcome = await outcome_of(runner, python_tool(stubborn, timeout_s=0.001))
    assert bytes(outcome.data) == b'"done"'


async def test_a_time_out_of_the_tools_own_is_its_own_error(runner: Runner) -> None:
    async def impatient() -> None:
        with anyio.fail_after(0):
            await anyio.sleep_forever()

    outcome = await outcome_of(runner, python_tool(impatient))
    assert outcome.status is Status.FAILED
    assert outcome.message == "TimeoutError"


@pytest.mark.parametrize(
    ("effects", "status"), [("write", Status.UNKNOWN), ("read", Status.FAILED)]
)
async def test_a_thread_out_of_time_is_abandoned_and_counted_until_it_ends(
    runner: Runner, caplog: pytest.LogCaptureFixture, effects: Any, status: Status
) -> None:
    release = threading.Event()

    def hang() -> None:
        release.wait(BOUND_S)

    try:
        tool = python_tool(hang, effects=effects, timeout_s=0.01)
        outcome = await outcome_of(runner, tool)
        assert outcome.status is status
        assert "hang timed out after 0.01 s" in outcome.message
        assert runner.threads.abandoned == 1
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    assert "tool hang ended after its caller had gone: executed" in caplog.text


async def test_a_thread_that_ended_in_the_moment_of_its_time_out_has_an_outcome(
    runner: Runner,
) -> None:
    ended = threading.Event()

    def quick() -> str:
        ended.set()
        return "done"

    call = Call(runner, python_tool(quick), {})
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.run)
            await until(lambda: call.job is not None and call.job.started)
            ended.wait(BOUND_S)
            await until(lambda: call.job is not None and call.job.outcome is not None)
            scope.cancel()
    assert call.timed_out(1.0).status is Status.EXECUTED
    assert runner.threads.abandoned == 0


async def test_beyond_the_cap_of_abandoned_threads_none_is_started() -> None:
    runner, release, started = Runner(threads_max=1, abandoned_max=1), threading.Event(), []

    def hang() -> None:
        started.append(1)
        release.wait(BOUND_S)

    tools = [python_tool(hang, name=f"hang{n}", timeout_s=0.01) for n in range(3)]
    try:
        for tool in tools[:2]:
            assert (await outcome_of(runner, tool)).status is Status.UNKNOWN
        outcome = await outcome_of(runner, tools[2])
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith("it was not started: 2 calls of tools that ran out of")
        await until(lambda: len(started) == 2)  # a busy system may let a thread wait
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    assert len(started) == 2
    quick = python_tool(lambda: 1, name="quick")
    assert (await outcome_of(runner, quick)).status is Status.EXECUTED
    runner.close()


async def test_a_call_that_found_no_free_thread_in_time_did_not_start() -> None:
    runner, release, started = Runner(threads_max=1), threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait(BOUND_S)

    ran: list[int] = []
    late = python_tool(lambda: ran.append(1), name="late", timeout_s=0.01)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcome_of, runner, python_tool(hold))
        await until(started.is_set)
        outcome = await outcome_of(runner, late)
        release.set()
    assert outcome.status is Status.FAILED
    assert outcome.message == "it was not started: no free slot within 0.01 s"
    assert ran == []
    assert (await outcome_of(runner, late)).status is Status.EXECUTED
    runner.close()


async def test_a_system_without_threads_is_a_failure_that_says_so(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    tool = python_tool(lambda: 1, name="tool", concurrency_max=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        outcome = await outcome_of(runner, tool)
    assert outcome.status is Status.FAILED
    assert outcome.message == "it was not started: can't start new thread"
    assert (await outcome_of(runner, tool)).status is Status.EXECUTED


def test_the_time_limit_of_the_default_is_finite() -> None:
    assert python_tool(lambda: 1, name="a").timeout_s not in (None, math.inf)
