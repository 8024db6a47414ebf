"""What the log of a run says, as events of AG-UI."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.proto.faces.stories import event

from agentgate_proto.faces.agui.transcript import Transcript
from agentgate_proto.faces.conversing import said_by
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.records.usage import Usage


def told(*events: SessionEvent) -> Transcript:
    transcript = Transcript()
    for each in events:
        transcript.take(said_by(each.data), each.kind, each.offset)
    return transcript


def brief(transcript: Transcript) -> list[tuple[str, Any]]:
    return [(e["type"], e.get("messageId", e.get("toolCallId"))) for e in transcript.events]


ASKED = event("model_started", iteration=1, attempt=1)


def test_texts_and_thoughts_are_messages_that_begin_and_end() -> None:
    it = told(
        ASKED,
        event("thinking", text="hm"),
        event("text", text="Hel"),
        event("text", text="lo"),
        event("thinking", text="oh"),
        event("model_started", iteration=2, attempt=1),
    )
    assert brief(it) == [
        ("REASONING_START", "r1-1-1-1"),
        ("REASONING_MESSAGE_START", "r1-1-1-1"),
        ("REASONING_MESSAGE_CONTENT", "r1-1-1-1"),
        ("REASONING_MESSAGE_END", "r1-1-1-1"),
        ("REASONING_END", "r1-1-1-1"),
        ("TEXT_MESSAGE_START", "r1-1-1-2"),
        ("TEXT_MESSAGE_CONTENT", "r1-1-1-2"),
        ("TEXT_MESSAGE_CONTENT", "r1-1-1-2"),
        ("TEXT_MESSAGE_END", "r1-1-1-2"),
        ("REASONING_START", "r1-1-1-3"),
        ("REASONING_MESSAGE_START", "r1-1-1-3"),
        ("REASONING_MESSAGE_CONTENT", "r1-1-1-3"),
        ("REASONING_MESSAGE_END", "r1-1-1-3"),
        ("REASONING_END", "r1-1-1-3"),
    ]
    it.close()
    assert len(it.events) == 14, "nothing is open"


def test_calls_belong_to_what_was_said_last() -> None:
    it = told(
        ASKED,
        event("text", text="Let me see."),
        event("tool_call", call="c1", tool="read", args={"a": 1}),
        event("tool_result", call="c1", tool="read", status="executed", result={"b": 2}),
        event("tool_call", call="c2", tool="look", args={}, client=True),
        event("tool_call", call="c3", tool="look", args={}, client=True),
        event("tool_result", call="c3", tool="look", status="not_run", error="cut off"),
    )
    assert brief(it)[3:7] == [
        ("TOOL_CALL_START", "c1"),
        ("TOOL_CALL_ARGS", "c1"),
        ("TOOL_CALL_END", "c1"),
        ("TOOL_CALL_RESULT", "c1-result"),
    ]
    assert it.events[3]["parentMessageId"] == "r1-1-1-1"
    assert (it.events[4]["delta"], it.events[6]["content"]) == ('{"a":1}', '{"b":2}')
    assert it.events[-1]["content"] == "cut off"
    assert it.pending == ["c2"]


def test_what_people_made_of_a_call_is_told_before_its_result() -> None:
    result = {"call": "c1", "tool": "read", "status": "executed", "result": 1}
    it = told(
        event("tool_result", **result, word="softly", edited={"a": 2}),
        event("tool_result", **result, word="softly"),
    )
    assert [each["type"] for each in it.events] == ["CUSTOM", "TOOL_CALL_RESULT"] * 2
    assert it.events[0]["name"] == "agentgate.people"
    assert msgspec.json.encode(it.events[0]["value"]) == (
        b'{"toolCallId":"c1","word":"softly","edited":{"a":2}}'
    )
    assert it.events[2]["value"] == {"toolCallId": "c1", "word": "softly"}


def test_a_call_of_an_answer_that_says_nothing_has_a_message_of_its_own() -> None:
    it = told(ASKED, event("tool_call", call="c1", tool="read", args={}))
    assert it.events[0]["parentMessageId"] == "r1-1-1"


def test_a_result_that_comes_late_is_none_of_this_run() -> None:
    late = event("tool_result", run="", call="c0", tool="x", status="executed", result=1, late=True)
    assert told(late).events == []


def test_usage_is_added_by_model() -> None:
    it = told(
        event("usage", model="m", usage=Usage(input=1, output=2)),
        event("usage", model="m", usage=Usage(input=3, output=4)),
        event("usage", model="n", usage=Usage(input=5)),
    )
    assert it.usage == {"m": Usage(input=4, output=6), "n": Usage(input=5)}


def test_what_the_format_has_no_event_for_is_told_by_custom_ones() -> None:
    approval = {"call": "c1", "tool": "t", "approval": "a1", "signature": "t()", "rule": "r"}
    it = told(
        ASKED,
        event("approval", **approval, expires_at="2026-01-01T00:00:00Z"),
        event("approval", **approval),
        event("retrying", attempt=2, wait_s=1.5, reason="busy"),
        event("text", text="half"),
        event("reset", attempt=1, first=3, reason="cut"),
        event("note", text="a note"),
        event("gap", count=3),
        event("run_started", message_id="m", model="m"),
    )
    customs = [(e["name"], e["value"]) for e in it.events if e["type"] == "CUSTOM"]
    asked = {"toolCallId": "c1", "tool": "t", "approvalId": "a1", "signature": "t()", "rule": "r"}
    assert customs == [
        ("agentgate.approval", {**asked, "expiresAt": "2026-01-01T00:00:00Z"}),
        ("agentgate.approval", asked),
        ("agentgate.retrying", {"attempt": 2, "waitSeconds": 1.5, "reason": "busy"}),
        ("agentgate.reset", {"messageId": "r1-1-1-1", "reason": "cut"}),
        ("agentgate.note", {"text": "a note"}),
        ("agentgate.gap", {"from": 7}),
    ]
    assert brief(it)[-4] == ("TEXT_MESSAGE_END", "r1-1-1-1")
