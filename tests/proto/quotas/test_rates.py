"""Rate limits: a full bucket at once, then one as often as the limit says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.quotas.rates import TokenBucket

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
