"""Real worlds, as a part of the test suite: a few, and those that once failed."""

from __future__ import annotations

from collections.abc import Iterable

import anyio
import pytest
from tests.chance import seeds
from tests.e2e.worlds.fit import NOT_PLAYED, REQUESTS
from tests.e2e.worlds.mishaps import RealMishaps
from tests.e2e.worlds.regressions import REGRESSIONS
from tests.e2e.worlds.report import Figures, explain
from tests.e2e.worlds.run import JOBS, play
from tests.e2e.worlds.world import RealWorld
from tests.sim.plan import FAULTS

WORLDS = 6


def play_all(seeds: Iterable[int]) -> Figures:
    figures, failed = Figures(), list[str]()

    def over(world: RealWorld) -> bool:
        figures.add(world)
        if world.violation is not None:
            failed.append(explain(world))
        return not failed

    anyio.run(play, seeds, REQUESTS, JOBS, over)
    if failed:
        pytest.fail("\n\n".join(failed), pytrace=False)
    return figures


@pytest.mark.parametrize("kind", FAULTS)
def test_each_kind_of_fault_is_played_or_said_not_to_be(kind: str) -> None:
    assert hasattr(RealMishaps, kind) != (kind in NOT_PLAYED)


@pytest.mark.slow
def test_no_invariant_is_broken_in_worlds_of_real_processes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn = seeds(WORLDS)
    with capsys.disabled():
        print(f"\nreal worlds of the seeds {drawn[0]} to {drawn[-1]}", flush=True)
    figures = play_all(drawn)
    assert figures.worlds == WORLDS
    assert figures.outcomes["executed"] > WORLDS, "the worlds do little"
    assert figures.counts["lives ended"] > WORLDS, "the worlds are too calm"


@pytest.mark.slow
def test_no_invariant_is_broken_in_real_worlds_where_one_was_broken_once() -> None:
    assert play_all(REGRESSIONS.seeds()).worlds == len(REGRESSIONS.seeds())
