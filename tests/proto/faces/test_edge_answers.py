"""What a device is owed: answers of the log, and the mark that is kept."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from tests.proto.faces.stories import event

from agentgate_proto.faces.conversing import said_by
from agentgate_proto.faces.edge_answers import (
    LEFT_OUT,
    SETTLED_MAX,
    Mark,
    Owed,
    Owing,
    mark_in,
)
from agentgate_proto.faces.edge_messages import AUDIT_BYTES_MAX, AUDIT_ENTRIES_MAX


def told(*events: Any) -> dict[str, Any]:
    """The result that these events of a run amount to."""
    owed = Owed(request_id="a", first=0)
    *before, last = [owed.take(one, said_by(one.data)) for one in events]
    assert before == [None] * len(before)
    assert last is not None
    result: dict[str, Any] = json.loads(last)["payload"]["result"]
    return result


def end(status: str = "completed", reason: str = "") -> Any:
    return event("run_ended", status=status, reason=reason)


def call(name: str, **args: Any) -> Any:
    return event("tool_call", call=name, tool="t", args=args)


def test_the_last_reply_is_the_answer() -> None:
    first = event("reply", text="I shall look"), event("model_started", iteration=2)
    assert told(*first, event("reply", text="It rains"), end())["response"] == "It rains"
    assert told(event("reply", text="x"), event("note", text="y"), end())["response"] == "x"


def test_what_an_attempt_said_that_was_withdrawn_does_not_count() -> None:
    texts = event("text", text="half"), event("reset", first=0), event("text", text="whole")
    assert told(*texts, end())["response"] == "whole"


@pytest.mark.parametrize("status", ["failed", "truncated", "interrupted", "budget", "cancelled"])
def test_a_bad_end_is_said_after_what_there_is(status: str) -> None:
    assert told(end(status, "why"))["response"] == f"Error: the run is {status}: why"
    text = told(event("text", text="half"), end(status))["response"]
    assert text == f"half\n\nError: the run is {status}"


def test_tool_calls_are_told_with_what_they_came_to() -> None:
    result = told(
        call("1", room="hall"),
        call("2"),
        call("3"),
        event("tool_result", call="1", tool="t", status="executed", result={"on": True}),
        event("tool_result", call="2", tool="t", status="failed", error={"message": "no"}),
        event("tool_result", call="9", tool="t", status="executed", result=1),
        end(),
    )
    assert result["tool_calls_made"] == 3
    entries = result["audit_entries"]
    assert [entry["params"] for entry in entries] == [{"room": "hall"}, {}, {}]
    assert [entry["result"] for entry in entries] == [{"on": True}, "no", None]
    assert entries[0]["action"] == "tool_call"


def test_many_calls_are_counted_and_large_ones_left_out() -> None:
    calls = [call(str(number)) for number in range(AUDIT_ENTRIES_MAX + 5)]
    result = told(*calls, end())
    assert result["tool_calls_made"] == AUDIT_ENTRIES_MAX + 5
    assert len(result["audit_entries"]) == AUDIT_ENTRIES_MAX
    large = call("x", text="y" * AUDIT_BYTES_MAX)
    assert told(large, end())["audit_entries"][0]["params"] == json.loads(bytes(LEFT_OUT))


def test_what_was_sent_takes_no_memory() -> None:
    owed = Owed(request_id="a", first=0, text="x")
    owed.take(call("1"), said_by(call("1").data))
    owed.release()
    assert (owed.text, owed.entries, owed.calls) == ("", [], {})


def test_the_mark_stands_at_the_first_prompt_that_is_owed() -> None:
    owing = Owing(Mark(epoch="e", offset=5, settled=["x"]))
    assert owing.is_settled("x", 9)
    assert owing.is_settled("y", 4)
    assert not owing.is_settled("y", 5)
    owing.owed = {"r1": Owed(request_id="a", first=7), "r2": Owed(request_id="b", first=9)}
    owing.next = 20
    assert owing.first == 7
    owing.sent("r2", 3)
    assert owing.is_sent("r2")
    assert not owing.is_sent("r1")
    assert not owing.received(2)
    assert owing.received(3)
    assert owing.mark() == Mark(epoch="e", offset=7, settled=["x", "r2"])
    owing.sent("r1", 4)
    assert owing.received(9)
    assert owing.mark() == Mark(epoch="e", offset=20)


def test_the_mark_never_goes_back_and_never_grows() -> None:
    owing = Owing(Mark(epoch="e", offset=50))
    owing.owed = {"old": Owed(request_id="a", first=1)}
    assert owing.mark().offset == 50
    for number in range(SETTLED_MAX + 9):
        owing.owed[f"r{number}"] = Owed(request_id="b", first=60)
        owing.sent(f"r{number}", number)
    owing.received(999)
    assert len(owing.mark().settled) == SETTLED_MAX


def test_a_mark_is_found_again() -> None:
    mark = Mark(epoch="e", offset=3, settled=["r"])
    raw = msgspec.Raw(msgspec.json.encode({"edge": mark}))
    assert mark_in(raw, "e") == mark
    assert mark_in(raw, "other") == Mark(epoch="other")
    assert mark_in(msgspec.Raw(b"[]"), "e") == Mark(epoch="e")
