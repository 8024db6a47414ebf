"""Models behind a command: several answers at once, deaths, restarts, and a clean end."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import Ended, Failed, Failure, ModelEvent, Stop, TextDelta
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.prices import ModelPrices
from agentgate_proto.models.request import Encoded, ModelRequest, UserTurn
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.backends import child_output
from agentgate_server.models import command, process
from agentgate_server.models.process import ProcessModel
from agentgate_server.secrets.hiding import MASK
from agentgate_server.secrets.masking import Masker
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio

TALKER = [sys.executable, str(Path(__file__).with_name("talker.py"))]
INFO = ModelInfo(
    name="own",
    model_id="own",
    backend="process",
    max_tokens=100,
    context_tokens=1_000,
    pricing=ModelPrices("own", find=lambda name: None),
)


@asynccontextmanager
async def model(*args: str, **options: Any) -> AsyncIterator[ProcessModel]:
    options.setdefault("command", [*TALKER, *args])
    options.setdefault("timeout_s", 20.0)
    made = ProcessModel(INFO, masker=Masker([Secret("sesame-open")]), **options)
    try:
        with anyio.fail_after(30):
            yield made
    finally:
        await made.aclose()


def asked(text: str) -> Encoded:
    return encode("process", ModelRequest(model_id="own", turns=(UserTurn(text),)))


async def said(some: ProcessModel, text: str) -> list[ModelEvent]:
    return [event async for event in some.stream(asked(text))]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def answer(some: ProcessModel, text: str) -> str:
    events = await said(some, text)
    assert isinstance(events[-1], Ended), events
    return text_of(events)


async def failed(some: ProcessModel, text: str) -> Failed:
    *_, last = await said(some, text)
    assert isinstance(last, Failed)
    return last


async def until(holds: Callable[[], object]) -> None:
    """Look until something holds; the test's own time-out bounds it."""
    while not holds():
        await anyio.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


async def test_it_answers_piece_by_piece_and_one_command_answers_all_requests() -> None:
    async with model() as some:
        events = await said(some, "echo hello to you")
        assert text_of(events) == "hello to you "
        assert len([each for each in events if isinstance(each, TextDelta)]) == 3
        assert events[-1] == Ended(stop=Stop.END)
        assert await answer(some, "pid") == await answer(some, "pid")
        assert some.problem() == ""
        assert await some.count(asked("x")) is None


async def test_nothing_is_started_before_it_is_asked(tmp_path: Path) -> None:
    async with model(command=["/nowhere/to/be/found"]) as some:
        assert some.problem() == ""
        last = await failed(some, "echo x")
        assert last.failure is Failure.FATAL
        assert "can't be started" in last.message
        assert "No such file" in some.problem()


async def test_it_gets_its_own_variables_and_of_ours_only_the_harmless(tmp_path: Path) -> None:
    ours = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "AWS_SECRET": "x", "HOME": "/h"}
    options = {"env": {"OWN_KEY": Secret("own")}, "environment": ours, "folder": tmp_path}
    async with model("an arg; ls", **options) as some:
        environment, folder, args, session = json.loads(await answer(some, "environment"))
    environment.pop("LC_CTYPE", None)  # Python sets it for itself
    assert environment == {
        "PATH": ours["PATH"],
        "LANG": "C.UTF-8",
        "HOME": "/h",
        "OWN_KEY": "own",
    }
    assert folder == str(tmp_path)
    assert args == ["an arg; ls"]
    assert session != os.getsid(0)


async def test_many_answers_come_at_once_and_each_to_who_asked() -> None:
    found: dict[str, str] = {}

    async def ask(some: ProcessModel, number: int) -> None:
        text = f"{number} times {number}"
        found[text] = await answer(some, f"echo {text}")

    async with model() as some:
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(ask, some, number)
        assert len(found) == 40
        assert all(text + " " == heard for text, heard in found.items())


