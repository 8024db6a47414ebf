"""A decision that was made again: when "already settled" means that it had arrived."""

from __future__ import annotations

from typing import Any

import pytest

from agentgate_proto.client.calls import Call
from agentgate_proto.client.own_decision import was_taken
from agentgate_proto.errors import ErrorCode, exception_for
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.rpc.messages import DecideApproval, ListTools

APPROVED = {"id": "a1", "status": "approved", "decided_by": "ann"}
DENIED = {"id": "a1", "status": "denied", "decided_by": "ann"}


def taken(
    data: Any,
    decision: Any = "approve",
    principal: str = "ann",
    code: ErrorCode = ErrorCode.ALREADY_SETTLED,
    *,
    is_repeat: bool = True,
    edit: EditTerms | None = None,
) -> bool:
    call = Call(1, "decide_approval", DecideApproval(id="a1", decision=decision, edit=edit), None)
    call.is_repeat = is_repeat
    return was_taken(call, exception_for(code, "settled", data), principal)


@pytest.mark.parametrize(
    ("decision", "data", "own"),
    [
        ("approve", APPROVED, True),
        ("deny", DENIED, True),
        ("approve", DENIED, False),
        ("deny", APPROVED, False),
        ("approve", {**APPROVED, "decided_by": "bob"}, False),
        ("deny", {**DENIED, "decided_by": "bob"}, False),
        ("approve", {**APPROVED, "decided_by": "bob", "approved_by": ["ann", "bob"]}, True),
        ("approve", {"status": "waiting", "approved_by": ["ann"]}, True),
        ("approve", {"status": "waiting", "approved_by": ["bob"]}, False),
        ("approve", {"status": "expired", "approved_by": ["ann"]}, False),
        ("deny", {"status": "waiting", "approved_by": ["ann"]}, False),
        ("approve", {"status": "cancelled"}, False),
        ("approve", {}, False),
        ("approve", None, False),
        ("approve", {"status": 1}, False),
    ],
)
def test_it_is_the_same_person_and_the_same_decision(decision: str, data: Any, own: bool) -> None:
    assert taken(data, decision) is own


def test_one_that_was_made_once_came_too_late() -> None:
    assert not taken(APPROVED, is_repeat=False)


def test_a_decision_that_is_none_was_never_taken() -> None:
    assert not taken(APPROVED, decision="maybe")


def test_another_error_is_one() -> None:
    assert not taken(APPROVED, code=ErrorCode.NOT_FOUND)


def test_who_does_not_know_who_they_are_claims_nothing() -> None:
    assert not taken({"status": "approved"}, principal="")
    assert not taken({"status": "waiting", "approved_by": [""]}, principal="")


def test_no_other_call_is_meant() -> None:
    call = Call(1, "list_tools", ListTools(), None)
    call.is_repeat = True
    error = exception_for(ErrorCode.ALREADY_SETTLED, "settled", APPROVED)
    assert not was_taken(call, error, "ann")


def test_a_yes_to_what_was_changed_is_another_than_one_to_what_was_asked() -> None:
    edited = {**APPROVED, "edited": {"n": 2}}
    assert not taken(edited)
    assert taken(edited, edit=EditTerms(set={"n": 2}))
    assert not taken(APPROVED, edit=EditTerms(set={"n": 2}))
