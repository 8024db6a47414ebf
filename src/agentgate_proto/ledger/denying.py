"""Denying: what becomes of a request to which the policy says no, and nobody is asked.

And what the audit says of one that has ended and has changed nothing.

The budgets are those of :mod:`agentgate_proto.quotas.denials`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.live import Live
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import Denials, Idle, Kept, Kind, Shares, Untold
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.outcome import Outcome, Status, ended
from agentgate_proto.records.request import Effects, Record


class Denying:
    """Ends requests that are denied.

    Args:
        limits: with the budgets of what is kept.
        delivery: where callers are.
        finish: gives a request an outcome that has a row.
        remove: forgets a request.
    """

    def __init__(
        self,
        limits: LedgerLimits,
        delivery: Delivery,
        finish: Callable[[Live, Outcome, float], None],
        remove: Callable[[Live], None],
    ) -> None:
        shares = Shares(limits.told_at_once_max, limits.told_per_day)
        self.denials = Denials(limits.denials_per_minute, limits.denials_told_per_hour, shares)
        self.idle = Idle(limits.reads_told_per_hour, shares)
        self._delivery = delivery
        self._finish = finish
        self._remove = remove

    def deny(self, live: Live, decision: Decision, now: float) -> None:
        """The policy has said no."""
        record = live.record
        outcome = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, decision.words)
        size = len(memoryview(record.args))
        kept = self.denials.denied(
            record.principal, record.rid, record.tool, record.digest, size, now
        )
        if kept is Kept.COUNT:
            self.answer(live, outcome)
            return
        live.is_told = kept is Kept.WHOLE
        self._finish(live, outcome, now)

    def over(self, live: Live, now: float) -> None:
        """A request has ended of which the store knows nothing yet: the audit tells it, or counts
        it. By then a write that may have run is known, and so is what people were asked."""
        record = live.record
        if record.expires_at or not live.is_told:
            return
        kind = kind_of(record)
        if kind is None or self.idle.has_entry(record.principal, len(memoryview(record.args)), now):
            return
        live.is_told = False
        self.idle.count(kind, record.principal, record.rid, record.tool, record.digest, now)
        if len(live.callers) > 1:
            for own in [caller.record for caller in live.callers[1:] if caller.record is not None]:
                self.idle.count(kind, own.principal, own.rid, own.tool, own.digest, now)

    def untold(self, now: float) -> list[Untold]:
        """Return the requests that the audit is to tell together by now; they are told then."""
        return self.denials.untold(now) + self.idle.untold(now)

    def answer(self, live: Live, outcome: Outcome, rid: str = "") -> None:
        """Answer without a row of its own; ``rid``: the row that has this outcome (I3)."""
        live.record = replace(live.record, outcome=outcome)
        self._delivery.answer(live, rid)
        self._remove(live)


def kind_of(record: Record) -> Kind | None:
    """Of which kind a request is that has changed nothing; None: it is told in any case.

    Denials have a budget of their own, and a write that fails before it starts is the gateway's or
    the store's doing.
    """
    outcome = record.outcome
    assert outcome is not None, "it has ended"
    if record.joined:
        return Kind.REPEATED
    if outcome.status is Status.CANCELLED:
        return Kind.WITHDRAWN
    if record.effects is Effects.READ and outcome.code != ErrorCode.DENIED_BY_POLICY:
        return Kind.READ
    return None
