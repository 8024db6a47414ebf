"""The audit: which entries a change of the store makes.

One entry for each step of a request's life, made from the record that tells of it, so that the
audit cannot say anything else than the store. The first entry of a request describes it; later
ones name it by its rid.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.audit.session_events import entries_of_session
from agentgate_proto.digest import canonical_args
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.audit_entry import AUDIT_ARGS_BYTES_MAX, AuditEntry
from agentgate_proto.records.cutting import cut
from agentgate_proto.records.decision import Action
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Phase, Record, rfc3339
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import Change, Put, PutAudit, PutGrant, PutMute

STARTED = frozenset({Status.EXECUTED, Status.FAILED, Status.UNKNOWN})
"""How a ``write`` ends whose start has an entry of its own."""

UNASKED = frozenset({Status.CANCELLED, Status.EXPIRED})
"""How a request may end before it is stored that it was asked: its caller, or a full disk, was
faster. So it is described once more."""

OPEN = Outcome(status=Status.UNKNOWN)
"""Stands for the outcome of a request that has none yet."""


def entries_of(change: Change) -> list[AuditEntry]:
    """Return what the audit says of a change; nothing, if it is none that matters."""
    match change:
        case Put(is_told=False):
            return []
        case Put(record, (), None) if record.edit is None:
            return [entry_of(record)]
        case Put(record, joined, grant):
            entries = edited(record) if record.phase is Phase.APPROVED else []
            entries.append(entry_of(record))
            entries += [ended_with(row, record) for row in joined]
            if grant is not None:
                entries.append(put_to_use(grant, record))
            return entries
        case PutGrant(grant):
            return [changed(grant)]
        case PutMute(mute):
            return [muted(mute)]
        case PutAudit(entry):
            return [entry]
        case PutSession() | DropSession():
            return entries_of_session(change)
        case _:
            return []


def entry_of(record: Record) -> AuditEntry:
    """Say what a request's new state tells."""
    phase = record.phase
    if phase is Phase.DONE:
        return ended(record)
    if phase is Phase.WAITING:
        return endorsed(record) if record.endorsements else described(record, "request.asked")
    if phase is Phase.APPROVED:
        return answered(record, "request.approved")
    if record.expires_at:
        return later(record, "request.started")
    return described(record, "request.started")


def edited(record: Record) -> list[AuditEntry]:
    """Say what a person has made of a request before they said yes to it; nothing, if nothing."""
    edit = record.edit
    if edit is None:
        return []
    entry = AuditEntry(
        event="request.edited",
        rid=record.rid,
        agent=record.principal,
        tool=record.tool,
        effects=record.effects,
        args=edit.args,
        digest=edit.digest,
        asked_args=record.args,
        asked_digest=record.digest,
        approver=record.approver,
        channel=record.channel,
        decided_at=rfc3339(record.decided_at),
    )
    return [entry]


def ended(record: Record) -> AuditEntry:
    """The request is over. (An allowed ``read`` has this one entry, so it must cost little.)"""
    outcome = record.outcome
    assert outcome is not None, "a request that is done has an outcome"
    size = 0 if outcome.code else len(bytes(outcome.data))
    if record.joined:
        return repeated(record, outcome, size, record.joined)
    asked = record.expires_at > 0.0
    if asked and outcome.code == ErrorCode.DENIED_BY_PERSON:
        return answered(record, "request.ended", outcome)
    if asked and outcome.status in UNASKED:
        return described(record, "request.ended", outcome)
    if asked and outcome.code == ErrorCode.DENIED_BY_POLICY and not record.decided_at:
        return overruled(record, outcome)
    if asked or (record.effects is Effects.WRITE and outcome.status in STARTED):
        return later(record, "request.ended", outcome, size)
    return described(record, "request.ended", outcome, size)


def described(
    record: Record, event: str, outcome: Outcome = OPEN, result_bytes: int = 0
) -> AuditEntry:
    """The first entry of a request: who asked for what, and what the policy said.

    The arguments are whole, however long: see :func:`shortened`.
    """
    asked = record.expires_at > 0.0
    denied = outcome.code == ErrorCode.DENIED_BY_POLICY
    return AuditEntry(
        event=event,
        rid=record.rid,
        agent=record.principal,
        client_id=record.client_id,
        request_id=record.request_id,
        tool=record.tool,
        effects=record.effects,
        args=record.args,
        digest=record.digest,
        decision=Action.ASK if asked else Action.DENY if denied else Action.ALLOW,
        rule=record.rule,
        description=record.description,
        doubt=record.doubt,
        warning=record.warning,
        expires_at=rfc3339(record.expires_at) if asked else "",
        approvers_needed=record.approvers_needed,
        grant=record.grant,
        status=outcome.status if outcome is not OPEN else "",
        code=outcome.code,
        message=outcome.message,
        result_bytes=result_bytes,
        duration_s=duration_of(record),
        on_behalf_of=record.relayed.principal,
        hops=record.relayed.hops,
        relayed_approver=record.relayed.approver,
        relayed_approval=record.relayed.approval,
        asks_there=record.relayed.asks_there,
        why=record.why,
    )


