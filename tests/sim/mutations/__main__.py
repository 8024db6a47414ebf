"""``python -m tests.sim.mutations``: prove that the simulator and the tests can fail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tests.change import why_stale
from tests.sim.mutations.catalogue import MUTATIONS, NONE
from tests.sim.mutations.mutation import Mutation
from tests.sim.mutations.trial import run_trial


def main() -> int:
    """Try each bug; return 1 if one of them is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.mutations", description=__doc__)
    parser.add_argument("words", nargs="*", help="only bugs with one of these in their names")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    options = parser.parse_args()
    chosen = [
        bug for bug in MUTATIONS if not options.words or any(a in bug.name for a in options.words)
    ]
    stale = [(bug, why) for bug in chosen if (why := why_stale(bug))]
    for bug, why in stale:
        print(f"STALE     {bug.name}: {why}")
    control = run_trial(control_of(chosen))
    if control.found_by:
        print(f"the sources fail without any of these bugs: {control.words}")
        return 1
    survivors = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for verdict in pool.map(run_trial, [bug for bug in chosen if not why_stale(bug)]):
            survivors += not verdict.found_by
            by = verdict.found_by or "SURVIVES"
            print(f"{by:<12} {verdict.seconds:6.1f} s  {verdict.mutation.name}", flush=True)
            print(f"{'':24}{verdict.words}", flush=True)
    print(f"{len(chosen)} bugs, {survivors} not noticed, {len(stale)} stale")
    return 1 if survivors or stale else 0


def control_of(chosen: Sequence[Mutation]) -> Mutation:
    """No bug at all, for whoever is to notice these: nothing may be found in the same worlds and
    by the same tests, otherwise no trial proves anything."""
    tests = dict.fromkeys(test for bug in chosen for test in bug.tests)
    seeds = max((bug.seeds for bug in chosen), default=0)
    relays = max((bug.relays for bug in chosen), default=0)
    crowds = max((bug.crowds for bug in chosen), default=0)
    return replace(NONE, seeds=seeds, relays=relays, crowds=crowds, tests=tuple(tests))


if __name__ == "__main__":
    sys.exit(main())
