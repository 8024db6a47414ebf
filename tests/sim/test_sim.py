"""The simulator, as a part of the test suite: some worlds, and all those that once failed."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator

import pytest
from tests.chance import seeds
from tests.sim.plan import Plan, draw
from tests.sim.regressions import REGRESSIONS
from tests.sim.report import Figures, explain
from tests.sim.world import World

WORLDS = 160
COLLECT_EVERY = 40
SHRINK_S = 40.0


@pytest.fixture(autouse=True)
def _rare_collections() -> Iterator[None]:
    """A world is one big cycle of objects; looking for garbage all the time costs a tenth."""
    gc.disable()
    yield
    gc.enable()


def play(seeds: Iterable[int]) -> Figures:
    return play_plans(map(draw, seeds))


def play_plans(plans: Iterable[Plan]) -> Figures:
    figures = Figures()
    for number, plan in enumerate(plans):
        if number % COLLECT_EVERY == 0:
            gc.collect()
        world = World(plan)
        violation = world.run()
        figures.add(world, str(violation or ""))
        if violation is not None:
            pytest.fail(explain(world.plan, str(violation), SHRINK_S), pytrace=False)
    return figures


@pytest.mark.slow
def test_no_invariant_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = seeds(WORLDS)
    with capsys.disabled():
        print(f"\nworlds of the seeds {drawn[0]} to {drawn[-1]}", flush=True)
    figures = play(drawn)
    assert figures.worlds == WORLDS
    assert figures.outcomes["executed"] > 20 * WORLDS, "the worlds do little"
    assert figures.counts["lives ended"] > WORLDS / 2, "the worlds are too calm"
    assert figures.counts["run completed"] > WORLDS / 4, "models have little to say"
    assert figures.counts["run interrupted"] > WORLDS / 50, "no run is in anybody's way"


def test_no_invariant_is_broken_in_worlds_where_one_was_broken_once() -> None:
    assert play(REGRESSIONS.seeds()).worlds == len(REGRESSIONS.seeds())


def test_nor_in_those_worlds_without_sessions_as_most_of_them_were_found() -> None:
    plans = [draw(seed, sessions=False) for seed in REGRESSIONS.seeds()]
    assert play_plans(plans).worlds == len(plans)


def test_a_seed_makes_the_same_world_each_time() -> None:
    seed = next(seed for seed in range(100) if len(draw(seed).talks) > 20)
    stories: list[list[str]] = [[], []]
    for story in stories:
        World(draw(seed), story).run()
    assert len(stories[0]) > 100
    assert stories[0] == stories[1]
