"""What a run of many worlds says of itself: progress, figures, and the story of a failure."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.sim.plan import REQUESTS, Plan
from tests.sim.shrink import Shrinker
from tests.sim.world import World

ROOT = Path(__file__).parents[2]
STORY_LINES_MAX = 80


@dataclass
class Figures:
    """The sums over all worlds of a run."""

    started: float = field(default_factory=time.monotonic)
    worlds: int = 0
    virtual_s: float = 0.0
    steps: int = 0
    planned: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, world: World, text: str) -> None:
        """Add a world that is over; ``text`` says what was broken in it, or is empty."""
        self.worlds += 1
        self.virtual_s += world.timeline.now
        self.steps += world.timeline.steps
        self.planned += len(world.plan.asks)
        self.outcomes += world.oracle.outcomes
        self.counts += world.counts
        if text:
            self.failures.append((world.plan.seed, text))

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return time.monotonic() - self.started

    @property
    def requests(self) -> int:
        """Requests that were made and came to an end."""
        return sum(self.outcomes.values())

    def line(self) -> str:
        """How it goes, on one line."""
        per_minute = self.worlds / max(self.seconds, 0.001) * 60.0
        return (
            f"{self.worlds} worlds, {self.requests} requests, {self.virtual_s / 3600.0:.1f} "
            f"virtual hours, {len(self.failures)} violations, {per_minute:.0f} worlds/minute"
        )

    def table(self) -> str:
        """All figures."""
        faults = {a[6:]: n for a, n in self.counts.items() if a.startswith("fault ")}
        others = {a: n for a, n in self.counts.items() if not a.startswith("fault ")}
        rows = [
            ("worlds", str(self.worlds)),
            ("requests", f"{self.requests} of {self.planned} planned"),
            ("outcomes", listed(self.outcomes)),
            ("faults", listed(Counter(faults))),
            ("besides", listed(Counter(others))),
            ("virtual hours", f"{self.virtual_s / 3600.0:.1f}"),
            ("things that happened", str(self.steps)),
            ("violations", str(len(self.failures))),
            ("worlds a minute", f"{self.worlds / max(self.seconds, 0.001) * 60.0:.0f}"),
        ]
        return "\n".join(f"{name:>20}  {value}" for name, value in rows)


def listed(counter: Counter[str]) -> str:
    """The entries of a counter, the most frequent first."""
    return ", ".join(f"{name} {number}" for name, number in counter.most_common())


def commit() -> str:
    """The commit that is checked out."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def explain(plan: Plan, text: str, seconds: float) -> str:
    """Make a failing world small and tell its story."""
    shrinker = Shrinker(plan, text, seconds)
    small = shrinker.shrink()
    story: list[str] = []
    violation = World(small, story).run()
    again = f"python -m tests.sim --seed {plan.seed}"
    if len(plan.asks) != REQUESTS:
        again += f" --requests {len(plan.asks)}"
    left = f"{len(small.asks)} requests, {len(small.talks)} talks and {len(small.faults)} faults"
    head = [
        f"seed {plan.seed} at commit {commit()}: {text}",
        f"again: {again}",
        f"the smallest world of {shrinker.tries} has {left}: {violation}",
    ]
    if len(story) > STORY_LINES_MAX:
        story = ["      ...", *story[-STORY_LINES_MAX:]]
    return "\n".join([*head, *story])
