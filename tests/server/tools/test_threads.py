"""Many calls at once, calls cancelled from outside, and threads that outlive everything."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial

import anyio
import pytest
from tests.server.tools.helpers import BOUND_S, outcome_of, until

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Runner, stopped
from agentgate_server.tools.threads import IDLE_MAX
from agentgate_server.tools.tool import Tool

pytestmark = pytest.mark.anyio


# Many at once


async def test_no_more_calls_of_a_tool_run_at_once_than_it_asked_for(runner: Runner) -> None:
    lock, running, most = threading.Lock(), 0, [0, 0]

    def enter(index: int) -> None:
        nonlocal running
        with lock:
            running += 1
            most[index] = max(most[index], running)

    def leave() -> None:
        nonlocal running
        with lock:
            running -= 1

    pause = threading.Event()

    def threaded() -> None:
        enter(0)
        pause.wait(0.005)
        leave()

    async def on_loop() -> None:
        enter(1)
        await anyio.sleep(0.001)
        leave()

    for function in (threaded, on_loop):
        tool = python_tool(function, concurrency_max=2)
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(outcome_of, runner, tool)
    assert most == [2, 2]


async def test_an_abandoned_thread_keeps_its_tools_slot_until_it_ends(runner: Runner) -> None:
    release, started = threading.Event(), []

    def port() -> None:
        started.append(1)
        release.wait(BOUND_S)

    tool = python_tool(port, timeout_s=0.01, concurrency_max=1)
    try:
        assert (await outcome_of(runner, tool)).status is Status.UNKNOWN
        outcome = await outcome_of(runner, tool)
        assert outcome.message == (
            "it was not started: a call of port that ran out of time still runs; nothing more is "
            "asked of it until it ends"
        )
        await until(lambda: len(started) == 1)  # a busy system may let a thread wait
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    assert (await outcome_of(runner, tool)).status is Status.EXECUTED


async def test_threads_are_kept_for_the_next_call_but_only_some(runner: Runner) -> None:
    barrier = threading.Barrier(IDLE_MAX + 3)

    def meet() -> int:
        barrier.wait(BOUND_S)
        return threading.get_ident()

    tool = python_tool(meet, concurrency_max=2 * IDLE_MAX)
    async with anyio.create_task_group() as tasks:
        for _ in range(IDLE_MAX + 3):
            tasks.start_soon(outcome_of, runner, tool)
    assert len(runner.threads.idle) == IDLE_MAX


async def test_a_closed_runner_keeps_no_thread() -> None:
    runner, threads = Runner(), []

    def note() -> None:
        threads.append(threading.current_thread())

    tool = python_tool(note)
    await outcome_of(runner, tool)
    await outcome_of(runner, tool)
    assert threads[0] is threads[1]
    runner.close()
    await until(lambda: not threads[0].is_alive())
    assert (await outcome_of(runner, tool)).status is Status.EXECUTED
    await until(lambda: not threads[2].is_alive())


# Cancelled from outside


async def test_cancelling_the_caller_is_passed_on(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    release, entered = threading.Event(), threading.Event()

    async def later() -> None:
        entered.set()
        await anyio.sleep_forever()

    def threaded() -> None:
        entered.set()
        release.wait(BOUND_S)

    try:
        for function in (later, threaded):
            entered.clear()
            outcomes: list[Outcome] = []

            async def call(tool: Tool, outcomes: list[Outcome] = outcomes) -> None:
                outcomes.append(await runner.run(tool, {}))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, python_tool(function))
                await until(entered.is_set)
                tasks.cancel_scope.cancel()
            assert outcomes == []
            assert caplog.text == ""
        assert runner.threads.abandoned == 1
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)


async def test_a_call_cancelled_while_it_waits_for_a_slot_gives_nothing_up(runner: Runner) -> None:
    release, started = threading.Event(), threading.Event()

    def hold() -> None:
        started.set()
        release.wait(BOUND_S)

    tool = python_tool(hold, concurrency_max=1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcome_of, runner, tool)
        await until(started.is_set)
        with anyio.move_on_after(0.01) as scope:
            await runner.run(tool, {})
        assert scope.cancelled_caught
        release.set()
    assert (await outcome_of(runner, tool)).status is Status.EXECUTED


def test_the_outcome_to_record_for_a_stopped_call() -> None:
    write, read = (
        python_tool(lambda: 1, name="tool", effects=effects) for effects in ("write", "read")
    )
    assert stopped(write).status is Status.UNKNOWN
    assert stopped(write).message == (
        "Outcome unknown: tool stopped while it ran; it may have taken effect"
    )
    assert stopped(read).status is Status.FAILED
    assert stopped(read).message == "tool stopped while it ran"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_tool_that_waits_for_a_cancelled_task_has_failed(runner: Runner) -> None:
    async def careless() -> None:
        task = asyncio.ensure_future(asyncio.Event().wait())
        task.cancel()
        await task

    outcome = await outcome_of(runner, python_tool(careless))
    assert outcome.status is Status.FAILED
    assert outcome.message == "CancelledError"


async def test_a_cancellation_that_a_tool_kept_and_raises_later_is_its_own_error(
    runner: Runner,
) -> None:
    async def stale() -> None:
        kept: BaseException = Exception()
        with anyio.CancelScope() as scope:
            scope.cancel()
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class() as error:
                kept = error
        raise kept

    outcome = await outcome_of(runner, python_tool(stale))
    assert outcome.status is Status.FAILED
    assert outcome.message.startswith("Cancelled")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_cancellation_of_asyncio_is_passed_on_too(runner: Runner) -> None:
    entered = asyncio.Event()

    async def later() -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(runner.run(python_tool(later, timeout_s=None), {}))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# Exit


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_tool_that_never_returns_does_not_keep_the_process_alive(backend: str) -> None:
    program = (
        "import threading, anyio\n"
        "from agentgate_server.tools.python import python_tool\n"
        "from agentgate_server.tools.runner import Runner\n"
        "def hang() -> None:\n    threading.Event().wait()\n"
        "async def main():\n"
        "    print((await Runner().run(python_tool(hang, timeout_s=0.01), {})).status)\n"
        f"anyio.run(main, backend={backend!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "unknown")


def test_a_thread_that_outlives_its_event_loop_ends_quietly() -> None:
    started, release, threads = threading.Event(), threading.Event(), []

    def hang() -> None:
        threads.append(threading.current_thread())
        started.set()
        release.wait(BOUND_S)

    async def main() -> None:
        await Runner().run(python_tool(hang, timeout_s=0.01), {})
        assert started.wait(BOUND_S), "a busy system may let it wait"

    for backend in ("asyncio", "trio"):
        started.clear()
        release.clear()
        threads.clear()
        anyio.run(main, backend=backend)
        release.set()
        threads[0].join(BOUND_S)
        assert not threads[0].is_alive()


# What hangs


async def test_seven_tools_that_hang_leave_threads_to_the_others() -> None:
    runner, release = Runner(timeout_s=0.05), threading.Event()

    def hang() -> None:
        release.wait(BOUND_S)

    try:
        for number in range(7):
            tool = python_tool(hang, name=f"hang{number}", effects="read")
            async with anyio.create_task_group() as tasks:
                for _ in range(8):
                    tasks.start_soon(outcome_of, runner, tool)
        assert runner.threads.abandoned > 32
        quick = python_tool(lambda_of("quick"), timeout_s=BOUND_S)
        assert (await outcome_of(runner, quick)).status is Status.EXECUTED
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    runner.close()


async def test_while_others_run_a_tool_waits_only_for_its_own_calls() -> None:
    runner, release = Runner(), threading.Event()
    threads = runner.threads

    def hold() -> None:
        release.wait(BOUND_S)

    async with anyio.create_task_group() as tasks:
        try:
            for number in range(5):
                tool = python_tool(hold, name=f"hold{number}")
                for _ in range(8):
                    tasks.start_soon(outcome_of, runner, tool)
            await until(lambda: threads.lanes.running + len(threads.waiting) == 30)
            assert 24 <= threads.lanes.running < 28
            quick = python_tool(lambda_of("quick"))
            assert (await outcome_of(runner, quick)).status is Status.EXECUTED
        finally:
            release.set()
    assert threads.lanes.running == len(threads.waiting) == 0
    runner.close()


async def test_a_tool_of_which_half_hangs_is_refused_at_once_until_one_ends() -> None:
    runner, first, release = Runner(), threading.Event(), threading.Event()

    def hang(event: threading.Event) -> None:
        event.wait(BOUND_S)

    def hang_for(event: threading.Event) -> Tool:
        return python_tool(
            lambda_of("port", partial(hang, event)), concurrency_max=4, timeout_s=0.01
        )

    try:
        for event in (first, release):
            assert (await outcome_of(runner, hang_for(event))).status is Status.UNKNOWN
        outcome = await outcome_of(runner, hang_for(release))
        assert outcome.message == (
            "it was not started: 2 calls of port that ran out of time still run; nothing more is "
            "asked of it until one of them ends"
        )
        first.set()
        await until(lambda: runner.threads.abandoned == 1)
        assert (await outcome_of(runner, hang_for(release))).status is Status.UNKNOWN
    finally:
        first.set()
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    runner.close()


def lambda_of(name: str, act: Callable[[], object] = int) -> Callable[[], str]:
    """A function of this name, which does something."""

    def function() -> str:
        act()
        return name

    function.__name__ = name
    return function
