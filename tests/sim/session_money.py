"""The money of sessions: each attempt is reserved once and settled once, within budgets (I13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus, added
from agentgate_proto.sessions.budgets import EACH, Budget, period_of, scope_of

if TYPE_CHECKING:
    from tests.sim.world import World


class Money:
    """See the module.

    Attributes:
        rows: as they were committed last.
        allowed: runs that a person has let go on beyond their budgets.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.fail = world.fail
        self.rows: dict[str, UsageRow] = {}
        self.allowed: set[str] = set()

    def put(self, row: UsageRow) -> None:
        """A row is committed."""
        before = self.rows.get(row.id)
        self.rows[row.id] = row
        is_reserved = row.status is UsageStatus.RESERVED
        if before is None and is_reserved:
            self._check_budgets(row)
            return
        if before is None:
            if row.cost_micros:
                self.fail(f"I13: {row.id} cost {row.cost_micros}, and nothing was reserved")
            return
        if before.status is UsageStatus.SETTLED or is_reserved:
            self.fail(f"I13: {row.id} is {before.status}, and is {row.status} again")
        if (before.principal, before.day, before.reserved_micros, before.model) != (
            row.principal,
            row.day,
            row.reserved_micros,
            row.model,
        ):
            self.fail(f"I13: {row.id} is settled as another than was reserved")
        if row.cost_micros is not None and row.cost_micros > (row.reserved_micros or 0):
            self.fail(f"I13: {row.id} cost {row.cost_micros} of {row.reserved_micros} reserved")

    def run_ended(self, run: str, data: dict[str, Any]) -> None:
        """I13: what is told of a run is the sum of its rows."""
        usage, cost = Usage(), 0
        is_known = True
        for row in self._latest().values():
            if row.run == run:
                usage = added(usage, row.usage)
                cost += row.cost_micros or 0
                is_known &= row.cost_micros is not None
        if data["cost_micros"] != (cost if is_known else None):
            self.fail(f"I13: {run} cost {cost}, and is told as {data['cost_micros']}")
        told = data["usage"]
        if (told.get("input", 0), told.get("output", 0)) != (usage.input, usage.output):
            self.fail(f"I13: {run} took {usage}, and is told as {told}")

    def of(self, principal: str) -> int:
        """What a principal has spent."""
        mine = [row for row in self.rows.values() if row.principal == principal]
        return sum(row.cost_micros or 0 for row in mine)

    def rest(self, spent: dict[tuple[int, str, str], int]) -> None:
        """At rest nothing is reserved, and what the gateway counts is what is on disk."""
        for row in self.rows.values():
            if row.status is not UsageStatus.SETTLED:
                self.fail(f"I13: {row.id} is never settled")
        for (place, scope, period), micros in spent.items():
            budget = self.world.plan.setting.budgets[place]
            rows = self._of(budget, scope, period, self.rows)
            if sum(row.cost_micros or 0 for row in rows) != micros:
                self.fail(f"I13: {budget.name} counts {micros} for {scope!r} in {period}")

    def _check_budgets(self, new: UsageRow) -> None:
        latest = None
        for budget in self.world.plan.setting.budgets:
            if budget.model not in (EACH, new.model):
                continue
            latest = self._latest() if latest is None else latest
            scope, period = scope_of(budget, new.principal), period_of(budget, new.day)
            rows = list(self._of(budget, scope, period, latest))
            if budget.over == "ask" and any(row.run in self.allowed for row in rows):
                continue
            spent = sum(row.cost_micros or 0 for row in rows)
            if spent > budget.limit_micros:
                self.fail(f"I13: {spent} of {budget.limit_micros} are spent, by {new.id} too")

    def _of(
        self, budget: Budget, scope: str, period: str, rows: dict[str, UsageRow]
    ) -> Iterator[UsageRow]:
        for row in rows.values():
            is_for = budget.model in (EACH, row.model)
            if is_for and (scope, period) == (
                scope_of(budget, row.principal),
                period_of(budget, row.day),
            ):
                yield row

    def _latest(self) -> dict[str, UsageRow]:
        """All rows, as far as they have come in memory: what was settled there counts as such."""
        rows = dict(self.rows)
        life = self.world.life
        if life is None or life.gate.sessions is None:
            return rows
        for session in life.gate.sessions.sessions._book._loaded.values():
            if session.written is not None:
                rows.update((row.id, row) for row in session.written.usage)
            rows.update(session._usage)
        return rows