async def test_an_answer_may_take_long_while_others_come_and_go() -> None:
    async with model() as some, anyio.create_task_group() as tasks:
        slow: list[str] = []

        async def wait(word: str) -> None:
            slow.append(await answer(some, f"wait {word}"))

        for word in ("a", "b"):
            tasks.start_soon(wait, word)
        while json.loads(await answer(some, "waiting")) != ["a", "b"]:
            pass
        assert await answer(some, "echo x") == "x "
        assert slow == []
        assert await answer(some, "release b") == "done"
        await until(lambda: len(slow) == 1)
        assert await answer(some, "release a") == "done"
        await until(lambda: len(slow) == 2)
        assert slow == ["waitingreleased"] * 2


async def test_who_takes_their_time_holds_up_nobody() -> None:
    async with model() as some, aclosing(some.stream(asked("many 20000"))) as slow:
        first = await anext(slow)
        assert first == TextDelta("0 ")
        assert await answer(some, "echo x") == "x "
        rest = [event async for event in slow]
        assert len(rest) == 20_000


async def test_a_cancelled_answer_is_cancelled_in_the_command() -> None:
    async with model() as some:
        with anyio.CancelScope() as scope:
            async with aclosing(some.stream(asked("wait a"))) as events:
                async for _ in events:
                    scope.cancel()
        async with aclosing(some.stream(asked("wait b"))) as events:
            await anext(events)
        assert await answer(some, "waiting") == "[]"


async def test_who_reads_for_others_may_be_cancelled_at_any_time() -> None:
    async with model() as some, anyio.create_task_group() as tasks:
        slow: list[str] = []

        async def wait(word: str) -> None:
            slow.append(await answer(some, f"wait {word}"))

        first = anyio.CancelScope()

        async def read() -> None:
            with first:
                await said(some, "wait reader")

        tasks.start_soon(read)
        while await answer(some, "waiting") != '["reader"]':
            pass
        for word in ("a", "b"):
            tasks.start_soon(wait, word)
        while "b" not in await answer(some, "waiting"):
            pass
        first.cancel()
        for word in ("a", "b"):
            await answer(some, f"release {word}")
        await until(lambda: len(slow) == 2)


async def test_a_death_is_a_cut_or_can_be_tried_again_and_then_it_is_started_anew() -> None:
    async with model() as some:
        assert (await failed(some, "die")).failure is Failure.RETRYABLE
        again = await failed(some, "echo x")
        assert again.failure is Failure.RETRYABLE
        assert again.retry_after_s is not None
        assert 0 < again.retry_after_s <= 1.0
        assert "it exited with code 3; it is started again in " in again.message
        assert some.problem() == "the command broke off: it exited with code 3"
        await until(lambda: some._not_before <= anyio.current_time())
        assert await answer(some, "echo x") == "x "
        assert some.problem() == ""
        events = await said(some, "die suddenly")
        assert text_of(events) == "suddenly"
        assert events[-1] == Failed(
            failure=Failure.TRUNCATED, message="the command broke off: it exited with code 3"
        )
        assert await answer(some, "echo at once") == "at once "


async def test_a_command_that_never_lives_is_started_less_and_less_often() -> None:
    async with model("--dead") as some:
        waits = []
        for _ in range(3):
            assert (await failed(some, "x")).failure is Failure.RETRYABLE
            last = await failed(some, "x")
            assert last.retry_after_s is not None
            waits.append(last.retry_after_s)
            some._not_before = 0.0
        assert [round(wait_s) for wait_s in waits] == [1, 2, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kill", "signal 15 ended it"),
        ("nonsense", "it wrote a line that can't be read"),
        ("close", "it closed its output"),
    ],
)
async def test_however_it_ends_all_who_wait_are_told(text: str, words: str) -> None:
    ends: list[Failed] = []

    async with model() as some, anyio.create_task_group() as tasks:

        async def wait() -> None:
            ends.append(await failed(some, "wait a"))

        tasks.start_soon(wait)
        while await answer(some, "waiting") != '["a"]':
            pass
        assert words in (await failed(some, text)).message
        await until(lambda: ends)
        assert words in ends[0].message
        assert ends[0].failure is Failure.TRUNCATED


