"""Requests in the form of OpenAI's chat completions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.models.requests import asked, said, sections, use

from agentgate_proto.models.openai import encode
from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    Turn,
    UserTurn,
)


def test_a_whole_request() -> None:
    tools = tuple(
        ToolSpec(name=name, description="d", schema={"properties": {}}) for name in ("b", "a")
    )
    encoded = encode(
        asked(
            UserTurn("hi"),
            AssistantTurn(text="", calls=(use("c1", b'{"x": "\\u00e9"}', "a"),)),
            ToolTurn((ToolReturn(id="c1", text="no", is_error=True),)),
            AssistantTurn(text="well"),
            UserTurn("go on"),
            model_id="llama",
            system_prompt='Be "kind".',
            memory="It rains.",
            skills="",
            tools=tools,
            max_tokens=100,
        )
    )
    schema = {"type": "object", "properties": {}}
    function = {"name": "a", "arguments": '{"x": "\\u00e9"}'}
    assert said(encoded) == {
        "model": "llama",
        "max_tokens": 100,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": name, "description": "d", "parameters": schema},
            }
            for name in ("a", "b")
        ],
        "messages": [
            {"role": "system", "content": 'Be "kind".\n\nIt rains.'},
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "no"},
            {"role": "assistant", "content": "well"},
            {"role": "user", "content": "go on"},
        ],
    }
    parts = sections(encoded)
    assert list(parts) == ["tools", "system_prompt", "memory", "history"]
    assert parts["system_prompt"] == b'Be \\"kind\\".'
    assert parts["memory"] == b"It rains."
    assert msgspec.json.decode(b"[" + parts["history"] + b"]") == said(encoded)["messages"][1:]


def test_what_is_empty_is_left_out() -> None:
    encoded = encode(asked(system_prompt="s"))
    assert said(encoded)["messages"] == [{"role": "system", "content": "s"}]
    assert list(sections(encoded)) == ["system_prompt"]
    assert said(encode(asked(UserTurn("x"), AssistantTurn(text=""))))["messages"] == [
        {"role": "user", "content": "x"}
    ]


@pytest.mark.parametrize(
    ("model_id", "member"),
    [
        ("gpt-4.1", "max_completion_tokens"),
        ("openai/gpt-5", "max_completion_tokens"),
        ("o3-mini", "max_completion_tokens"),
        ("gpt-oss-20b", "max_tokens"),
        ("mistral-small", "max_tokens"),
        ("olmo", "max_tokens"),
    ],
)
def test_only_its_own_models_are_told_the_limit_by_its_new_name(model_id: str, member: str) -> None:
    body = said(encode(asked(UserTurn("x"), model_id=model_id, max_tokens=7)))
    assert {key: body[key] for key in body if key.startswith("max")} == {member: 7}


@pytest.mark.parametrize(
    ("model_id", "dropped"),
    [("gpt-5-mini", True), ("o1", True), ("gpt-4o", False), ("gpt-5-chat", False), ("qwen", False)],
)
def test_models_that_refuse_a_temperature_are_given_none(model_id: str, dropped: bool) -> None:
    encoded = encode(asked(UserTurn("x"), model_id=model_id, params={"temperature": 0, "seed": 1}))
    assert encoded.dropped == (("temperature",) if dropped else ())
    assert said(encoded).get("temperature") == (None if dropped else 0)
    assert said(encoded)["seed"] == 1


def test_parameters_that_would_cost_or_change_the_answer_s_form_are_dropped_and_named() -> None:
    params: dict[str, Any] = {"n": 5, "service_tier": "priority", "stream": False, "messages": []}
    encoded = encode(asked(UserTurn("x"), params=params))
    assert encoded.dropped == ("messages", "n", "service_tier", "stream")
    assert said(encoded)["stream"] is True


def test_a_choice_of_tools_goes_only_with_tools() -> None:
    params = {"tool_choice": "auto", "parallel_tool_calls": False}
    assert encode(asked(UserTurn("x"), params=params)).dropped == tuple(sorted(params))
    tools = (ToolSpec(name="t", description="", schema={}),)
    assert encode(asked(UserTurn("x"), params=params, tools=tools)).dropped == ()


OWN = b'{"role": "assistant","content":"ab","reasoning_content":"hm"}'


def history(*turns: Turn, model_id: str = "m") -> bytes:
    return sections(encode(asked(*turns, model_id=model_id)))["history"]


def test_what_the_server_said_goes_back_byte_for_byte() -> None:
    turn = AssistantTurn(text="ab", backend="openai", blocks=OWN)
    assert OWN in history(UserTurn("x"), turn, UserTurn("y"))


@pytest.mark.parametrize(("backend", "blocks"), [("anthropic", b"[]"), ("openai", b""), ("", b"")])
def test_what_another_said_goes_in_the_neutral_form(backend: str, blocks: bytes) -> None:
    turn = AssistantTurn(text="ab", backend=backend, blocks=blocks)
    assert b'{"role":"assistant","content":"ab"}' in history(UserTurn("x"), turn)


def test_a_model_that_refuses_its_old_thinking_gets_only_that_of_this_question() -> None:
    turn = AssistantTurn(text="ab", backend="openai", blocks=OWN)
    turns = (UserTurn("x"), turn, UserTurn("y"), turn)
    assert history(*turns, model_id="deepseek-reasoner").count(OWN) == 1
    assert history(*turns, model_id="deepseek-v4").count(OWN) == 2


def test_calls_under_other_ids_than_their_results_go_in_the_neutral_form() -> None:
    blocks = b'{"role":"assistant","tool_calls":[{"id":"twice","type":"function","function":{}}]}'
    same = AssistantTurn(text="", calls=(use("twice"),), backend="openai", blocks=blocks)
    renamed = AssistantTurn(text="", calls=(use("twice-2"),), backend="openai", blocks=blocks)
    assert blocks in history(UserTurn("x"), same)
    assert b'"id":"twice-2"' in history(UserTurn("x"), renamed)


def test_an_id_that_is_too_long_is_another_one_in_both_places() -> None:
    long = "c" * 41
    call, result = said(
        encode(
            asked(
                AssistantTurn(text="", calls=(use(long),)),
                ToolTurn((ToolReturn(id=long, text="r"),)),
            )
        )
    )["messages"]
    assert result["tool_call_id"] == call["tool_calls"][0]["id"]
    assert len(result["tool_call_id"]) <= 40


def test_ids_of_what_goes_back_as_it_came_stay_as_they_are() -> None:
    long = "chatcmpl-tool-" + "0" * 32
    blocks = b'{"role":"assistant","tool_calls":[{"id":"%b"}]}' % long.encode()
    turn = AssistantTurn(text="", calls=(use(long),), backend="openai", blocks=blocks)
    returned = ToolTurn((ToolReturn(id=long, text="r"),))
    assert history(UserTurn("x"), turn, returned).count(long.encode()) == 2
    other = AssistantTurn(text="", calls=(use(long),))
    assert long.encode() not in history(UserTurn("x"), other, returned)


def test_a_model_that_wants_thinking_with_each_answer_gets_an_empty_one() -> None:
    turns = (UserTurn("x"), AssistantTurn(text="a"))
    assert b'"reasoning_content":""' in history(*turns, model_id="deepseek/deepseek-v4-pro")
    assert b"reasoning_content" not in history(*turns, model_id="deepseek-chat")


@pytest.mark.parametrize("model_id", ["mistral-small-latest", "open-mixtral-8x7b", "x/magistral"])
def test_a_strict_model_gets_ids_of_nine_letters_and_the_word_behind_its_tools(
    model_id: str,
) -> None:
    turns = (
        UserTurn("x"),
        AssistantTurn(text="", calls=(use("toolu_01"), use("gSIMJiOkT"))),
        ToolTurn((ToolReturn(id="toolu_01", text="r"), ToolReturn(id="gSIMJiOkT", text="r"))),
        UserTurn("y"),
    )
    messages = said(encode(asked(*turns, model_id=model_id)))["messages"]
    assert [one["role"] for one in messages] == [
        *("user", "assistant", "tool", "tool", "assistant", "user")
    ]
    first, second = (call["id"] for call in messages[1]["tool_calls"])
    assert (len(first), second) == (9, "gSIMJiOkT")
    assert first.isalnum()
    assert [one["tool_call_id"] for one in messages[2:4]] == [first, second]
    others = said(encode(asked(*turns)))["messages"]
    assert [one["role"] for one in others] == ["user", "assistant", "tool", "tool", "user"]
