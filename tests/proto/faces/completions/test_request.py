"""Requests for chat completions."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.client_messages import Misfit
from agentgate_proto.faces.completions.request import REFUSED, Wanted, read_request
from agentgate_proto.models.request import AssistantTurn, ToolReturn, ToolSpec, ToolTurn, UserTurn
from agentgate_proto.wire.headers import Headers

HI = {"role": "user", "content": "hi"}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def read(*messages: Any, headers: dict[str, str] | None = None, **members: Any) -> Wanted:
    body = {"messages": messages or [HI], **members}
    return read_request(json.dumps(body).encode(), Headers((headers or {}).items()))


def test_a_small_request() -> None:
    found = read()
    assert (found.said.text, found.model, found.key, found.is_stream) == ("hi", "", "", False)
    assert (found.tools, found.params, found.max_tokens, found.is_retry) == ((), {}, 0, False)


def test_a_large_request() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    found = read(
        {"role": "developer", "content": [{"type": "text", "text": "Be good."}]},
        HI,
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "user", "content": "why?"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "dark"},
        model="m",
        stream=True,
        stream_options={"include_usage": True},
        max_tokens=5,
        max_completion_tokens=7,
        tools=[LOOK],
        tool_choice="auto",
        temperature=0.5,
        n=1,
        logprobs=False,
        modalities=["text"],
        user="u",
        whatever={"a": 1},
    )
    assert found.said.system == "Be good."
    assert found.said.past[:3] == (UserTurn("hi"), AssistantTurn(text="no"), UserTurn("why?"))
    assert found.said.past[-1] == ToolTurn((ToolReturn(id="c1", text="dark"),))
    assert (found.said.text, found.model, found.max_tokens) == ("", "m", 7)
    assert (found.is_stream, found.has_usage) == (True, True)
    assert found.tools == (ToolSpec(name="look", description="", schema={"type": "object"}),)
    assert found.params == {"temperature": 0.5}


def test_a_choice_that_forces_a_tool_is_passed_and_none_takes_them_away() -> None:
    assert read(tools=[LOOK], tool_choice="required").params == {"tool_choice": "required"}
    off = read(tools=[LOOK], tool_choice="none")
    assert (off.tools, off.params) == ((), {})


def test_headers_say_which_conversation_it_is() -> None:
    assert read(headers={"x-session-id": "s"}).key == "s"
    both = {"x-session-id": "{{CHAT_ID}}", "x-openwebui-chat-id": "c"}
    assert read(headers=both).key == "c"
    side = read(headers={**both, "x-task": "title_generation"})
    assert (side.key, side.is_side) == ("", True)
    with pytest.raises(Misfit, match="200 characters"):
        read(headers={"x-session-id": "x" * 201})


def test_a_request_that_comes_again_has_the_same_name() -> None:
    once, again = read(), read(headers={"x-stainless-retry-count": "1"})
    assert once.message_id == again.message_id
    assert (once.is_retry, again.is_retry) == (False, True)
    assert not read(headers={"x-stainless-retry-count": "0"}).is_retry
    keyed = read(headers={"idempotency-key": "k"})
    assert keyed.is_retry
    assert keyed.message_id != once.message_id
    assert read({"role": "user", "content": "ho"}).message_id != once.message_id


@pytest.mark.parametrize(
    ("members", "param", "words"),
    [
        *(({name: {"a": 1}}, name, "is not taken") for name in REFUSED),
        ({"n": 2}, "n", "one answer"),
        ({"modalities": ["text", "audio"]}, "modalities", "in text"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools", "tools are functions"),
        ({"tools": [{"type": "function"}]}, "tools", "tools are functions"),
        ({"tools": [LOOK, LOOK]}, "tools", "the same name"),
        ({"max_tokens": 0}, "max_tokens", "does not fit"),
        ({"model": 1}, "model", "does not fit"),
        ({"messages": []}, "messages", "does not fit"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages", "does not fit"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages", "tool_call_id"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages", "no role 'function'"),
        ({"messages": None}, "messages", "does not fit"),
    ],
)
def test_what_would_be_answered_otherwise_than_meant_is_refused(
    members: dict[str, Any], param: str, words: str
) -> None:
    with pytest.raises(Misfit, match=words) as caught:
        read(**members)
    assert caught.value.param == param


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(Misfit, match="nested"):
        read(response_format=deep)
    with pytest.raises(Misfit, match="no JSON"):
        read_request(b'{"whatever":' + b"[" * 100_000, Headers(()))


@given(st.binary() | st.from_regex(rb'\{"messages": ?\[.{0,40}\]\}'))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with suppress(Misfit):
        assert read_request(body, Headers(())).said
