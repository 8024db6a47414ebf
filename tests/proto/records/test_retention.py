"""The clock of retention: it never takes away time that something was promised."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentgate_proto.records.retention import retention_clock

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
