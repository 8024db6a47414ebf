"""Retention: its clock takes away no promised time, and what goes early is what matters least."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.records.retention import (
    BEHIND_S,
    COLLECTED_WITHIN_S,
    Rank,
    RetentionClock,
    collected_before,
    days_kept,
    excess,
    fair_share,
    first_end,
    kept_bytes,
    rank_of,
    retention_clock,
)
from agentgate_proto.records.storage import MarkDelivered, Put

DAY_S = 86_400.0
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("before", "ran_s", "utc", "oldest", "shows"),
    [
        (NOW, 60.0, NOW + 60.0, NOW - DAY_S, NOW + 60.0),  # as the system's, if all goes well
        (60.0, 60.0, NOW, 30.0, 120.0),  # a leap of fifty years is not followed …
        (60.0, 60.0, NOW, NOW - 10.0, NOW - 10.0),  # … until nothing is left from before it
        (NOW, 60.0, NOW + 9 * DAY_S, NOW, NOW + 60.0),  # after a pause it is late
        (NOW, 60.0, NOW - DAY_S, NOW - 2 * DAY_S, NOW - DAY_S),  # it follows back
        (None, 0.0, NOW, NOW - DAY_S, NOW - DAY_S),  # a store that never had it
        (None, math.inf, NOW, NOW + DAY_S, NOW),  # what comes from the future ages from now on
        (NOW, 60.0, NOW + DAY_S, None, NOW + DAY_S),  # there is nothing to lose
    ],
)
def test_what_it_shows(
    before: float | None, ran_s: float, utc: float, oldest: float | None, shows: float
) -> None:
    assert retention_clock(before, ran_s, utc, oldest) == shows


LOOKS = st.lists(st.tuples(st.integers(0, 10**6), st.integers(-(10**9), 10**9)), min_size=1)


@given(LOOKS)
def test_nothing_looks_older_than_it_is_if_the_clock_is_not_set_back_behind_it(
    looks: list[tuple[int, int]],
) -> None:
    """However the system's clock leaps, as long as it shows no time before the thing was kept."""
    ran, shown, kept_at = 0, NOW, NOW
    for ran_s, leap in looks:
        ran += ran_s
        shown = retention_clock(shown, ran_s, max(kept_at, NOW + ran + leap), kept_at)
        assert shown - kept_at <= ran


STEPS = st.lists(
    st.tuples(st.integers(0, 10**4), st.integers(-(10**5), 10**5), st.booleans()), min_size=1
)


@given(STEPS)
def test_nothing_looks_older_than_it_is_however_the_clock_is_set(
    steps: list[tuple[int, int, bool]],
) -> None:
    """Between two looks the system's clock is set, forth or back, and things are written by it."""
    clock = RetentionClock()
    clock.look(0.0, 0.0, 0.0, None)
    kept: list[tuple[int, int]] = []
    ran = utc = looked = 0
    for ran_s, leap, looks in steps:
        ran += ran_s
        utc += ran_s + leap
        if looks:
            oldest = min((ended for ended, _ in kept), default=None)
            shows = clock.look(ran, ran - looked, utc, oldest)
            looked = ran
            assert all(shows - ended <= ran - at + BEHIND_S for ended, at in kept)
        else:
            kept.append((utc, ran))
            if clock.is_ahead_of(utc, ran):
                clock.set_back(utc)


def test_what_is_a_moment_old_when_it_is_written_sets_no_clock_back() -> None:
    clock = RetentionClock()
    assert not clock.is_ahead_of(0.0, 5.0), "nobody has looked at it"
    clock.look(5.0, 0.0, NOW, None)
    assert not clock.is_ahead_of(NOW - BEHIND_S, 5.0)
    assert clock.is_ahead_of(NOW - BEHIND_S - 1.0, 5.0)
    assert clock.is_ahead_of(NOW - BEHIND_S, 6.0)
    assert not clock.is_ahead_of(math.inf, 6.0)
    clock.set_back(NOW - BEHIND_S)
    assert not clock.is_ahead_of(NOW - 2 * BEHIND_S, 60.0), "it stands"


def test_what_nobody_collected_has_its_time_by_a_clock_that_may_be_behind() -> None:
    assert NOW - collected_before(NOW) == COLLECTED_WITHIN_S + BEHIND_S


def test_of_all_that_is_written_the_first_end_counts() -> None:
    running = Put(record(phase=Phase.RUNNING))
    ends = [Put(record(resolved_at=at)) for at in (7.0, 5.0, 6.0)]
    assert first_end([running, *ends, MarkDelivered(("r",))]) == 5.0
    assert first_end([running]) == math.inf


