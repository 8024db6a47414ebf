"""Playing real worlds, some at a time on one event loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
from tests.e2e.worlds.fit import fitted
from tests.e2e.worlds.world import RealWorld

JOBS = 3
"""Worlds at a time: most of a world is waiting, but each start of a gateway takes a core."""


async def play(
    seeds: Iterable[int], requests: int, jobs: int, over: Callable[[RealWorld], bool]
) -> None:
    """Play worlds; ``over`` is told of each at its end, and says whether to go on."""
    waiting = iter(seeds)
    going_on = True

    async def player() -> None:
        nonlocal going_on
        while going_on and (seed := next(waiting, None)) is not None:
            world = RealWorld(fitted(seed, requests))
            await world.run()
            going_on = over(world) and going_on

    async with anyio.create_task_group() as players:
        for _ in range(jobs):
            players.start_soon(player)
