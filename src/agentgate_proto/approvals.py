"""Approvals: a request that waits for a person, as people and programs see it."""

from __future__ import annotations

from agentgate_proto.errors import ErrorCode
from agentgate_proto.grant import Grant, words_of
from agentgate_proto.messages import ApprovalView, GrantView
from agentgate_proto.outcome import Status
from agentgate_proto.record import Phase, Record, rfc3339


def approval_status(record: Record) -> str:
    """Say what became of the approval, whatever became of the tool afterwards."""
    if record.phase is Phase.WAITING:
        return "waiting"
    if record.outcome is not None:
        ended = record.outcome.status
        if ended in (Status.EXPIRED, Status.CANCELLED) and not record.decided_at:
            return ended.value
        if record.outcome.code in (ErrorCode.DENIED_BY_PERSON, ErrorCode.DENIED_BY_POLICY):
            return "denied"
    return "approved"


def approval_view(record: Record, repeats: int = 0) -> ApprovalView:
    """Show a record as an approval that so many identical asks have joined."""
    status = approval_status(record)
    ran = status == "approved" and record.outcome is not None
    return ApprovalView(
        id=record.rid,
        agent=record.principal,
        tool=record.tool,
        args=record.args,
        signature=record.signature,
        rule=record.rule,
        created_at=rfc3339(record.created_at),
        expires_at=rfc3339(record.expires_at),
        status=status,
        description=record.description,
        warning=record.warning,
        decided_by=record.approver,
        channel=record.channel,
        decided_at=rfc3339(record.decided_at) if record.decided_at else "",
        outcome=record.outcome.status.value if ran and record.outcome else "",
        approvers_needed=record.approvers_needed,
        approved_by=tuple(endorsement.approver for endorsement in record.endorsements),
        needs_code=record.needs_code,
        repeats=repeats,
        grant=record.grant,
    )


def grant_view(grant: Grant, status: str) -> GrantView:
    """Show a grant that is "active", or over as ``status`` says."""
    return GrantView(
        id=grant.id,
        agent=grant.agent,
        tool=grant.tool,
        words=words_of(grant),
        created_at=rfc3339(grant.created_at),
        expires_at=rfc3339(grant.expires_at),
        uses_left=max(grant.uses_max - grant.uses, 0),
        approver=grant.approver,
        channel=grant.channel,
        status=status,
        revoked_by=grant.revoked_by,
    )
