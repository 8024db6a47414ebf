"""What a run has answered."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_proto.client.session_answer import Answer
from agentgate_proto.client.session_feed import Event
from agentgate_proto.errors import AgentGateError, ErrorCode, ModelFailed
from agentgate_proto.records.session import RunStatus

LEAVE_NO_ANSWER = {
    "failed": -32016,
    "truncated": -32016,
    "interrupted": -32016,
    "budget": -32015,
    "cancelled": -32008,
}


def answer(*events: tuple[str, dict[str, Any]]) -> Answer:
    made = Answer()
    for place, (kind, data) in enumerate(events):
        made.take(Event(kind=kind, data=data, offset=place))
    return made


def test_the_answer_is_the_last_reply() -> None:
    made = answer(
        ("message", {"text": "what is it?"}),
        ("model_started", {}),
        ("text", {"text": "let me see"}),
        ("reply", {"text": "let me see"}),
        ("tool_call", {"call": "c1"}),
        ("tool_result", {"call": "c1", "result": 42}),
        ("model_started", {}),
        ("text", {"text": "4"}),
        ("text", {"text": "2"}),
        ("reply", {"text": "42."}),
        ("run_ended", {"status": "completed"}),
    )
    assert (made.text, made.status, made.error()) == ("42.", "completed", None)


def test_as_long_as_there_is_no_reply_it_is_what_was_said_so_far() -> None:
    made = answer(("model_started", {}), ("text", {"text": "4"}), ("thinking", {"text": "hm"}))
    assert (made.text, made.status) == ("4", "")


def test_what_is_withdrawn_is_no_answer() -> None:
    made = answer(
        ("model_started", {}),
        ("text", {"text": "wro"}),
        ("reset", {"first": 1}),
        ("text", {"text": "right"}),
    )
    assert made.text == "right"


@pytest.mark.parametrize("status", RunStatus)
def test_an_end_without_a_whole_answer_is_an_error(status: RunStatus) -> None:
    made = answer(
        ("reply", {"text": "as far as"}),
        ("run_ended", {"status": status.value, "reason": "because"}),
    )
    error = made.error()
    if status.value not in LEAVE_NO_ANSWER:
        assert error is None
        return
    assert isinstance(error, AgentGateError)
    assert error.code == LEAVE_NO_ANSWER[status.value]
    assert error.message == f"The run was not completed: {status.value}: because"
    assert error.data == {"status": status.value, "reason": "because", "text": "as far as"}


def test_an_end_without_a_reason_says_that() -> None:
    error = answer(("run_ended", {"status": "failed"})).error()
    assert isinstance(error, ModelFailed)
    assert error.message.endswith("no reason given")


def test_an_end_that_is_not_known_is_an_error_too() -> None:
    error = answer(("text", {"text": "as far as"})).error()
    assert isinstance(error, ModelFailed)
    assert error.code == ErrorCode.MODEL_FAILED
    assert error.data == {"text": "as far as"}
