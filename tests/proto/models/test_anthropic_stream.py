"""What Anthropic streams, told as our events."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.models.requests import asked, use
from tests.vectors.anthropic_streams import (
    END,
    FIRST,
    STREAMS,
    begun,
    grown,
    start,
    stopped,
    text,
    tool,
)

from agentgate_proto.models.answer import (
    ANSWER_CHARS_MAX,
    BLOCKS_MAX,
    CALLS_MAX,
    MODEL_ID_CHARS_MAX,
)
from agentgate_proto.models.anthropic import encode
from agentgate_proto.models.anthropic_stream import AnthropicStream
from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    TextDelta,
)
from agentgate_proto.models.request import AssistantTurn, UserTurn


def told(stream: AnthropicStream, data: list[dict[str, Any]]) -> list[ModelEvent]:
    """All that a stream of these events says."""
    events: list[ModelEvent] = []
    for one in data:
        name = one.get("type", "message")
        events += stream.receive_event(name, msgspec.json.encode(one).decode())
    return events + stream.receive_eof()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_says(name: str) -> None:
    data, expected = STREAMS[name]
    assert told(AnthropicStream(), data) == expected


@pytest.mark.parametrize("name", STREAMS)
def test_wherever_it_is_cut_there_is_one_last_word_and_it_is_no_end(name: str) -> None:
    data, _ = STREAMS[name]
    for count in range(len(data)):
        stream = AnthropicStream()
        events = told(stream, data[:count])
        last = [event for event in events if isinstance(event, Ended | Failed)]
        assert last == events[-1:]
        assert isinstance(last[0], Ended) == (END in data[:count])
        assert stream.is_over
        assert stream.receive_event("message_stop", '{"type":"message_stop"}') == []
        assert stream.receive_eof() == []


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_kept_goes_back_as_it_came(name: str) -> None:
    events = told(AnthropicStream(), STREAMS[name][0])
    ended = events[-1]
    if not isinstance(ended, Ended) or not ended.blocks:
        return
    ids = [one.id for one in events if isinstance(one, CallMade)]
    turn = AssistantTurn(
        text="", calls=tuple(map(use, ids)), backend="anthropic", blocks=ended.blocks
    )
    assert ended.blocks in encode(asked(UserTurn("x"), turn)).body


def test_the_end_is_said_at_once() -> None:
    stream = AnthropicStream()
    for one in (start(), *text(0, "a"), stopped("end_turn")):
        stream.receive_event("", msgspec.json.encode(one).decode())
    assert isinstance(stream.receive_event("message_stop", '{"type":"message_stop"}')[0], Ended)


def test_a_call_is_made_when_its_block_is_closed_and_not_before() -> None:
    stream = AnthropicStream()
    *before, close = (start(), *tool(0, "c1", '{"a":1}'))
    for one in before:
        events = stream.receive_event("", msgspec.json.encode(one).decode())
        assert not any(isinstance(event, CallMade) for event in events)
    assert isinstance(stream.receive_event("", msgspec.json.encode(close).decode())[0], CallMade)


def test_json_may_be_padded_and_the_name_of_an_event_may_be_all_that_says_its_kind() -> None:
    stream = AnthropicStream()
    assert stream.receive_event("message_start", ' {"message":{"model":"m"}}   ') == []
    assert stream.receive_event("message_stop", "{}  ") == [
        Ended(stop=told(AnthropicStream(), [END])[-1].stop, model_id="m")  # type: ignore[union-attr]
    ]


def test_a_flat_error_is_known_by_its_name() -> None:
    data = '{"type":"overloaded_error","message":"Overloaded"}'
    assert AnthropicStream().receive_event("error", data) == [
        Failed(failure=Failure.RETRYABLE, message="overloaded_error: Overloaded")
    ]


@pytest.mark.parametrize(
    "data",
    ["{", "[]", '{"type":7}', '{"type":"message_start","message":7}', "[" * 10_000, "\ud800"],
)
def test_what_can_t_be_read_ends_the_stream(data: str) -> None:
    stream = AnthropicStream()
    (failed,) = stream.receive_event("message", data)
    assert isinstance(failed, Failed)
    assert failed.failure is Failure.RETRYABLE
    assert stream.is_over


def test_an_event_without_data_is_none() -> None:
    assert AnthropicStream().receive_event("message_stop", "") == []


def test_half_a_surrogate_pair_is_a_question_mark() -> None:
    stream = AnthropicStream()
    stream.receive_event("", msgspec.json.encode(begun(0, type="text")).decode())
    data = (
        '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a\\ud83d"}}'
    )
    assert stream.receive_event("", data) == [TextDelta("a?")]


def test_an_answer_has_an_end_whatever_the_vendor_sends() -> None:
    piece = "x" * (ANSWER_CHARS_MAX // 2 + 1)
    delta = grown(0, "text_delta", text=piece)
    for data in (
        [start(), begun(0, type="text"), delta, delta],
        [start(), *(begun(index, type="text") for index in range(BLOCKS_MAX + 1))],
        [start(), *(begun(index, type="tool_use") for index in range(CALLS_MAX + 1))],
        [start(), begun(0, type="tool_use", id=piece, name=piece)],
        [begun(0, type="text"), *[grown(0, "citations_delta")] * BLOCKS_MAX],
    ):
        failed = told(AnthropicStream(), data)[-1]
        assert isinstance(failed, Failed)
        assert failed.failure is Failure.FATAL
        assert "more than" in failed.message


json = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)
kinds = st.sampled_from(
    [
        "text",
        "thinking",
        "tool_use",
        "fallback",
        "text_delta",
        "input_json_delta",
        "citations_delta",
    ]
)
members = st.fixed_dictionaries(
    {"type": kinds | json},
    optional=dict.fromkeys(
        [
            "id",
            "name",
            "input",
            "text",
            "thinking",
            "signature",
            "to",
            "model",
            "partial_json",
            "stop_reason",
        ],
        json,
    ),
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "message_start",
                "content_block_start",
                "content_block_delta",
                "content_block_stop",
                "message_delta",
                "message_stop",
                "error",
                "ping",
            ]
        )
    },
    optional={
        "index": st.integers(0, 2),
        "message": json | members,
        "content_block": members,
        "delta": members,
        "usage": st.dictionaries(
            st.sampled_from(["input_tokens", "output_tokens"]), st.integers(-1, 3), max_size=2
        ),
        "error": json,
    },
)


@given(data=st.lists(events, max_size=8))
def test_whatever_comes_there_is_one_end(data: list[dict[str, Any]]) -> None:
    said = told(AnthropicStream(), data)
    last = [event for event in said if isinstance(event, Ended | Failed)]
    assert last == said[-1:]
    for event in said:
        if isinstance(event, CallMade):
            assert isinstance(msgspec.json.decode(event.args), dict)


def test_what_stands_around_a_text_does_not_count_as_text() -> None:
    stream = AnthropicStream()
    stream.receive_event("", msgspec.json.encode(begun(0, type="text")).decode())
    data = msgspec.json.encode(grown(0, "text_delta", text="a")).decode()
    assert stream.receive_event("", data + " " * ANSWER_CHARS_MAX) == [TextDelta("a")]


def test_names_of_models_and_tools_are_cut() -> None:
    events = told(
        AnthropicStream(),
        [
            start("m" * 1_000),
            begun(0, type="fallback", to={"model": "n" * 1_000}),
            begun(1, type="tool_use", name="t" * 1_000),
            END,
        ],
    )
    last = events[-1]
    assert isinstance(last, Ended)
    assert last.model_id == "n" * MODEL_ID_CHARS_MAX
    assert all(len(event.text) < 600 for event in events if isinstance(event, Noted))


def test_odd_usage_costs_no_answer() -> None:
    odd = {"type": "message_delta", "usage": {"output_tokens": "many"}}
    assert isinstance(told(AnthropicStream(), [start(), odd, END])[-1], Ended)


def test_the_first_usage_is_what_the_message_begins_with() -> None:
    assert told(AnthropicStream(), [start()])[0] == FIRST
