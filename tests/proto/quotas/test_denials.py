"""What is kept of denials: of each agent a few whole, more as rows, and of a flood its count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.quotas.denials import (
    ENTRY_BYTES,
    ENTRY_BYTES_MAX,
    HOUR_S,
    MINUTE_S,
    Budget,
    Denials,
    Idle,
    Kept,
    Kind,
    Untold,
)

NOON = 1_800_000_000.0


def flood(denials: Denials, count: int, at: float = NOON, who: str = "evil") -> list[Kept]:
    return [denials.denied(who, f"{who}{n}", "t", f"d{n}", at) for n in range(count)]


def test_first_entries_then_rows_are_used_up_and_the_rest_is_counted() -> None:
    denials = Denials(rows_per_minute=4, entries_per_hour=2)
    kept = flood(denials, 6)
    assert kept == [Kept.WHOLE, Kept.WHOLE, Kept.ROW, Kept.ROW, Kept.COUNT, Kept.COUNT]
    assert denials.untold() == [
        Untold(principal="evil", rid="evil2", tool="t", digest="d2", last="d5", count=4, dropped=2)
    ]
    assert denials.untold() == [], "they are told once"


def test_budgets_fill_again_with_time() -> None:
    denials = Denials(rows_per_minute=4, entries_per_hour=2)
    flood(denials, 9)
    assert flood(denials, 3, NOON + MINUTE_S / 2) == [Kept.ROW, Kept.ROW, Kept.COUNT]
    assert flood(denials, 2, NOON + HOUR_S / 2) == [Kept.WHOLE, Kept.ROW]
    assert flood(denials, 3, NOON + 9 * HOUR_S) == [Kept.WHOLE, Kept.WHOLE, Kept.ROW]


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    denials = Denials(rows_per_minute=2, entries_per_hour=2)
    assert flood(denials, 2) == [Kept.WHOLE, Kept.WHOLE]
    assert flood(denials, 1, NOON - 9 * HOUR_S) == [Kept.COUNT]
    assert flood(denials, 1, NOON - 9 * HOUR_S + MINUTE_S) == [Kept.ROW]


def test_an_agent_uses_up_no_budget_but_its_own() -> None:
    denials = Denials(rows_per_minute=2, entries_per_hour=1)
    flood(denials, 100)
    assert flood(denials, 2, who="good") == [Kept.WHOLE, Kept.ROW]
    assert [(each.principal, each.count) for each in denials.untold()] == [
        ("evil", 99),
        ("good", 1),
    ]


@given(st.lists(st.floats(0, 30), max_size=80), st.integers(1, 9), st.integers(1, 9))
def test_in_no_time_is_more_kept_than_the_budgets_and_nothing_is_left_out(
    pauses: list[float], rows: int, entries: int
) -> None:
    denials = Denials(rows_per_minute=rows, entries_per_hour=entries)
    now, kept = NOON, []
    for pause in pauses:
        now += pause
        kept.append(denials.denied("evil", "r", "t", "d", now))
    ran_s = now - NOON
    assert sum(each is not Kept.COUNT for each in kept) <= rows * (1 + ran_s / MINUTE_S) + 1e-6
    assert kept.count(Kept.WHOLE) <= entries * (1 + ran_s / HOUR_S) + 1e-6
    untold = sum(each.count for each in denials.untold())
    assert untold + kept.count(Kept.WHOLE) == len(kept)


def test_what_changed_nothing_has_so_many_entries_an_hour_and_each_agent_its_own() -> None:
    idle = Idle(entries_per_hour=2)
    assert [idle.has_entry("a", 0, NOON) for _ in range(3)] == [True, True, False]
    assert idle.has_entry("b", 0, NOON)
    assert [idle.has_entry("a", 0, NOON + HOUR_S / 2) for _ in range(2)] == [True, False]


def test_long_arguments_take_the_room_of_several_entries_and_never_more_than_there_is() -> None:
    idle = Idle(entries_per_hour=4)
    assert idle.has_entry("a", 2 * ENTRY_BYTES, NOON)
    assert not idle.has_entry("a", ENTRY_BYTES, NOON)
    assert idle.has_entry("a", 0, NOON)
    assert idle.has_entry("b", 1_000 * ENTRY_BYTES, NOON)
    roomy = Idle(entries_per_hour=100)
    assert roomy.has_entry("a", 1_000 * ENTRY_BYTES, NOON)
    left = 100 - (1 + ENTRY_BYTES_MAX // ENTRY_BYTES)
    assert [roomy.has_entry("a", 0, NOON) for _ in range(left + 1)] == [True] * left + [False]


def test_what_has_no_entry_is_told_by_agent_and_kind_with_the_first_and_the_last() -> None:
    idle = Idle(entries_per_hour=1)
    for who, kind, rid in (
        ("a", Kind.READ, "r1"),
        ("a", Kind.WITHDRAWN, "r2"),
        ("b", Kind.READ, "r3"),
        ("a", Kind.READ, "r4"),
    ):
        idle.count(kind, who, rid, "t", f"d-{rid}")
    told = [(each.principal, each.kind, each.rid, each.last, each.count) for each in idle.untold()]
    assert told == [
        ("a", Kind.READ, "r1", "d-r4", 2),
        ("a", Kind.WITHDRAWN, "r2", "d-r2", 1),
        ("b", Kind.READ, "r3", "d-r3", 1),
    ]
    assert idle.untold() == [], "they are told once"


def test_a_budget_may_be_owed_and_says_until_when() -> None:
    budget = Budget(2, HOUR_S, NOON)
    assert budget.pause_s(NOON) == 0.0
    for _ in range(3):
        budget.owe(NOON)
    assert budget.pause_s(NOON) == HOUR_S
    assert not budget.take(NOON + HOUR_S / 2)
    assert budget.take(NOON + HOUR_S)
