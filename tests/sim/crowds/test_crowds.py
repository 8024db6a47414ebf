"""Crowded worlds, as a part of the test suite."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.sim.crowds.hostiles import KINDS
from tests.sim.crowds.plan import PRINCIPALS, STRANGE, draw_crowd
from tests.sim.crowds.world import CrowdWorld

WORLDS = range(1, 5)
"""Always the same few: a crowd takes seconds to play. Fresh ones: ``make sim-crowds``."""


@pytest.mark.slow
def test_the_honest_are_served_in_time_whatever_others_take() -> None:
    counts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    for seed in WORLDS:
        plan = draw_crowd(seed)
        world = CrowdWorld(plan)
        violation = world.run()
        assert violation is None, f"seed {seed}: {violation}; {plan.hostiles}"
        counts += world.counts
        outcomes += world.oracle.outcomes
    assert outcomes["executed"] > 8 * len(WORLDS), "the honest do little"
    assert counts["asked by others"] + counts["hostile sockets cut"] > 20 * len(WORLDS), "no crowd"


def test_each_kind_of_hostile_is_drawn() -> None:
    drawn = {each.kind for seed in range(60) for each in draw_crowd(seed).hostiles}
    assert drawn == set(KINDS) == {*PRINCIPALS, *STRANGE}


def test_a_seed_makes_the_same_crowd_each_time() -> None:
    stories: list[list[str]] = [[], []]
    for story in stories:
        CrowdWorld(draw_crowd(8), story).run()
    assert len(stories[0]) > 20
    assert stories[0] == stories[1]
