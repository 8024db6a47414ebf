"""Tasks: what their clients see of a request, from the making to the end."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.proto.faces.mcp.requests import (
    CANCELLED,
    DONE,
    EXPIRES_AT,
    RID,
    TOOL,
    failed,
    row,
    waiting_record,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import Ending, ToolAnswers
from agentgate_proto.faces.mcp.questions import Question
from agentgate_proto.faces.mcp.server_errors import kept
from agentgate_proto.faces.mcp.tasks import KEPT_S, POLL_LATER_AFTER_S, Task
from agentgate_proto.records import outcome as outcomes
from agentgate_proto.records.request import Phase, rfc3339

NOW = EXPIRES_AT - 60
ENDING = Ending(RID, 0.0, TOOL)
QUESTION = Question("q1", "elicitation/create", msgspec.Raw(b'{"message":"who?"}'))


def task() -> Task:
    return Task("sealed", NOW, ToolAnswers(0, "2026-07-28", "lamp_set", row()), NOW)


def shown(task: Task, now: float = NOW, phase: Phase | None = None) -> Any:
    return json.loads(task.shown(phase, now))


def test_a_task_is_made_with_all_that_its_client_needs() -> None:
    made = task()
    made.waiting(waiting_record())
    assert json.loads(made.made(NOW)) == {
        "resultType": "task",
        "taskId": "sealed",
        "status": "working",
        "statusMessage": f"waiting for a person until {rfc3339(EXPIRES_AT)} (request {RID})",
        "createdAt": rfc3339(NOW),
        "lastUpdatedAt": rfc3339(NOW),
        "ttlMs": round((60 + KEPT_S) * 1_000),
        "pollIntervalMs": 2_000,
    }


def test_a_task_that_nobody_has_heard_of_is_not_known() -> None:
    found = task()
    assert not found.known
    found.refused(ErrorCode.NOT_FOUND, "none")
    assert found.known
    assert found.over
    assert found.missing


def test_a_task_that_can_not_be_looked_at_for_a_moment_is_under_way() -> None:
    found = task()
    found.refused(ErrorCode.INTERNAL_ERROR, "no disk")
    assert found.known
    assert not found.over
    seen = shown(found, phase=None)
    assert seen["status"] == "working"
    assert seen["statusMessage"] == "nobody can say how it is at present: no disk"


def test_a_task_that_runs_says_so_and_is_asked_for_less_often_later() -> None:
    running = task()
    running.taken()
    assert running.known
    assert not running.over
    assert shown(running)["statusMessage"] == "running"
    assert shown(running)["resultType"] == "complete"
    later = shown(running, NOW + POLL_LATER_AFTER_S, Phase.RUNNING)
    assert later["pollIntervalMs"] == 5_000
    assert later["ttlMs"] == round((POLL_LATER_AFTER_S + KEPT_S) * 1_000)


def test_a_task_that_was_found_again_waits_even_if_nobody_has_said_for_how_long() -> None:
    found = task()
    found.taken()
    assert shown(found, phase=Phase.WAITING)["statusMessage"] == "waiting for a person"


def test_an_approved_task_is_said_to_run() -> None:
    approved = task()
    approved.waiting(waiting_record())
    assert shown(approved, phase=Phase.RUNNING)["statusMessage"] == "running"


def test_the_outcome_of_a_task_is_the_tools_result() -> None:
    done = task()
    done.waiting(waiting_record())
    done.settled(DONE, ENDING, NOW + 5)
    seen = shown(done, NOW + 6)
    assert seen["status"] == "completed"
    assert seen["result"]["structuredContent"] == {"on": True}
    assert seen["lastUpdatedAt"] == rfc3339(NOW + 5)
    assert "statusMessage" not in seen
    assert done.over
    assert not done.missing


def test_a_failed_tool_completes_its_task_with_an_error_in_the_result() -> None:
    done = task()
    done.settled(failed("broken"), ENDING, NOW)
    seen = shown(done)
    assert seen["status"] == "completed"
    assert seen["result"]["isError"] is True


def test_a_withdrawn_task_is_cancelled() -> None:
    done = task()
    done.settled(CANCELLED, ENDING, NOW)
    seen = shown(done)
    assert seen["status"] == "cancelled"
    assert "result" not in seen


def test_a_question_is_shown_until_it_is_over() -> None:
    asking = task()
    asking.taken()
    asking.asks(QUESTION, NOW + 1)
    seen = shown(asking, NOW + 2)
    assert seen["status"] == "input_required"
    assert seen["inputRequests"] == {
        "q1": {"method": "elicitation/create", "params": {"message": "who?"}}
    }
    assert seen["lastUpdatedAt"] == rfc3339(NOW + 1)
    assert asking.asked == (QUESTION,)
    asking.answered("q1", NOW + 3)
    asking.answered("q1", NOW + 4)
    seen = shown(asking, NOW + 5)
    assert seen["status"] == "working"
    assert "inputRequests" not in seen
    assert seen["lastUpdatedAt"] == rfc3339(NOW + 3)


def test_the_end_of_a_task_ends_its_questions() -> None:
    asking = task()
    asking.asks(QUESTION, NOW)
    asking.settled(DONE, ENDING, NOW)
    assert asking.asked == ()
    assert shown(asking)["status"] == "completed"


def test_an_error_of_the_server_fails_its_task() -> None:
    over = task()
    over.settled(outcomes.failed("never begun", kept(-32603, "never begun")), ENDING, NOW)
    seen = shown(over)
    assert (seen["status"], seen["statusMessage"]) == ("failed", "never begun")
    assert seen["error"] == {"code": -32603, "message": "never begun"}
    assert "result" not in seen
