"""What servers of chat completions stream, told as our events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.models.requests import asked, use
from tests.vectors.openai_streams import DONE, STREAMS, Data, calls, chunk, ended, piece

from agentgate_proto.models.answer import ANSWER_CHARS_MAX, CALLS_MAX
from agentgate_proto.models.events import CallMade, Ended, Failed, Failure, ModelEvent, Stop
from agentgate_proto.models.openai import encode
from agentgate_proto.models.openai_stream import OpenAIStream
from agentgate_proto.models.request import AssistantTurn, UserTurn


def text_of(one: Any) -> str:
    return one if isinstance(one, str) else msgspec.json.encode(one).decode()


def told(stream: OpenAIStream, data: Data) -> list[ModelEvent]:
    """All that a stream of these events says."""
    events: list[ModelEvent] = []
    for one in data:
        events += stream.receive_event("message", text_of(one))
    return events + stream.receive_eof()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says(name: str) -> None:
    data, expected = STREAMS[name]
    assert told(OpenAIStream(), data) == expected


@pytest.mark.parametrize("name", STREAMS)
def test_wherever_it_is_cut_there_is_one_last_word_and_it_is_no_end_before_the_reason(
    name: str,
) -> None:
    data, _ = STREAMS[name]
    for count in range(len(data)):
        stream = OpenAIStream()
        events = told(stream, data[:count])
        last = [event for event in events if isinstance(event, Ended | Failed)]
        assert last == events[-1:]
        has_reason = any('"finish_reason":"' in text_of(one) for one in data[:count])
        assert isinstance(last[0], Ended) == has_reason
        assert stream.is_over
        assert stream.receive_event("message", DONE) == []
        assert stream.receive_eof() == []


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_kept_goes_back_as_it_came(name: str) -> None:
    events = told(OpenAIStream(), STREAMS[name][0])
    last = events[-1]
    if not isinstance(last, Ended) or not last.blocks:
        return
    ids = [one.id for one in events if isinstance(one, CallMade)]
    turn = AssistantTurn(text="", calls=tuple(map(use, ids)), backend="openai", blocks=last.blocks)
    assert last.blocks in encode(asked(UserTurn("x"), turn)).body


def test_no_call_is_made_before_the_end() -> None:
    stream = OpenAIStream()
    for one in (calls(piece("{}", "look", index=0, id="c1")), chunk("tool_calls")):
        assert stream.receive_event("message", text_of(one)) == []
    assert stream.is_stopped
    assert not stream.is_over
    assert stream.receive_event("message", f" {DONE} ")[-1] == ended(Stop.TOOLS)


def test_a_flat_error_is_known_by_its_name() -> None:
    data = '{"type":"rate_limit_error","message":"Slow down"}'
    assert OpenAIStream().receive_event("error", data) == [
        Failed(failure=Failure.RETRYABLE, message="rate_limit_error: Slow down")
    ]


def test_an_error_has_a_number_for_a_code() -> None:
    data = '{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}'
    assert OpenAIStream().receive_event("message", data) == [
        Failed(failure=Failure.FATAL, message="exceed_context_size_error: too long")
    ]


@pytest.mark.parametrize(
    "data", ["{", "[]", '{"model":7}', '{"choices":7}', "[" * 10_000, "\ud800", "done"]
)
def test_what_can_t_be_read_ends_the_stream(data: str) -> None:
    stream = OpenAIStream()
    (failed,) = stream.receive_event("message", data)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.RETRYABLE
    assert stream.is_over


def test_an_event_without_data_is_none() -> None:
    assert OpenAIStream().receive_event("message", "") == []


def test_an_answer_has_an_end_whatever_the_server_sends() -> None:
    long = "x" * (ANSWER_CHARS_MAX // 2 + 1)
    for data in (
        [chunk(content=long), chunk(reasoning_content=long)],
        [calls(piece(long, "look", index=0)), calls(piece(long, index=0))],
        [calls(*(piece("", "look", index=index) for index in range(CALLS_MAX + 1)))],
        [calls(piece("", long, index=0, id=long))],
        [calls(piece("", "look", index=0, extra_content=[long, long]))],
    ):
        failed = told(OpenAIStream(), list(data))[-1]
        assert isinstance(failed, Failed)
        assert failed.failure is Failure.FATAL
        assert "more than" in failed.message


def test_odd_usage_costs_no_answer() -> None:
    odd = {"choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": 1}}
    assert told(OpenAIStream(), [chunk("stop"), odd, DONE]) == [ended(Stop.END)]


json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
texts = st.sampled_from(["", "a", "{}", '{"a"', ":1}", None])
pieces = st.builds(
    lambda arguments, name, members: piece(arguments, name, **members),
    texts,
    st.sampled_from([None, "", "look"]),
    st.fixed_dictionaries(
        {}, optional={"index": st.none() | st.integers(0, 1), "id": st.sampled_from(["", "c", "d"])}
    ),
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": json,
        "reasoning": json,
        "reasoning_content": json,
        "refusal": json,
        "tool_calls": st.none() | st.lists(pieces, max_size=2),
    },
)
chunks = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "delta": st.none() | deltas,
                    "finish_reason": st.sampled_from([None, "", "stop", "length", "tool_calls"]),
                },
            ),
            max_size=2,
        ),
        "usage": st.none() | st.just({"prompt_tokens": 1}),
        "error": json,
    },
)


@given(data=st.lists(chunks | st.just(DONE) | json, max_size=8))
def test_whatever_comes_there_is_one_end(data: list[Any]) -> None:
    said = told(OpenAIStream(), data)
    last = [event for event in said if isinstance(event, Ended | Failed)]
    assert last == said[-1:]
    for event in said:
        if isinstance(event, CallMade):
            assert isinstance(msgspec.json.decode(event.args), dict)
