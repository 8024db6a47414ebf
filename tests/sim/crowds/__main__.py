"""``python -m tests.sim.crowds``: many crowded worlds, or one again."""

from __future__ import annotations

import argparse
import gc
import sys
from collections import Counter

from tests.chance import fresh_base
from tests.sim.crowds.plan import draw_crowd
from tests.sim.crowds.world import CrowdWorld

COLLECT_EVERY = 20
STORY_LINES = 40


def main() -> int:
    """Run worlds; return 1 if an invariant was broken in one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.crowds", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (200)")
    parser.add_argument("--seed", type=int, help="only this one, and tell its story if it fails")
    parser.add_argument("--base", type=int, help="the first seed; else it depends on the time")
    parser.add_argument("--brief", action="store_true", help="stop at the first failure, one line")
    options = parser.parse_args()
    base = options.base if options.base is not None else fresh_base()
    seeds = range(base, base + options.seeds)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    counts: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    failures = 0
    gc.disable()
    for number, seed in enumerate(seeds):
        if number % COLLECT_EVERY == 0:
            gc.collect()
        story: list[str] | None = [] if options.seed is not None else None
        plan = draw_crowd(seed)
        world = CrowdWorld(plan, story)
        violation = world.run()
        counts += world.counts
        outcomes += world.oracle.outcomes
        if violation is None:
            continue
        failures += 1
        print("\n".join((story or [])[-STORY_LINES:]), end="\n" if story else "")
        print(f"seed {seed}, world {number + 1}: {violation}; {listed(plan.hostiles)}", flush=True)
        if options.brief:
            return 1
    if not options.brief:
        print(f"{len(seeds)} worlds from {seeds[0]}, {failures} violations")
        print(f"outcomes {dict(outcomes)}\nbesides {dict(counts)}")
    return int(failures > 0)


def listed(hostiles: object) -> str:
    """Who was there."""
    assert isinstance(hostiles, tuple)
    return ", ".join(f"{each.connections} {each.kind}" for each in hostiles)


if __name__ == "__main__":
    sys.exit(main())
