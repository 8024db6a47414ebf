"""The runner: one call, one outcome, whatever the tool does. On both event loops."""

import asyncio
import logging
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.outcome import Outcome, Status
from agentgate_server.tools.errors import EffectUnknown
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import (
    ERROR_CHARS_MAX,
    ERRORS_SHOWN_MAX,
    Call,
    Runner,
    describe,
    stopped,
)
from agentgate_server.tools.threads import IDLE_MAX
from agentgate_server.tools.tool import Tool

pytestmark = pytest.mark.anyio

BOUND_S = 20.0


@pytest.fixture
def runner() -> Iterator[Runner]:
    made = Runner()
    yield made
    made.close()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(BOUND_S):
        while True:
            if condition():
                return
            await anyio.sleep(0.001)


async def outcome_of(runner: Runner, tool: Tool, **args: Any) -> Outcome:
    with anyio.fail_after(BOUND_S):
        return await runner.run(tool, args)


def three_ways(effects: Any, body: Callable[[], Any]) -> list[Tool]:
    """The same tool as an inline, a threaded and an async one."""

    def plain() -> Any:
        return body()

    async def later() -> Any:
        return body()

    return [
        python_tool(plain, name="tool", effects=effects, inline=True),
        python_tool(plain, name="tool", effects=effects),
        python_tool(later, name="tool", effects=effects),
    ]


def raising(error: BaseException) -> Callable[[], Any]:
    def body() -> Any:
        raise error

    return body


# Results


async def test_what_a_tool_returns_is_the_outcome(runner: Runner) -> None:
    for tool in three_ways("write", lambda: {"on": True}):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.EXECUTED
        assert bytes(outcome.data) == b'{"on":true}'


async def test_arguments_arrive_converted(runner: Runner) -> None:
    def add(a: float, b: float = 2) -> str:
        return f"{a + b}"

    outcome = await outcome_of(runner, python_tool(add), a=1)
    assert bytes(outcome.data) == b'"3.0"'


async def test_inline_runs_on_the_loop_and_others_do_not(runner: Runner) -> None:
    inline, threaded, later = three_ways("read", threading.get_ident)
    here = str(threading.get_ident()).encode()
    assert bytes(runner.run_inline(inline, {}).data) == here
    assert bytes((await outcome_of(runner, inline)).data) == here
    assert bytes((await outcome_of(runner, later)).data) == here
    assert bytes((await outcome_of(runner, threaded)).data) != here


async def test_a_tool_without_a_time_limit_runs_too(runner: Runner) -> None:
    async def later() -> int:
        await anyio.lowlevel.checkpoint()
        return 1

    for tool in (
        python_tool(later, timeout_s=None),
        python_tool(lambda: 1, name="a", timeout_s=None),
    ):
        assert (await outcome_of(runner, tool)).status is Status.EXECUTED


# Errors


async def test_a_tools_own_error_reaches_the_agent_and_its_traceback_the_log(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    for tool in three_ways("write", raising(ValueError("the bulb is broken"))):
        caplog.clear()
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.code == ErrorCode.TOOL_FAILED
        assert outcome.message == "ValueError: the bulb is broken"
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.exc_info is not None
        assert "in body" in caplog.text


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), BaseException("odd")])
async def test_a_tool_cannot_end_the_gateway(runner: Runner, error: BaseException) -> None:
    for tool in three_ways("read", raising(error)):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith(type(error).__name__)


async def test_arguments_that_no_longer_fit_are_said_and_nothing_runs(runner: Runner) -> None:
    ran = []

    def plain(a: int) -> None:
        ran.append(a)

    async def later(a: int) -> None:
        ran.append(a)

    tools = [python_tool(plain), python_tool(plain, inline=True), python_tool(later)]
    for tool in tools:
        outcome = await outcome_of(runner, tool, a="x")
        assert outcome.message == "it was not started: argument 'a': expected int, got str"
    assert ran == []


async def test_a_tool_can_say_that_it_does_not_know(runner: Runner) -> None:
    for tool in three_ways("write", raising(EffectUnknown("the hub did not answer"))):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.UNKNOWN
        assert outcome.message == "Outcome unknown: the hub did not answer"
    for tool in three_ways("read", raising(EffectUnknown("the hub did not answer"))):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.message == "the hub did not answer"


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "TimeoutError"),
        (EffectUnknown(), "EffectUnknown"),
        (ValueError(" x "), "ValueError: x"),
        (Unprintable(), "Unprintable: its own text can't be made"),
        (OSError("bad \ud800 name"), "OSError: bad ? name"),
        (
            ExceptionGroup("many", [ValueError("a"), ExceptionGroup("more", [KeyError("b")])]),
            "ValueError: a; KeyError: 'b'",
        ),
    ],
)
def test_every_exception_has_words(error: BaseException, text: str) -> None:
    assert describe(error) == text


