"""Approvals as people see them: what became of the question, and then of the tool."""

from typing import Any

import pytest
from tests.proto.ledger_records import record

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.records.approval import approval_status, approval_view, grant_view
from agentgate_proto.records.grant import GrantTerms, grant_of
from agentgate_proto.records.outcome import Outcome, Status, ended, executed, failed, unknown
from agentgate_proto.records.request import Endorsement, Phase, Record, Relayed

DECIDED_AT = 1_800_000_001.0
CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)
EXPIRED = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
DENIED_BEHIND = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY)
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
        (approval(Phase.DONE, DENIED_BEHIND), "denied", ""),
        (approval(Phase.DONE, DENIED_BEHIND, decided=True), "approved", "denied"),
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


@pytest.mark.parametrize(("decided", "reason"), [(False, CHANGED.message), (True, "")])
def test_a_view_says_why_it_is_over_if_that_is_not_plain(decided: bool, reason: str) -> None:
    view = approval_view(approval(Phase.DONE, CHANGED, decided=decided))
    assert view.reason == reason
    assert approval_view(approval(Phase.DONE, EXPIRED)).reason == ""
    assert approval_view(approval(Phase.WAITING)).reason == ""


def test_a_view_says_what_a_yes_takes_and_who_said_it() -> None:
    said = Endorsement("ann", "http", DECIDED_AT)
    asked = record(
        phase=Phase.WAITING,
        expires_at=1_800_000_900.0,
        approvers_needed=2,
        needs_code=True,
        endorsements=(said,),
        grant="g1",
    )
    view = approval_view(asked, repeats=3)
    assert (view.approvers_needed, view.needs_code, view.approved_by) == (2, True, ("ann",))
    assert (view.repeats, view.grant) == (3, "g1")


def test_a_view_of_a_grant_says_how_much_of_it_is_left() -> None:
    terms = GrantTerms(minutes=10, uses=5)
    grant = grant_of(record(principal="bot"), terms, "ann", "http", 1_800_000_000.0)
    view = grant_view(grant, "active")
    assert (view.agent, view.approver, view.channel) == ("bot", "ann", "http")
    assert (view.uses_left, view.status) == (4, "active")
    assert view.expires_at == "2027-01-15T08:10:00.000Z"
    assert view.words == "bot may call write with n=1, until 08:10 UTC, at most 5 times"


def test_a_view_of_what_a_relay_asks_says_for_whom() -> None:
    relayed = Relayed(principal="garden", hops=("first",))
    view = approval_view(record(principal="office", phase=Phase.WAITING, relayed=relayed))
    assert (view.agent, view.on_behalf_of) == ("office", "garden")
    assert view.asker == "office on behalf of garden"
    assert approval_view(approval(Phase.WAITING)).asker == "agent"


def test_the_words_of_a_grant_say_for_whom_a_relay_may_call() -> None:
    relayed = Relayed(principal="any", hops=("first",))
    grant = grant_of(
        record(relayed=relayed), GrantTerms(minutes=10), "ann", "http", 1_800_000_000.0
    )
    words = grant_view(grant, "active").words
    assert words.startswith("agent on behalf of any may call write with n=1, until")


def test_an_approval_has_what_is_known_of_what_it_names() -> None:
    about = "Hall light (on) → off"
    assert approval_view(record(phase=Phase.WAITING), about=about).about == about


def test_an_approval_says_by_which_doubt_its_rule_asks() -> None:
    doubt = "what area attic holds is not known"
    assert approval_view(record(phase=Phase.WAITING, doubt=doubt)).doubt == doubt
