"""How outcomes look on the wire: seed 001's shapes, to the letter."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import Outcome, Status, ended, executed, failed, unknown
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.wire_results import (
    executed_result,
    failure_data,
    pending_reply,
    result_row,
)

DENIED = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON)


def done(outcome: Outcome | None, request_id: int | str = 1) -> Record:
    return Record(
        rid=f"r{request_id}",
        principal="bot",
        client_id="",
        request_id=request_id,
        tool="ha_get_state",
        args=msgspec.Raw(b"{}"),
        signature="ha_get_state()",
        digest="d",
        effects=Effects.READ,
        phase=Phase.DONE,
        created_at=0.0,
        outcome=outcome,
        resolved_at=1_795_168_800.0,
    )


def on_the_wire(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.seed001("FR2-AC2")
def test_an_executed_request_answers_with_status_and_data() -> None:
    result = executed_result(executed(b'{"state":"21.3"}'), 0)
    assert msgspec.json.encode(result) == b'{"status":"executed","data":{"state":"21.3"}}'


def test_a_number_to_acknowledge_is_added_only_where_there_is_one() -> None:
    assert on_the_wire(executed_result(executed(b"1"), 7)) == {
        "status": "executed",
        "data": 1,
        "seq": 7,
    }


def test_another_outcome_says_its_status_beside_the_number_and_nothing_to_an_old_client() -> None:
    assert on_the_wire(failure_data(DENIED, 7)) == {"status": "denied", "seq": 7}
    assert failure_data(DENIED, 0) is None


def test_what_was_not_run_again_says_when_it_had_ended() -> None:
    joined = {"joined": True, "resolved_at": "2026-11-20T10:00:00.000Z"}
    result = on_the_wire(executed_result(executed(b"1"), 7, 1_795_168_800.0))
    assert result == {"status": "executed", "data": 1, "seq": 7, **joined}
    denied = on_the_wire(failure_data(DENIED, 7, 1_795_168_800.0))
    assert denied == {"status": "denied", "seq": 7, **joined}
    row = on_the_wire(result_row(msgspec.structs.replace(done(executed(b"1")), joined="r9")))
    assert row["joined"] is True


def test_a_row_of_an_executed_request_has_data_and_no_error() -> None:
    assert on_the_wire(result_row(done(executed(b'{"a":1}')))) == {
        "request_id": 1,
        "tool": "ha_get_state",
        "status": "executed",
        "resolved_at": "2026-11-20T10:00:00.000Z",
        "data": {"a": 1},
    }


@pytest.mark.parametrize("outcome", [DENIED, failed("kaput"), unknown("crash")])
def test_a_row_of_any_other_outcome_has_an_error_and_no_data(outcome: Outcome) -> None:
    row = on_the_wire(result_row(done(outcome)))
    assert row["status"] == outcome.status
    assert row["error"] == {"code": outcome.code, "message": outcome.message}
    assert "data" not in row


def test_no_row_has_a_member_named_result_which_the_original_sdk_would_unwrap_twice() -> None:
    for outcome in (executed(b"1"), DENIED):
        assert "result" not in on_the_wire(result_row(done(outcome)))


def test_a_tool_that_returned_nothing_still_has_data() -> None:
    assert on_the_wire(result_row(done(executed(b"null"))))["data"] is None


def test_a_request_that_is_not_done_has_no_row() -> None:
    with pytest.raises(AssertionError, match="only a record that is done"):
        result_row(done(None))


@pytest.mark.seed001("FR5-AC1", "FR5-AC2")
def test_collected_results_come_in_order_with_what_is_still_pending() -> None:
    records = [done(executed(b"1"), 1), done(DENIED, "two")]
    reply = on_the_wire(pending_reply(records, [3, "four"], more=False, seq=9))
    assert [row["request_id"] for row in reply["results"]] == [1, "two"]
    assert reply["pending"] == [3, "four"]
    assert reply["seq"] == 9
    assert "more" not in reply


def test_an_empty_reply_is_the_one_that_seed_001_knows() -> None:
    reply = pending_reply([], [], more=False, seq=9)
    assert on_the_wire(reply) == {"results": [], "pending": []}


def test_more_says_that_there_are_further_rows() -> None:
    reply = pending_reply([done(DENIED)], [], more=True, seq=1)
    assert on_the_wire(reply)["more"] is True


@pytest.mark.parametrize("seq", [0, 7])
def test_what_people_said_and_changed_stands_beside_the_status_of_a_failure(seq: int) -> None:
    outcome = msgspec.structs.replace(
        failed("no bulb"), word="careful", edited=msgspec.Raw(b'{"n":2}')
    )
    data = on_the_wire(failure_data(outcome, seq))
    assert (data["word"], data["edited"]) == ("careful", {"n": 2})
    assert data.get("seq", 0) == seq
