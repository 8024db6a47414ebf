"""Reconnect pauses: the schedule of seed 001, and jitter."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.client.backoff import Backoff

SCHEDULE = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def pauses(backoff: Backoff, count: int, now: float = 100.0) -> list[float | None]:
    """Let so many attempts fail at the same moment; return the pauses."""
    moments = [backoff.failed(now) for _ in range(count)]
    return [None if at is None else at - now for at in moments]


@pytest.mark.seed001("FR4-AC1")
def test_pauses_double_from_one_second_and_are_capped_at_thirty() -> None:
    assert pauses(Backoff(), len(SCHEDULE)) == SCHEDULE


def test_a_pause_counts_from_the_moment_of_the_failure() -> None:
    backoff = Backoff()
    assert backoff.failed(10.0) == 11.0
    assert backoff.failed(5_000.0) == 5_002.0


@pytest.mark.seed001("FR4-AC2")
def test_by_default_attempts_go_on_for_ever() -> None:
    backoff = Backoff()
    assert pauses(backoff, 2_000)[-1] == 30.0
    assert backoff.failures == 2_000


@pytest.mark.seed001("FR4-AC2")
@pytest.mark.parametrize("attempts_max", [0, 1, 3, 7])
def test_a_limit_allows_so_many_further_attempts_and_no_more(attempts_max: int) -> None:
    backoff = Backoff(attempts_max=attempts_max)
    expected = [*SCHEDULE[:attempts_max], None, None]
    assert pauses(backoff, attempts_max + 2) == expected


@pytest.mark.parametrize("attempts_max", [None, 3])
def test_success_starts_the_schedule_over(attempts_max: int | None) -> None:
    backoff = Backoff(attempts_max=attempts_max)
    assert pauses(backoff, 3) == [1.0, 2.0, 4.0]
    backoff.succeeded()
    assert backoff.failures == 0
    assert pauses(backoff, 3) == [1.0, 2.0, 4.0]


@given(seed=st.integers())
@quick
def test_jitter_stays_between_nothing_and_the_full_pause(seed: int) -> None:
    drawn = pauses(Backoff(jitter=True, rng=Random(seed)), len(SCHEDULE))
    for pause, full in zip(drawn, SCHEDULE, strict=True):
        assert pause is not None
        assert 0.0 <= pause <= full


def test_jitter_comes_from_the_given_source_alone() -> None:
    one, two, other = (Backoff(jitter=True, rng=Random(seed)) for seed in (7, 7, 8))
    drawn = pauses(one, 8)
    assert drawn == pauses(two, 8)
    assert drawn != pauses(other, 8)


def test_jitter_spreads_over_the_whole_pause() -> None:
    backoff = Backoff(jitter=True, rng=Random(1))
    drawn = [pause for pause in pauses(backoff, 500)[5:] if pause is not None]
    assert min(drawn) < 3.0
    assert max(drawn) > 27.0


def test_without_jitter_a_source_of_chance_is_not_used() -> None:
    rng = Random(1)
    before = rng.getstate()
    assert pauses(Backoff(rng=rng), 3) == [1.0, 2.0, 4.0]
    assert rng.getstate() == before


def test_jitter_without_a_source_of_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="pass rng"):
        Backoff(jitter=True)
