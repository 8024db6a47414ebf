"""The rehearsal model: which scene is played, how far it has got, what goes wrong on purpose."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.rehearsal import PIECE_CHARS_MAX, Rehearsal, Step, tokens
from agentgate_proto.models.request import (
    AssistantTurn,
    ModelRequest,
    ToolReturn,
    ToolTurn,
    Turn,
    UserTurn,
)
from agentgate_proto.models.scenes import Script
from agentgate_proto.records.usage import Usage

LAMP: dict[str, Any] = {
    "when": "turn {state} the {lamp} lamp*",
    "think": "They want it {state}.",
    "say": "One moment.",
    "call": {"tool": "ha_{state}", "args": {"entity": "light.{lamp}"}},
    "then": [
        {"say": "And the fan: {result}", "call": [{"tool": "fan"}, {"tool": "fan"}]},
        {"say": "Done: {result}", "if_failed": "Alas, {result}"},
    ],
}


def rehearsal(*scenes: dict[str, Any], **members: Any) -> Rehearsal:
    return Rehearsal(msgspec.convert({"scenes": scenes, **members}, Script))


def body(*turns: str | Turn, **members: Any) -> bytes:
    said = tuple(UserTurn(turn) if isinstance(turn, str) else turn for turn in turns)
    return encode("rehearsal", ModelRequest(model_id="rehearsal", turns=said, **members)).body


def returned(*texts: str, is_error: bool = False) -> tuple[AssistantTurn, ToolTurn]:
    returns = tuple(ToolReturn(id=text, text=text, is_error=is_error) for text in texts)
    return AssistantTurn(text=""), ToolTurn(returns)


def reply(model: Rehearsal, sent: bytes, failures: int = 0) -> list[Step]:
    return list(model.reply(sent, failures=failures))


def text_of(steps: list[Step]) -> str:
    return "".join(step.event.text for step in steps if isinstance(step.event, TextDelta))


def calls_of(steps: list[Step]) -> list[tuple[str, Any]]:
    made = [step.event for step in steps if isinstance(step.event, CallMade)]
    return [(call.name, msgspec.json.decode(call.args)) for call in made]


def end_of(steps: list[Step]) -> Ended | Failed:
    *_, last = steps
    assert isinstance(last.event, Ended | Failed)
    return last.event


def test_a_scene_is_played_to_its_end() -> None:
    model = rehearsal(LAMP)
    message = "Turn ON the desk lamp!"
    first = reply(model, body(message))
    thought = [step.event.text for step in first if isinstance(step.event, ThinkingDelta)]
    assert thought == ["They", " want", " it", " ON."]
    assert text_of(first) == "One moment."
    assert calls_of(first) == [("ha_ON", {"entity": "light.desk"})]
    assert end_of(first) == Ended(stop=Stop.TOOLS)
    second = reply(model, body(message, *returned("on")))
    assert text_of(second) == "And the fan: on"
    assert calls_of(second) == [("fan", {}), ("fan", {})]
    third = reply(model, body(message, *returned("on"), *returned("a", "b")))
    assert text_of(third) == "Done: a\nb"
    assert end_of(third) == Ended(stop=Stop.END)
    beyond = reply(model, body(message, *returned("on"), *returned("a"), *returned("odd")))
    assert text_of(beyond) == "A tool answered: odd"


def test_a_tool_without_a_result_has_its_own_words() -> None:
    denied = returned("denied", is_error=True)
    model = rehearsal(LAMP)
    message = "turn on the desk lamp"
    assert text_of(reply(model, body(message, *denied))) == "And the fan: denied"
    assert text_of(reply(model, body(message, *returned("on"), *denied))) == "Alas, denied"


def test_ids_of_calls_differ_within_a_reply_and_from_request_to_request() -> None:
    model = rehearsal(LAMP)
    message = "turn on the desk lamp"
    bodies = [body(message), body(message, *returned("on")), body(message, *returned("off"))]
    made = [step.event for each in bodies for step in reply(model, each)]
    ids = [event.id for event in made if isinstance(event, CallMade)]
    assert len(set(ids)) == len(ids) == 5


def test_the_first_scene_that_fits_is_played_and_the_others_come_in_order() -> None:
    model = rehearsal(
        {"say": "first"},
        {"when": "hello*", "say": "hi to you: {text}"},
        {"when": "hello you", "say": "never"},
        {"say": "second"},
    )

    def said(*messages: str) -> str:
        return text_of(reply(model, body(*messages)))

    assert said("a") == "first"
    assert said("hello you") == "hi to you: hello you"
    assert said("hello", "a") == "first"
    assert said("a", "hello", "b") == "second"
    assert said("a", "b", "c") == "You said: c"


def test_of_a_very_long_message_the_beginning_is_compared() -> None:
    model = rehearsal({"when": "tell*", "say": "told"}, {"when": "*end", "say": "ended"})
    assert text_of(reply(model, body("tell " + "x" * 100_000))) == "told"
    assert text_of(reply(model, body("x" * 100_000 + "end"), failures=0)).startswith("You said")


@pytest.mark.parametrize(
    ("trouble", "failure"),
    [
        ({"kind": "truncated"}, Failure.TRUNCATED),
        ({"kind": "retryable", "retry_after_s": 3, "message": "busy"}, Failure.RETRYABLE),
        ({"kind": "fatal", "times": "always"}, Failure.FATAL),
        ({"kind": "stall", "after": 1}, Failure.TRUNCATED),
    ],
)
def test_what_is_to_go_wrong_goes_wrong(trouble: dict[str, Any], failure: Failure) -> None:
    scene = {"think": "a b", "say": "c d", "call": {"tool": "x"}, "fail": trouble}
    for after in range(6):
        model = rehearsal({**scene, "fail": {**trouble, "after": after}})
        steps = reply(model, body("go"))
        words = sum(isinstance(each.event, TextDelta | ThinkingDelta) for each in steps)
        assert words == min(after, 4)
        assert calls_of(steps) == []
        assert end_of(steps) == Failed(
            failure=failure,
            message=trouble.get("message", "rehearsed"),
            retry_after_s=trouble.get("retry_after_s"),
        )
        assert (steps[-1].pause_ms is None) is (trouble["kind"] == "stall")


def test_trouble_passes_after_as_many_times_as_it_says() -> None:
    def ends(times: int | str, failures: int) -> str:
        model = rehearsal({"say": "fine", "fail": {"kind": "retryable", "times": times}})
        steps = reply(model, body("go"), failures=failures)
        return text_of(steps) if isinstance(end_of(steps), Ended) else "failed"

    assert [ends(1, count) for count in range(3)] == ["failed", "fine", "fine"]
    assert [ends(2, count) for count in range(3)] == ["failed", "failed", "fine"]
    assert ends("always", 1_000) == "failed"


def test_after_nothing_but_trouble_it_answers_as_without_a_script() -> None:
    model = rehearsal({"fail": {"kind": "truncated"}})
    assert text_of(reply(model, body("x", "hello"))).startswith("You said")
    model = rehearsal({"when": "hello", "fail": {"kind": "truncated"}})
    assert text_of(reply(model, body("x", "hello"), failures=1)) == "You said: hello"


def test_pauses_are_those_of_the_scene_or_of_the_script() -> None:
    model = rehearsal({"say": "a b"}, {"say": "c d", "pause_ms": 0}, pause_ms=7)
    words = [step for step in reply(model, body("x")) if isinstance(step.event, TextDelta)]
    assert [step.pause_ms for step in words] == [7, 7]
    words = [step for step in reply(model, body("x", "y")) if isinstance(step.event, TextDelta)]
    assert [step.pause_ms for step in words] == [0, 0]


def test_usage_is_a_quarter_of_the_bytes_of_what_is_sent_and_said() -> None:
    model = rehearsal({"think": "12345", "say": "123456789"})
    sent = body("x")
    seen = [each.event.usage for each in reply(model, sent) if isinstance(each.event, UsageSeen)]
    size = tokens(len(sent))
    assert size * 4 - 3 <= len(sent) <= size * 4
    assert seen == [Usage(input=size), Usage(input=size, output=4, thinking=2)]


def test_it_writes_no_more_than_it_may() -> None:
    model = rehearsal({"say": "one two three", "call": {"tool": "x"}})
    steps = reply(model, body("x", max_tokens=2))
    assert text_of(steps) == "one two"
    assert calls_of(steps) == []
    assert end_of(steps) == Ended(stop=Stop.MAX_TOKENS)
    whole = rehearsal({"say": "one two three", "call": {"tool": "x", "args": {"a": "b" * 30}}})
    assert end_of(reply(whole, body("x", max_tokens=10))) == Ended(stop=Stop.MAX_TOKENS)
    assert end_of(reply(whole, body("x", max_tokens=14))) == Ended(stop=Stop.TOOLS)
    cut = rehearsal({"say": "one two three", "fail": {"kind": "fatal", "after": 3}})
    assert end_of(reply(cut, body("x", max_tokens=2))) == Ended(stop=Stop.MAX_TOKENS)


@quick
@given(st.text())
def test_it_says_a_text_whole_in_pieces_that_are_not_empty(text: str) -> None:
    model = Rehearsal(Script())
    steps = reply(model, body("before", f"tell: {text}", max_tokens=100_000))
    pieces = [step.event.text for step in steps if isinstance(step.event, TextDelta)]
    assert all(pieces)
    assert all(len(piece.strip()) <= PIECE_CHARS_MAX for piece in pieces)
    if pieces[:2] == ["You", " said:"]:
        assert "".join(pieces) == f"You said: tell: {text}"


@quick
@given(st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_it_does_the_same_every_time_and_ends_once(messages: list[str]) -> None:
    model = rehearsal(LAMP, {"say": "hi"})
    steps = reply(model, body(*messages))
    assert reply(rehearsal(LAMP, {"say": "hi"}), body(*messages)) == steps
    assert [isinstance(each.event, Ended | Failed) for each in steps].count(True) == 1
    assert not any(isinstance(one.event, Ended) for one, _ in pairwise(steps))


def test_of_an_answer_only_what_is_heard_is_made() -> None:
    steps = rehearsal().reply(body("x" * 100_000))
    assert [type(next(steps).event) for _ in range(3)] == [UsageSeen, TextDelta, TextDelta]