def record(**fields: Any) -> Record:
    raw = msgspec.Raw(b"{}")
    more = {"phase": Phase.DONE, "effects": Effects.WRITE, **fields}
    return Record(
        rid="r", principal="p", client_id="c", request_id=1, tool="t", args=raw, signature="t()",
        digest="d", created_at=0.0, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "rank"),
    [
        ({"phase": Phase.WAITING}, Rank.GUARD),
        ({"phase": Phase.RUNNING, "effects": Effects.READ}, Rank.GUARD),
        ({"outcome": Outcome(status=Status.DENIED), "idempotency_key": "k"}, Rank.HARMLESS),
        ({"outcome": Outcome(status=Status.EXPIRED), "idempotency_key": "k"}, Rank.HARMLESS),
        ({"outcome": Outcome(status=Status.CANCELLED), "idempotency_key": "k"}, Rank.HARMLESS),
        (
            {
                "outcome": Outcome(status=Status.UNKNOWN),
                "effects": Effects.READ,
                "idempotency_key": "k",
            },
            Rank.HARMLESS,
        ),
        ({"outcome": Outcome(status=Status.EXECUTED), "delivered": True}, Rank.RAN),
        ({"outcome": Outcome(status=Status.FAILED), "delivered": True}, Rank.RAN),
        ({"outcome": Outcome(status=Status.EXECUTED)}, Rank.GUARD),
        ({"outcome": Outcome(status=Status.EXECUTED), "effects": Effects.READ}, Rank.HARMLESS),
        ({"outcome": Outcome(status=Status.EXECUTED), "idempotency_key": "k"}, Rank.GUARD),
        ({"outcome": Outcome(status=Status.FAILED), "idempotency_key": "k"}, Rank.GUARD),
        ({"outcome": Outcome(status=Status.UNKNOWN)}, Rank.GUARD),
    ],
)
def test_what_is_lost_with_a_row(fields: dict[str, Any], rank: Rank) -> None:
    assert rank_of(record(**fields)) is rank


def test_days_that_a_cap_holds_at_a_pace() -> None:
    assert days_kept(100, DAY_S / 2, 1_000) == 5.0
    assert days_kept(0, DAY_S, 1_000) == math.inf


def test_what_a_row_counts_for_has_its_arguments_twice_and_its_result() -> None:
    assert kept_bytes(record(phase=Phase.WAITING)) == 1_004
    outcome = Outcome(status=Status.EXECUTED, data=msgspec.Raw(b'"abc"'))
    assert kept_bytes(record(outcome=outcome)) == 1_009


@pytest.mark.parametrize(
    ("counts", "room", "share"),
    [
        ([], 5, 0),
        ([5], 5, 5),
        ([6], 5, 5),
        ([1, 100], 10, 9),
        ([100, 1, 100], 11, 5),
        ([4, 4, 4], 11, 3),
        ([1, 1], 0, 0),
    ],
)
def test_a_fair_share(counts: list[int], room: int, share: int) -> None:
    assert fair_share(counts, room) == share


def test_too_many_are_first_those_that_are_harmless() -> None:
    rows = {
        ("evil", Rank.HARMLESS): 60,
        ("good", Rank.HARMLESS): 5,
        ("good", Rank.RAN): 9,
        ("good", Rank.GUARD): 10,
        ("evil", Rank.GUARD): 10,
    }
    assert excess(rows, 1_000) == {}
    assert excess(rows, 40) == {("evil", Rank.HARMLESS): 54}
    assert list(excess(rows, 22).items()) == [
        (("evil", Rank.HARMLESS), 60),
        (("good", Rank.HARMLESS), 5),
        (("good", Rank.RAN), 7),
    ]
    assert excess(rows, 15)["good", Rank.GUARD] == excess(rows, 15)["evil", Rank.GUARD] == 3


def test_a_hoard_of_keys_leaves_others_what_they_are_assured_of() -> None:
    rows = {("good", Rank.RAN): 9, ("good", Rank.HARMLESS): 1, ("evil", Rank.GUARD): 500}

    assert excess(rows, 40) == {("evil", Rank.GUARD): 470}
    assert excess(rows, 20) == {("good", Rank.HARMLESS): 1, ("good", Rank.RAN): 4} | {
        ("evil", Rank.GUARD): 485
    }


def test_a_flood_of_denials_leaves_the_keys_of_who_writes_much() -> None:
    rows = {("good", Rank.GUARD): 60, ("evil", Rank.HARMLESS): 500}

    assert excess(rows, 100) == {("evil", Rank.HARMLESS): 460}


ROWS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(Rank)), st.integers(0, 50)
)


@given(ROWS, st.integers(1, 150))
def test_what_stays_fits_and_nobody_pays_for_another(
    rows: dict[tuple[str, Rank], int], rows_max: int
) -> None:
    gone = excess(rows, rows_max)

    assert all(0 < count <= rows[whose] for whose, count in gone.items())
    assert sum(rows.values()) - sum(gone.values()) <= rows_max
    if sum(rows.values()) <= rows_max:
        assert not gone
    names = {name for name, _ in rows}
    for name in names:
        mine = sum(count for (who, _), count in rows.items() if who == name)
        lost = [rank for who, rank in gone if who == name]
        if mine * 2 * len(names) <= rows_max:
            assert not lost  # it is assured of these
        if lost:  # the lowest of its own first, but for what can't be shared out evenly
            lower = [(name, low) for low in Rank if low < max(lost)]
            kept = sum(rows.get(whose, 0) - gone.get(whose, 0) for whose in lower)
            assert kept < len(names) * len(Rank)


@given(ROWS, st.integers(1, 150))
def test_nobody_loses_a_row_to_what_ranks_lower_beyond_what_all_are_assured_of(
    rows: dict[tuple[str, Rank], int], rows_max: int
) -> None:
    gone = excess(rows, rows_max)

    for rank in Rank:
        names = {name for name, of in rows if of is rank}
        higher = sum(count for (_, of), count in rows.items() if of > rank)
        for name in names:
            if rows[name, rank] * len(names) <= rows_max // 2 - higher:
                assert (name, rank) not in gone
