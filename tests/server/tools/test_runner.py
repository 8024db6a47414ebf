"""The runner: one call, one outcome, whatever the tool does. On both event loops."""

import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from types import coroutine
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.tools.helpers import outcome_of

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Status
from agentgate_server.errors import ArgumentError, EffectUnknown, ToolFailed
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import ERROR_CHARS_MAX, ERRORS_SHOWN_MAX, Runner, describe
from agentgate_server.tools.tool import Tool

pytestmark = pytest.mark.anyio


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


async def test_what_a_tool_says_besides_words_is_kept_without_secrets_and_within_the_cap() -> None:
    runner = Runner(masker=Masker([Secret("hunter22")]), output_bytes_max=40)
    short, long = b'{"isError":true,"by":"hunter22"}', b'"%s"' % (b"x" * 40)
    for said, kept in ((short, {"isError": True, "by": MASK}), (long, None)):
        for tool in three_ways("write", raising(ToolFailed("no bulb", said))):
            outcome = await outcome_of(runner, tool)
            assert (outcome.status, outcome.message) == (Status.FAILED, "no bulb")
            assert msgspec.json.decode(outcome.data) == kept
    runner.close()


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseException("odd")]
)
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
    assert len(Runner().words(ValueError("x" * 200_000))) == ERROR_CHARS_MAX
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
async def test_a_result_that_json_cannot_say_is_a_note_of_a_write_and_a_failure_of_a_read(
    runner: Runner, body: Callable[[], Any], text: str
) -> None:
    for tool in three_ways("write", body):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.EXECUTED
        note = msgspec.json.decode(outcome.data)["note"]
        assert note.startswith("it ran, but its result can't be sent as JSON: ")
        assert text in note
    for tool in three_ways("read", body):
        outcome = await outcome_of(runner, tool)
        assert outcome.status is Status.FAILED
        assert outcome.message.startswith("its result can't be sent as JSON: ")


async def test_a_coroutine_as_result_is_explained_and_not_left_behind(runner: Runner) -> None:
    async def forgotten() -> int:
        return 1

    said = "it returned a coroutine, which did not run; declare the tool with async def"
    for effects, status in (("read", Status.FAILED), ("write", Status.UNKNOWN)):
        for tool in three_ways(effects, forgotten):
            outcome = await outcome_of(runner, tool)
            assert outcome.status is status
            assert outcome.message.endswith(said)


async def test_a_result_above_the_cap_is_told_with_both_sizes() -> None:
    runner = Runner(output_bytes_max=1_000)
    said = "its result is too large: 1,001 bytes, and at most 1,000 are passed on"
    for effects in ("write", "read"):
        for tool in three_ways(effects, lambda: "x" * 999):
            outcome = await outcome_of(runner, tool)
            if effects == "write":
                assert outcome.status is Status.EXECUTED
                assert msgspec.json.decode(outcome.data) == {"note": f"it ran, but {said}"}
            else:
                assert (outcome.status, outcome.message) == (Status.FAILED, said)
        for tool in three_ways(effects, lambda: "x" * 998):
            assert (await outcome_of(runner, tool)).status is Status.EXECUTED
    runner.close()


# What ends Python's own things


async def test_a_call_that_python_drops_ends_without_a_word(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    @coroutine
    def pause() -> Iterator[None]:
        yield

    async def later() -> None:
        await pause()

    running = runner.run(python_tool(later, timeout_s=None), {})
    running.send(None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(close_of(running))  # by another task, as when an event loop is gone
    assert caplog.text == ""
    with pytest.raises(RuntimeError):
        running.send(None)


def close_of(running: Coroutine[Any, Any, Any]) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        running.close()

    return close


async def test_what_takes_arguments_or_gives_a_result_cannot_end_the_gateway(
    runner: Runner,
) -> None:
    @dataclass
    class Hostile:
        error: str

        def __post_init__(self) -> None:
            raise SystemExit(self.error)

    def take(thing: Hostile) -> str:
        return thing.error

    tool = python_tool(take)
    with pytest.raises(ArgumentError, match="argument 'thing': no"):
        tool.check({"thing": {"error": "no"}})
    assert (await outcome_of(runner, tool, thing={"error": "no"})).status is Status.FAILED


class Mute(BaseException):
    def __str__(self) -> str:
        raise SystemExit(3)


def test_an_exception_whose_text_ends_programs_is_named() -> None:
    assert describe(Mute()) == "Mute: its own text can't be made"


@pytest.mark.parametrize("value", [float("nan"), {"a": [1.0, float("-inf")]}, (float("inf"), None)])
async def test_a_number_that_json_does_not_know_is_null_and_the_log_says_so_once(
    runner: Runner, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    for tool in three_ways("read", lambda: value):
        outcome = await outcome_of(runner, tool)
        assert b"null" in bytes(outcome.data)
    assert caplog.text.count("tool tool returned NaN or an infinite number") == 1


async def test_null_and_the_word_null_are_no_such_number(
    runner: Runner, caplog: pytest.LogCaptureFixture
) -> None:
    for tool in three_ways("read", lambda: {"a": None, "b": "null", "c": 1.5}):
        assert (await outcome_of(runner, tool)).status is Status.EXECUTED
    assert caplog.text == ""
