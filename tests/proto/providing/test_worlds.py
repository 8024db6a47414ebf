"""Worlds of providers that come, go, die, lie, and answer late or twice."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.chance import seeds
from tests.proto.provider_worlds import World

WORLDS = 60
"""A second or two."""

FIXED = range(30)
"""Played each time, so that what is seen below is seen."""


@pytest.mark.parametrize("block", range(6))
def test_the_oracle_finds_nothing(block: int) -> None:
    for seed in list(seeds(WORLDS))[block::6]:
        World(seed).play()


def test_everything_that_can_become_of_a_call_is_seen() -> None:
    counts: Counter[str] = Counter()
    for seed in FIXED:
        world = World(seed)
        world.play()
        counts += world.counts
    for what in ("starts", "done", "failed", "unknown", "not_started", "offers refused"):
        assert counts[what] > 5, counts
