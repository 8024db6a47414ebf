"""Withdrawals: how many asks a principal may withdraw before a person has answered them.

An ask has two entries of the audit, a row, and a message on every channel, and is gone at once if
its own principal withdraws it. Asks that wait have a cap, and end by themselves after minutes; asks
that are withdrawn make room for the next. So they have a budget: who has used it up can ask again
when there is room in it. What is asked always has its entries, so nothing is left out for it.
"""

from __future__ import annotations

from agentgate_proto.quotas.denials import HOUR_S, Budget


class Withdrawals:
    """The budgets of all principals. Times are seconds on a clock that may be set back.

    Args:
        per_hour: asks that one principal may withdraw, all at once if it likes.
    """

    def __init__(self, per_hour: int) -> None:
        self.per_hour = per_hour
        self._budgets: dict[str, Budget] = {}

    def count(self, principal: str, now: float) -> None:
        """A principal has withdrawn an ask. That is never refused; what is missing is owed."""
        budget = self._budgets.get(principal)
        if budget is None:
            budget = self._budgets[principal] = Budget(self.per_hour, HOUR_S, now)
        budget.owe(now)

    def objection(self, principal: str, now: float) -> tuple[str, float] | None:
        """Say why a principal may ask nobody now, and for how many seconds; None: it may."""
        budget = self._budgets.get(principal)
        pause_s = 0.0 if budget is None else budget.pause_s(now)
        if not pause_s:
            return None
        text = (
            f"more than {self.per_hour} of your asks an hour were withdrawn before a person "
            "answered: nobody is asked for a while"
        )
        return text, pause_s
