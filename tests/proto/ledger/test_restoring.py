"""A store that was brought back: what it can't know, it does not pretend to."""

from __future__ import annotations

import msgspec
from tests.proto.ledger_records import record

from agentgate_proto.audit.events import entries_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.restoring import BY, RESTORED, brought_back
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.records.storage import Put, PutAudit, PutGrant, Restored

NOW = 1_800_000_900.0


def grant(name: str, **changed: object) -> Grant:
    made = Grant(
        id=name,
        agent="agent",
        tool="write",
        args=msgspec.Raw(b"{}"),
        any_args=(),
        created_at=NOW - 60,
        expires_at=NOW + 60,
        uses_max=5,
        uses=1,
        approver="owner",
        channel="terminal",
        rid="r0",
    )
    return msgspec.structs.replace(made, **changed)


def test_writes_that_were_open_are_unknown_and_reads_may_run_again() -> None:
    open_ones = [
        record("r1", phase=Phase.WAITING, expires_at=NOW + 60),
        record("r2", phase=Phase.APPROVED, expires_at=NOW + 60),
        record("r3", phase=Phase.RUNNING),
        record("r4", phase=Phase.WAITING, expires_at=NOW + 60, effects=Effects.READ),
    ]
    changes = brought_back(Restored(epoch="e", active=open_ones, unknown=[]), NOW, "from b")
    ended = [each.record for each in changes if isinstance(each, Put)]
    assert [each.rid for each in ended] == ["r1", "r2", "r3"]
    for each in ended:
        assert each.outcome is not None
        assert (each.phase, each.outcome.status) == (Phase.DONE, Status.UNKNOWN)
        assert each.outcome.code == ErrorCode.OUTCOME_UNKNOWN
        assert "restored from a backup" in each.outcome.message
        assert (each.resolved_at, each.delivered) == (NOW, False)


def test_grants_that_held_have_ended_for_they_may_have_been_revoked_since() -> None:
    grants = [
        grant("holds"),
        grant("used up", uses=5),
        grant("expired", expires_at=NOW - 1),
        grant("revoked", revoked_at=NOW - 5, revoked_by="owner"),
    ]
    restored = Restored(epoch="e", active=[], unknown=[], grants=grants)
    over = [each.grant for each in brought_back(restored, NOW, "") if isinstance(each, PutGrant)]
    assert [(each.id, each.revoked_at, each.revoked_by) for each in over] == [("holds", NOW, BY)]


def test_the_audit_says_so_first() -> None:
    active = [record("r1", phase=Phase.RUNNING)]
    changes = brought_back(Restored(epoch="e", active=active, unknown=[]), NOW, "from b, made then")
    assert isinstance(changes[0], PutAudit)
    told = [entry for change in changes for entry in entries_of(change)]
    assert [each.event for each in told] == [RESTORED, "request.ended"]
    assert told[0].detail == "from b, made then"
    assert told[1].status == Status.UNKNOWN
