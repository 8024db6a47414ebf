"""What a client of AG-UI sends."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.faces.agui.run_input import EDITED, Wanted, read_input
from agentgate_proto.faces.client_messages import Misfit, Spoken
from agentgate_proto.models.request import AssistantTurn, ToolReturn, ToolSpec, ToolTurn, UserTurn
from agentgate_proto.rpc.messages import DecideApproval

HI = {"id": "u1", "role": "user", "content": "hi"}


def read(*messages: Any, **members: Any) -> Wanted:
    body = {"threadId": "t", "runId": "r", "messages": messages, **members}
    return read_input(json.dumps(body).encode())


def answer(**entry: Any) -> Wanted:
    return read(HI, resume=[{"interruptId": "a1", "status": "resolved", **entry}])


def test_a_small_request() -> None:
    found = read(HI)
    assert (found.thread, found.run, found.model) == ("t", "r", "")
    assert found.said == Spoken(system="", past=(), text="hi")
    assert read(HI, tools=None, context=None, resume=None, state=None).said == found.said


def test_a_large_request() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    found = read(
        {"id": "s", "role": "system", "content": "Be good."},
        HI,
        {"id": "x", "role": "reasoning", "content": "hm"},
        {"id": "y", "role": "activity", "activityType": "plan", "content": {"a": 1}},
        {"id": "a", "role": "assistant", "toolCalls": [call]},
        {"id": "b", "role": "tool", "toolCallId": "c1", "content": "part", "error": "no"},
        {"id": "c", "role": "assistant", "content": {"odd": 1}},
        {"id": "d", "role": "user", "content": [{"type": "text", "text": "and now?"}]},
        tools=[{"name": "look", "description": "Look.", "parameters": {"type": "object"}}],
        context=[{"description": "page", "value": "/home"}],
        forwardedProps={"model": "m"},
        state={"a": 1},
    )
    assert found.said is not None
    assert found.said.system == "page: /home\n\nBe good."
    assert found.said.past[0] == UserTurn("hi")
    returned = ToolReturn(id="c1", text="no\npart", is_error=True)
    assert found.said.past[2:] == (ToolTurn((returned,)), AssistantTurn(text=""))
    assert (found.said.text, found.model) == ("and now?", "m")
    schema = {"type": "object"}
    assert found.tools == (ToolSpec(name="look", description="Look.", schema=schema),)


def test_a_tool_without_a_schema_takes_anything() -> None:
    assert read(HI, tools=[{"name": "look", "parameters": "odd"}]).tools[0].schema == {}


def test_with_nothing_new_the_client_wants_to_see_what_is_under_way() -> None:
    assert read().said is None
    assert read(HI, {"id": "a", "role": "assistant", "content": "hello"}).said is None


def test_a_message_has_a_name_for_each_run() -> None:
    assert read(HI).message_id == read(HI).message_id
    assert read(HI).message_id != read(HI, runId="other").message_id
    nameless = {"role": "user", "content": "hi"}
    assert read(nameless).message_id == read(nameless).message_id
    assert read(nameless).message_id != read({**nameless, "content": "ho"}).message_id


@pytest.mark.parametrize("props", [None, [], {"model": 1}, {"model": "x" * 300}])
def test_what_is_forwarded_may_be_anything(props: Any) -> None:
    assert read(HI, forwardedProps=props).model == ""


@pytest.mark.parametrize(
    ("entry", "decision"),
    [
        ({"payload": {"approved": True}}, DecideApproval(id="a1", decision="approve")),
        ({"payload": {"approved": False, "code": "1"}}, DecideApproval(id="a1", decision="deny")),
        ({"status": "cancelled"}, DecideApproval(id="a1", decision="deny")),
        (
            {"payload": {"approved": True, "code": "123456", "editedArgs": None}},
            DecideApproval(id="a1", decision="approve", code="123456"),
        ),
    ],
)
def test_resume_is_a_person_s_answer(entry: dict[str, Any], decision: DecideApproval) -> None:
    found = answer(**entry)
    assert (found.said, found.decisions) == (None, (decision,))


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, '"approved"'),
        ({"approved": "yes"}, '"approved"'),
        *(({"approved": True, name: {"a": 1}}, "can't be edited") for name in EDITED),
        ({"approved": True, "code": 5}, "does not fit"),
    ],
)
def test_what_is_no_yes_and_no_no_is_refused(payload: Any, words: str) -> None:
    with pytest.raises(Misfit, match=words):
        answer(payload=payload)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"threadId": ""}, "threadId"),
        ({"threadId": "x" * 201}, "threadId"),
        ({"runId": 1}, "no RunAgentInput"),
        ({"resume": [{"interruptId": "a", "status": "odd"}]}, "no RunAgentInput"),
        ({"tools": [{"name": "look there"}]}, "letters, digits"),
    ],
)
def test_what_does_not_fit_is_refused(members: dict[str, Any], words: str) -> None:
    with pytest.raises(Misfit, match=words):
        read(HI, **members)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    with pytest.raises(Misfit, match="nested"):
        read(HI, forwardedProps=deep)
    with pytest.raises(Misfit, match="no JSON"):
        read_input(b"{")


@given(st.binary() | st.from_regex(rb'\{"threadId": "t", "runId": "r", ?.{0,40}\}'))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with suppress(Misfit):
        assert read_input(body).thread
