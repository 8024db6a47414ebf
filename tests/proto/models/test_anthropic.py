"""Requests in Anthropic's form."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.models.requests import asked, said, sections, use

from agentgate_proto.models.anthropic import counting, encode
from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    Turn,
    UserTurn,
)

CACHED = {"type": "ephemeral"}


def test_a_whole_request() -> None:
    tools = tuple(
        ToolSpec(name=name, description="d", schema={"properties": {}}) for name in ("b", "a")
    )
    encoded = encode(
        asked(
            UserTurn("hi"),
            AssistantTurn(text="well", calls=(use("c1", b'{"x": 1}', "a"),)),
            ToolTurn((ToolReturn(id="c1", text="no", is_error=True),)),
            UserTurn("go on"),
            model_id="claude-x",
            system_prompt="Be kind.",
            memory="It rains.",
            skills="You can sew.",
            tools=tools,
            max_tokens=100,
        )
    )
    schema = {"type": "object", "properties": {}}
    assert said(encoded) == {
        "model": "claude-x",
        "max_tokens": 100,
        "stream": True,
        "cache_control": CACHED,
        "tools": [
            {"name": "a", "description": "d", "input_schema": schema},
            {"name": "b", "description": "d", "input_schema": schema, "cache_control": CACHED},
        ],
        "system": [
            {"type": "text", "text": "Be kind."},
            {"type": "text", "text": "It rains."},
            {"type": "text", "text": "You can sew.", "cache_control": CACHED},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "well"},
                    {"type": "tool_use", "id": "c1", "name": "a", "input": {"x": 1}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "no", "is_error": True},
                    {"type": "text", "text": "go on"},
                ],
            },
        ],
    }
    parts = sections(encoded)
    assert list(parts) == ["tools", "system_prompt", "memory", "skills", "history"]
    assert parts["memory"] == b'{"type":"text","text":"It rains."}'
    assert msgspec.json.decode(b"[" + parts["tools"] + b"]") == said(encoded)["tools"]
    assert msgspec.json.decode(b"[" + parts["history"] + b"]") == said(encoded)["messages"]


def test_what_is_empty_is_left_out() -> None:
    encoded = encode(asked(UserTurn("hi"), memory=" \n"))
    assert said(encoded).keys() == {"model", "max_tokens", "stream", "cache_control", "messages"}
    assert list(sections(encoded)) == ["history"]


def test_parameters_that_the_api_refuses_or_that_cost_are_dropped_and_named() -> None:
    params = {
        "temperature": 1,
        "top_p": 1,
        "top_k": 1,
        "service_tier": "auto",
        "thinking": {"a": 1},
    }
    encoded = encode(asked(UserTurn("x"), params=params))
    assert encoded.dropped == ("service_tier", "temperature", "top_k", "top_p")
    assert said(encoded)["thinking"] == {"a": 1}


@pytest.mark.parametrize("stop", ["end", ["end"]])
def test_stop_is_what_others_call_stop_sequences(stop: str | list[str]) -> None:
    encoded = encode(asked(UserTurn("x"), params={"stop": stop}))
    assert said(encoded)["stop_sequences"] == ["end"]
    assert encoded.dropped == ()


def test_of_both_names_its_own_counts() -> None:
    encoded = encode(asked(UserTurn("x"), params={"stop": "a", "stop_sequences": ["b"]}))
    assert said(encoded)["stop_sequences"] == ["b"]
    assert encoded.dropped == ("stop",)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "t"}}, {"type": "tool", "name": "t"}),
        ({"type": "tool", "name": "t"}, {"type": "tool", "name": "t"}),
    ],
)
def test_a_choice_of_tools_may_be_said_in_the_form_of_others(choice: Any, sent: Any) -> None:
    tool = ToolSpec(name="t", description="", schema={})
    request = asked(UserTurn("x"), tools=(tool,), params={"tool_choice": choice})
    assert said(encode(request))["tool_choice"] == sent


def test_a_choice_of_tools_goes_only_with_tools() -> None:
    params = {"tool_choice": {"type": "auto"}}
    assert encode(asked(UserTurn("x"), params=params)).dropped == ("tool_choice",)
    tools = (ToolSpec(name="t", description="", schema={}),)
    assert encode(asked(UserTurn("x"), params=params, tools=tools)).dropped == ()


def content(*turns: Turn) -> list[bytes]:
    """The content of each message, byte for byte."""
    decoded = msgspec.json.decode(encode(asked(*turns)).body, type=dict[str, msgspec.Raw])
    several = msgspec.json.decode(decoded["messages"], type=list[dict[str, msgspec.Raw]])
    return [bytes(one["content"]) for one in several]


OWN = b'[{"type":"thinking","thinking":"hm","signature":"s"}, {"type":"text","text":"a\\u0062"}]'


def test_what_the_vendor_said_goes_back_byte_for_byte() -> None:
    turn = AssistantTurn(text="ab", backend="anthropic", blocks=OWN)
    assert content(UserTurn("x"), turn, UserTurn("y"))[1] == OWN


@pytest.mark.parametrize(
    ("backend", "blocks"),
    [("openai", OWN), ("anthropic", b""), ("anthropic", b"[]"), ("", b"")],
)
def test_what_another_said_goes_in_the_neutral_form(backend: str, blocks: bytes) -> None:
    turn = AssistantTurn(text="ab", backend=backend, blocks=blocks)
    assert content(UserTurn("x"), turn)[1] == b'[{"type":"text","text":"ab"}]'


def test_calls_under_other_ids_than_their_results_go_in_the_neutral_form() -> None:
    blocks = b'[{"type":"tool_use","id":"twice","name":"t","input":{}}]'
    same = AssistantTurn(text="", calls=(use("twice"),), backend="anthropic", blocks=blocks)
    renamed = AssistantTurn(text="", calls=(use("twice-2"),), backend="anthropic", blocks=blocks)
    assert content(UserTurn("x"), same)[1] == blocks
    assert content(UserTurn("x"), renamed)[1] == blocks.replace(b"twice", b"twice-2")


def test_an_answer_without_words_or_calls_is_no_message() -> None:
    assert content(UserTurn("a"), AssistantTurn(text="\n"), UserTurn("b")) == [
        b'[{"type":"text","text":"a"},{"type":"text","text":"b"}]'
    ]


def test_a_request_without_any_words_has_no_messages() -> None:
    assert content(UserTurn(" ")) == []


def test_an_id_that_the_vendor_refuses_is_another_one_in_both_places() -> None:
    call, result = content(
        UserTurn("x"),
        AssistantTurn(text="", calls=(use("functions.t:0"),)),
        ToolTurn((ToolReturn(id="functions.t:0", text=""),)),
    )[1:]
    (made,) = msgspec.json.decode(call)
    assert msgspec.json.decode(result) == [{"type": "tool_result", "tool_use_id": made["id"]}]
    assert made["id"].startswith("call_")


def test_ids_of_what_goes_back_as_it_came_stay_as_they_are() -> None:
    blocks = b'[{"type":"tool_use","id":"t:0","name":"t","input":{}}]'
    turn = AssistantTurn(text="", calls=(use("t:0"),), backend="anthropic", blocks=blocks)
    call, result = content(UserTurn("x"), turn, ToolTurn((ToolReturn(id="t:0", text="r"),)))[1:]
    assert call == blocks
    assert msgspec.json.decode(result)[0]["tool_use_id"] == "t:0"
    other = AssistantTurn(text="", calls=(use("t:0"),))
    returned = ToolTurn((ToolReturn(id="t:0", text="r"),))
    turns = (UserTurn("x"), turn, returned, other, returned)
    results = [one for one in content(*turns) if b"tool_result" in one]
    assert [b'"t:0"' in one for one in results] == [True, False]


def test_counting_takes_the_same_bytes_but_what_makes_no_difference() -> None:
    encoded = encode(asked(UserTurn("x"), system_prompt="s", params={"stop": "a", "thinking": {}}))
    members = msgspec.json.decode(counting(encoded.body))
    assert members.keys() == {"model", "cache_control", "thinking", "system", "messages"}
    assert all(members[key] == said(encoded)[key] for key in members)