def test_long_errors_and_large_groups_are_cut() -> None:
    assert len(describe(ValueError("x" * 100_000))) == ERROR_CHARS_MAX
    group = ExceptionGroup("many", [ValueError(str(n)) for n in range(ERRORS_SHOWN_MAX + 2)])
    assert describe(group).endswith("; and 2 more")


# Results that can't be sent


def circle() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (object, "TypeError: Encoding objects of type object is unsupported"),
        (lambda: "\ud800", "UnicodeEncodeError"),
        (circle, "RecursionError"),
    ],
)
async def test_a_result_that_json_cannot_say_is_a_failure_that_says_it_ran(
    runner: Runner, body: Callable[[], Any], text: str
) -> None:
    for tool in three_ways("write", body):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith("it ran, but its result can't be sent as JSON: ")
        assert text in outcome.message
    for tool in three_ways("read", body):
        outcome = await outcome_of(runner, tool)
        assert outcome.message.startswith("its result can't be sent as JSON: ")


async def test_a_coroutine_as_result_is_explained_and_not_left_behind(runner: Runner) -> None:
    async def forgotten() -> int:
        return 1

    for tool in three_ways("read", forgotten):
        outcome = await outcome_of(runner, tool)
        assert "the tool must be declared with async def" in outcome.message


async def test_a_result_above_the_cap_is_a_failure_that_says_both_sizes() -> None:
    runner = Runner(output_bytes_max=1_000)
    for effects, start in (("write", "it ran, but its result"), ("read", "its result")):
        for tool in three_ways(effects, lambda: "x" * 999):
            outcome = await outcome_of(runner, tool)
            assert outcome.status is Status.FAILED
            assert outcome.message == (
                f"{start} is too large: 1,001 bytes, and at most 1,000 are passed on"
            )
        for tool in three_ways(effects, lambda: "x" * 998):
            assert (await outcome_of(runner, tool)).status is Status.EXECUTED
    runner.close()


# Time


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
    assert call.timed_out().status is Status.EXECUTED
    assert runner.threads.abandoned == 0


async def test_beyond_the_cap_of_abandoned_threads_none_is_started() -> None:
    runner, release, started = Runner(abandoned_max=2), threading.Event(), []

    def hang() -> None:
        started.append(1)
        release.wait(BOUND_S)

    tool = python_tool(hang, timeout_s=0.01)
    try:
        for _ in range(2):
            assert (await outcome_of(runner, tool)).status is Status.UNKNOWN
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith("it was not started: 2 calls of tools that ran out of")
        assert len(started) == 2
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
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
        assert outcome.message == "it was not started: no free slot within 0.01 s"
        assert len(started) == 1
    finally:
        release.set()
    await until(lambda: runner.threads.abandoned == 0)
    assert (await outcome_of(runner, tool)).status is Status.EXECUTED


async def test_threads_are_kept_for_the_next_call_but_only_some(runner: Runner) -> None:
    barrier = threading.Barrier(IDLE_MAX + 3)

    def meet() -> int:
        barrier.wait(BOUND_S)
        return threading.get_ident()

    tool = python_tool(meet)
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


async def test_a_call_that_is_thrown_away_is_no_failure_of_the_tool(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def later() -> None:
        await anyio.sleep_forever()

    call = runner.run(python_tool(later, timeout_s=None), {})
    call.send(None)
    call.close()
    assert caplog.text == ""


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
    release, threads = threading.Event(), []

    def hang() -> None:
        threads.append(threading.current_thread())
        release.wait(BOUND_S)

    async def main() -> None:
        await Runner().run(python_tool(hang, timeout_s=0.01), {})

    for backend in ("asyncio", "trio"):
        release.clear()
        threads.clear()
        anyio.run(main, backend=backend)
        release.set()
        threads[0].join(BOUND_S)
        assert not threads[0].is_alive()


def test_the_time_limit_of_the_default_is_finite() -> None:
    assert python_tool(lambda: 1, name="a").timeout_s not in (None, math.inf)
