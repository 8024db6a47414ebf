"""Worlds of two gateways, as a part of the test suite: some, and all those that once failed."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from tests.chance import seeds
from tests.sim.regressions import Regressions
from tests.sim.relays.plan import draw_relay
from tests.sim.relays.world import RelayWorld

WORLDS = 40
STORY_LINES_MAX = 80
REGRESSIONS = Regressions(Path(__file__).with_name("regressions.txt"))


@pytest.fixture(autouse=True)
def _rare_collections() -> Iterator[None]:
    """A world is one big cycle of objects."""
    gc.disable()
    yield
    gc.enable()


def play(drawn: Iterable[int]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in drawn:
        story: list[str] = []
        world = RelayWorld(draw_relay(seed), story)
        violation = world.run()
        if violation is not None:
            tail = "\n".join(story[-STORY_LINES_MAX:])
            again = f"python -m tests.sim.relays --seed {seed}"
            pytest.fail(f"{tail}\n{violation}\n{again}", pytrace=False)
        counts += world.counts
    return counts


@pytest.mark.slow
def test_no_history_is_broken_whatever_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = seeds(WORLDS)
    with capsys.disabled():
        print(f"\nworlds of two gateways of the seeds {drawn[0]} to {drawn[-1]}", flush=True)
    counts = play(drawn)
    assert counts["lines shown"] > 20 * WORLDS, "consoles see little"
    assert counts["messages acknowledged"] > 5 * WORLDS, "people say little"
    assert counts["tools run behind"] > WORLDS, "little is asked of the gateway behind"
    assert counts["lives ended"] > WORLDS / 4, "the worlds are too calm"


def test_nor_in_the_worlds_where_one_was_broken_once() -> None:
    play(REGRESSIONS.seeds())


def test_a_seed_makes_the_same_world_each_time() -> None:
    stories: list[list[str]] = [[], []]
    for story in stories:
        RelayWorld(draw_relay(3), story).run()
    assert len(stories[0]) > 50
    assert stories[0] == stories[1]
