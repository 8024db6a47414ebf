"""What our client says of a request, as an MCP client is told of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.faces.mcp.bridge_calls import Refusal
from agentgate_proto.faces.mcp.bridge_endings import end_of, result_of, rows_in, seconds_of
from agentgate_proto.records.outcome import Outcome, Status


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCode.DENIED_BY_PERSON, Status.DENIED),
        (ErrorCode.DENIED_BY_POLICY, Status.DENIED),
        (ErrorCode.APPROVAL_EXPIRED, Status.EXPIRED),
        (ErrorCode.CANCELLED, Status.CANCELLED),
        (ErrorCode.OUTCOME_UNKNOWN, Status.UNKNOWN),
        (ErrorCode.TOOL_FAILED, Status.FAILED),
    ],
)
def test_what_ended_has_its_status_and_words(code: ErrorCode, status: Status) -> None:
    end = end_of(AgentGateError(code, "words"))
    assert isinstance(end, Outcome)
    assert (end.status, end.code, end.message) == (status, code, "words")


def test_what_people_said_and_made_of_it_comes_along() -> None:
    good = result_of(21, "softer", {"level": 3})
    assert (bytes(good.data), good.word, bytes(as_raw(good.edited))) == (
        b"21",
        "softer",
        b'{"level":3}',
    )
    assert result_of(21, "", None).edited is msgspec.UNSET
    data = {"word": "as I said", "edited": {"level": 3}}
    bad = end_of(AgentGateError(ErrorCode.TOOL_FAILED, "broken", data))
    assert isinstance(bad, Outcome)
    assert (bad.word, bytes(as_raw(bad.edited))) == ("as I said", b'{"level":3}')
    row = {"id": "r", "tool": "t", "args": {}, "status": "executed", "data": 1, **data}
    (found,) = rows_in({"requests": [row]})
    assert found.outcome == result_of(1, "as I said", {"level": 3})


def as_raw(value: Any) -> msgspec.Raw:
    assert isinstance(value, msgspec.Raw)
    return value


@pytest.mark.parametrize("code", [ErrorCode.CANCELLED, ErrorCode.CONNECTION_LOST])
def test_what_was_sent_and_not_answered_may_have_run(code: ErrorCode) -> None:
    end = end_of(AgentGateError(code, "lost", {"sent": True}))
    assert isinstance(end, Outcome)
    assert (end.status, end.code) == (Status.UNKNOWN, ErrorCode.OUTCOME_UNKNOWN)


@pytest.mark.parametrize(
    ("data", "pause"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ({"retry_after_s": 5}, 5.0),
        ({"retry_after_s": 0.5}, 0.5),
        ({"retry_after_s": True}, None),
        ({"retry_after_s": "soon"}, None),
    ],
)
def test_everything_else_was_not_taken(data: Any, pause: float | None) -> None:
    end = end_of(AgentGateError(ErrorCode.LIMIT_EXCEEDED, "full", data))
    assert end == Refusal(ErrorCode.LIMIT_EXCEEDED, "full", pause)


def test_times_are_read_and_odd_ones_are_none() -> None:
    assert seconds_of("1970-01-01T00:01:00.500Z") == 60.5
    assert seconds_of("tomorrow") == 0.0


def test_rows_say_how_a_request_ended() -> None:
    common = {"id": "r", "tool": "t", "args": {}}
    listed = [
        common,
        {**common, "status": "executed", "data": [1]},
        {**common, "status": "denied", "error": {"code": -32003, "message": "no"}},
        {**common, "status": "evaporated"},
    ]
    open_, done, denied, odd = (row.outcome for row in rows_in({"requests": listed}))
    assert open_ is None
    assert done is not None
    assert bytes(done.data) == b"[1]"
    assert denied is not None
    assert (denied.status, denied.code, denied.message) == (Status.DENIED, -32003, "no")
    assert odd is not None
    assert (odd.status, odd.message) == (Status.UNKNOWN, "evaporated")


@pytest.mark.parametrize("result", [None, [], {"requests": 5}, {"requests": [{"id": 1}]}])
def test_what_is_no_list_has_no_rows(result: Any) -> None:
    assert rows_in(result) == []
