"""Steps: the record of a request, one step further. Nothing is written or told by that."""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.ledger.live import Verdict
from agentgate_proto.records.outcome import Outcome, Status, with_words
from agentgate_proto.records.request import Phase, Record

WITHOUT_PEOPLE = frozenset({Status.CANCELLED, Status.EXPIRED})
"""Ends for which nothing counts that people have said before."""


def answered(record: Record, verdict: Verdict) -> Record:
    """The record, with who answered, where and when."""
    return replace(
        record,
        approver=verdict.approver,
        channel=verdict.channel,
        decided_at=verdict.at,
        word=verdict.word,
    )


def own_row(own: Record, first: Record) -> Record:
    """What became of the first request, as the record of one that has joined it.

    It may have been written otherwise, and a repeat of it is known by that.
    """
    return replace(
        first,
        written=own.identity if own.identity != first.digest else "",
        filled=own.filled if own.digest == first.digest else first.filled,
        rid=own.rid,
        client_id=own.client_id,
        request_id=own.request_id,
        idempotency_key=own.idempotency_key,
        why=own.why,
        created_at=own.created_at,
    )


def done(record: Record, outcome: Outcome, now: float) -> Record:
    """The record, ended; nobody has its outcome yet. What people said to its agent goes with it."""
    if record.decided_at and outcome.status not in WITHOUT_PEOPLE:
        edited = record.edit.for_agent if record.edit is not None else None
        outcome = with_words(outcome, record.words, edited)
    return replace(record, phase=Phase.DONE, outcome=outcome, resolved_at=now, delivered=False)