async def test_a_command_may_leave_after_each_answer() -> None:
    async with model() as some:
        for _ in range(3):
            assert await answer(some, "last") == "bye"
            run = some._run
            assert run is not None
            await until(lambda run=run: run._process.returncode is not None)
        assert some.problem() == ""


async def test_silence_is_a_stall() -> None:
    async with model(timeout_s=0.3) as some:
        await answer(some, "echo x")
        last = await failed(some, "wait a")
        assert last == Failed(
            failure=Failure.TRUNCATED, message="the command said nothing for 0.3 s"
        )
        assert await answer(some, "waiting") == "[]"


async def test_a_command_that_does_not_read_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "WRITE_S", 0.2)
    async with model() as some:
        child = int(await answer(some, "deaf"))
        last = await failed(some, "echo " + "x" * 1_000_000)
        assert "it has read nothing for 0.2 s" in last.message
        await until(lambda: not is_alive(child))


async def test_at_the_end_nothing_of_it_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "GRACE_S", 0.2)
    async with model() as some:
        pid = int(await answer(some, "pid"))
        child = int(await answer(some, "deaf"))
        await some.aclose()
        assert not is_alive(pid)
        await until(lambda: not is_alive(child))
        last = await failed(some, "echo x")
        assert last == Failed(failure=Failure.FATAL, message="the gateway stops")


async def test_who_waits_at_the_end_is_told() -> None:
    ends: list[Failed] = []
    async with model() as some, anyio.create_task_group() as tasks:

        async def wait() -> None:
            ends.append(await failed(some, "wait a"))

        tasks.start_soon(wait)
        while await answer(some, "waiting") != '["a"]':
            pass
        await some.aclose()
    assert ends[0].failure is Failure.TRUNCATED


def test_a_command_takes_as_many_answers_as_there_are_runs() -> None:
    assert SessionLimits().runs_max < process.ANSWERS_MAX


async def test_there_are_not_more_answers_at_once_than_are_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "ANSWERS_MAX", 1)
    async with model() as some, aclosing(some.stream(asked("wait a"))) as events:
        await anext(events)
        last = await failed(some, "echo x")
        assert last == Failed(
            failure=Failure.RETRYABLE, message="the command has 1 answers under way"
        )


async def test_what_it_says_of_itself_is_noted_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        async with model() as some:
            assert await answer(some, "noise the key is sesame-open") == "ok"
            last = await failed(some, "error sesame-open is wrong")
            assert last.message == f"{MASK} is wrong"
            await until(lambda: "model own: the key is" in caplog.text)
    assert "the command of model own wrote no message: the key is" in caplog.text
    assert "sesame" not in caplog.text


async def test_of_its_standard_error_not_all_is_noted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_output, "LOG_LINES_MAX", 2)
    with caplog.at_level(logging.INFO):
        async with model() as some:
            for word in ("one", "two", "three", "four"):
                await answer(some, f"noise {word}")
        await until(lambda: "no more of its standard error" in caplog.text)
    assert "model own: two" in caplog.text
    assert "model own: three" not in caplog.text
    assert "wrote no message: two" in caplog.text
    assert "wrote no message: three" not in caplog.text
    assert caplog.text.count("no more of what is no message is noted") == 1


async def test_the_example_answers_whoever_comes_and_goes() -> None:
    example = Path(__file__).parents[3] / "examples" / "model_command.py"
    async with model(command=[sys.executable, str(example)]) as some:
        assert await answer(some, "hi there") == "hi there"
        async with aclosing(some.stream(asked("x" * 100_000))) as events:
            assert await anext(events) == TextDelta("x")
        assert await answer(some, "hi") == "hi"
