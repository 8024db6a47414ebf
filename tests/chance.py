"""Where tests take chance from: fresh by hand, fixed where CI is set.

A world, or an example, that nobody has played before may find a bug, or a mistake of an oracle. By
hand that is what one wants; where everybody waits for the verdict on something else it blocks who
can do nothing about it. So with ``CI=true`` in the environment each run draws what the last one
drew, and fresh ones are played by hand, by ``make sim`` and ``make worlds``. What is always to be
the same says so by a ``Random(seed)`` of its own; the system's chance is for no test.
"""

from __future__ import annotations

import os
import time

from hypothesis import HealthCheck, settings

FIXED_BASE = 900_000
"""The first seed of the block where chance is fixed: not that of ``tests.sim.mutations``."""

QUICK_PERCENT = 10
"""How many of the examples are left in the inner loop (``--hypothesis-profile=quick``)."""

FIXED_PERCENT = 40
"""How many where they are the same each time: what the first ones do not find, none ever will."""

EXAMPLES_MIN = 5


def is_fixed() -> bool:
    """Say whether this run draws what the last one drew: whether CI is set, and not to no."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


def fresh_base() -> int:
    """Return the first of many seeds that nobody has played yet."""
    return int(time.time())


def seeds(count: int) -> range:
    """Return so many seeds of worlds: fresh ones, or where chance is fixed the same each time."""
    base = FIXED_BASE if is_fixed() else fresh_base()
    return range(base, base + count)


def examples(count: int) -> int:
    """Return how many examples to play of so many, under the profile of Hypothesis that is loaded.

    A property asks when it is declared, so the profile must be loaded before its module.
    """
    return max(count * settings().max_examples // 100, EXAMPLES_MIN)


def load_profiles() -> None:
    """Register the profiles of Hypothesis and load the one that fits: ``fresh`` or ``fixed``.

    No profile has a deadline for an example, because no property measures time. ``quick`` is the
    one that fits, with few examples.
    """
    plain = settings.get_profile("default")
    settings.register_profile("fresh", plain, deadline=None, print_blob=True)
    settings.register_profile(
        "fixed",
        settings.get_profile("fresh"),
        max_examples=FIXED_PERCENT,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    fitting = "fixed" if is_fixed() else "fresh"
    settings.register_profile("quick", settings.get_profile(fitting), max_examples=QUICK_PERCENT)
    settings.load_profile(fitting)
