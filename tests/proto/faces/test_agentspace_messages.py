"""What the agentspace face says: each event of a run, contexts, usage and money."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.faces.stories import ended, event

from agentgate_proto.faces.agentspace_messages import (
    Stream,
    cancelled_message,
    end_message,
    inspection_message,
    list_message,
    usage_message,
)
from agentgate_proto.faces.conversing import said_by
from agentgate_proto.records.session_views import SectionName, SessionEvent
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    InspectedSection,
    Inspection,
    LeftOut,
    RunCancelled,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import UsageLine, UsageReport


def told(*events: SessionEvent) -> list[dict[str, Any] | None]:
    stream = Stream("t1", "s1")
    messages = []
    for each in events:
        said = said_by(each.data)
        stream.count(each.kind, said.text)
        messages.append(stream.message_of(each, said))
    return messages


def test_thinking_and_what_else_happens_in_a_run() -> None:
    assert told(
        event("thinking", text="hm"),
        event("retrying", attempt=2, wait_s=1.5, reason="overloaded"),
        event("note", text="temperature was dropped"),
        event("gap", count=3),
        event("usage", model="m", usage={}, cost_micros=1, status="settled"),
        event("behind"),
    ) == [
        {"type": "chat.stream.reasoning", "requestId": "t1", "delta": "hm"},
        {
            "type": "chat.stream.retrying",
            "requestId": "t1",
            "attempt": 2,
            "waitSeconds": 1.5,
            "reason": "overloaded",
        },
        {"type": "chat.stream.note", "requestId": "t1", "text": "temperature was dropped"},
        {"type": "chat.stream.gap", "requestId": "t1", "missing": 3},
        None,
        None,
    ]


def test_a_result_has_what_people_made_of_the_call() -> None:
    call = {"call": "c1", "tool": "light"}
    result, denied = told(
        event("tool_result", **call, status="executed", result=1, word="so", edited={"a": 2}),
        event("tool_result", **call, status="denied", error="Denied by user: no", word="no"),
    )
    assert result is not None
    assert denied is not None
    assert (result["word"], result["edited"]) == ("so", {"a": 2})
    assert (denied["word"], "edited" in denied) == ("no", False)


def test_tools_and_who_is_asked_about_them() -> None:
    head = {"requestId": "t1", "toolCallId": "c1"}
    call, approval, result, denied, late = told(
        event("tool_call", call="c1", tool="light", args={"on": True}),
        event(
            "approval",
            call="c1",
            tool="light",
            approval="a1",
            signature="light(on)",
            expires_at=1.5,
        ),
        event("tool_result", call="c1", tool="light", status="executed", result={"ok": 1}),
        event("tool_result", call="c1", tool="light", status="denied", error="Denied by user"),
        event("tool_result", call="c1", tool="light", status="executed", result=None, late=True),
    )
    assert call is not None
    assert bytes(call.pop("args")) == b'{"on":true}'
    assert call == {"type": "tool.call", **head, "toolName": "light"}
    assert approval == {
        "type": "tool.approval.pending",
        **head,
        "toolName": "light",
        "approvalId": "a1",
        "signature": "light(on)",
        "expiresAt": 1.5,
    }
    assert result is not None
    assert bytes(result.pop("result")) == b'{"ok":1}'
    assert result == {"type": "tool.result", **head, "toolName": "light"}
    assert denied == {
        "type": "tool.error",
        **head,
        "toolName": "light",
        "error": "Denied by user",
        "status": "denied",
    }
    assert late is not None
    assert late["late"] is True


def test_a_reset_says_how_much_of_the_end_counts_no_more_as_javascript_counts() -> None:
    *_, reset = told(
        event("model_started", attempt=1),
        event("text", text="first call"),
        event("model_started", attempt=1, iteration=2),
        event("thinking", text="hm"),
        event("text", text="ab"),
        event("text", text="\U0001f600"),
        event("reset", attempt=1, first=3, reason="the stream broke off"),
    )
    assert reset == {
        "type": "chat.stream.reset",
        "requestId": "t1",
        "removedLength": 4,
        "removedReasoningLength": 2,
        "reason": "the stream broke off",
    }


def test_a_second_reset_withdraws_only_what_came_after_the_first() -> None:
    again = event("reset", reason="x")
    *_, reset = told(event("text", text="abc"), again, event("text", text="de"), again)
    assert reset is not None
    assert reset["removedLength"] == 2


def test_a_run_may_end_in_other_ways_and_says_how() -> None:
    said = said_by(ended("max_tokens", reason="512 tokens").data)
    message = end_message("t1", said, 15_000_000)
    assert (message["status"], message["reason"]) == ("max_tokens", "512 tokens")
    assert "stillRunning" not in message


@pytest.mark.parametrize(
    ("total", "price", "cost"),
    [
        (300, 15_000_000, {"inputCost": 0.00012, "outputCost": 0.00018, "totalCost": 0.0003}),
        (100, 15_000_000, {"inputCost": 0.0, "outputCost": 0.0001, "totalCost": 0.0001}),
        (0, None, {"inputCost": 0.0, "outputCost": 0.0, "totalCost": 0.0}),
        (300, 0, {"inputCost": 0.0003, "outputCost": 0.0, "totalCost": 0.0003}),
    ],
)
def test_the_parts_of_a_cost_make_its_sum(total: int, price: int | None, cost: Any) -> None:
    said = said_by(ended(cost_micros=total).data)
    assert end_message("t1", said, price)["cost"] == cost


def test_a_cost_that_nobody_knows_says_so() -> None:
    said = said_by(ended(cost_micros=None).data)
    assert end_message("t1", said, 15_000_000)["cost"] == {
        "inputCost": 0.0,
        "outputCost": 0.0,
        "totalCost": 0.0,
        "unknown": True,
    }


def section(name: SectionName, content: str, cost: int | None) -> InspectedSection:
    size = len(content.encode())
    return InspectedSection(
        name=name, content=content, bytes=size + 9, tokens=size // 4, cost_micros=cost
    )


def inspection(cost: int | None, left_out: list[LeftOut]) -> Inspection:
    sections = [
        section(SectionName.SYSTEM_PROMPT, "You are a helpful AI assistant.", cost),
        section(SectionName.MEMORY, "", 0),
        section(SectionName.SKILLS, "", None),
        section(SectionName.HISTORY, "user: Grüße\nassistant: 4", cost),
        section(SectionName.TOOLS, "", 0),
    ]
    return Inspection(
        model="m",
        model_id="i",
        backend="b",
        sections=sections,
        envelope_bytes=50,
        bytes=200,
        tokens=14,
        left_out=left_out,
    )


def test_a_context_has_seed_004s_sections_in_its_order_and_its_sums() -> None:
    message = inspection_message("t4", inspection(20, []))
    rows = [(row["name"], row["byteCount"], row["tokenEstimate"]) for row in message["sections"]]
    assert rows == [
        ("system_prompt", 31, 7),
        ("history", 26, 6),
        ("memory", 0, 0),
        ("skills", 0, 0),
        ("tools", 0, 0),
    ]
    assert message["sections"][1]["content"] == "user: Grüße\nassistant: 4"
    assert message["totals"] == {"byteCount": 57, "tokenEstimate": 13, "costEstimate": 0.00004}
    assert "leftOut" not in message
    assert not any("unknown" in row for row in message["sections"])


def test_a_context_says_what_is_left_out_and_whose_cost_nobody_knows() -> None:
    left = LeftOut(section=SectionName.SKILLS, what="skills/x.md", bytes=9, why="too large")
    message = inspection_message("t4", inspection(None, [left]))
    assert message["leftOut"] == [
        {"section": "skills", "what": "skills/x.md", "byteCount": 9, "why": "too large"}
    ]
    assert [row.get("unknown") for row in message["sections"]] == [True, True, None, None, None]
    assert message["totals"]["unknown"] is True
    assert message["totals"]["costEstimate"] == 0.0


def test_usage_is_told_by_model_and_in_all() -> None:
    rows = [
        UsageLine(key="a", usage=Usage(input=10, output=5), cost_micros=1_500_000, requests=2),
        UsageLine(key="b", usage=Usage(input=1), cost_micros=0, unknown=1, requests=1),
    ]
    total = UsageLine(
        key="", usage=Usage(input=11, output=5), cost_micros=1_500_000, unknown=1, requests=3
    )
    assert usage_message("t5", UsageReport(rows=rows, total=total)) == {
        "type": "usage.report",
        "requestId": "t5",
        "perModel": {
            "a": {
                "inputTokens": 10,
                "outputTokens": 5,
                "totalTokens": 15,
                "totalCost": 1.5,
                "requestCount": 2,
            },
            "b": {
                "inputTokens": 1,
                "outputTokens": 0,
                "totalTokens": 1,
                "totalCost": 0.0,
                "requestCount": 1,
                "unknown": True,
            },
        },
        "grandTotal": {"totalCost": 1.5, "totalTokens": 16, "requestCount": 3, "unknown": True},
    }


def test_a_list_says_that_there_are_more() -> None:
    message = list_message("t6", SessionList(sessions=[], more=True))
    assert message == {"type": "session.list", "requestId": "t6", "sessions": [], "more": True}


def test_a_cancelled_run_without_tools() -> None:
    cancelled = RunCancelled(status="cancelled", run="r1")
    assert cancelled_message("t9", cancelled) == {
        "type": "chat.cancelled",
        "requestId": "t9",
        "status": "cancelled",
    }
