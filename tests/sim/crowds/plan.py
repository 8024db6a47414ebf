"""The plan of a crowded world: a few honest ones, and those who take all that they can get."""

from __future__ import annotations

from random import Random

from msgspec import Struct
from msgspec.structs import replace
from tests.sim.plan import AgentPlan, Ask, Plan, Retention, draw

from agentgate_proto.limits import LedgerLimits, Limits

SECONDS = 2.0
"""How long a crowded world is crowded."""

HONEST = ("sdk", "named")
READS = ("look", "look", "fetch")
WRITES = ("set", "set", "move")
QUESTIONS = ("ask_look", "ask_set", "ask_move")
ROWS_MAX = 120
"""Finished requests that are kept where few are: more than the honest make."""

PRINCIPALS = ("flooding", "denied", "unread", "hoarding", "ringing", "coming")
"""Kinds of those who are no strangers; see ``hostiles``."""

STRANGE = ("silent", "pinging")
"""Kinds of those who are."""


class HostilePlan(Struct, frozen=True):
    """One who takes.

    Attributes:
        kind: see ``hostiles``.
        name: of the principal, or of the address from which strangers come.
        connections: how many it wants to have.
        at: when it begins.
    """

    kind: str
    name: str
    connections: int
    at: float


class CrowdPlan(Struct, frozen=True):
    """A world with a crowd in it.

    Attributes:
        world: what the honest do, and what it is like; nothing goes wrong in it.
        hostiles: those who take.
        event_s: what one event costs the gateway's processor.
        connections_max: of the gateway.
    """

    world: Plan
    hostiles: tuple[HostilePlan, ...]
    event_s: float
    connections_max: int


def draw_crowd(seed: int) -> CrowdPlan:
    """Draw the plan of a crowded world."""
    rng = Random(f"{seed} crowd")
    agents = tuple(
        AgentPlan(f"{kind}-{place}", f"p{place}", kind, 1.0)
        for place, kind in enumerate(rng.choices(HONEST, k=rng.choice((1, 2, 3))))
    )
    rows_max = rng.choice((100_000, ROWS_MAX))
    plan = replace(
        draw(seed, requests=1, sessions=False),
        until=SECONDS,
        agents=agents,
        asks=draw_asks(rng, agents),
        faults=(),
        talks=(),
        ledger=LedgerLimits(approval_s=20.0),
        limits=Limits(steps_max=4),
        latency_s=rng.choice((0.0, 0.0005, 0.005)),
        jitter_s=rng.choice((0.0, 0.001)),
        split=0.0,
        disk_s=rng.choice((0.0002, 0.001, 0.005)),
        tool_s=0.01,
        tool_trouble=0.0,
        human_s=0.5,
        human_trouble=0.0,
        gateway_rate=1.0,
        window_bytes=16_384,
        retention=Retention(7.0, 30.0, rows_max, rng.choice((2.0, 3_600.0))),
    )
    return CrowdPlan(
        world=plan,
        hostiles=draw_hostiles(rng),
        event_s=rng.choice((0.001, 0.002)),
        connections_max=100,
    )


def draw_asks(rng: Random, agents: tuple[AgentPlan, ...]) -> tuple[Ask, ...]:
    """Draw what the honest ask for: not much, now and then the same payment again."""
    asks: list[Ask] = []
    for number in range(1, 1 + 12 * len(agents)):
        agent = rng.randrange(len(agents))
        tool = rng.choice(rng.choice((READS, READS, WRITES, WRITES, QUESTIONS)))
        ask = Ask(number, agent, rng.random() * SECONDS * 0.9, tool, number)
        keyed = [one for one in asks if one.key and one.agent == agent]
        if tool == "set" and keyed and rng.random() < 0.5:
            like = rng.choice(keyed)
            ask = replace(ask, content=like.content, key=like.key)
        elif tool == "set":
            ask = replace(ask, key=f"k{number}")
        asks.append(ask)
    return tuple(sorted(asks, key=lambda ask: ask.at))


def draw_hostiles(rng: Random) -> tuple[HostilePlan, ...]:
    """Draw some who are known, and some who are not."""
    found = []
    for place in range(rng.choice((1, 2, 3))):
        kind = rng.choice(PRINCIPALS)
        count = rng.choice((1, 8, 30))
        found.append(HostilePlan(kind, f"evil{place}", count, rng.random() * 0.5))
    for place in range(rng.choice((0, 0, 1, 3))):
        kind = rng.choice(STRANGE)
        count = rng.choice((10, 60))
        found.append(HostilePlan(kind, f"10.9.{place}.1", count, rng.random() * 0.5))
    return tuple(found)
