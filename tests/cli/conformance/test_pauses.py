"""Which pauses before an attempt are right: the full ones, or ones that are drawn at random."""

from __future__ import annotations

import pytest

from agentgate_cli.conformance.listen.broken import Broken
from agentgate_cli.conformance.listen.pauses import SAMPLES, Pauses


def of(*firsts_s: float) -> Pauses:
    """What is known of a client by these first pauses."""
    pauses = Pauses()
    for pause_s in firsts_s:
        pauses.note_first(pause_s)
    return pauses


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 1.0), (2, 2.1), (3, 4.0), (6, 30.0)])
def test_a_full_pause_is_right(failures: int, pause_s: float) -> None:
    of(1.0).check(pause_s, failures)


@pytest.mark.parametrize(
    ("failures", "pause_s", "problem"),
    [
        (
            1,
            0.1,
            "after 1 failures in a row the client tried again after 0.1 s, which",
        ),
        (2, 1.0, "too early: 2 s"),
        (3, 3.0, "too early: 4 s"),
        (9, 15.0, "too early: 30 s"),
        (1, 3.1, "too late: 1 s"),
        (2, 8.0, "too late: 2 s"),
        (9, 60.0, "too late: 30 s"),
    ],
)
def test_another_pause_is_wrong(failures: int, pause_s: float, problem: str) -> None:
    with pytest.raises(Broken, match=problem) as caught:
        of(1.0, 1.0).check(pause_s, failures)
    assert caught.value.rules == ("B2", "B4")


def test_pauses_that_are_always_as_short_are_not_drawn_at_random() -> None:
    pauses = of(0.1)
    while pauses.are_in_question:
        pauses.note_first(0.1)
    assert len(pauses.firsts) == SAMPLES
    with pytest.raises(Broken, match="too early"):
        pauses.check(0.1, 1)


def test_a_long_pause_alone_does_not_tell_that_none_is_drawn_at_random() -> None:
    assert of(1.0).are_in_question
    assert of(1.0, 1.0).are_in_question
    assert not of(1.0, 1.0, 1.0).are_in_question
    assert not of(1.0, 0.6).are_in_question


def test_pauses_that_vary_may_be_short_but_not_too_long() -> None:
    pauses = of(0.3, 0.9)
    assert not pauses.are_in_question
    pauses.check(0.0, 1)
    pauses.check(1.0, 3)
    with pytest.raises(Broken, match="too late"):
        pauses.check(3.5, 1)


def test_a_full_pause_that_is_seen_late_does_not_make_them_random() -> None:
    assert not of(1.0, 2.7, 0.95).are_random


def test_what_the_gateway_asks_for_counts_for_random_pauses_too() -> None:
    pauses = of(0.2, 0.8)
    pauses.check(3.0, 1, at_least_s=3.0)
    with pytest.raises(Broken, match="too early: 3 s") as caught:
        pauses.check(1.0, 1, at_least_s=3.0)
    assert caught.value.rules == ("B2", "B5", "B9")


def test_random_pauses_must_not_all_be_short() -> None:
    pauses = of(0.2, 0.8)
    pauses.check_together(6.0)
    with pytest.raises(Broken, match="four pauses took"):
        pauses.check_together(0.4)
