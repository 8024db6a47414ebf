"""Approvals as people see them: what became of the question, and then of the tool."""

from typing import Any

import pytest
from tests.proto.ledger_records import record

from agentgate_proto.approvals import approval_status, approval_view
from agentgate_proto.errors import ErrorCode
from agentgate_proto.outcome import Outcome, Status, ended, executed, failed, unknown
from agentgate_proto.record import Phase, Record

DECIDED_AT = 1_800_000_001.0
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)
EXPIRED = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
DENIED = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON)


def approval(phase: Phase, outcome: Outcome | None = None, *, decided: bool = False) -> Record:
    by: dict[str, Any] = {}
    if decided:
        by = {"approver": "dora", "channel": "http", "decided_at": DECIDED_AT}
    return record(phase=phase, outcome=outcome, expires_at=1_800_000_900.0, **by)


@pytest.mark.parametrize(
    ("shown", "status", "outcome"),
    [
        (approval(Phase.WAITING), "waiting", ""),
        (approval(Phase.APPROVED, decided=True), "approved", ""),
        (approval(Phase.RUNNING, decided=True), "approved", ""),
        (approval(Phase.DONE, executed(b"1"), decided=True), "approved", "executed"),
        (approval(Phase.DONE, failed("no"), decided=True), "approved", "failed"),
        (approval(Phase.DONE, unknown("killed"), decided=True), "approved", "unknown"),
        (approval(Phase.DONE, CANCELLED, decided=True), "approved", "cancelled"),
        (approval(Phase.DONE, DENIED, decided=True), "denied", ""),
        (approval(Phase.DONE, EXPIRED), "expired", ""),
        (approval(Phase.DONE, CANCELLED), "cancelled", ""),
    ],
)
def test_what_became_of_the_approval_and_of_the_tool(
    shown: Record, status: str, outcome: str
) -> None:
    assert approval_status(shown) == status
    view = approval_view(shown)
    assert (view.status, view.outcome) == (status, outcome)


def test_a_view_says_who_decided_where_and_when() -> None:
    view = approval_view(approval(Phase.APPROVED, decided=True))
    assert (view.decided_by, view.channel) == ("dora", "http")
    assert view.decided_at == "2027-01-15T08:00:01.000Z"
    assert view.expires_at == "2027-01-15T08:15:00.000Z"


def test_a_view_of_what_nobody_decided_says_so() -> None:
    view = approval_view(approval(Phase.WAITING))
    assert (view.decided_by, view.channel, view.decided_at) == ("", "", "")
