"""Budgets: what may be spent on models, by whom, on what, in a day or a month (UTC).

What a request may cost is reserved before it is sent, in the same step as the check, and counts at
once; when it is over, what it did cost takes the place of that. So many that come together cannot
all have the rest of a budget (I13).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agentgate_proto.records.session import Spent
from agentgate_proto.records.usage import MICROS
from agentgate_proto.rpc.usage_methods import BudgetLine

EACH = "*"
"""As a budget's principal: each has it by itself. As its model: all of them together."""

PERIODS_MAX = 40
"""Days or months of one budget that are known at once: those of a month, which a restart reads. The
last may still have to be settled, and a clock that is set back and forth must not make a budget
whole again."""

Over = Literal["deny", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """One budget.

    Attributes:
        name: for people.
        principal: whose; ``EACH``: every principal's by itself; "": of all together.
        model: name of the model that it is for; ``EACH``: for all.
        per: "day" or "month".
        limit_micros: what may be spent.
        over: beyond it: "deny", or "ask" a person.
    """

    name: str
    principal: str = EACH
    model: str = EACH
    per: Literal["day", "month"] = "month"
    limit_micros: int
    over: Over = "deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why something may not be spent.

    Attributes:
        budget: whose limit it is.
        over: what is to be done: "deny" or "ask".
        reason: in words.
    """

    budget: Budget
    over: Over
    reason: str


class Budgets:
    """What was spent, and what may be.

    Args:
        budgets: all of them.
    """

    def __init__(self, budgets: Sequence[Budget] = ()) -> None:
        self.budgets = tuple(budgets)
        self._spent: dict[tuple[int, str, str], int] = {}

    def restore(self, spent: Iterable[Spent]) -> None:
        """Take up what was spent before, this month."""
        for row in spent:
            self._add(row.principal, row.model, row.day, row.micros)

    def reserve(
        self, principal: str, model: str, micros: int | None, now: float, *, forced: bool = False
    ) -> Objection | None:
        """Reserve money, or say why not.

        Args:
            principal: who wants to spend it.
            model: on which model.
            micros: how much at the most; None: nobody knows, which no budget allows.
            now: UTC seconds.
            forced: a person has allowed it, where a budget lets a person be asked.

        Returns:
            None: it is reserved, and ``settle`` follows.
        """
        day = day_of(now)
        objections = [
            objection
            for objection in self._objections(principal, model, micros, day)
            if not (forced and objection.over == "ask")
        ]
        if objections:  # what is denied is not asked about
            return min(objections, key=lambda objection: objection.over != "deny")
        self._add(principal, model, day, micros or 0)
        return None

    def settle(
        self, principal: str, model: str, day: str, reserved: int | None, cost: int | None
    ) -> None:
        """Something that was reserved has cost so much; None: nobody knows.

        Of a period that is forgotten nothing is counted, nor taken away.
        """
        micros = (cost or 0) - (reserved or 0)
        for place, budget in self._matching(principal, model):
            key = (place, scope_of(budget, principal), period_of(budget, day))
            if key in self._spent:
                self._spent[key] += micros

    def lines(self, principal: str | None, now: float) -> list[BudgetLine]:
        """Return how the budgets stand that count for a principal; None: all, those for each left
        out."""
        day = day_of(now)
        lines = []
        for place, budget in enumerate(self.budgets):
            if budget.principal not in ("", EACH, principal):
                if principal is not None:
                    continue
            elif budget.principal == EACH and principal is None:
                continue
            key = (place, scope_of(budget, principal or ""), period_of(budget, day))
            lines.append(
                BudgetLine(
                    name=budget.name,
                    principal=budget.principal,
                    model=budget.model,
                    per=budget.per,
                    limit_micros=budget.limit_micros,
                    spent_micros=self._spent.get(key, 0),
                    over=budget.over,
                )
            )
        return lines

    def _objections(
        self, principal: str, model: str, micros: int | None, day: str
    ) -> Iterable[Objection]:
        for place, budget in self._matching(principal, model):
            key = (place, scope_of(budget, principal), period_of(budget, day))
            spent = self._spent.get(key, 0)
            if micros is None:
                reason = f"nobody knows what {model} costs, and budget {budget.name} limits it"
            elif spent + micros > budget.limit_micros:
                reason = (
                    f"budget {budget.name}: {dollars(spent)} of {dollars(budget.limit_micros)} "
                    f"are spent this {budget.per}, and an answer may cost up to {dollars(micros)}"
                )
            else:
                continue
            yield Objection(budget=budget, over=budget.over, reason=reason)

    def _matching(self, principal: str, model: str) -> Iterable[tuple[int, Budget]]:
        for place, budget in enumerate(self.budgets):
            if budget.principal in ("", EACH, principal) and budget.model in (EACH, model):
                yield place, budget

    def _add(self, principal: str, model: str, day: str, micros: int) -> None:
        for place, budget in self._matching(principal, model):
            key = (place, scope_of(budget, principal), period_of(budget, day))
            if key not in self._spent:
                self._forget_former(place, key[1])
            self._spent[key] = self._spent.get(key, 0) + micros

    def _forget_former(self, place: int, scope: str) -> None:
        """Another period has begun: if there are too many, the first go."""
        former = sorted(key for key in self._spent if key[:2] == (place, scope))
        for key in former[: 1 - PERIODS_MAX]:
            del self._spent[key]


def scope_of(budget: Budget, principal: str) -> str:
    """Whose money it is: a principal's, or of all together."""
    return principal if budget.principal == EACH else ""


def period_of(budget: Budget, day: str) -> str:
    """Of a day, the period that a budget counts by."""
    return day if budget.per == "day" else day[:7]


def day_of(now: float) -> str:
    """The day of a moment, UTC: ``2026-11-29``."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


def dollars(micros: int) -> str:
    """Write an amount for people: ``$0.0123``; small ones with as many digits as they need."""
    text = f"{micros / MICROS:.6f}"
    whole, _, rest = text.partition(".")
    return f"${whole}.{rest[:2]}{rest[2:].rstrip('0')}"
