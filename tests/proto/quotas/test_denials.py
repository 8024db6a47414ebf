"""What is kept of denials: of each agent a few whole, more as rows, and of a flood its count."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import (
    DAY_S,
    ENTRY_BYTES,
    ENTRY_BYTES_MAX,
    HOUR_S,
    MINUTE_S,
    SHARERS,
    USUAL_BYTES,
    Budget,
    Denials,
    Idle,
    Kept,
    Kind,
    Shares,
    Untold,
    share_of_audit,
)

NOON = 1_800_000_000.0


def roomy() -> Shares:
    """Shares of an audit in which there is room for all."""
    return Shares(at_once=10**9, per_day=1)


def flood(denials: Denials, count: int, at: float = NOON, who: str = "evil") -> list[Kept]:
    return [denials.denied(who, f"{who}{n}", "t", f"d{n}", 0, at) for n in range(count)]


def test_first_entries_then_rows_are_used_up_and_the_rest_is_counted() -> None:
    denials = Denials(4, 2, roomy())
    kept = flood(denials, 6)
    assert kept == [Kept.WHOLE, Kept.WHOLE, Kept.ROW, Kept.ROW, Kept.COUNT, Kept.COUNT]
    assert denials.untold(NOON) == [
        Untold(
            principal="evil",
            rid="evil2",
            tool="t",
            digest="d2",
            since=NOON,
            last="d5",
            count=4,
            dropped=2,
        )
    ]
    assert denials.untold(NOON) == [], "they are told once"


def test_budgets_fill_again_with_time() -> None:
    denials = Denials(4, 2, roomy())
    flood(denials, 9)
    assert flood(denials, 3, NOON + MINUTE_S / 2) == [Kept.ROW, Kept.ROW, Kept.COUNT]
    assert flood(denials, 2, NOON + HOUR_S / 2) == [Kept.WHOLE, Kept.ROW]
    assert flood(denials, 3, NOON + 9 * HOUR_S) == [Kept.WHOLE, Kept.WHOLE, Kept.ROW]


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    denials = Denials(2, 2, roomy())
    assert flood(denials, 2) == [Kept.WHOLE, Kept.WHOLE]
    assert flood(denials, 1, NOON - 9 * HOUR_S) == [Kept.COUNT]
    assert flood(denials, 1, NOON - 9 * HOUR_S + MINUTE_S) == [Kept.ROW]


def test_an_agent_uses_up_no_budget_but_its_own() -> None:
    denials = Denials(2, 1, roomy())
    flood(denials, 100)
    assert flood(denials, 2, who="good") == [Kept.WHOLE, Kept.ROW]
    assert [(each.principal, each.count) for each in denials.untold(NOON)] == [
        ("evil", 99),
        ("good", 1),
    ]


@given(st.lists(st.floats(0, 30), max_size=80), st.integers(1, 9), st.integers(1, 9))
def test_in_no_time_is_more_kept_than_the_budgets_and_nothing_is_left_out(
    pauses: list[float], rows: int, entries: int
) -> None:
    denials = Denials(rows, entries, roomy())
    now, kept = NOON, []
    for pause in pauses:
        now += pause
        kept.append(denials.denied("evil", "r", "t", "d", 0, now))
    ran_s = now - NOON
    assert sum(each is not Kept.COUNT for each in kept) <= rows * (1 + ran_s / MINUTE_S) + 1e-6
    assert kept.count(Kept.WHOLE) <= entries * (1 + ran_s / HOUR_S) + 1e-6
    untold = sum(each.count for each in denials.untold(NOON))
    assert untold + kept.count(Kept.WHOLE) == len(kept)


def test_what_changed_nothing_has_so_many_entries_an_hour_and_each_agent_its_own() -> None:
    idle = Idle(2, roomy())
    assert [idle.has_entry("a", 0, NOON) for _ in range(3)] == [True, True, False]
    assert idle.has_entry("b", 0, NOON)
    assert [idle.has_entry("a", 0, NOON + HOUR_S / 2) for _ in range(2)] == [True, False]


def test_long_arguments_take_the_room_of_several_entries_and_never_more_than_there_is() -> None:
    idle = Idle(4, roomy())
    assert idle.has_entry("a", 2 * ENTRY_BYTES, NOON)
    assert not idle.has_entry("a", ENTRY_BYTES, NOON)
    assert idle.has_entry("a", 0, NOON)
    assert idle.has_entry("b", 1_000 * ENTRY_BYTES, NOON)
    idle = Idle(100, roomy())
    assert idle.has_entry("a", 1_000 * ENTRY_BYTES, NOON)
    left = 100 - (1 + ENTRY_BYTES_MAX // ENTRY_BYTES)
    assert [idle.has_entry("a", 0, NOON) for _ in range(left + 1)] == [True] * left + [False]


def test_what_has_no_entry_is_told_by_agent_and_kind_with_the_first_and_the_last() -> None:
    idle = Idle(1, roomy())
    for who, kind, rid in (
        ("a", Kind.READ, "r1"),
        ("a", Kind.WITHDRAWN, "r2"),
        ("b", Kind.READ, "r3"),
        ("a", Kind.READ, "r4"),
    ):
        idle.count(kind, who, rid, "t", f"d-{rid}", NOON)
    told = [
        (each.principal, each.kind, each.rid, each.last, each.count) for each in idle.untold(NOON)
    ]
    assert told == [
        ("a", Kind.READ, "r1", "d-r4", 2),
        ("a", Kind.WITHDRAWN, "r2", "d-r2", 1),
        ("b", Kind.READ, "r3", "d-r3", 1),
    ]
    assert idle.untold(NOON) == [], "they are told once"


def test_a_budget_may_be_owed_and_says_until_when() -> None:
    budget = Budget(2, HOUR_S, NOON)
    assert budget.pause_s(NOON) == 0.0
    for _ in range(3):
        budget.owe(NOON)
    assert budget.pause_s(NOON) == HOUR_S
    assert not budget.take(NOON + HOUR_S / 2)
    assert budget.take(NOON + HOUR_S)


# An agent's share of the audit


def test_what_is_in_budgets_has_a_share_beside_them_and_long_entries_take_more_of_it() -> None:
    shares = Shares(at_once=20, per_day=24)
    denials, idle = Denials(100, 100, shares), Idle(100, shares)
    assert flood(denials, 3) == [Kept.WHOLE] * 3
    assert idle.has_entry("evil", 7 * USUAL_BYTES, NOON)
    assert not idle.has_entry("evil", 9 * USUAL_BYTES, NOON)
    assert idle.has_entry("evil", 8 * USUAL_BYTES, NOON)
    assert not idle.has_entry("evil", 0, NOON)
    assert flood(denials, 1) == [Kept.ROW]
    assert idle.has_entry("good", 0, NOON), "whose share is its own"
    assert idle.has_entry("evil", 0, NOON + HOUR_S)
    assert Shares(at_once=20, per_day=1).take("other", 10**9, NOON), "no entry is longer than that"


def test_what_is_told_together_waits_for_room_but_no_longer_than_an_hour() -> None:
    shares = Shares(at_once=2, per_day=48)
    idle = Idle(100, shares)
    assert idle.has_entry("a", 0, NOON)
    idle.count(Kind.READ, "a", "r1", "t", "d1", NOON)
    idle.count(Kind.WITHDRAWN, "a", "r2", "t", "d2", NOON)
    assert [each.kind for each in idle.untold(NOON)] == [Kind.READ]
    assert idle.untold(NOON + HOUR_S / 4) == []
    assert not idle.has_entry("a", USUAL_BYTES, NOON + HOUR_S - 1.0)
    assert idle.has_entry("a", 0, NOON + HOUR_S - 1.0)
    assert [each.rid for each in idle.untold(NOON + HOUR_S)] == ["r2"]
    assert not idle.has_entry("a", 0, NOON + HOUR_S), "it is owed"
    idle.count(Kind.READ, "a", "r3", "t", "d3", NOON + HOUR_S)
    idle.count(Kind.READ, "b", "r4", "t", "d4", NOON + HOUR_S)
    assert [each.rid for each in idle.untold(math.inf)] == ["r3", "r4"], "nothing comes any more"


def test_a_clock_that_is_set_back_keeps_nothing_untold() -> None:
    denials = Denials(1, 1, Shares(at_once=1, per_day=1))
    flood(denials, 2)
    assert denials.untold(NOON) == []
    assert [each.count for each in denials.untold(NOON - 1.0)] == [1]


@pytest.mark.parametrize(
    ("entries_max", "bytes_max"), [(4_000_000, 2**31), (1_000_000, 2**30), (4_000_000, 10**9)]
)
def test_what_eight_agents_can_put_there_in_vain_leaves_two_thirds_to_deeds(
    entries_max: int, bytes_max: int
) -> None:
    days, seconds = 365, int(DAY_S)
    shares = Shares(*share_of_audit(entries_max, bytes_max, days))
    idle = Idle(600, shares)
    count = size = 0
    longest = 0
    for at in range(0, days * seconds, seconds // 4):  # each takes all there is, now and then
        now = NOON + at
        while idle.has_entry("evil", longest, now):
            count += 1
            size += USUAL_BYTES + longest
        for kind in Kind:
            idle.count(kind, "evil", "r", "t", "d", now)
        told = len(idle.untold(now)) + len(idle.untold(now + HOUR_S))
        count += told
        size += told * USUAL_BYTES
        longest = ENTRY_BYTES_MAX - longest
    assert 0 < SHARERS * count < entries_max / 3
    assert 0 < SHARERS * size < bytes_max / 3


def test_of_an_audit_that_holds_next_to_nothing_there_is_a_share_as_well() -> None:
    assert share_of_audit(60, 10**9, 365.0) == (1, 1)


def test_the_limits_are_those_of_the_audit_as_it_is_kept_by_default() -> None:
    limits = LedgerLimits()
    at_once, per_day = share_of_audit(4_000_000, 2**31, 365.0)
    assert (limits.told_at_once_max, limits.told_per_day) == (at_once, per_day)
