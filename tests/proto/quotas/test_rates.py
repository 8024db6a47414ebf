"""Rate limits: a full bucket at once, then one as often as the limit says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.rates import COUNTED_BYTES, Allowance, Allowances, TokenBucket

NOON = 1_800_000_000.0


def test_a_full_bucket_is_given_at_once_and_then_a_pause_is_told() -> None:
    bucket = TokenBucket(3, NOON)
    assert [bucket.take(NOON) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(NOON) == pytest.approx(20.0)


def test_what_was_refused_costs_nothing() -> None:
    bucket = TokenBucket(1, NOON)
    bucket.take(NOON)
    assert bucket.take(NOON) == bucket.take(NOON) == pytest.approx(60.0)


def test_part_of_the_pause_is_not_enough() -> None:
    bucket = TokenBucket(1, NOON)
    bucket.take(NOON)
    assert bucket.take(NOON + 59.0) == pytest.approx(1.0)


def test_a_long_rest_fills_the_bucket_and_no_more() -> None:
    bucket = TokenBucket(2, NOON)
    later = NOON + 100_000.0
    assert [bucket.take(later), bucket.take(later)] == [0.0, 0.0]
    assert bucket.take(later) == pytest.approx(30.0)


def test_a_clock_that_is_set_back_gives_nothing_and_takes_nothing() -> None:
    bucket = TokenBucket(1, NOON)
    bucket.take(NOON)
    assert bucket.take(NOON - 3_600.0) == pytest.approx(60.0)
    assert bucket.take(NOON - 3_540.0) == 0.0


@quick
@given(per_minute=st.integers(1, 10_000), starts=st.floats(0.0, 3e9), spent=st.integers(0, 20))
def test_who_waits_as_told_gets_one(per_minute: int, starts: float, spent: int) -> None:
    bucket = TokenBucket(per_minute, starts)
    now = starts
    for _ in range(spent):
        now += bucket.take(now)
    pause = bucket.take(now)
    assert pause == 0.0 or bucket.take(now + pause) == 0.0


@quick
@given(
    per_minute=st.integers(1, 10**9),
    starts=st.floats(0.0, 3e9),
    amounts=st.lists(st.integers(0, 10**9), max_size=20),
)
def test_who_waits_as_told_gets_an_amount_as_well(
    per_minute: int, starts: float, amounts: list[int]
) -> None:
    bucket = TokenBucket(per_minute, starts)
    now = starts
    for amount in amounts:
        pause = bucket.take(now, amount)
        now += pause
        assert not pause or bucket.take(now, amount) == 0.0


def test_more_than_the_bucket_holds_goes_when_it_is_full_and_is_owed() -> None:
    bucket = TokenBucket(60, NOON)
    assert bucket.take(NOON, 100) == 0.0
    assert bucket.take(NOON, 1) == pytest.approx(41.0)


def test_an_allowance_is_of_requests_and_of_bytes() -> None:
    allowance = Allowance(2, 1_000, 1_000_000, NOON)
    assert allowance.take(NOON, 900) == (0.0, "")
    pause, text = allowance.take(NOON, 200)
    assert (pause, text) == (pytest.approx(6.0), "requests of more than 1,000 bytes a minute")
    assert allowance.take(NOON, 100) == (0.0, ""), "what was refused has cost nothing"
    pause, text = allowance.take(NOON + 20.0, 0)
    assert (pause, text) == (pytest.approx(10.0), "more than 2 requests a minute")
    assert allowance.take(NOON + 30.0, 500) == (0.0, "")


def test_what_turns_out_to_cost_more_is_owed() -> None:
    allowance = Allowance(100, 1_000, 1_000_000, NOON)
    assert allowance.take(NOON, 0) == (0.0, "")
    allowance.owe(NOON, 1_500)
    pause, text = allowance.take(NOON, 0)
    assert (pause, text) == (pytest.approx(30.0), "requests of more than 1,000 bytes a minute")
    assert allowance.take(NOON + 30.0, 0) == (0.0, "")
    allowance.owe(NOON + 60.0, 1_000_000)
    pause, _ = allowance.take(NOON + 60.0, 0)
    assert pause == pytest.approx(60.0), "no more than a minute's is owed"
    bucket = TokenBucket(60, NOON)
    bucket.owe(NOON + 5.0, 60)
    assert bucket.take(NOON + 5.0, 1) == pytest.approx(1.0)


def test_what_results_bring_counts_when_it_is_there_and_is_waited_for() -> None:
    allowance = Allowance(100, 1_000, 1_000_000, NOON)
    allowance.brings(NOON, COUNTED_BYTES - 1)  # small ones do not count
    allowance.brings(NOON, 1_000_000)
    assert allowance.results_pause(NOON) == 0.0
    assert allowance.take(NOON, 1) == (0.0, "")
    allowance.brings(NOON, 100_000)
    assert allowance.results_pause(NOON) == pytest.approx(6.0)
    pause, text = allowance.take(NOON, 1)
    assert pause == pytest.approx(6.0)
    assert text == "results of more than 1,000,000 bytes a minute"
    assert allowance.take(NOON + 6.0, 1) == (0.0, "")
    for _ in range(100):
        allowance.brings(NOON + 6.0, 1_000_000)
    assert allowance.results_pause(NOON + 6.0) == pytest.approx(60.0)  # and not a hundred minutes


def test_each_principal_has_its_own() -> None:
    allowances = Allowances((1, 1_000, 1_000_000))
    assert allowances.of("a", NOON).take(NOON, 1) == (0.0, "")
    assert allowances.of("a", NOON).take(NOON, 1)[0] > 0.0
    assert allowances.of("b", NOON).take(NOON, 1) == (0.0, "")
