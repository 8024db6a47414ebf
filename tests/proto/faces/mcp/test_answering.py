"""Answers: a tool's are results whatever happened, a method's are results or errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.proto.faces.mcp.requests import (
    DONE,
    EXPIRES_AT,
    RID,
    TOOL,
    failed,
    result_of,
    row,
    text_of,
    waiting_record,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.answering import (
    Answers,
    Ending,
    LookAnswers,
    MethodAnswers,
    PermitAnswers,
    ToolAnswers,
    UnlistedAnswers,
)
from agentgate_proto.faces.mcp.server_errors import kept
from agentgate_proto.records import outcome as outcomes
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.results import CancelStatus, ToolRow

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ENDING = Ending(RID, 0.0, TOOL)


def tool_answers() -> ToolAnswers:
    return ToolAnswers(1, MODERN, "lamp_set", row())


def error_of(message: bytes) -> Any:
    response = json.loads(message)
    assert response.keys() == {"jsonrpc", "id", "error"}
    return response["error"]


def test_a_tools_outcome_is_its_result() -> None:
    result = result_of(tool_answers().outcome(DONE, ENDING))
    assert result["isError"] is False
    assert result["structuredContent"] == {"on": True}


def test_what_is_pending_names_the_request_and_how_to_ask_for_it() -> None:
    result = result_of(tool_answers().pending(waiting_record(), 50.0))
    assert result["isError"] is True
    assert "structuredContent" not in result
    assert RID in text_of(result)
    assert "lamp_set" in text_of(result)
    assert result["_meta"]["agentgate/expires_at"] == rfc3339(EXPIRES_AT)


def test_what_runs_is_named_where_it_has_an_id() -> None:
    result = result_of(tool_answers().running(RID, 50.0))
    assert RID in text_of(result)
    result = result_of(tool_answers().running("", 50.0))
    assert result["isError"] is True
    assert text_of(result) == (
        "There is no answer yet. Call lamp_set again with the same arguments."
    )


def test_a_refusal_and_a_withdrawal_are_results_as_well() -> None:
    refused = tool_answers().refused(ErrorCode.LIMIT_EXCEEDED, "Too many", 3.0)
    assert "Nothing was run" in text_of(result_of(refused))
    for status in CancelStatus:
        result = result_of(tool_answers().withdrawn(status))
        assert result["isError"] is True
        assert "withdrawn" in text_of(result)


def test_a_look_at_a_request_is_answered_in_the_name_of_its_tool() -> None:
    seen = []

    def find(tool: str) -> tuple[str, ToolRow | None]:
        seen.append(tool)
        return "lamp_set", row()

    answers = LookAnswers(1, MODERN, "gate_result", find)
    assert result_of(answers.outcome(DONE, ENDING))["structuredContent"] == {"on": True}
    assert "lamp_set again" in text_of(result_of(answers.pending(waiting_record(), 50.0)))
    assert seen == [TOOL, TOOL]


def test_a_tool_that_nobody_was_told_of_is_denied_or_unknown() -> None:
    answers: Answers = UnlistedAnswers(1, MODERN, "nothing", None)
    unknown = answers.refused(ErrorCode.TOOL_FAILED, "Unknown tool: nothing; look", None)
    assert error_of(unknown) == {"code": -32602, "message": "Unknown tool: nothing"}
    busy = result_of(answers.refused(ErrorCode.LIMIT_EXCEEDED, "Too many", 3.0))
    assert busy["isError"] is True
    denied = result_of(answers.outcome(failed("no"), ENDING))
    assert denied["isError"] is True


def test_a_permission_is_given_by_the_outcome_alone() -> None:
    answers: Answers = PermitAnswers(1, MODERN)
    yes = executed(b'{"behavior":"allow","updatedInput":{}}')
    given = result_of(answers.outcome(yes, ENDING))
    assert json.loads(text_of(given)) == {"behavior": "allow", "updatedInput": {}}
    for message in (
        answers.outcome(failed("broken"), ENDING),
        answers.pending(waiting_record(), 50.0),
        answers.running(RID, 50.0),
        answers.refused(ErrorCode.LIMIT_EXCEEDED, "Too many", 3.0),
        answers.withdrawn(CancelStatus.CANCELLED),
    ):
        assert json.loads(text_of(result_of(message)))["behavior"] == "deny"


def test_a_legacy_methods_result_goes_out_byte_by_byte() -> None:
    data = b'{"contents": [ {"uri":"a:b","text":"x"} ], "more":1}'
    message = MethodAnswers(1, LEGACY, "resources/read").outcome(executed(data), ENDING)
    assert data in message
    assert result_of(message)["more"] == 1


@pytest.mark.parametrize(
    ("method", "data", "expected"),
    [
        (
            "resources/read",
            {"contents": []},
            {"contents": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"},
        ),
        ("prompts/get", {"messages": []}, {"messages": [], "resultType": "complete"}),
        (
            "resources/read",
            {"contents": [], "resultType": "complete", "ttlMs": 9, "cacheScope": "public"},
            {"contents": [], "resultType": "complete", "ttlMs": 9, "cacheScope": "public"},
        ),
    ],
)
def test_a_modern_methods_result_gets_what_is_missing(
    method: str, data: dict[str, Any], expected: dict[str, Any]
) -> None:
    message = MethodAnswers(1, MODERN, method).outcome(executed(json.dumps(data).encode()), ENDING)
    assert result_of(message) == expected


def test_what_else_comes_of_a_method_is_an_error() -> None:
    answers: Answers = MethodAnswers(1, MODERN, "prompts/get")
    assert error_of(answers.outcome(failed("gone"), ENDING)) == {
        "code": -32603,
        "message": "Tool failed: gone",
    }
    assert error_of(answers.pending(waiting_record(), 50.0))["code"] == -32603
    assert "after 50 s" in error_of(answers.running(RID, 50.0))["message"]
    assert error_of(answers.withdrawn(CancelStatus.CANCELLED))["code"] == -32603
    assert error_of(answers.refused(ErrorCode.INVALID_PARAMS, "no uri", None)) == {
        "code": -32602,
        "message": "no uri",
    }
    assert error_of(answers.refused(ErrorCode.LIMIT_EXCEEDED, "too many", 1.0))["code"] == -32603


NEEDED = {"requiredCapabilities": {"sampling": {}}}


def test_an_error_that_a_clients_program_acts_on_is_that_error() -> None:
    outcome = outcomes.failed("no model", kept(-32021, "no model", NEEDED))
    assert error_of(tool_answers().outcome(outcome, ENDING)) == {
        "code": -32021,
        "message": "no model",
        "data": NEEDED,
    }
    legacy = ToolAnswers(1, LEGACY, "lamp_set", row())
    assert text_of(result_of(legacy.outcome(outcome, ENDING))) == "no model"
    other = outcomes.failed("not today", kept(-32000, "not today"))
    assert text_of(result_of(tool_answers().outcome(other, ENDING))) == "not today"


def test_an_error_of_a_method_is_the_servers_own() -> None:
    outcome = outcomes.failed(
        "Resource not found", kept(-32002, "Resource not found", {"uri": "test://x"})
    )
    for version, code in ((MODERN, -32602), (LEGACY, -32002)):
        answers = MethodAnswers(1, version, "resources/read")
        assert error_of(answers.outcome(outcome, ENDING)) == {
            "code": code,
            "message": "Resource not found",
            "data": {"uri": "test://x"},
        }
