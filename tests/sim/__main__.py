"""``python -m tests.sim``: many worlds, or one again."""

from __future__ import annotations

import argparse
import gc
import sys
import time

from tests.chance import fresh_base
from tests.sim.plan import REQUESTS, draw
from tests.sim.regressions import REGRESSIONS
from tests.sim.report import Figures, commit, explain
from tests.sim.world import World

FAILURES_MAX = 5
COLLECT_EVERY = 100
"""Worlds between two collections of garbage: a world is one big cycle, and they cost a tenth."""


def main(arguments: list[str] | None = None) -> int:
    """Run worlds; return 1 if an invariant was broken in one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many worlds (2000)")
    parser.add_argument("--seed", type=int, help="only this one, and tell its story if it fails")
    parser.add_argument("--minutes", type=float, help="go on for so long")
    parser.add_argument("--base", type=int, help="the first seed; else it depends on the time")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each world")
    parser.add_argument("--shrink-s", type=float, default=60.0, help="time to make a failure small")
    parser.add_argument("--brief", action="store_true", help="stop at the first failure, one line")
    parser.add_argument("--regressions", action="store_true", help="the seeds that once failed")
    parser.add_argument("--story", action="store_true", help="tell the whole story of --seed")
    options = parser.parse_args(arguments)
    if options.story and options.seed is not None:
        story: list[str] = []
        World(draw(options.seed, options.requests), story).run()
        print("\n".join(story))
        return 0
    base = options.base if options.base is not None else fresh_base()
    seeds: range | list[int]
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    elif options.regressions:
        seeds = REGRESSIONS.seeds()
    else:
        unbounded = options.minutes is not None and options.seeds is None
        seeds = range(base, base + (10**9 if unbounded else options.seeds or 2_000))
        if not options.brief:
            print(f"seeds from {base}, commit {commit()}")
    return run(seeds, options)


def run(seeds: range | list[int], options: argparse.Namespace) -> int:
    """Run these worlds and say how it went."""
    figures = Figures()
    until = time.monotonic() + options.minutes * 60.0 if options.minutes is not None else None
    shown_at = time.monotonic()
    gc.disable()
    gc.freeze()  # what is there before the first world is never garbage
    for number, seed in enumerate(seeds):
        if number % COLLECT_EVERY == 0:
            gc.collect()
        world = World(draw(seed, options.requests))
        violation = world.run()
        figures.add(world, str(violation) if violation is not None else "")
        if violation is not None and options.brief:
            print(f"seed {seed}, world {number + 1}: {violation}")
            return 1
        if violation is not None:
            print(explain(world.plan, str(violation), options.shrink_s), flush=True)
            REGRESSIONS.remember(seed, str(violation))
        now = time.monotonic()
        if now - shown_at > 10.0:
            shown_at = now
            print(figures.line(), file=sys.stderr, flush=True)
        if len(figures.failures) >= FAILURES_MAX or (until is not None and now > until):
            break
    if not options.brief:
        print(figures.table())
    return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
