"""What is said with a command: lines in any pieces, many answers at once, and what goes wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import cuts, quick

from agentgate_proto.models import answer, process
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.models.process import Noise, ProcessTalk, Said
from agentgate_proto.records.usage import Usage


def line(request_id: str = "1", **members: Any) -> bytes:
    return msgspec.json.encode({"id": request_id, **members}) + b"\n"


def talk(*ids: str) -> ProcessTalk:
    made = ProcessTalk()
    for request_id in ids or ("1",):
        made.ask(request_id, b"{}")
    return made


def events(said: list[Said | Noise] | list[Said]) -> list[ModelEvent]:
    return [each.event for each in said if isinstance(each, Said)]


def heard(data: bytes) -> list[ModelEvent]:
    return events(talk().receive_data(data))


def test_a_request_and_its_cancellation_are_a_line_each() -> None:
    some = ProcessTalk()
    assert some.ask("7", b'{"model":"m"}') == b'{"id":"7","request":{"model":"m"}}\n'
    assert some.under_way == 1
    assert some.cancel("7") == b'{"id":"7","cancel":true}\n'
    assert some.cancel("7") == b""
    assert some.under_way == 0


ANSWER = (
    line(type="thinking", text="hm")
    + line(type="text", text="Hel")
    + b"\n"
    + line(type="text", text="lö")
    + line(type="text", text="")
    + line(type="note", text="by  hand")
    + line(type="tool_call", call="c1", name="lamp", args={"on": True})
    + line(type="tool_call", name="clock")
    + line(type="usage", input=12, output=3, thinking=1, cache_read=2, is_estimate=True)
    + line(type="end", model="m-2", blocks=[{"a": 1}])
)
EVENTS = [
    ThinkingDelta("hm"),
    TextDelta("Hel"),
    TextDelta("lö"),
    Noted("by hand"),
    CallMade(id="c1", name="lamp", args=msgspec.Raw(b'{"on":true}')),
    CallMade(id="", name="clock", args=msgspec.Raw(b"{}")),
    UsageSeen(Usage(input=12, output=3, thinking=1, cache_read=2, is_estimate=True)),
    Ended(stop=Stop.TOOLS, blocks=b'[{"a":1}]', model_id="m-2"),
]


def test_an_answer_is_the_same_in_whatever_pieces_it_comes() -> None:
    for pieces in cuts(ANSWER):
        some = talk()
        found = [event for piece in pieces for event in events(some.receive_data(piece))]
        assert found == EVENTS
        assert (some.problem, some.under_way) == ("", 0)


def test_several_answers_come_in_any_order_and_what_is_over_is_not_heard() -> None:
    some = talk("1", "2", "3")
    some.cancel("3")
    said = some.receive_data(
        line("2", type="text", text="b")
        + line("1", type="text", text="a")
        + line("3", type="text", text="c")
        + line("4", type="text", text="d")
        + line("2", type="end")
        + line("2", type="text", text="late")
        + line("1", type="end")
    )
    assert said == [
        Said("2", TextDelta("b")),
        Said("1", TextDelta("a")),
        Said("2", Ended(stop=Stop.END)),
        Said("1", Ended(stop=Stop.END)),
    ]


@pytest.mark.parametrize(
    ("stop", "calls", "wanted"),
    [
        ("", 0, Stop.END),
        ("end", 0, Stop.END),
        ("tools", 0, Stop.END),
        ("nobody knows", 0, Stop.END),
        ("end", 1, Stop.TOOLS),
        ("", 1, Stop.TOOLS),
        ("max_tokens", 1, Stop.MAX_TOKENS),
        ("refusal", 0, Stop.REFUSAL),
    ],
)
def test_why_it_stopped(stop: str, calls: int, wanted: Stop) -> None:
    data = line(type="tool_call", name="a") * calls + line(type="end", stop=stop)
    assert heard(data)[-1] == Ended(stop=wanted)


@pytest.mark.parametrize(
    ("members", "failed"),
    [
        ({}, Failed(failure=Failure.FATAL, message="no  way")),
        ({"retryable": True}, Failed(failure=Failure.RETRYABLE, message="no  way")),
        (
            {"retryable": True, "retry_after_s": 2},
            Failed(failure=Failure.RETRYABLE, message="no  way", retry_after_s=2.0),
        ),
    ],
)
def test_an_error_is_a_failure_and_nothing_follows(members: dict[str, Any], failed: Failed) -> None:
    data = line(type="error", message="no  way", **members) + line(type="text", text="x")
    assert heard(data) == [msgspec.structs.replace(failed, message="no way")]


def test_arguments_that_are_no_object_are_told_as_a_problem() -> None:
    (made,) = heard(line(type="tool_call", name="a", args=[1]))
    assert made == CallMade(
        id="", name="a", args=msgspec.Raw(b"{}"), problem="its arguments are no object"
    )


def test_a_line_that_is_no_message_is_noted() -> None:
    some = talk()
    said = some.receive_data(b"Loading  \xff model\r\n[1]\n\n" + line(type="text", text="x"))
    assert said == [Noise("Loading � model"), Noise("[1]"), Said("1", TextDelta("x"))]
    (noise,) = some.receive_data(b"x" * 10_000 + b"\n")
    assert isinstance(noise, Noise)
    assert len(noise.text) == process.NOISE_CHARS_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"{\n",
        b'{"id":"1"}\n',
        b'{"id":1,"type":"text","text":"x"}\n',
        b'{"id":"1","type":"song","text":"x"}\n',
        b'{"id":"1","type":"text"}\n',
        b'{"id":"1","type":"text","text":"\xff"}\n',
        b'{"id":"1","type":"tool_call","name":"a","args":{"b":"\xff"}}\n',
        b'{"id":"1","type":"usage","input":-1}\n',
        b'{"id":"1","type":"error","message":"x","retry_after_s":-1}\n',
        b'{"id":"1","type":"end","blocks":' + b"[" * 100_000 + b"}\n",
    ],
    ids=range(10),
)
def test_a_message_that_can_t_be_read_ends_the_talk(data: bytes) -> None:
    some = talk("1", "2")
    first = some.receive_data(line("2", type="text", text="x"))
    assert events(first) == [TextDelta("x")]
    failed = events(some.receive_data(data + line("1", type="end")))
    assert some.problem.startswith("it wrote a line that can't be read: ")
    message = f"the command broke off: {some.problem}"
    assert failed == [
        Failed(failure=Failure.RETRYABLE, message=message),
        Failed(failure=Failure.TRUNCATED, message=message),
    ]
    assert some.receive_data(line("1", type="end")) == []
    assert some.receive_eof("gone") == []


@pytest.mark.parametrize(
    ("blocks", "problem"),
    [
        (b"[" * 65 + b"]" * 65, "its blocks are nested more than 64 levels deep"),
        (b"[" * 900 + b"]" * 900, "its blocks are nested more than 64 levels deep"),
        (b"[1e999" + b",[]" * 65 + b"]", "Number out of range"),
    ],
)
def test_blocks_that_nobody_could_read_again_fail_their_answer(blocks: bytes, problem: str) -> None:
    (failed,) = heard(b'{"id":"1","type":"end","blocks":%b}\n' % blocks)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.FATAL
    assert failed.message.startswith(problem)


def test_usage_beyond_all_bounds_is_the_most_there_is() -> None:
    (seen,) = heard(line(type="usage", input=10**30, output=2**53))
    assert seen == UsageSeen(Usage(input=answer.TOKENS_MAX, output=answer.TOKENS_MAX))


def test_the_end_of_the_command_is_a_cut_for_who_was_told_something() -> None:
    some = talk("1", "2", "3")
    some.receive_data(
        line("1", type="text", text="x")
        + line("2", type="usage", input=1)
        + line("2", type="note", text="n")
        + line("3", type="end")
        + b'{"id":"2","type":"end"}'
    )
    assert some.receive_eof("it exited") == [
        Said("1", Failed(failure=Failure.TRUNCATED, message="the command broke off: it exited")),
        Said("2", Failed(failure=Failure.RETRYABLE, message="the command broke off: it exited")),
    ]


def test_a_call_was_told_as_well() -> None:
    some = talk()
    some.receive_data(line(type="tool_call", name="a"))
    (said,) = some.receive_eof("gone")
    assert isinstance(said.event, Failed)
    assert said.event.failure is Failure.TRUNCATED


@pytest.mark.parametrize("ends", [True, False])
def test_a_line_has_a_longest_length(monkeypatch: pytest.MonkeyPatch, ends: bool) -> None:
    monkeypatch.setattr(process, "LINE_BYTES_MAX", 60)
    some = talk()
    assert events(some.receive_data(line(type="text", text="x" * 20))) == [TextDelta("x" * 20)]
    (failed,) = events(some.receive_data(b"{" + b" " * 60 + b"\n" * ends))
    assert isinstance(failed, Failed)
    assert some.problem == "it wrote a line of more than 60 bytes"


def test_an_answer_has_a_longest_length_and_only_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "ANSWER_CHARS_MAX", 10)
    monkeypatch.setattr(process, "LINES_MAX", 3)
    for data in (
        line(type="text", text="x" * 11),
        line(type="thinking", text="x" * 11),
        line(type="note", text="x" * 11),
        line(type="tool_call", call="x", name="y", args={"a": "bb"}),
        line(type="end", blocks="x" * 9),
        line(type="text", text="") * 4,
    ):
        some = talk("1", "2")
        (failed,) = events(some.receive_data(data))
        assert isinstance(failed, Failed)
        assert failed.failure is Failure.FATAL
        assert failed.message.startswith("the answer has more than ")
        assert (some.problem, some.under_way) == ("", 1)


def test_the_name_of_a_model_is_not_longer_than_names_are() -> None:
    (ended,) = heard(line(type="end", model="m" * 1_000))
    assert isinstance(ended, Ended)
    assert len(ended.model_id) == process.MODEL_ID_CHARS_MAX


@quick
@given(st.lists(st.binary(max_size=30) | st.just(ANSWER[:40]) | st.just(b"\n"), max_size=8))
def test_whatever_a_command_writes_it_is_understood_or_over(pieces: list[bytes]) -> None:
    some = talk()
    for piece in pieces:
        for event in events(some.receive_data(piece)):
            assert isinstance(event, Failed | ThinkingDelta)
    assert (some.under_way == 0) is bool(some.problem)
