"""The rehearsal model in real time: pauses, failures that pass, scripts from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Stop,
    TextDelta,
)
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded, ModelRequest, UserTurn
from agentgate_proto.models.scenes import Script
from agentgate_proto.records.usage import Usage
from agentgate_server.documents import DocumentError
from agentgate_server.models import rehearsal
from agentgate_server.models.model import Model
from agentgate_server.models.rehearsal import RehearsalModel, read_script

pytestmark = pytest.mark.anyio


class Free:
    version = ""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        return 0


INFO = ModelInfo(
    name="rehearsal",
    model_id="rehearsal",
    backend="rehearsal",
    max_tokens=1_000,
    context_tokens=10_000,
    pricing=Free(),
)


def model(*scenes: dict[str, Any], timeout_s: float = 60.0) -> Model:
    script = msgspec.convert({"pause_ms": 0, "scenes": scenes}, Script)
    return RehearsalModel(INFO, script=script, timeout_s=timeout_s)


def request(text: str = "hello") -> Encoded:
    return encode("rehearsal", ModelRequest(model_id="rehearsal", turns=(UserTurn(text),)))


async def said(model: Model, text: str = "hello") -> list[ModelEvent]:
    return [event async for event in model.stream(request(text))]


def text_of(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_it_plays_its_script() -> None:
    events = await said(model({"say": "Hello to you."}))
    assert text_of(events) == "Hello to you."
    assert events[-1] == Ended(stop=Stop.END)


async def test_without_a_script_it_pauses_before_each_word_so_that_one_can_watch() -> None:
    began = anyio.current_time()
    events = await said(RehearsalModel(INFO), "Count to 10")
    assert text_of(events) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."
    assert anyio.current_time() - began >= 10 * 0.020


async def test_a_failure_passes_and_comes_again_with_the_next_run() -> None:
    flaky = model({"say": "fine", "fail": {"kind": "retryable", "times": 2}})
    ends = [(await said(flaky))[-1] for _ in range(6)]
    assert [isinstance(end, Ended) for end in ends] == [False, False, True] * 2
    assert isinstance(ends[0], Failed)
    assert ends[0].failure is Failure.RETRYABLE


async def test_requests_fail_each_by_itself() -> None:
    flaky = model({"when": "*", "say": "fine", "fail": {"kind": "retryable"}})
    ends = [(await said(flaky, text))[-1] for text in ("a", "b", "a", "b")]
    assert [isinstance(end, Ended) for end in ends] == [False, False, True, True]


async def test_of_requests_that_never_come_again_few_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rehearsal, "REMEMBERED_MAX", 2)
    flaky = model({"when": "*", "say": "fine", "fail": {"kind": "retryable"}})
    for text in ("a", "b", "c"):
        await said(flaky, text)
    ends = [(await said(flaky, text))[-1] for text in ("c", "b", "a")]
    assert [isinstance(end, Ended) for end in ends] == [True, True, False]


async def test_a_stall_lasts_until_the_time_out() -> None:
    stalling = model({"say": "one two", "fail": {"kind": "stall", "after": 1}}, timeout_s=0.05)
    began = anyio.current_time()
    events = await said(stalling)
    assert text_of(events) == "one"
    assert events[-1] == Failed(failure=Failure.TRUNCATED, message="rehearsed")
    assert anyio.current_time() - began >= 0.05


async def test_a_stall_can_be_cancelled() -> None:
    stalling = model({"fail": {"kind": "stall"}}, timeout_s=3_600)
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        async for _ in stalling.stream(request()):
            scope.cancel()
    assert scope.cancelled_caught


async def test_it_counts_as_it_says_when_it_is_asked() -> None:
    some = model({"say": "hi"})
    used = [event for event in await said(some) if hasattr(event, "usage")]
    assert await some.count(request()) == used[0].usage.input > 0


async def test_nothing_can_be_wrong_with_it_and_nothing_is_to_be_closed() -> None:
    some = model()
    assert some.problem() == ""
    await some.aclose()
    assert text_of(await said(some)).startswith("You said: hello")


# Scripts in files


def written(folder: Path, text: str) -> Path:
    path = folder / "scenes.yaml"
    path.write_text(text, "utf-8")
    return path


GOOD = """\
pause_ms: 0
scenes:
  - name: a lamp
    when: turn {state} the {lamp} lamp*
    say: One moment.
    call: {tool: ha_call_service, args: {service: "turn_{state}"}}
    then:
      - say: "Done: {result}"
  - say: Costs $5, ${NOT_A_VARIABLE}.
"""


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    script = read_script(written(tmp_path, GOOD))
    assert [scene.name for scene in script.scenes] == ["a lamp", ""]
    assert script.scenes[0].then[0].say == "Done: {result}"
    assert script.scenes[1].say == "Costs $5, ${NOT_A_VARIABLE}."


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("say: One moment.", "says: One moment.", "5: scenes[0].says: unknown key"),
        ("{result}", "{results}", "3: scenes[0]: nothing is known of {results} here"),
        ("pause_ms: 0", "pause_ms: soon", "1: pause_ms: needs"),
        ("{state} the", "{state}{x} the", "3: scenes[0]: two places are side by side"),
    ],
)
def test_what_is_wrong_in_a_script_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(DocumentError) as caught:
        read_script(path)
    assert str(caught.value).startswith(f"{path}:{problem}")


async def test_the_example_can_be_played() -> None:
    script = read_script(Path(__file__).parents[3] / "examples" / "scenes.yaml")
    some = RehearsalModel(INFO, script=msgspec.structs.replace(script, pause_ms=0), timeout_s=0.05)
    calls = [each for each in await said(some, "Leaving now") if isinstance(each, CallMade)]
    assert [call.name for call in calls] == ["ha_call_service", "ha_get_state"]
    (call,) = (
        each
        for each in await said(some, "Turn off the kitchen light, please")
        if isinstance(each, CallMade)
    )
    assert b'"service":"turn_off","entity_id":"light.kitchen"' in bytes(call.args)
    for text, failures in (("are you busy?", 2), ("broken?", 1), ("asleep?", 3)):
        for _ in range(failures):
            assert isinstance((await said(some, text))[-1], Failed)
    assert text_of(await said(some, "are you busy?")) == "Here I am."
    assert text_of(await said(some, "broken?")).endswith("second attempt.")
    assert text_of(await said(some, "hello")).startswith("Good morning.")