def shortened(entry: AuditEntry) -> AuditEntry:
    """Cut the long texts in arguments that are too long; leave out what is too long all the same.

    So a long letter does not hide to whom it was. Call it when secrets are masked: the half of one
    is not known any more.
    """
    if entry.asked_args is not None:  # the entry of the ask has its length
        entry = msgspec.structs.replace(entry, asked_args=short_args(entry.asked_args))
    size = len(bytes(entry.args)) if entry.args is not None else 0
    if entry.args is None or size <= AUDIT_ARGS_BYTES_MAX:
        return entry
    return msgspec.structs.replace(entry, args=short_args(entry.args), args_bytes=size)


def short_args(args: msgspec.Raw) -> msgspec.Raw | None:
    """Return arguments with their long texts cut; None: they are too long all the same."""
    if len(bytes(args)) <= AUDIT_ARGS_BYTES_MAX:
        return args
    short = canonical_args(cut(msgspec.json.decode(args)))
    return msgspec.Raw(short) if len(short) <= AUDIT_ARGS_BYTES_MAX else None


def later(record: Record, event: str, outcome: Outcome = OPEN, result_bytes: int = 0) -> AuditEntry:
    """A later entry of a request."""
    return AuditEntry(
        event=event,
        rid=record.rid,
        agent=record.principal,
        tool=record.tool,
        status=outcome.status if outcome is not OPEN else "",
        code=outcome.code,
        message=outcome.message,
        result_bytes=result_bytes,
        duration_s=duration_of(record),
    )


def answered(record: Record, event: str, outcome: Outcome = OPEN) -> AuditEntry:
    """A person has said yes or no."""
    return msgspec.structs.replace(
        later(record, event, outcome),
        approver=record.approver,
        channel=record.channel,
        decided_at=rfc3339(record.decided_at),
        word=record.word,
        grant=record.grant,
    )


def overruled(record: Record, outcome: Outcome) -> AuditEntry:
    """While it waited, a policy came into force that denies it."""
    return msgspec.structs.replace(
        later(record, "request.ended", outcome),
        decision=Action.DENY,
        rule=record.rule,
        description=record.description,
        doubt=record.doubt,
    )


def endorsed(record: Record) -> AuditEntry:
    """One of several people has said yes."""
    last = record.endorsements[-1]
    return msgspec.structs.replace(
        later(record, "request.endorsed"),
        approver=last.approver,
        channel=last.channel,
        decided_at=rfc3339(last.at),
        word=last.word,
        approvers_needed=record.approvers_needed,
        count=len(record.endorsements),
    )


def ended_with(record: Record, first: Record) -> AuditEntry:
    """A request that had joined another one is over with it. It has no other entry."""
    outcome = record.outcome or OPEN
    size = 0 if outcome.code else len(bytes(outcome.data))
    return repeated(record, outcome, size, first.rid)


def repeated(record: Record, outcome: Outcome, size: int, joined: str) -> AuditEntry:
    """A request has ended as another one did, which it was a repeat of."""
    entry = described(record, "request.ended", outcome, size)
    return msgspec.structs.replace(entry, joined=joined)


def put_to_use(grant: Grant, record: Record) -> AuditEntry:
    """A grant came of this request's approval, or let it run."""
    if grant.rid != record.rid:
        return AuditEntry(
            event="grant.used",
            grant=grant.id,
            rid=record.rid,
            agent=grant.agent,
            tool=grant.tool,
            uses=grant.uses,
            uses_max=grant.uses_max,
        )
    return AuditEntry(
        event="grant.made",
        grant=grant.id,
        rid=grant.rid,
        agent=grant.agent,
        tool=grant.tool,
        args=grant.args,
        any_args=grant.any_args,
        expires_at=rfc3339(grant.expires_at),
        uses_max=grant.uses_max,
        approver=grant.approver,
        channel=grant.channel,
        decided_at=rfc3339(grant.created_at),
    )


def changed(grant: Grant) -> AuditEntry:
    """A grant changed by itself: it was revoked, or a use of it was."""
    revoked = grant.revoked_at > 0.0
    return AuditEntry(
        event="grant.revoked" if revoked else "grant.changed",
        grant=grant.id,
        agent=grant.agent,
        tool=grant.tool,
        approver=grant.revoked_by,
        decided_at=rfc3339(grant.revoked_at) if revoked else "",
        uses=grant.uses,
        uses_max=grant.uses_max,
    )


def muted(mute: Mute) -> AuditEntry:
    """Somebody does not want to be asked about an agent for a time, or does again."""
    is_over = mute.until <= mute.at
    return AuditEntry(
        event="agent.unmuted" if is_over else "agent.muted",
        agent=mute.agent,
        approver=mute.by,
        channel=mute.channel,
        decided_at=rfc3339(mute.at),
        expires_at="" if is_over else rfc3339(mute.until),
    )


def duration_of(record: Record) -> float:
    """Seconds from the ask to the end, to the millisecond; 0 before, and if that came first."""
    is_timed = record.resolved_at and not record.joined
    return round(record.resolved_at - record.created_at, 3) if is_timed else 0
