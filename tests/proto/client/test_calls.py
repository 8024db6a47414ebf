"""Calls: what is sent, what is read, and what is said of a call that is not answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.client.calls import (
    NOT_ANSWERED,
    NOT_SENT,
    NOT_SETTLED,
    WITHDRAWN,
    Call,
    LooseReply,
    LooseRow,
    Stage,
    ToolResult,
    decode,
    error_of,
    result_of,
    row_of,
    status_of,
    unknown_outcome,
)
from agentgate_proto.connection.events import Answered
from agentgate_proto.errors import AgentGateError, AgentGateTimeout, ErrorCode, OutcomeUnknown
from agentgate_proto.limits import REQUEST_BYTES_MAX, SERVER_LIMITS
from agentgate_proto.rpc.jsonrpc import ErrorObject
from agentgate_proto.rpc.messages import GetPendingResults, ListTools, ToolRequest


def call(**args: Any) -> Call:
    return Call(1, "tool_request", ToolRequest(tool="light", args=args), None)


def answered(result: str = "null", error: ErrorObject | None = None) -> Answered:
    raw = msgspec.Raw(result.encode())
    return Answered(id=7, method="tool_request", result=raw, error=error)


# What is sent


def test_parameters_are_those_of_the_moment_of_the_call() -> None:
    args = {"on": True}
    made = call(**args)
    asked = Call(2, "tool_request", ToolRequest(tool="light", args=args), None)
    args["on"] = False
    assert made.params == asked.params
    assert msgspec.json.decode(asked.params)["args"] == {"on": True}


def too_deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize("make", [object, lambda: {(1, 2): 3}, lambda: "\ud800", too_deep], ids=str)
def test_arguments_that_are_no_json_are_refused_at_once(make: Any) -> None:
    with pytest.raises(AgentGateError, match="cannot be sent as JSON") as caught:
        call(value=make())
    assert caught.value.code == ErrorCode.INVALID_PARAMS


def test_arguments_that_no_gateway_would_take_are_refused_at_once() -> None:
    with pytest.raises(AgentGateError, match=r"take \d+ bytes; at most") as caught:
        call(text="x" * REQUEST_BYTES_MAX)
    assert caught.value.code == ErrorCode.LIMIT_EXCEEDED


def test_the_largest_arguments_fit_a_gateway_s_message() -> None:
    spare = len(call(text="").params)
    made = call(text="x" * (REQUEST_BYTES_MAX - spare))
    assert len(made.params) == REQUEST_BYTES_MAX
    envelope = len(b'{"jsonrpc":"2.0","method":"tool_request","params":,"id":}') + len(str(2**63))
    assert len(made.params) + envelope <= SERVER_LIMITS.message_bytes_max


def test_only_tool_requests_have_a_tool() -> None:
    assert call().tool == "light"
    assert Call(1, "list_tools", ListTools(), None).tool == ""


def test_methods_are_told_apart() -> None:
    collecting = Call(1, "get_pending_results", GetPendingResults(), None)
    assert (collecting.is_collecting, collecting.is_tool_request) == (True, False)
    assert (call().is_collecting, call().is_tool_request) == (False, True)


# What is said


@pytest.mark.parametrize(
    ("method", "request_id", "stage", "fate"),
    [
        ("tool_request", 0, Stage.QUEUED, NOT_SENT),
        ("tool_request", 5, Stage.SENT, NOT_SETTLED),
        ("tool_request", 5, Stage.QUEUED, WITHDRAWN),
        ("list_tools", 0, Stage.QUEUED, NOT_SENT),
        ("list_tools", 5, Stage.SENT, NOT_ANSWERED),
        ("list_tools", 5, Stage.QUEUED, NOT_ANSWERED),
    ],
)
def test_what_is_known_of_a_call_that_is_not_answered(
    method: str, request_id: int, stage: Stage, fate: str
) -> None:
    made = Call(1, method, ListTools(), None)
    made.request_id, made.stage = request_id, stage
    assert made.fate == fate


@pytest.mark.parametrize(
    ("timeout_s", "text"), [(None, "withdrawn: x"), (2.5, "no answer in 2.5 s: x")]
)
def test_a_caller_who_gives_up_is_told_why_and_what_became_of_it(
    timeout_s: float | None, text: str
) -> None:
    error = Call(1, "list_tools", ListTools(), timeout_s).given_up("x")
    assert isinstance(error, AgentGateTimeout)
    assert (error.code, error.message) == (ErrorCode.CANCELLED, text)


def test_an_unknown_outcome_says_why() -> None:
    error = unknown_outcome("the power failed")
    assert isinstance(error, OutcomeUnknown)
    assert error.message == "Outcome unknown: the power failed"


def test_each_caller_gets_an_exception_of_its_own() -> None:
    first = error_of(ErrorObject(-32006, "too much", {"retry_after_s": 2}))
    second = error_of(first)
    assert first is not second
    assert (second.code, second.message, second.data) == (-32006, "too much", {"retry_after_s": 2})


# What is read

NO_RESULTS = [
    "7",
    "[1]",
    '{"status":7}',
    '{"seq":-1}',
    '{"seq":9223372036854775808}',
    "{",
    '"\\ud8',
]


@pytest.mark.parametrize("text", NO_RESULTS)
def test_what_cannot_be_read_is_an_error_and_not_raised(text: str) -> None:
    odd = decode(msgspec.Raw(text.encode()), ToolResult)
    assert isinstance(odd, AgentGateError)
    assert odd.code == ErrorCode.INTERNAL_ERROR


def test_a_result_that_is_nested_too_deeply_is_an_error_and_not_raised() -> None:
    text = '{"data":' + "[" * 100_000 + "]" * 100_000 + "}"
    assert isinstance(decode(msgspec.Raw(text.encode()), ToolResult), AgentGateError)


def test_an_answer_has_a_result_or_an_error() -> None:
    assert result_of(answered('{"a":1}'), dict) == {"a": 1}
    error = result_of(answered(error=ErrorObject(-32601, "no such method")), dict)
    assert isinstance(error, AgentGateError)
    assert (error.code, error.message) == (-32601, "no such method")


def test_rows_that_are_none_do_not_spoil_the_others() -> None:
    text = '{"results":[1,{},{"request_id":true},{"request_id":3,"status":"executed","data":9}]}'
    reply = msgspec.json.decode(text, type=LooseReply)
    assert reply.rows() == [LooseRow(3, status="executed", data=9)]
    assert reply.pending is None


def test_a_result_becomes_a_row_with_its_number() -> None:
    row, seq = row_of(7, "light", answered('{"status":"executed","data":{"on":true},"seq":4}'))
    assert row == LooseRow(7, "light", "executed", data={"on": True})
    assert seq == 4


def test_a_result_of_the_past_says_when_that_had_ended() -> None:
    at = "2026-11-20T10:00:00.000Z"
    text = f'{{"status":"executed","data":1,"seq":4,"joined":true,"resolved_at":"{at}"}}'
    row, _ = row_of(7, "light", answered(text))
    assert (row.joined, row.resolved_at) == (True, at)


def test_a_result_of_seed_001_has_no_number() -> None:
    assert row_of(7, "", answered('{"status":"executed","data":1}'))[1] == 0


def test_an_unreadable_result_is_an_unknown_outcome_because_the_tool_did_run() -> None:
    row, seq = row_of(7, "light", answered("[1]"))
    assert (row.status, seq) == ("unknown", 0)
    assert row.error is not None
    assert isinstance(error_of(row.error), OutcomeUnknown)
    assert "odd" in row.error.message


@pytest.mark.parametrize(
    ("text", "seq"), [('{"status":"done","data":1,"seq":4}', 4), ('{"data":1}', 0), ("{}", 0)]
)
def test_a_result_that_does_not_say_executed_is_an_unknown_outcome(text: str, seq: int) -> None:
    row, number = row_of(7, "light", answered(text))
    assert (row.status, row.data, number) == ("unknown", None, seq)
    assert isinstance(row.fault, OutcomeUnknown)


def test_a_row_has_data_if_it_was_executed_and_else_its_error() -> None:
    denied = ErrorObject(-32003, "no")
    assert LooseRow(7, status="executed", error=denied).fault is None
    fault = LooseRow(7, status="denied", data=1, error=denied).fault
    assert fault is not None
    assert (fault.code, fault.message) == (-32003, "no")
    assert isinstance(LooseRow(7, status="denied").fault, OutcomeUnknown)
    assert isinstance(LooseRow(7).fault, OutcomeUnknown)


@pytest.mark.parametrize(
    ("text", "status"),
    [('{"status":"cancelled"}', "cancelled"), ('{"status":1}', ""), ("7", ""), ("{}", "")],
)
def test_the_answer_to_a_withdrawal_has_a_status(text: str, status: str) -> None:
    assert status_of(answered(text)) == status
    assert status_of(answered(error=ErrorObject(-32601, "no such method"))) == ""


@pytest.mark.parametrize(
    ("data", "kept", "status", "seq"),
    [
        ({"status": "denied", "seq": 9}, None, "denied", 9),
        ({"status": "denied", "seq": 9, "why": 1}, {"why": 1}, "denied", 9),
        ({"retry_after_s": 2.0}, {"retry_after_s": 2.0}, "failed", 0),
        ({"status": 7, "seq": True}, None, "failed", 0),
        ({"seq": -1}, None, "failed", 0),
        ({"seq": 2**63}, None, "failed", 0),
        ({}, None, "failed", 0),
        ([1], [1], "failed", 0),
        (None, None, "failed", 0),
    ],
)
def test_an_error_becomes_a_row_without_our_own_numbering(
    data: Any, kept: Any, status: str, seq: int
) -> None:
    row, number = row_of(7, "light", answered(error=ErrorObject(-32003, "no", data)))
    error = ErrorObject(-32003, "no", kept)
    assert (row, number) == (LooseRow(7, "light", status, error=error), seq)


@pytest.mark.parametrize(
    ("data", "word", "edited"),
    [
        ({"word": "not at night"}, "not at night", None),
        ({"word": "softer", "edited": {}}, "softer", {}),
        ({"word": 7, "edited": [1]}, "", None),
        ("word", "", None),
    ],
)
def test_a_row_of_an_error_has_what_people_said(data: Any, word: str, edited: Any) -> None:
    row, _ = row_of(7, "light", answered(error=ErrorObject(-32001, "denied", data)))
    assert (row.word, row.edited) == (word, edited)
    assert row.fault is not None
    assert row.fault.data == data


def test_an_error_that_an_old_row_tells_without_data_has_what_people_said() -> None:
    error = ErrorObject(ErrorCode.DENIED_BY_PERSON, "denied")
    fault = LooseRow(request_id=1, status="denied", error=error, word="too late").fault
    assert fault is not None
    assert (fault.word, fault.edited) == ("too late", None)
    fault = LooseRow(request_id=1, status="failed", error=error, edited={"n": 2}).fault
    assert fault is not None
    assert (fault.word, fault.edited) == ("", {"n": 2})
