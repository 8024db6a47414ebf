"""What a run of real worlds says of itself."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.e2e.worlds.fit import REQUESTS
from tests.e2e.worlds.world import RealWorld
from tests.sim.report import commit, listed

STORY_LINES_MAX = 150


@dataclass
class Figures:
    """The sums over all worlds of a run."""

    started: float = field(default_factory=time.monotonic)
    worlds: int = 0
    planned: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)

    def add(self, world: RealWorld) -> None:
        """Add a world that is over."""
        self.worlds += 1
        self.planned += len(world.plan.asks)
        self.outcomes += world.oracle.outcomes
        self.counts += world.counts
        self.agents.update(agent.kind for agent in world.plan.agents)
        if world.violation is not None:
            self.failures.append((world.plan.seed, str(world.violation)))

    @property
    def requests(self) -> int:
        """Requests that were made and came to an end."""
        return sum(self.outcomes.values())

    def line(self) -> str:
        """How it goes, on one line."""
        return (
            f"{self.worlds} worlds, {self.requests} requests, {self.counts['killed']} kills, "
            f"{len(self.failures)} violations, {time.monotonic() - self.started:.0f} s"
        )

    def table(self) -> str:
        """All figures."""
        faults = {a[6:]: n for a, n in self.counts.items() if a.startswith("fault ")}
        others = {a: n for a, n in self.counts.items() if not a.startswith("fault ")}
        rows = [
            ("worlds", str(self.worlds)),
            ("agents", listed(self.agents)),
            ("requests", f"{self.requests} of {self.planned} planned"),
            ("outcomes", listed(self.outcomes)),
            ("faults", listed(Counter(faults))),
            ("besides", listed(Counter(others))),
            ("violations", str(len(self.failures))),
            ("seconds", f"{time.monotonic() - self.started:.0f}"),
        ]
        return "\n".join(f"{name:>12}  {value}" for name, value in rows)


def explain(world: RealWorld) -> str:
    """Tell the story of a world that failed."""
    story = world.story
    if len(story) > STORY_LINES_MAX:
        story = ["      ...", *story[-STORY_LINES_MAX:]]
    again = f"python -m tests.e2e.worlds --seed {world.plan.seed}"
    if len(world.plan.asks) != REQUESTS:
        again += f" --requests {len(world.plan.asks)}"
    return "\n".join(
        [
            f"seed {world.plan.seed} at commit {commit()}: {world.violation}",
            f"one like it: {again} --times 10",
            *story,
        ]
    )
