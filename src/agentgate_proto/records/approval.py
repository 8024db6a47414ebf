"""Approvals: a request that waits for a person, as people and programs see it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.records.difference import differences
from agentgate_proto.records.grant import Grant, words_of
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Record, rfc3339


class ApprovalView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An approval as people and programs see it. Times are RFC 3339.

    Attributes:
        id: unguessable id of the approval and of its request.
        agent: the principal that asked.
        on_behalf_of: if that is a relay: who asked at the gateway in front.
        tool, args, signature: what is asked, as the tool gets it; the digest of exactly this is
            what is approved.
        defaults: the places in ``args`` (JSON Pointers) that the agent has not written, and that
            were filled in; the first of many.
        rule, description: the rule that asks, and its words.
        doubt: why it matches, where what is asked does not say it.
        about: what the gateway knows at this moment of what is named, in a line: "Hall light (on) →
            off". Names in it are those of the house's people; it is no part of what is approved.
        warning: what to know before saying yes, if anything.
        created_at, expires_at: when it was asked, and when it lapses.
        status: "waiting", "approved", "denied", "expired" or "cancelled".
        decided_by, channel, decided_at: who answered, where, when.
        outcome: how the request ended ("executed", "failed", "unknown" …), once it has.
        approvers_needed: how many different people must say yes.
        approved_by: who has said yes, where it takes more than one person.
        needs_code: saying yes takes a one-time code.
        repeats: how many identical asks have joined this one and get the same answer.
        grant: id of the grant that the approval made.
        why: what the agent says of why it asks: its own words, to be shown as such. Nobody has
            looked whether they are true.
        word: what was said to the agent with the answer.
        edited: the arguments that were approved in place of ``args``.
        changes: a line for each argument that differs in them.
        shortened: which of ``args``, ``signature``, ``description``, ``warning``, ``reason`` and
            ``edited`` are not whole, in a list. Of ``args`` there is a text with the beginning of
            their JSON then, those first that say on what is acted.
        reason: why it is over though nobody answered and its time had not come, in a sentence.
    """

    id: str
    agent: str
    tool: str
    args: msgspec.Raw
    signature: str
    rule: str
    created_at: str
    expires_at: str
    status: str
    description: str = ""
    warning: str = ""
    decided_by: str = ""
    channel: str = ""
    decided_at: str = ""
    outcome: str = ""
    approvers_needed: int = 1
    approved_by: tuple[str, ...] = ()
    needs_code: bool = False
    repeats: int = 0
    grant: str = ""
    on_behalf_of: str = ""
    shortened: tuple[str, ...] = ()
    reason: str = ""
    doubt: str = ""
    defaults: tuple[str, ...] = ()
    why: str = ""
    word: str = ""
    edited: msgspec.Raw | UnsetType = UNSET
    changes: tuple[str, ...] = ()
    about: str = ""

    @property
    def asker(self) -> str:
        """Who asks, for people: ``garden``, or ``office on behalf of garden``."""
        return f"{self.agent} on behalf of {self.on_behalf_of}" if self.on_behalf_of else self.agent


class GrantView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A grant as people and programs see it. Times are RFC 3339.

    Attributes:
        id: unguessable id of the grant.
        agent, tool: whose requests for what it covers.
        words: what it allows, in a sentence.
        created_at, expires_at: when it was given, and when it ends at the latest.
        uses_left: how many requests it still covers.
        approver, channel: who gave it, where.
        status: "active", "expired", "used up" or "revoked".
        revoked_by: who ended it, if somebody did.
    """

    id: str
    agent: str
    tool: str
    words: str
    created_at: str
    expires_at: str
    uses_left: int
    approver: str
    channel: str
    status: str
    revoked_by: str = ""


def approval_status(record: Record) -> str:
    """Say what became of the approval, whatever became of the tool afterwards."""
    if record.phase is Phase.WAITING:
        return "waiting"
    if record.outcome is not None:
        ended = record.outcome.status
        if ended in (Status.EXPIRED, Status.CANCELLED) and not record.decided_at:
            return ended.value
        if record.outcome.code == ErrorCode.DENIED_BY_PERSON:
            return "denied"
        if record.outcome.code == ErrorCode.DENIED_BY_POLICY and not record.decided_at:
            return "denied"  # else it was approved here, and denied at the gateway behind
    return "approved"


def approval_view(record: Record, repeats: int = 0, about: str = "") -> ApprovalView:
    """Show a record as an approval that so many identical asks have joined.

    Args:
        record: as people may see it.
        repeats: how many.
        about: see :class:`ApprovalView`.
    """
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
        on_behalf_of=record.relayed.principal,
        reason=reason_of(record, status),
        doubt=record.doubt,
        defaults=record.filled or (),
        why=record.why,
        word=record.words,
        edited=UNSET if record.edit is None else record.edit.args,
        changes=() if record.edit is None else differences(record.args, record.edit),
        about=about,
    )


def reason_of(record: Record, status: str) -> str:
    """Say why an approval is over, if neither a person, its agent nor time has ended it."""
    message = record.outcome.message if record.outcome is not None else ""
    timed_out = ERRORS[ErrorCode.APPROVAL_EXPIRED].message
    if status == "denied" and not record.decided_at:
        return message
    return message if status == "expired" and message != timed_out else ""


def grant_view(grant: Grant, status: str, words: str = "") -> GrantView:
    """Show a grant that is "active", or over as ``status`` says.

    Args:
        grant: as people may see it.
        status: how it stands.
        words: what it allows, if they are not just those of :func:`words_of`.
    """
    return GrantView(
        id=grant.id,
        agent=grant.agent,
        tool=grant.tool,
        words=words or words_of(grant),
        created_at=rfc3339(grant.created_at),
        expires_at=rfc3339(grant.expires_at),
        uses_left=max(grant.uses_max - grant.uses, 0),
        approver=grant.approver,
        channel=grant.channel,
        status=status,
        revoked_by=grant.revoked_by,
    )
