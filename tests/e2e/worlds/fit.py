"""Plans of the simulator, made to fit into a few real seconds.

What is drawn for minutes is pressed into ``PLAY_S``; all times of a plan, and those of the
simulator's own clients, are played at ``PACE``. What lasts is bounded. And the gateway dies more
often than in a simulated world, mostly while it has something to do: that is what these are for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from random import Random

from msgspec.structs import replace
from tests.sim.plan import Ask, Fault, Plan, draw

PACE = 10.0
"""Seconds of a plan in one real second."""

PLAY_S = 5.0
"""Real seconds in which everything is asked and goes wrong."""

REQUESTS = 40
TALKS_MAX = 12
"""What is done with sessions: runs take their real time."""

FAULT_S = 1.0
"""How long a fault lasts at most, real seconds."""

APPROVAL_S = 3.0
"""How long an approval waits at most, real seconds."""

ASKS_FROM_S = 0.05
DEATHS = ("kill", "kill", "kill_before_commit", "kill_after_commit", "restart")
NOT_PLAYED = frozenset(
    {"clock_jump", "clock_found", "disk_slow", "disk_unreadable", "revoke", "stricter"}
)
"""Kinds of fault that a process cannot be made to suffer from outside, or not within seconds."""


def fitted(seed: int, requests: int = REQUESTS) -> Plan:
    """Draw the plan of a real world."""
    plan = draw(seed, requests)
    until = PLAY_S * PACE
    press = until / plan.until
    faults = tuple(
        replace(fault, at=fault.at * press, seconds=min(fault.seconds, FAULT_S * PACE))
        for fault in plan.faults
        if fault.kind not in NOT_PLAYED
    )
    asks = tuple(replace(ask, at=ask.at * press + ASKS_FROM_S * PACE) for ask in plan.asks)
    talks = tuple(replace(talk, at=talk.at * press + ASKS_FROM_S * PACE) for talk in plan.talks)
    faults += tuple(deaths(Random(f"{seed} deaths"), asks))
    return replace(
        plan,
        until=until,
        asks=asks,
        talks=talks[:TALKS_MAX],
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        ledger=dataclasses.replace(
            plan.ledger, approval_s=min(plan.ledger.approval_s, APPROVAL_S * PACE)
        ),
    )


def deaths(rng: Random, asks: tuple[Ask, ...]) -> Iterator[Fault]:
    """Draw some more deaths of the gateway, each soon after a request."""
    for _ in range(rng.choice((0, 1, 2, 3))):
        at = rng.choice(asks).at + rng.choice((0.001, 0.02, 0.2, 1.0)) * rng.random() * PACE
        yield Fault(rng.choice(DEATHS), at, agent=0, seconds=rng.choice((0.0, 1.0)), count=0)
