"""Denying: what becomes of a request to which the policy says no, and nobody is asked.

The budgets are those of :mod:`agentgate_proto.quotas.denials`.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.delivery import Delivery
from agentgate_proto.ledger.live import Live
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import Denials, Kept
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.outcome import Outcome, Status, ended


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
        self.denials = Denials(limits.denials_per_minute, limits.denials_told_per_hour)
        self._delivery = delivery
        self._finish = finish
        self._remove = remove

    def deny(self, live: Live, decision: Decision, now: float) -> None:
        """The policy has said no."""
        record = live.record
        outcome = ended(Status.DENIED, ErrorCode.DENIED_BY_POLICY, decision.words)
        kept = self.denials.denied(record.principal, record.rid, record.tool, record.digest, now)
        if kept is Kept.COUNT:
            self.answer(live, outcome)
            return
        live.is_told = kept is Kept.WHOLE
        self._finish(live, outcome, now)

    def answer(self, live: Live, outcome: Outcome, rid: str = "") -> None:
        """Answer without a row of its own; ``rid``: the row that has this outcome (I3)."""
        live.record = replace(live.record, outcome=outcome)
        self._delivery.answer(live, rid)
        self._remove(live)
