"""``python -m tests.e2e.worlds``: many real worlds, or some like one."""

from __future__ import annotations

import argparse
import logging
import sys
from itertools import repeat

import anyio
from tests.chance import fresh_base
from tests.e2e.worlds.fit import REQUESTS
from tests.e2e.worlds.regressions import REGRESSIONS
from tests.e2e.worlds.report import Figures, explain
from tests.e2e.worlds.run import JOBS, play
from tests.e2e.worlds.world import RealWorld
from tests.sim.report import commit

FAILURES_MAX = 5


def main(arguments: list[str] | None = None) -> int:
    """Play worlds; return 1 if an invariant was broken in one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.worlds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many worlds (20)")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--times", type=int, default=1, help="how often to play --seed")
    parser.add_argument("--base", type=int, help="the first seed; else it depends on the time")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each world")
    parser.add_argument("--jobs", type=int, default=JOBS, help=f"worlds at a time ({JOBS})")
    parser.add_argument("--brief", action="store_true", help="stop at the first failure, one line")
    parser.add_argument("--regressions", action="store_true", help="the seeds that once failed")
    parser.add_argument("--story", action="store_true", help="tell what happens in each world")
    options = parser.parse_args(arguments)
    base = options.base if options.base is not None else fresh_base()
    seeds: list[int] | range = range(base, base + options.seeds)
    if options.seed is not None:
        seeds = list(repeat(options.seed, options.times))
    elif options.regressions:
        seeds = REGRESSIONS.seeds()
    elif not options.brief:
        print(f"seeds from {base}, commit {commit()}", flush=True)
    logging.getLogger("agentgate_client").setLevel(logging.CRITICAL)  # losses are its daily bread
    figures = Figures()

    def over(world: RealWorld) -> bool:
        figures.add(world)
        if options.brief and world.violation is not None:
            print(f"seed {world.plan.seed}, world {figures.worlds}: {world.violation}")
        elif world.violation is not None or options.story:
            print(explain(world), flush=True)
        if world.violation is not None and not options.brief:
            REGRESSIONS.remember(world.plan.seed, str(world.violation))
        if not options.brief:
            print(figures.line(), file=sys.stderr, flush=True)
        return len(figures.failures) < (1 if options.brief else FAILURES_MAX)

    anyio.run(play, seeds, options.requests, options.jobs, over)
    if not options.brief:
        print(figures.table())
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
