"""The agentspace face: seed 004's tests as transcripts, and what the seed leaves open."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.stories import (
    ATTACHED,
    MODELS,
    NOW,
    TAKEN,
    VIEW,
    Talk,
    Unwatch,
    ended,
    event,
    started,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.agentspace import PLEASE_WAIT, AgentSpace
from agentgate_proto.faces.conversing import CALLS_MAX, Call
from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.records.session import UsageBy
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    Inspection,
    InspectSession,
    ListSessions,
    RunCancelled,
    SendMessage,
    SessionList,
    StillRunning,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage, UsageLine, UsageReport

RUNNING = StillRunning(call="c1", tool="hang")
START = {
    "type": "chat.stream.start",
    "requestId": "t1",
    "sessionId": "s1",
    "model": "claude-sonnet-4.5",
}


def talk() -> Talk:
    return Talk(AgentSpace("p"))


def chat(**more: Any) -> dict[str, Any]:
    return {"type": "chat.send", "id": "t1", "content": "What is 2+2?", **more}


def streaming() -> Talk:
    """In the midst of an answer."""
    it = talk().receive(chat(sessionId="s1")).answer(TAKEN).answer(ATTACHED).tell(started())
    assert it.sent == [START]
    return it.clear()


# Test 1


def test_a_first_message_begins_a_session_and_streams() -> None:
    it = talk().receive(chat())
    assert it.params() == CreateSession()
    it.answer(VIEW)
    assert it.params() == SendMessage(session="s1", text="What is 2+2?", message_id="p-1")
    it.answer(TAKEN)
    assert it.params() == AttachSession(session="s1", epoch="e", offset=7)
    it.answer(ATTACHED)
    it.tell(event("message", message_id="p-1", text="What is 2+2?"), started())
    it.tell(event("model_started", iteration=1, attempt=1, model_id="x"))
    it.tell(event("text", text="2 + "), event("text", count=2, text="2 equals 4.", cuts=[4]))
    it.tell(event("reply", iteration=1, text="2 + 2 equals 4.", stop="end"), ended())
    assert it.others[0] == Unwatch()
    it.others.pop(0)
    assert it.params() == ListModels()
    it.answer(MODELS)
    assert it.frames == [
        '{"type":"session.created","sessionId":"s1","sessionKey":"agent:default:s1"}',
        '{"type":"chat.stream.start","requestId":"t1","sessionId":"s1","model":"claude-sonnet-4.5"}',
        '{"type":"chat.stream.delta","requestId":"t1","delta":"2 + "}',
        '{"type":"chat.stream.delta","requestId":"t1","delta":"2 equals 4."}',
        (
            '{"type":"chat.stream.end","requestId":"t1",'
            '"usage":{"inputTokens":40,"outputTokens":12,"totalTokens":52},'
            '"cost":{"inputCost":0.00012,"outputCost":0.00018,"totalCost":0.0003}}'
        ),
    ]
    assert not it.others


# Test 2


def test_a_message_of_a_session_goes_there_and_each_has_its_own_id() -> None:
    it = streaming().tell(ended(cost_micros=0)).clear()
    it.receive(chat(id="t2", sessionId="s1", model="other"))
    assert it.params() == SendMessage(
        session="s1", text="What is 2+2?", message_id="p-2", model="other"
    )
    other = talk().receive(chat(model="other"))
    assert other.params() == CreateSession(model="other")


def test_a_message_may_name_itself_so_that_it_joins_its_run() -> None:
    it = talk().receive(chat(sessionId="s1", messageId="mine"))
    assert it.params() == SendMessage(session="s1", text="What is 2+2?", message_id="mine")


def test_no_session_may_be_said_in_three_ways() -> None:
    for none in ({}, {"sessionId": None}, {"sessionId": ""}):
        assert talk().receive(chat(**none)).params() == CreateSession()


# Test 3


def test_a_context_is_inspected() -> None:
    it = talk().receive({"type": "context.inspect", "id": "t4", "sessionId": "s1"})
    assert it.params() == InspectSession(session="s1")
    nothing = Inspection(
        model="m", model_id="i", backend="b", sections=[], envelope_bytes=0, bytes=0, tokens=0
    )
    it.answer(nothing)
    assert it.sent[0]["type"] == "context.inspection"
    assert it.sent[0]["requestId"] == "t4"


# Test 4


def test_usage_is_reported_for_all_sessions_or_for_one() -> None:
    it = talk().receive({"type": "usage.query", "id": "t5"})
    assert it.params() == ReportUsage(by=UsageBy.MODEL)
    total = UsageLine(key="", usage=Usage(), cost_micros=0)
    it.answer(UsageReport(rows=[], total=total))
    assert it.frames == [
        (
            '{"type":"usage.report","requestId":"t5","perModel":{},'
            '"grandTotal":{"totalCost":0.0,"totalTokens":0,"requestCount":0}}'
        )
    ]
    it.receive({"type": "usage.query", "id": "t5", "sessionId": "s1"})
    assert it.params() == ReportUsage(by=UsageBy.MODEL, session="s1")


# Test 5


def test_sessions_are_listed() -> None:
    it = talk().receive({"type": "session.list", "id": "t6"})
    assert it.params() == ListSessions(limit=100)
    it.answer(SessionList(sessions=[VIEW]))
    assert it.frames == [
        (
            '{"type":"session.list","requestId":"t6","sessions":[{"sessionId":"s1",'
            '"sessionKey":"agent:default:s1","model":"claude-sonnet-4.5",'
            '"createdAt":"2026-01-24T08:00:00.123Z","messageCount":2}]}'
        )
    ]
    it.receive({"type": "session.list", "id": "t6", "before": "s1", "limit": 5})
    assert it.params() == ListSessions(before="s1", limit=5)


# Test 6


def test_a_session_that_is_not_there() -> None:
    it = talk().receive(chat(id="t7", content="test", sessionId="nonexistent"))
    it.refuse(ErrorCode.SESSION_NOT_FOUND)
    assert it.frames == [
        (
            '{"type":"error","requestId":"t7","code":"SESSION_NOT_FOUND",'
            '"message":"Session nonexistent not found"}'
        )
    ]
    assert it.receive(chat()).params() == CreateSession()  # nothing is in the way of another


def test_a_page_before_a_session_that_is_not_there() -> None:
    it = talk().receive({"type": "session.list", "id": "t6", "before": "gone"})
    it.refuse(ErrorCode.SESSION_NOT_FOUND)
    assert it.sent[0]["message"] == "Session gone not found"


@pytest.mark.parametrize(
    "text",
    [
        "not valid json",
        "[]",
        '{"type":"chat.send","id":"t1"}',
        '{"type":"chat.send","id":"t1","content":""}',
        '{"type":"chat.send","id":1,"content":"x"}',
        '{"type":"chat.sing","id":"t1"}',
        '{"type":"chat.send","id":"t1","content":"' + "x" * (MESSAGE_CHARS_MAX + 1) + '"}',
        '{"type":"context.inspect","id":"t1"}',
        '{"a":' + "[" * 100_000,
        "\ud800",
    ],
)
def test_what_is_no_message_is_told_without_a_request_id(text: str) -> None:
    it = talk().receive(text)
    (error,) = it.sent
    assert (error["type"], error["code"]) == ("error", "INVALID_MESSAGE")
    assert "requestId" not in error
    assert not it.others


# Test 7


def test_a_connection_has_one_stream() -> None:
    it = streaming().receive(chat(id="t8", content="and?"))
    assert it.frames == [
        f'{{"type":"error","requestId":"t8","code":"STREAM_IN_PROGRESS","message":"{PLEASE_WAIT}"}}'
    ]
    it.clear().receive({"type": "chat.attach", "id": "t9", "sessionId": "s2"})
    assert it.sent[0]["code"] == "STREAM_IN_PROGRESS"
    assert not it.others
    it.clear().tell(event("text", text="on"))
    assert it.sent == [{"type": "chat.stream.delta", "requestId": "t1", "delta": "on"}]


def test_a_stream_is_in_progress_from_its_message_to_its_end() -> None:
    it = talk().receive(chat())
    for answer in (VIEW, TAKEN, ATTACHED):
        assert it.receive(chat(id="t8")).sent[-1]["code"] == "STREAM_IN_PROGRESS"
        it.answer(answer)
    it.tell(started(), ended())
    assert it.receive(chat(id="t8")).sent[-1]["code"] == "STREAM_IN_PROGRESS"
    it.others.pop(0)
    it.answer(MODELS).clear()
    assert it.receive(chat(id="t8")).params() == CreateSession()


def test_a_session_has_one_run() -> None:
    it = talk().receive(chat(sessionId="s1"))
    it.refuse(ErrorCode.RUN_IN_PROGRESS, "busy", {"run": "r0", "approvals": ["a1"], "x": 1})
    assert it.sent == [
        {
            "type": "error",
            "requestId": "t1",
            "code": "STREAM_IN_PROGRESS",
            "message": PLEASE_WAIT,
            "run": "r0",
            "approvals": ["a1"],
        }
    ]


# What the seed leaves open


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (ErrorCode.MODEL_FAILED, "LLM_ERROR"),
        (ErrorCode.INVALID_PARAMS, "INVALID_MESSAGE"),
        (ErrorCode.LIMIT_EXCEEDED, "LIMIT_EXCEEDED"),
        (ErrorCode.RUN_IN_PROGRESS, "STREAM_IN_PROGRESS"),
    ],
)
def test_native_errors_have_codes(code: ErrorCode, name: str) -> None:
    it = talk().receive(chat()).refuse(code, "why")
    assert (it.sent[0]["code"], it.sent[0]["message"]) == (name, "why")
    assert it.clear().receive(chat()).others


def test_an_error_about_something_else_ends_no_stream() -> None:
    it = streaming().receive({"type": "usage.query", "id": "t5"}).refuse(ErrorCode.INTERNAL_ERROR)
    assert it.sent[0] == {
        "type": "error",
        "requestId": "t5",
        "code": "INTERNAL_ERROR",
        "message": "Internal error",
    }
    assert it.clear().tell(event("text", text="on")).frames


@pytest.mark.parametrize("status", ["failed", "truncated", "interrupted"])
def test_a_run_without_an_answer_is_an_error(status: str) -> None:
    it = streaming().tell(event("text", text="2 +"), ended(status, reason="overloaded"))
    assert it.sent[-1] == {
        "type": "error",
        "requestId": "t1",
        "code": "LLM_ERROR",
        "message": "overloaded",
        "status": status,
    }
    assert it.others == [Unwatch()]
    assert it.clear().receive(chat()).others


def test_a_run_without_money_says_so() -> None:
    error = streaming().tell(ended("budget")).sent[-1]
    assert (error["code"], error["message"]) == ("OVER_BUDGET", "the run is budget")


def test_nothing_is_told_after_the_end_or_of_another_run() -> None:
    it = streaming()
    it.tell(event("text", run="r0", text="old"), ended(cost_micros=0), event("text", text="late"))
    assert [each["type"] for each in it.sent] == ["chat.stream.end"]


def test_a_cost_whose_parts_nobody_knows_is_told_as_a_sum() -> None:
    it = streaming().tell(ended())
    it.others.pop(0)
    it.refuse(ErrorCode.INTERNAL_ERROR)
    assert it.sent[0]["cost"] == {
        "inputCost": 0.0,
        "outputCost": 0.0,
        "totalCost": 0.0003,
        "unknown": True,
    }
    assert it.clear().receive(chat()).others


def test_a_run_is_attached_to_from_its_beginning() -> None:
    it = talk().receive({"type": "chat.attach", "id": "t9", "sessionId": "s1"})
    assert it.params() == AttachSession(session="s1")
    it.answer(ATTACHED).tell(started(), event("text", text="2"))
    assert it.sent[0] == {**START, "requestId": "t9"}
    assert it.sent[1]["delta"] == "2"


def test_where_no_run_is_under_way_there_is_nothing_to_attach_to() -> None:
    it = talk().receive({"type": "chat.attach", "id": "t9", "sessionId": "s1"})
    it.answer(Attached(epoch="e", offset=9, next=9))
    assert it.sent[0]["code"] == "NO_STREAM"
    assert it.others == [Unwatch()]
    assert it.clear().receive(chat()).others


def test_a_run_of_which_nothing_is_kept_is_waited_for_in_vain_by_nobody() -> None:
    gap = Attached(epoch="e", offset=90, next=99, gap="retention", oldest=90)
    it = talk().receive(chat(sessionId="s1", messageId="old"))
    it.answer(msgspec.structs.replace(TAKEN, joined=True, ended=True)).answer(gap)
    assert (it.sent[0]["code"], it.sent[0]["message"]) == (
        "NO_STREAM",
        "The response to this message is not kept any more",
    )
    assert it.others == [Unwatch()]
    it = talk().receive(chat(sessionId="s1")).answer(TAKEN)
    it.answer(msgspec.structs.replace(gap, run="r1"))  # its end will come
    assert it.tell(started()).sent == [START]


def test_a_deleted_session_ends_its_stream() -> None:
    it = streaming()
    it.it.gone(NOW)
    it.look()
    assert (it.sent[0]["requestId"], it.sent[0]["code"]) == ("t1", "SESSION_NOT_FOUND")
    it.clear().it.gone(NOW)
    assert not it.look().frames


# Cancelling


def test_the_stream_is_cancelled() -> None:
    it = streaming().receive({"type": "chat.cancel", "id": "t9"})
    assert it.params() == CancelRun(session="s1", run="r1")
    it.answer(RunCancelled(status="cancelled", run="r1", still_running=[RUNNING]))
    it.tell(ended("cancelled", reason="cancelled", still_running=[RUNNING], cost_micros=0))
    assert it.sent[0] == {
        "type": "chat.cancelled",
        "requestId": "t9",
        "status": "cancelled",
        "stillRunning": [{"toolCallId": "c1", "toolName": "hang"}],
    }
    assert it.sent[1]["type"] == "chat.stream.end"
    assert (it.sent[1]["status"], it.sent[1]["stillRunning"]) == (
        "cancelled",
        it.sent[0]["stillRunning"],
    )


def test_a_run_that_was_begun_elsewhere_is_cancelled_by_its_session() -> None:
    it = talk().receive({"type": "chat.cancel", "id": "t9", "sessionId": "s2"})
    assert it.params() == CancelRun(session="s2")
    it.answer(RunCancelled(status="no_run"))
    assert it.sent == [{"type": "chat.cancelled", "requestId": "t9", "status": "no_run"}]


def test_with_nothing_to_cancel_nothing_is_cancelled() -> None:
    it = talk().receive({"type": "chat.cancel", "id": "t9"})
    assert it.sent == [{"type": "chat.cancelled", "requestId": "t9", "status": "no_run"}]


def test_a_cancel_waits_for_a_run_that_begins() -> None:
    it = talk().receive(chat(sessionId="s1"))
    it.receive({"type": "chat.cancel", "id": "t9"})
    it.receive({"type": "chat.cancel", "id": "t10", "sessionId": "s1"})
    it.answer(TAKEN)
    found = [each.params for each in it.others if isinstance(each, Call)]
    assert found == [CancelRun(session="s1", run="r1")] * 2


def test_a_cancel_waits_for_a_run_that_comes_to_nothing() -> None:
    it = talk().receive(chat()).receive({"type": "chat.cancel", "id": "t9"})
    it.refuse(ErrorCode.INTERNAL_ERROR)
    assert it.sent[1] == {"type": "chat.cancelled", "requestId": "t9", "status": "no_run"}
    it = talk().receive({"type": "chat.attach", "id": "t8", "sessionId": "s1"})
    it.receive({"type": "chat.cancel", "id": "t9"}).answer(ATTACHED)
    assert it.params() == CancelRun(session="s1", run="r1")


# Hostile clients


def test_an_error_quotes_only_so_much() -> None:
    (error,) = talk().receive({"type": "x" * 100_000, "id": "t1"}).sent
    assert len(error["message"]) < 400


def test_questions_without_waiting_are_refused() -> None:
    it = talk()
    for number in range(CALLS_MAX):
        it.receive({"type": "session.list", "id": str(number)})
    assert len(it.others) == CALLS_MAX
    it.receive(chat(id="one too many"))
    assert [each["code"] for each in it.sent] == ["LIMIT_EXCEEDED"]
    assert it.sent[0]["requestId"] == "one too many"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
fields = st.sampled_from(["type", "id", "content", "sessionId", "model", "limit", "messageId", "x"])
kinds = st.sampled_from(
    ["chat.send", "chat.attach", "chat.cancel", "context.inspect", "usage.query", "session.list"]
)


@given(st.dictionaries(fields, json_values), st.none() | kinds)
def test_whatever_comes_is_a_call_or_a_clean_error(value: Any, kind: str | None) -> None:
    message = value if kind is None else {**value, "type": kind, "id": "t1"}
    it = talk().receive(json.dumps(message))
    assert len(it.frames) + len(it.others) == 1
    for answer in it.sent:
        assert answer["type"] in ("error", "chat.cancelled")


@given(st.text())
def test_whatever_text_comes_is_answered(text: str) -> None:
    assert talk().receive(text).sent[0]["code"] == "INVALID_MESSAGE"
