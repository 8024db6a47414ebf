"""Budgets: what is reserved counts at once, and what something cost takes its place (I13)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.session import Spent
from agentgate_proto.sessions.budgets import PERIODS_MAX, Budget, Budgets, day_of, dollars

NOON = 1_800_000_000.0  # 2027-01-15
DAY_S = 86_400.0


def budget(limit: int = 100, **members: Any) -> Budget:
    return Budget(name="b", limit_micros=limit, **members)


def spent(budgets: Budgets, principal: str | None = "ann", now: float = NOON) -> list[int]:
    return [line.spent_micros for line in budgets.lines(principal, now)]


def test_without_budgets_everything_may_be_spent() -> None:
    budgets = Budgets()
    assert budgets.reserve("ann", "m", 10**12, NOON) is None
    assert budgets.reserve("ann", "m", None, NOON) is None
    assert budgets.lines("ann", NOON) == []


def test_up_to_the_limit_money_is_reserved_and_beyond_it_there_is_an_objection() -> None:
    budgets = Budgets([budget()])
    assert budgets.reserve("ann", "m", 60, NOON) is None
    assert budgets.reserve("ann", "m", 40, NOON) is None
    objection = budgets.reserve("ann", "m", 1, NOON)
    assert objection is not None
    assert objection.over == "deny"
    assert objection.reason == (
        "budget b: $0.0001 of $0.0001 are spent this month, and an answer may cost up to $0.000001"
    )
    assert spent(budgets) == [100], "what was refused is not reserved"


def test_what_it_did_cost_takes_the_place_of_what_was_reserved() -> None:
    budgets = Budgets([budget()])
    budgets.reserve("ann", "m", 100, NOON)
    budgets.settle("ann", "m", day_of(NOON), 100, 30)
    assert spent(budgets) == [30]
    budgets.reserve("ann", "m", 70, NOON)
    budgets.settle("ann", "m", day_of(NOON), 70, None)
    assert spent(budgets) == [30], "a cost that nobody knows is not counted"


def test_each_principal_has_its_own_or_all_have_one_together_or_it_is_somebodys() -> None:
    budgets = Budgets([budget(principal="*"), budget(principal=""), budget(principal="bob")])
    budgets.reserve("ann", "m", 10, NOON)
    budgets.reserve("bob", "m", 1, NOON)
    assert spent(budgets, "ann") == [10, 11]
    assert spent(budgets, "bob") == [1, 11, 1]
    assert spent(budgets, None) == [11, 1], "of those for each there is no one sum"


def test_a_budget_is_for_one_model_or_for_all_together() -> None:
    budgets = Budgets([budget(model="m"), budget(model="*")])
    budgets.reserve("ann", "m", 10, NOON)
    budgets.reserve("ann", "n", 1, NOON)
    assert spent(budgets) == [10, 11]


def test_a_day_and_a_month_begin_anew() -> None:
    budgets = Budgets([budget(per="day"), budget(per="month")])
    budgets.reserve("ann", "m", 10, NOON)
    budgets.reserve("ann", "m", 10, NOON + DAY_S)
    assert spent(budgets, now=NOON + DAY_S) == [10, 20]
    assert spent(budgets, now=NOON + 40 * DAY_S) == [0, 0]


def test_what_was_reserved_before_midnight_is_settled_in_its_own_day() -> None:
    budgets = Budgets([budget(per="day")])
    budgets.reserve("ann", "m", 50, NOON)
    budgets.reserve("ann", "m", 20, NOON + DAY_S)
    budgets.settle("ann", "m", day_of(NOON), 50, 5)
    assert spent(budgets, now=NOON) == [5]
    assert spent(budgets, now=NOON + DAY_S) == [20]


def test_days_that_are_long_over_are_forgotten() -> None:
    budgets = Budgets([budget(per="day")])
    for day in range(PERIODS_MAX + 5):
        budgets.reserve("ann", "m", 1, NOON + day * DAY_S)
    assert len(budgets._spent) == PERIODS_MAX
    budgets.settle("ann", "m", day_of(NOON), 1, 0)
    assert spent(budgets, now=NOON) == [0], "what is forgotten is not counted down"


def test_a_clock_that_is_set_back_and_forth_makes_no_budget_whole() -> None:
    budgets = Budgets([budget(per="day")])
    for day in (1, 2, 0, 1):
        budgets.reserve("ann", "m", 30, NOON + day * DAY_S)
    assert spent(budgets, now=NOON + DAY_S) == [60]


def test_what_was_spent_before_a_restart_counts() -> None:
    budgets = Budgets([budget()])
    budgets.restore([Spent(principal="ann", model="m", day=day_of(NOON), micros=99)])
    assert budgets.reserve("ann", "m", 2, NOON) is not None


def test_what_a_person_has_allowed_counts_all_the_same() -> None:
    budgets = Budgets([budget(over="ask")])
    assert budgets.reserve("ann", "m", 1_000, NOON, forced=True) is None
    assert spent(budgets) == [1_000]


def test_a_person_who_was_asked_about_one_budget_has_not_allowed_another_to_be_exceeded() -> None:
    budgets = Budgets([budget(10, over="ask"), budget(100, over="deny")])
    assert budgets.reserve("ann", "m", 90, NOON, forced=True) is None
    objection = budgets.reserve("ann", "m", 90, NOON, forced=True)
    assert objection is not None
    assert objection.over == "deny"


@pytest.mark.parametrize("first", ["deny", "ask"])
def test_what_one_budget_denies_no_person_is_asked_about(first: Any) -> None:
    other: Any = "ask" if first == "deny" else "deny"
    budgets = Budgets([budget(over=first), budget(over=other)])
    objection = budgets.reserve("ann", "m", 101, NOON)
    assert objection is not None
    assert objection.over == "deny"


def test_nobody_may_spend_what_nobody_knows_where_there_is_a_budget_for_it() -> None:
    budgets = Budgets([budget(model="m", over="ask")])
    assert budgets.reserve("ann", "n", None, NOON) is None
    objection = budgets.reserve("ann", "m", None, NOON)
    assert objection is not None
    assert objection.reason == "nobody knows what m costs, and budget b limits it"


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=20))
def test_a_budget_is_never_exceeded_by_what_costs_no_more_than_was_reserved(
    amounts: list[tuple[int, int]],
) -> None:
    budgets = Budgets([budget()])
    open_amounts: list[tuple[int, int]] = []
    for micros, cost in amounts:
        if budgets.reserve("ann", "m", micros, NOON) is None:
            open_amounts.append((micros, min(cost, micros)))
        assert spent(budgets)[0] <= 100
        if len(open_amounts) > 2:
            reserved, spent_of_it = open_amounts.pop(0)
            budgets.settle("ann", "m", day_of(NOON), reserved, spent_of_it)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0.00"),
        (5_000_000, "$5.00"),
        (1, "$0.000001"),
        (12_300, "$0.0123"),
        (10**12, "$1000000.00"),
    ],
)
def test_amounts_are_written_with_as_many_digits_as_they_need(micros: int, text: str) -> None:
    assert dollars(micros) == text
