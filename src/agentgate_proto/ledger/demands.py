"""Demands: what it takes to say yes, and whether this yes brings it."""

from __future__ import annotations

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.live import Verdict
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Record

Problem = tuple[ErrorCode, str]

IN_THE_CONSOLE = (
    "saying yes to this takes a passkey: approve it in the console in the browser; saying no does "
    "not"
)
"""Elsewhere nothing can sign."""

SIGNED_OTHERWISE = (
    "what the passkey has signed is not this answer to this request as it stands now: look at it, "
    "and sign again"
)


def same_demand(asked: Record, decision: Decision, warning: str) -> bool:
    """Whether people are asked for what a decision demands, with the same warning."""
    return (decision.approvers, decision.code, decision.passkey, warning) == (
        asked.approvers_needed,
        asked.needs_code,
        asked.needs_passkey,
        asked.warning,
    )


def objection_to_yes(record: Record, verdict: Verdict) -> Problem | None:
    """Say why a yes does not count; None: it brings what it takes.

    Args:
        record: what it is a yes to, without the edit that it may bring.
        verdict: the yes.
    """
    if any(said.approver == verdict.approver for said in record.endorsements):
        missing = record.approvers_needed - len(record.endorsements)
        text = f"you have said yes already; {missing} more must: somebody else"
        return ErrorCode.ALREADY_SETTLED, text
    if verdict.nameless and record.approvers_needed > 1:
        text = (
            "this takes several people, and whether you are another one is not known: "
            "the operator must give you a name"
        )
        return ErrorCode.FORBIDDEN, text
    each_time = record.needs_code or record.needs_passkey or record.approvers_needed > 1
    if verdict.grant is not None and each_time:
        text = "no grant for what takes several people, a one-time code or a passkey each time"
        return ErrorCode.INVALID_PARAMS, text  # first: no code is used up for this
    if record.needs_code and not verdict.verified:
        return ErrorCode.CODE_NEEDED, "saying yes to this takes a one-time code"
    if record.needs_passkey and verdict.passkey is None:
        return ErrorCode.PASSKEY_NEEDED, IN_THE_CONSOLE
    return None


def objection_to_signature(record: Record, verdict: Verdict) -> Problem | None:
    """Say why what was signed is not this very answer; None: it is, or nothing was signed.

    Args:
        record: what the answer is to, with the edit that it may bring.
        verdict: the answer.
    """
    proof = verdict.passkey
    if proof is None:
        return None
    digest = record.as_approved.digest
    if proof.is_for(record.rid, digest, approve=verdict.approve, grant=verdict.grant):
        return None
    return ErrorCode.PASSKEY_NEEDED, SIGNED_OTHERWISE
