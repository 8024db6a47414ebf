"""What a row of the table is judged by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.pressure.surroundings import Busy, Look, between
from tests.pressure.verdict import Bounds, Crowd, Row, as_json, line

FINE = Crowd([0.001] * 99 + [0.002], 100)
ROW = Row(
    attack="a",
    kind="floods",
    calm=FINE,
    loud=FINE,
    logins=FINE,
    views=FINE,
    asks=FINE,
    health=FINE,
    peak_bytes=50_000_000,
    files_bytes=1_000_000,
)
BOUNDS = Bounds()


def slow(seconds: float) -> Crowd:
    return Crowd([0.001] * 90 + [seconds] * 10, 100)


def test_an_attack_that_nobody_notices_fails_nothing() -> None:
    assert ROW.failures(BOUNDS) == []


@pytest.mark.parametrize(
    ("changed", "failure"),
    [
        ({"loud": slow(0.051)}, "p99 51 ms > 50 ms"),
        ({"loud": Crowd([], 0)}, "p99 never > 50 ms"),
        ({"loud": slow(0.101), "calm": slow(0.020)}, "p99 101 ms > 100 ms"),
        ({"logins": slow(2.1)}, "login 2100 ms > 2000 ms"),
        ({"views": slow(2.1)}, "view 2100 ms > 2000 ms"),
        ({"asks": slow(5.1)}, "ask 5100 ms > 5000 ms"),
        ({"health": slow(2.1)}, "health 2100 ms > 2000 ms"),
        ({"peak_bytes": 257_000_000}, "peak 257 MB > 256"),
        ({"files_bytes": 161_000_000}, "disk 161 MB > 160"),
        ({"logins": Crowd([0.001], 2)}, "logins 1/2"),
        ({"views": Crowd([0.001], 2)}, "views 1/2"),
        ({"asks": Crowd([0.001], 2)}, "asks 1/2"),
        ({"health": Crowd([0.001], 2)}, "health 1/2"),
        ({"troubles": {"read: 1013 slow": 3}}, "read: 1013 slow (3 times)"),
        ({"lost": ["the bill"]}, "the bill"),
        ({"found": ["a code"]}, "a code"),
    ],
)
def test_each_bound_can_fail_by_itself(changed: dict[str, object], failure: str) -> None:
    row = replace(ROW, **changed)  # type: ignore[arg-type]
    assert row.failures(BOUNDS) == [failure]
    assert as_json(row, BOUNDS)["failures"] == [failure]


def test_five_times_the_undisturbed_latency_is_allowed_where_that_is_more() -> None:
    assert replace(ROW, loud=slow(0.099), calm=slow(0.020)).failures(BOUNDS) == []


def test_a_row_is_one_line() -> None:
    text = line(replace(ROW, loud=slow(1.5), logins=Crowd([], 3)))
    assert "\n" not in text
    assert "1,500" in text
    assert "0/3" in text
    assert "never" in text


def test_what_others_use_of_the_machine_is_told_from_what_we_use() -> None:
    before = Look(total_s=100.0, idle_s=50.0, ours_s=10.0, waited_s=1.0)
    after = Look(total_s=120.0, idle_s=52.0, ours_s=18.0, waited_s=1.0)
    assert between(before, after) == Busy(others=0.5, gateway_waited=0.0)
    assert between(before, before) == Busy(0.0, 0.0)
