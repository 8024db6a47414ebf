"""``WS /sessions/{id}/execute``: seed 003's stream as a transcript, and what it leaves open."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.faces.stories import (
    AT,
    ATTACHED,
    NOW,
    TAKEN,
    VIEW,
    Close,
    Talk,
    Unwatch,
    ended,
    event,
    started,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.conversing import CALLS_MAX
from agentgate_proto.faces.universal_agent_stream import (
    NORMAL,
    SESSION_UNKNOWN,
    Execution,
    seconds_between,
)
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    RunCancelled,
    SendMessage,
)

OVER = Close(NORMAL, "the run is over")


def talk() -> Talk:
    return Talk(Execution(VIEW, "m1"))


def execute(**more: Any) -> dict[str, Any]:
    return {"action": "execute", "user_input": "List files", **more}


def running(**more: Any) -> Talk:
    return talk().receive(execute(**more)).answer(TAKEN).answer(ATTACHED).tell(started()).clear()


def data(talk: Talk) -> list[Any]:
    return [frame["data"] for frame in talk.sent]


def test_a_run_is_streamed_as_in_the_seed_and_the_socket_closes() -> None:
    it = talk().receive(
        {
            "action": "execute",
            "user_input": "List files in current directory",
            "context": {},
            "max_iterations": 25,
        }
    )
    assert it.params() == SendMessage(
        session="s1", text="List files in current directory", message_id="m1", max_iterations=25
    )
    it.answer(TAKEN)
    assert it.params() == AttachSession(session="s1", epoch="e", offset=7)
    it.answer(ATTACHED)
    it.tell(event("message", text="List files"), started(), event("model_started", attempt=1))
    it.tell(event("text", text="I'll list "), event("text", text="the files"))
    it.tell(event("reply", iteration=1, text="I'll list the files", stop="tools"))
    it.tell(event("tool_call", call="call_1", tool="ListDir", args={"path": "."}))
    it.tell(event("tool_result", call="call_1", tool="ListDir", status="executed", result="a b"))
    it.tell(event("model_started", attempt=1, iteration=2))
    it.tell(event("text", text="Here are the files:\n"), event("reply"), ended())
    assert it.frames == [
        f'{{"type": "session_info", "data": {{"session_id": "s1"}}, "timestamp": "{AT}"}}',
        f'{{"type": "text", "data": {{"text": "I\'ll list "}}, "timestamp": "{AT}"}}',
        f'{{"type": "text", "data": {{"text": "the files"}}, "timestamp": "{AT}"}}',
        (
            '{"type": "tool_call", "data": {"id": "call_1", "name": "ListDir", '
            f'"input": {{"path": "."}}}}, "timestamp": "{AT}"}}'
        ),
        (
            '{"type": "tool_result", "data": {"tool_call_id": "call_1", "result": "a b"}, '
            f'"timestamp": "{AT}"}}'
        ),
        f'{{"type": "text", "data": {{"text": "Here are the files:\\n"}}, "timestamp": "{AT}"}}',
        f'{{"type": "iteration_end", "data": {{"iteration": 1}}, "timestamp": "{AT}"}}',
    ]
    assert it.others == [Unwatch(), OVER]
    assert it.clear().tell(event("text", text="late")).frames == []


def test_details_are_for_whoever_asks_for_them() -> None:
    it = talk().receive(execute(details=True)).answer(TAKEN).answer(ATTACHED).tell(started())
    later = "2025-11-29T18:13:22.000Z"
    it.tell(event("tool_call", at=later, call="c1", tool="ls", args={}))
    it.tell(event("tool_result", at=later, call="c1", tool="ls", status="executed", result=[1]))
    it.tell(ended(iterations=2))
    info, call, result, end = data(it)
    assert info == {
        "session_id": "s1",
        "workspace": "/work/s1",
        "user_id": "user_123",
        "run_id": "r1",
        "message_id": "m",
        "model": "claude-sonnet-4.5",
    }
    assert call["time_offset"] == 1.5
    assert result == {
        "tool_call_id": "c1",
        "result": "[1]",
        "tool_use_id": "c1",
        "name": "ls",
        "is_error": False,
        "content_preview": "[1]",
        "content_size": 3,
    }
    assert end == {
        "iteration": 1,
        "tool_calls": 1,
        "duration_seconds": 0.0,
        "model_requests": 2,
        "token_usage": {"input_tokens": 40, "output_tokens": 12, "total_tokens": 52},
        "cost_usd": 0.0003,
    }


def test_a_cost_that_nobody_knows_is_null_in_details() -> None:
    it = running(details=True).tell(ended(cost_micros=None))
    assert data(it)[-1]["cost_usd"] is None


def test_what_else_happens_comes_as_thinking_or_status() -> None:
    it = running().tell(
        event("thinking", text="hm"),
        event("text", text="abc\U0001f600"),
        event("retrying", attempt=2, wait_s=1.5, reason="overloaded"),
        event("reset", attempt=1, reason="it broke off"),
        event("reset", attempt=2, reason="again"),
        event("note", text="dropped"),
        event("approval", call="c1", approval="a1", signature="x(1)", expires_at=9.0),
        event("gap", count=2),
        event("behind"),
        event("usage"),
    )
    kinds = [frame["type"] for frame in it.sent]
    assert kinds == ["thinking", "text", *["status"] * 6]
    assert data(it) == [
        {"thinking": "hm"},
        {"text": "abc\U0001f600"},
        {"status": "retrying", "attempt": 2, "wait_seconds": 1.5, "reason": "overloaded"},
        {"status": "reset", "withdrawn_chars": 4, "reason": "it broke off"},
        {"status": "reset", "withdrawn_chars": 0, "reason": "again"},
        {"status": "note", "text": "dropped"},
        {
            "status": "approval_required",
            "tool_call_id": "c1",
            "approval_id": "a1",
            "signature": "x(1)",
            "expires_at": 9.0,
        },
        {"status": "gap", "missing": 2},
    ]


def test_a_tool_that_failed_says_so() -> None:
    denied = event("tool_result", call="c1", tool="x", status="denied", error={"message": "no"})
    late = event("tool_result", call="c1", tool="x", status="executed", result=1, late=True)
    assert data(running().tell(denied, late)) == [
        {"tool_call_id": "c1", "result": "no", "is_error": True, "status": "denied"},
        {"tool_call_id": "c1", "result": "1", "late": True},
    ]


def test_a_result_has_what_people_made_of_the_call() -> None:
    result = {"call": "c1", "tool": "x", "status": "executed", "result": 1}
    it = running().tell(event("tool_result", **result, word="softly", edited={"a": 2}))
    assert data(it) == [{"tool_call_id": "c1", "result": "1", "word": "softly", "edited": {"a": 2}}]


def test_a_run_that_ended_otherwise_says_how() -> None:
    it = running().tell(
        ended("cancelled", reason="by its owner", still_running=[{"call": "c1", "tool": "x"}])
    )
    assert data(it) == [
        {
            "status": "cancelled",
            "reason": "by its owner",
            "still_running": [{"tool_call_id": "c1", "name": "x"}],
        },
        {"iteration": 1},
    ]
    it = running().tell(ended("max_iterations", reason="25"))
    assert data(it)[0] == {"status": "max_iterations", "reason": "25"}
    assert it.others == [Unwatch(), OVER]


@pytest.mark.parametrize("status", ["failed", "truncated", "interrupted", "budget"])
def test_a_run_without_an_answer_is_an_error_and_the_end(status: str) -> None:
    it = running().tell(ended(status))
    text = f"the run is {status}"
    assert data(it) == [{"message": text, "error": text, "status": status}]
    assert it.sent[0]["type"] == "error"
    assert it.others == [Unwatch(), OVER]


def test_a_message_may_name_itself_and_a_model() -> None:
    it = talk().receive(execute(message_id="mine", model="other", max_iterations=3))
    assert it.params() == SendMessage(
        session="s1", text="List files", message_id="mine", model="other", max_iterations=3
    )


def test_a_context_that_means_nothing_is_not_passed_over_in_silence() -> None:
    it = talk().receive(execute(context={"a": 1, "b": 2}))
    assert data(it) == [{"status": "ignored", "context": "means nothing here: a, b"}]
    assert it.others


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nope", "Invalid JSON"),
        ('{"a": ' + "[" * 100_000, "Invalid JSON"),
        ("\ud800", "Invalid JSON"),
        ('{"action": "execute"}', "Empty user_input"),
        ('{"action": "execute", "user_input": ""}', "Empty user_input"),
        ('{"action": "sing"}', "Unknown action: sing; there are execute, attach, cancel, ping"),
    ],
)
def test_what_can_not_be_done_is_told_in_both_members(text: str, error: str) -> None:
    it = talk().receive(text)
    assert it.sent == [
        {"type": "error", "data": {"message": error, "error": error}, "timestamp": rfc3339(NOW)}
    ]
    assert not it.others
    assert it.receive(execute()).others  # one may try again


def test_a_message_that_does_not_fit_says_why() -> None:
    it = talk().receive({"action": "execute", "user_input": 7})
    assert "user_input" in data(it)[0]["message"]


def test_a_ping_is_answered_at_any_time() -> None:
    it = running().receive({"action": "ping"})
    assert it.sent == [{"type": "pong", "data": {}, "timestamp": rfc3339(NOW)}]


def test_a_second_message_is_refused_without_ending_the_first() -> None:
    for action in (execute(), {"action": "attach"}):
        it = running().receive(action)
        assert it.sent[0]["type"] == "status"
        assert data(it)[0]["status"] == "turn_rejected_busy"
        assert not it.others
        assert it.clear().tell(event("text", text="on")).frames


def test_a_session_that_is_busy_names_its_run() -> None:
    it = talk().receive(execute())
    it.refuse(ErrorCode.RUN_IN_PROGRESS, "", {"run": "r0", "approvals": ["a1"]})
    assert data(it) == [
        {
            "message": "A run is under way",
            "error": "A run is under way",
            "code": "RUN_IN_PROGRESS",
            "run": "r0",
            "approvals": ["a1"],
        }
    ]
    assert it.receive(execute()).others


def test_a_message_that_is_not_taken_may_be_sent_again() -> None:
    it = talk().receive(execute()).refuse(ErrorCode.LIMIT_EXCEEDED, "too many")
    assert data(it)[0] == {"message": "too many", "error": "too many", "code": "LIMIT_EXCEEDED"}
    assert it.receive(execute()).others


def test_a_session_that_has_gone_meanwhile_closes_the_socket() -> None:
    it = talk().receive(execute()).refuse(ErrorCode.SESSION_NOT_FOUND)
    assert data(it)[0]["message"] == "Session not found"
    assert it.others == [Close(SESSION_UNKNOWN, "Session not found")]
    it = running()
    it.it.gone(NOW)
    assert data(it.look())[0]["message"] == "The session was deleted"
    assert it.others == [Unwatch(), OVER]
    it.clear().it.gone(NOW)
    assert not it.look().frames


# Attaching and cancelling


def test_the_run_that_is_under_way_is_seen_from_its_beginning() -> None:
    it = talk().receive({"action": "attach"})
    assert it.params() == AttachSession(session="s1")
    it.answer(ATTACHED).tell(started(), event("text", text="x"), ended())
    assert [frame["type"] for frame in it.sent] == ["session_info", "text", "iteration_end"]


def test_without_a_run_there_is_nothing_to_attach_to() -> None:
    it = talk().receive({"action": "attach"}).answer(Attached(epoch="e", offset=0, next=0))
    assert data(it)[0]["message"] == "No run is under way in this session"
    assert it.others == [Unwatch()]
    assert it.clear().receive(execute()).others


def test_a_run_of_which_nothing_is_kept_is_waited_for_in_vain_by_nobody() -> None:
    gap = Attached(epoch="e", offset=90, next=99, gap="retention", oldest=90)
    it = talk().receive(execute(message_id="old")).answer(TAKEN).answer(gap)
    assert data(it)[0]["message"] == "The run of this message is not kept any more"
    assert it.others == [Unwatch()]
    assert it.clear().receive(execute()).others


def test_an_error_quotes_only_so_much() -> None:
    it = talk().receive({"action": "x" * 100_000}).receive(execute(context={"y" * 100_000: 1}))
    assert all(len(frame) < 1_000 for frame in it.frames)
    assert len(it.frames) == 2


def test_a_run_is_cancelled_and_says_so_itself() -> None:
    it = running().receive({"action": "cancel"})
    assert it.params() == CancelRun(session="s1", run="r1")
    it.answer(RunCancelled(status="cancelled", run="r1"))
    assert not it.frames
    it.tell(ended("cancelled", reason="x"))
    assert [frame["type"] for frame in it.sent] == ["status", "iteration_end"]


def test_a_run_that_was_begun_elsewhere_is_cancelled_too() -> None:
    it = talk().receive({"action": "cancel"})
    assert it.params() == CancelRun(session="s1")
    it.answer(RunCancelled(status="no_run"))
    assert data(it) == [{"status": "no_run"}]


def test_a_cancel_waits_for_the_run_that_begins() -> None:
    it = talk().receive(execute()).receive({"action": "cancel"}).receive({"action": "cancel"})
    it.answer(TAKEN)
    it.others.pop(0)
    assert it.params() == CancelRun(session="s1", run="r1")
    it = talk().receive(execute()).receive({"action": "cancel"})
    it.refuse(ErrorCode.INTERNAL_ERROR)
    assert not it.others


def test_a_cancel_that_fails_ends_nothing() -> None:
    it = running().receive({"action": "cancel"}).refuse(ErrorCode.INTERNAL_ERROR)
    assert data(it) == [
        {"status": "not_cancelled", "reason": "Internal error", "code": "INTERNAL_ERROR"}
    ]
    assert it.tell(event("text", text="on")).frames


def test_whoever_cancels_for_ever_is_not_heard() -> None:
    it = running()
    for _ in range(CALLS_MAX + 1):
        it.receive({"action": "cancel"})
    assert len(it.others) == CALLS_MAX
    assert data(it) == [{"status": "ignored", "reason": "it is being cancelled"}]


def test_a_time_from_which_nothing_is_known() -> None:
    assert seconds_between("", AT) == 0.0


# Whoever fuzzes

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
names = st.sampled_from(["action", "user_input", "context", "max_iterations", "message_id", "x"])


@given(st.dictionaries(names, json_values), st.none() | st.sampled_from(["execute", "cancel"]))
def test_whatever_comes_is_a_call_or_a_clean_answer(value: Any, action: str | None) -> None:
    it = talk().receive(json.dumps(value if action is None else {**value, "action": action}))
    assert it.frames or it.others
    for frame in it.sent:
        assert set(frame) == {"type", "data", "timestamp"}


@given(st.text())
def test_whatever_text_comes_is_answered(text: str) -> None:
    assert talk().receive(text).sent[0]["type"] == "error"
