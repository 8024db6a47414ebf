"""``python -m tests.sim.relays``: many worlds of two gateways, or one again."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections import Counter

from tests.chance import fresh_base
from tests.sim.relays.plan import draw_relay
from tests.sim.relays.world import RelayWorld

FAILURES_MAX = 5
COLLECT_EVERY = 20
STORY_LINES_MAX = 120


def main(arguments: list[str] | None = None) -> int:
    """Play worlds; return 1 if an invariant was broken in one of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.relays", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds (200)")
    parser.add_argument("--seed", type=int, help="only this one, with its story if it fails")
    parser.add_argument("--base", type=int, help="the first seed; else it depends on the time")
    parser.add_argument("--story", action="store_true", help="tell the whole story of --seed")
    parser.add_argument("--brief", action="store_true", help="stop at the first failure, one line")
    options = parser.parse_args(arguments)
    base = options.base if options.base is not None else fresh_base()
    seeds = range(base, base + options.seeds)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    counts: Counter[str] = Counter()
    started, failures, worlds = time.monotonic(), 0, 0
    gc.disable()
    for seed in seeds:
        if worlds % COLLECT_EVERY == 0:
            gc.collect()
        story: list[str] | None = [] if options.seed is not None else None
        world = RelayWorld(draw_relay(seed), story)
        violation = world.run()
        worlds += 1
        counts += world.counts
        if story is not None and (violation is not None or options.story):
            print("\n".join(story if options.story else story[-STORY_LINES_MAX:]))
        if violation is not None:
            failures += 1
            print(f"seed {seed}, world {worlds}: {violation}", flush=True)
            if options.brief or failures >= FAILURES_MAX:
                break
    if not options.brief:
        a_minute = worlds / max(time.monotonic() - started, 0.001) * 60.0
        print(f"{worlds} worlds from {base}, {failures} violations, {a_minute:.0f} worlds/minute")
        print(", ".join(f"{name} {number}" for name, number in counts.most_common()))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
