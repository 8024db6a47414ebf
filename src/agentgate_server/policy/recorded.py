"""Recorded calls: what is on record of a call, as far as it says how others would be decided."""

from __future__ import annotations

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.decision import Action
from agentgate_proto.records.request import Record
from agentgate_server.policy.replaying import Past


class Call(Past, frozen=True, kw_only=True):
    """A call with what became of it.

    Attributes:
        answer: approved, denied, expired, cancelled or waiting, where people were asked; allowed:
            it ran without that; "": policy denied it.
        by: who answered, or gave the grant under which it ran; "": nobody.
        on_behalf_of, definition: as ``Record`` has them.
        takes_more: no grant lets it through: it took several people, a code or a signature, or it
            may have run before.
    """

    answer: str
    by: str = ""
    on_behalf_of: str = ""
    definition: str = ""
    takes_more: bool = False


def is_call(record: Record) -> bool:
    """Whether a policy has decided it. A repeat ended as another did, and what was withdrawn
    before was not decided."""
    return bool(record.rule) and not record.joined


def action_of(record: Record) -> Action:
    """What policy came to; the SQL of :mod:`agentgate_server.store.history` says the same."""
    if record.outcome is not None and record.outcome.code == ErrorCode.DENIED_BY_POLICY:
        return Action.DENY
    return Action.ASK if record.expires_at > 0.0 or record.grant else Action.ALLOW


def answer_of(record: Record, action: Action) -> str:
    """What became of it, as ``Call`` has it."""
    if action is Action.DENY:
        return ""
    return approval_status(record) if record.expires_at > 0.0 else "allowed"


def call_of(record: Record) -> Call:
    """Make a call of a record."""
    action = action_of(record)
    return Call(
        id=record.rid,
        at=record.created_at,
        agent=record.principal,
        tool=record.tool,
        effects=record.effects,
        args=bytes(record.args),
        args_bytes=record.args_bytes,
        action=action,
        rule=record.rule,
        repeats_unknown=bool(record.warning),
        filled=record.filled or (),
        answer=answer_of(record, action),
        by=record.approver or granted_by(record),
        on_behalf_of=record.relayed.principal,
        definition=record.definition,
        takes_more=record.approvers_needed > 1
        or record.needs_code
        or record.needs_passkey
        or bool(record.warning),
    )


def granted_by(record: Record) -> str:
    """Who gave the grant under which it ran, as its rule says; "": it ran under none."""
    _, grant, rest = record.rule.rpartition(" (grant by ")
    return rest.removesuffix(")") if grant and record.grant and not record.expires_at else ""
