"""A clock that is set is noticed, and so is one that is behind what was written."""

from __future__ import annotations

import pytest

from agentgate_proto.ledger.clockwatch import BEHIND_S, JUMP_S, ClockWatch, Jump

NOW = 1_800_000_000.0


def test_time_that_goes_by_is_no_jump() -> None:
    watch = ClockWatch()
    for passed in (0.0, 60.0, 120.5, 86_400.0):
        assert watch.look(NOW + passed, 5.0 + passed) is None
    assert watch.look(NOW + 86_460.0 + JUMP_S - 0.1, 5.0 + 86_460.0) is None
    assert watch.problem == ""


@pytest.mark.parametrize("by_s", [-3_600.0, -6 * 365 * 86_400.0, 7_200.0])
def test_a_clock_that_was_set_is_told_once(by_s: float) -> None:
    watch = ClockWatch()
    watch.look(NOW, 5.0)
    jump = watch.look(NOW + 60.0 + by_s, 65.0)
    assert jump == Jump(by_s)
    assert watch.look(NOW + 120.0 + by_s, 125.0) is None
    assert bool(watch.problem) == (by_s < 0)


def test_it_is_behind_until_it_was_set_right_or_has_caught_up() -> None:
    watch = ClockWatch()
    watch.look(NOW, 0.0)
    watch.look(NOW - 3_600.0, 1.0)
    assert watch.problem == "behind what was written before by 1h: set the clock"
    watch.look(NOW - BEHIND_S, 2.0)
    assert watch.problem == ""


def test_what_a_former_process_wrote_counts_from_the_start() -> None:
    watch = ClockWatch(newest=NOW)
    assert watch.problem == ""
    assert watch.look(NOW - 86_400.0, 1.0) is None, "nobody saw it being set"
    assert watch.problem == "behind what was written before by 1d: set the clock"


def test_what_follows_is_said() -> None:
    back, forward = Jump(-3_600.0), Jump(3_600.0)
    assert (back.is_back, forward.is_back) == (True, False)
    assert back.text.startswith("the system's clock went back by 1h: what waits for people")
    assert forward.text.startswith("the system's clock went forward by 1h, or this machine slept")
