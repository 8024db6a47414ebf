"""What the audit says of each step of a request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agentgate_proto.audit.events import entries_of, shortened
from agentgate_proto.digest import canonical_args
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.audit_entry import AUDIT_ARGS_BYTES_MAX, AuditEntry
from agentgate_proto.records.cutting import TEXT_CHARS_MAX
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Status, ended, executed, failed, unknown
from agentgate_proto.records.request import Effects, Endorsement, Phase, Record, Relayed
from agentgate_proto.records.storage import (
    Change,
    MarkDelivered,
    Put,
    PutAudit,
    PutGrant,
    PutMute,
)

ARGS = msgspec.Raw(b'{"door":"front"}')
RECEIVED = Record(
    rid="r1",
    principal="garden",
    client_id="c1",
    request_id=7,
    tool="unlock",
    args=ARGS,
    signature="unlock(front)",
    digest="d1",
    effects=Effects.WRITE,
    phase=Phase.RECEIVED,
    rule="permissions.yaml:3",
    description="doors are asked for",
    doubt="what script.x reaches is not known",
    created_at=1_700_000_000.0,
)
DESCRIPTION = {
    "rid": "r1",
    "agent": "garden",
    "client_id": "c1",
    "request_id": 7,
    "tool": "unlock",
    "effects": "write",
    "args": {"door": "front"},
    "digest": "d1",
    "rule": "permissions.yaml:3",
    "description": "doors are asked for",
    "doubt": "what script.x reaches is not known",
}
SHORT = {"rid": "r1", "agent": "garden", "tool": "unlock"}
ASKED = {"expires_at": 1_700_000_900.0}
ANSWERED = {**ASKED, "approver": "ann", "channel": "terminal", "decided_at": 1_700_000_009.0}
ANSWER = {"approver": "ann", "channel": "terminal", "decided_at": "2023-11-14T22:13:29.000Z"}
OVER = {"phase": Phase.DONE, "resolved_at": 1_700_000_010.5}


def told(**changes: Any) -> dict[str, Any]:
    """The one entry that a record in this state makes."""
    (entry,) = entries_of(Put(msgspec.structs.replace(RECEIVED, **changes)))
    row: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(entry))
    return row


def test_an_ask_tells_everything_about_the_request_and_why_a_person_is_asked() -> None:
    assert told(phase=Phase.WAITING, warning="may have run", approvers_needed=2, **ASKED) == {
        **DESCRIPTION,
        "event": "request.asked",
        "decision": "ask",
        "warning": "may have run",
        "expires_at": "2023-11-14T22:28:20.000Z",
        "approvers_needed": 2,
    }


def test_each_yes_of_several_people_is_told() -> None:
    people = (Endorsement("bob", "telegram", 1_700_000_001.0), Endorsement("ann", "http", 1.7e9))
    assert told(phase=Phase.WAITING, endorsements=people, approvers_needed=3, **ASKED) == {
        **SHORT,
        "event": "request.endorsed",
        "approver": "ann",
        "channel": "http",
        "decided_at": "2023-11-14T22:13:20.000Z",
        "approvers_needed": 3,
        "count": 2,
    }


def test_an_approval_tells_who_where_and_when() -> None:
    assert told(phase=Phase.APPROVED, grant="g1", **ANSWERED) == {
        **SHORT,
        **ANSWER,
        "event": "request.approved",
        "grant": "g1",
    }


def test_a_start_after_an_approval_names_the_request() -> None:
    assert told(phase=Phase.RUNNING, **ANSWERED) == {**SHORT, "event": "request.started"}


def test_what_a_relay_asks_names_who_asked_it_and_where_that_has_been() -> None:
    relayed = Relayed(
        principal="ann", hops=("e1", "e2"), approver="bob", approval="r9", asks_there=True
    )
    assert told(phase=Phase.RUNNING, relayed=relayed) == {
        **DESCRIPTION,
        "event": "request.started",
        "decision": "allow",
        "on_behalf_of": "ann",
        "hops": ["e1", "e2"],
        "relayed_approver": "bob",
        "relayed_approval": "r9",
        "asks_there": True,
    }


def test_an_allowed_write_is_described_before_it_starts() -> None:
    assert told(phase=Phase.RUNNING, grant="g1") == {
        **DESCRIPTION,
        "event": "request.started",
        "decision": "allow",
        "grant": "g1",
    }


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (executed(b'"ok"'), {"status": "executed", "result_bytes": 4}),
        (failed("jammed"), {"status": "failed", "code": -32004, "message": "jammed"}),
        (
            unknown("power cut"),
            {"status": "unknown", "code": -32007, "message": "Outcome unknown: power cut"},
        ),
    ],
)
def test_the_end_of_what_has_started_tells_its_outcome(outcome: Any, end: dict[str, Any]) -> None:
    expected = {**SHORT, "event": "request.ended", "duration_s": 10.5, **end}
    assert told(outcome=outcome, **OVER) == expected
    assert told(outcome=outcome, **OVER, **ANSWERED) == expected


def test_an_allowed_read_is_one_entry() -> None:
    assert told(outcome=executed(b"1"), effects=Effects.READ, **OVER) == {
        **DESCRIPTION,
        "event": "request.ended",
        "effects": "read",
        "decision": "allow",
        "status": "executed",
        "result_bytes": 1,
        "duration_s": 10.5,
    }


def test_what_the_policy_denied_is_described_with_the_rule() -> None:
    denied = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, "never")
    assert told(outcome=denied, **OVER) == {
        **DESCRIPTION,
        "event": "request.ended",
        "decision": "deny",
        "status": "denied",
        "code": -32003,
        "message": "Denied by policy: never",
        "duration_s": 10.5,
    }


def test_a_persons_no_tells_who_where_and_when() -> None:
    denied = ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON)
    assert told(outcome=denied, **OVER, **ANSWERED) == {
        **SHORT,
        **ANSWER,
        "event": "request.ended",
        "status": "denied",
        "code": -32001,
        "message": "Denied by user",
        "duration_s": 10.5,
    }


def test_a_lapsed_approval_names_nobody_and_is_described_for_perhaps_it_never_was() -> None:
    lapsed = ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED)
    assert told(outcome=lapsed, **OVER, **ASKED) == {
        **DESCRIPTION,
        "event": "request.ended",
        "decision": "ask",
        "expires_at": "2023-11-14T22:28:20.000Z",
        "status": "expired",
        "code": -32002,
        "message": "Approval timed out",
        "duration_s": 10.5,
    }


def test_a_withdrawn_write_that_never_started_is_described() -> None:
    withdrawn = ended(Status.CANCELLED, ErrorCode.CANCELLED)
    assert told(outcome=withdrawn, **OVER)["args"] == {"door": "front"}


def entry_with(args: Any) -> AuditEntry:
    """The first entry of a request with these arguments, as it is kept."""
    raw = msgspec.Raw(canonical_args(args))
    running = msgspec.structs.replace(RECEIVED, phase=Phase.RUNNING, args=raw)
    (entry,) = entries_of(Put(running))
    assert entry.args == raw
    return shortened(entry)


def test_long_texts_in_long_arguments_are_cut_and_that_is_said() -> None:
    long, most = "x" * AUDIT_ARGS_BYTES_MAX, "y" * TEXT_CHARS_MAX
    args = {"text": long, "to": ["bob", {"cc": long[:-1]}], "n": 5, "most": most}
    entry = entry_with(args)
    start = long[:TEXT_CHARS_MAX]
    assert msgspec.json.decode(entry.args or b"") == {
        "text": f"{start}…[7992 characters more]",
        "to": ["bob", {"cc": f"{start}…[7991 characters more]"}],
        "n": 5,
        "most": most,
    }
    assert (entry.args_bytes, entry.digest) == (len(canonical_args(args)), "d1")


def test_arguments_that_are_long_without_long_texts_are_named_by_size_and_digest() -> None:
    args = {"list": list(range(AUDIT_ARGS_BYTES_MAX))}
    entry = entry_with(args)
    assert entry.args is None
    assert (entry.args_bytes, entry.digest) == (len(canonical_args(args)), "d1")


def test_what_is_short_or_has_no_arguments_stays_as_it_is() -> None:
    text = "x" * (AUDIT_ARGS_BYTES_MAX - len(canonical_args({"text": ""})))
    assert entry_with({"text": text}).args_bytes == 0
    started = AuditEntry(event="gateway.started")
    assert shortened(started) is started


GRANT = Grant(
    id="g1",
    agent="garden",
    tool="unlock",
    args=ARGS,
    any_args=("for",),
    created_at=1_700_000_009.0,
    expires_at=1_700_000_900.0,
    uses_max=5,
    uses=1,
    approver="ann",
    channel="terminal",
    rid="r1",
)
BY_GRANT = {"grant": "g1", "agent": "garden", "tool": "unlock"}


def rows_of(change: Change) -> list[dict[str, Any]]:
    return [msgspec.json.decode(msgspec.json.encode(entry)) for entry in entries_of(change)]


def test_a_grant_is_told_with_the_approval_that_made_it() -> None:
    approved = msgspec.structs.replace(RECEIVED, phase=Phase.APPROVED, **ANSWERED)
    assert rows_of(Put(approved, (), GRANT))[1] == {
        **BY_GRANT,
        **ANSWER,
        "event": "grant.made",
        "rid": "r1",
        "args": {"door": "front"},
        "any_args": ["for"],
        "expires_at": "2023-11-14T22:28:20.000Z",
        "uses_max": 5,
    }


def test_a_use_of_a_grant_is_told_with_the_request_that_used_it() -> None:
    running = msgspec.structs.replace(RECEIVED, rid="r2", phase=Phase.RUNNING, grant="g1")
    used = msgspec.structs.replace(GRANT, uses=2)
    assert rows_of(Put(running, (), used))[1] == {
        **BY_GRANT,
        "event": "grant.used",
        "rid": "r2",
        "uses": 2,
        "uses_max": 5,
    }


def test_a_revoked_grant_names_who_revoked_it() -> None:
    revoked = msgspec.structs.replace(GRANT, revoked_at=1_700_000_009.0, revoked_by="bob")
    assert rows_of(PutGrant(revoked)) == [
        {
            **BY_GRANT,
            "event": "grant.revoked",
            "approver": "bob",
            "decided_at": "2023-11-14T22:13:29.000Z",
            "uses": 1,
            "uses_max": 5,
        }
    ]
    assert rows_of(PutGrant(GRANT))[0]["event"] == "grant.changed"


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (executed(b"1"), {"status": "executed", "result_bytes": 1}),
        (failed("jammed"), {"status": "failed", "code": -32004, "message": "jammed"}),
    ],
)
def test_a_request_that_had_joined_another_is_described_when_it_ends(
    outcome: Any, end: dict[str, Any]
) -> None:
    over = msgspec.structs.replace(RECEIVED, outcome=outcome, **OVER, **ASKED)
    joined = msgspec.structs.replace(over, rid="r2", request_id=8)
    assert rows_of(Put(over, (joined,)))[1] == {
        **DESCRIPTION,
        "event": "request.ended",
        "rid": "r2",
        "request_id": 8,
        "joined": "r1",
        "decision": "ask",
        "expires_at": "2023-11-14T22:28:20.000Z",
        "duration_s": 10.5,
        **end,
    }


@pytest.mark.parametrize("effects", list(Effects))
def test_a_repeat_of_what_had_ended_has_one_entry_that_names_that(effects: Effects) -> None:
    over = {**OVER, "resolved_at": RECEIVED.created_at - 60.0, "joined": "r0"}
    record = msgspec.structs.replace(RECEIVED, effects=effects, outcome=executed(b"1"), **over)
    assert rows_of(Put(record)) == [
        {
            **DESCRIPTION,
            "event": "request.ended",
            "effects": effects.value,
            "joined": "r0",
            "decision": "allow",
            "status": "executed",
            "result_bytes": 1,
        }
    ]


def test_a_mute_says_who_and_until_when_and_its_end_says_who() -> None:
    mute = Mute(agent="evil", until=1_700_000_300.0, by="ann", channel="http", at=1_700_000_000.0)
    said = {"agent": "evil", "approver": "ann", "channel": "http"}
    said["decided_at"] = "2023-11-14T22:13:20.000Z"
    until = {"expires_at": "2023-11-14T22:18:20.000Z"}
    assert rows_of(PutMute(mute)) == [{"event": "agent.muted", **said, **until}]
    over = msgspec.structs.replace(mute, until=mute.at)
    assert rows_of(PutMute(over)) == [{"event": "agent.unmuted", **said}]


def test_other_changes_tell_what_they_are_given_or_nothing() -> None:
    entry = AuditEntry(event="gateway.started")
    assert entries_of(PutAudit(entry)) == [entry]
    assert entries_of(MarkDelivered(("r1",))) == []


def test_of_what_was_only_told_there_is_nothing() -> None:
    """Its number is told instead, see the denials."""
    assert entries_of(Put(RECEIVED, is_told=False)) == []


EDITED = msgspec.structs.replace(
    RECEIVED,
    phase=Phase.APPROVED,
    edit=Edit(args=msgspec.Raw(b'{"door":"back"}'), signature="unlock(back)", digest="d2"),
    approver="ann",
    channel="terminal",
    decided_at=1_700_000_009.0,
)


def test_what_a_person_has_made_of_a_request_is_told_before_their_yes() -> None:
    edited, approved = entries_of(Put(EDITED))
    assert (edited.event, approved.event) == ("request.edited", "request.approved")
    assert (edited.args, edited.digest) == (msgspec.Raw(b'{"door":"back"}'), "d2")
    assert (edited.asked_args, edited.asked_digest) == (ARGS, "d1")
    assert (edited.approver, edited.channel) == ("ann", "terminal")
    later = msgspec.structs.replace(EDITED, phase=Phase.RUNNING)
    assert "request.edited" not in [entry.event for entry in entries_of(Put(later))]


def test_arguments_that_were_asked_with_are_cut_as_others_are() -> None:
    long = msgspec.Raw(canonical_args({"text": "x" * AUDIT_ARGS_BYTES_MAX, "to": "ann"}))
    entry = AuditEntry(event="request.edited", rid="r1", args=ARGS, asked_args=long)
    short = shortened(entry)
    assert short.args == ARGS
    assert short.asked_args is not None
    assert msgspec.json.decode(short.asked_args)["to"] == "ann"
    assert len(bytes(short.asked_args)) <= AUDIT_ARGS_BYTES_MAX
    brief = AuditEntry(event="request.edited", rid="r1", args=ARGS, asked_args=ARGS)
    assert shortened(brief) == brief
