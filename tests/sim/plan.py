"""The plan of a world: everything that is going to be done and to go wrong, drawn from one seed.

A plan is data, so that a failure can be made smaller by leaving things out of it: an agent, a
request, a fault. What is left happens as before, because each kind of chance has its own source:
so a new kind of fault changes nothing in the worlds of a seed but that it may strike in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace
from tests.sim.talks import CLOSE_FAULTS, Setting, Talk, draw_setting, draw_talks

from agentgate_proto.limits import LedgerLimits, Limits

REQUESTS = 200
"""Requests of one world."""

LOOKS = ("look", "look", "fetch")
ACTS = ("set", "set", "set", "move", "move", "carefree")
QUESTIONS = ("ask_look", "ask_set", "ask_set", "ask_move", "ask_both")
ODD = ("forbidden", "no_such_tool")

OURS = ("sdk", "named")
FAULTS = (
    "kill",
    "kill_before_commit",
    "kill_after_commit",
    "restart",
    "die",
    "twin",
    "reset",
    "cut_mid_frame",
    "half_close",
    "black_hole",
    "stall",
    "partition",
    "clock_jump",
    "disk_full",
    "disk_slow",
    "disk_unreadable",
    "revoke",
    "stranger",
    "quit",
    "die_between_steps",
    "freeze",
    "clock_found",
    "stricter",
)

DAY_S = 86_400.0

QUEUED_BYTES_MIN = 1_000_000
"""A connection with less room than this can't take what a session may hand it at a time."""

FEW_ROWS = 20
"""A cap on rows that a world soon reaches."""


class AgentPlan(Struct, frozen=True):
    """One agent.

    Attributes:
        name: what the story calls it.
        principal: whose token it has.
        kind: "sdk" (ours, a new client id for each process), "named" (ours, a name for ever),
            "old" (as seed 001's SDK behaves) or "eager" (somebody's own, see ``eager_agents``).
        rate: how fast its clock runs.
    """

    name: str
    principal: str
    kind: str
    rate: float


class Ask(Struct, frozen=True):
    """One request.

    Attributes:
        number: of the request.
        agent: its place in the plan.
        at: when it is made.
        tool, content: what is asked; another request with the same content asks for the same.
        key: its idempotency key, or "".
        patience_s: the caller's own time-out, or None.
        gives_up_s: when the caller goes away, after the request; None: it stays.
    """

    number: int
    agent: int
    at: float
    tool: str
    content: int
    key: str = ""
    patience_s: float | None = None
    gives_up_s: float | None = None


class Fault(Struct, frozen=True):
    """One thing that goes wrong.

    Attributes:
        kind: see ``FAULTS``.
        at: when.
        agent: to whom, where it is about one.
        seconds: how long, or how far.
        count: after how many bytes, or steps.
    """

    kind: str
    at: float
    agent: int
    seconds: float
    count: int


class Retention(Struct, frozen=True):
    """What the store keeps.

    Attributes:
        keep_days, keep_undelivered_days: for how long, of what was delivered, and was not.
        rows_max: how many rows, of what was delivered.
        every_s: how often it is applied.
    """

    keep_days: float
    keep_undelivered_days: float
    rows_max: int
    every_s: float


class Plan(Struct, frozen=True):
    """See the module.

    Attributes:
        seed: where it all comes from.
        until: when requests and faults end.
        talks: what is done with sessions; (): the gateway has none.
        setting: how they are set up.
    """

    seed: int
    until: float
    agents: tuple[AgentPlan, ...]
    asks: tuple[Ask, ...]
    faults: tuple[Fault, ...]
    ledger: LedgerLimits
    limits: Limits
    latency_s: float
    jitter_s: float
    split: float
    disk_s: float
    tool_s: float
    tool_trouble: float
    human_s: float
    human_trouble: float
    gateway_rate: float
    window_bytes: int
    retention: Retention
    setting: Setting
    talks: tuple[Talk, ...] = ()

    def chance(self, what: str) -> Random:
        """A source of chance for one kind of thing."""
        return Random(f"{self.seed} {what}")

    @property
    def has_phones(self) -> bool:
        """Whether people are asked by a second channel too; in worlds enough of their own, so that
        the others stay what they were."""
        return self.chance("has phones").random() < 0.25

    def without(self, **parts: object) -> Plan:
        """The same plan with something else in place of a part."""
        return replace(self, **parts)  # type: ignore[arg-type]


def draw(seed: int, requests: int = REQUESTS, *, sessions: bool = True) -> Plan:
    """Draw the plan of a world; ``sessions``: with what is done with sessions, if anything is."""
    pick = Random(f"{seed} surroundings").choice
    until = pick((20.0, 60.0, 60.0, 60.0, 180.0, 180.0, 600.0))
    agents = draw_agents(Random(f"{seed} agents"))
    asks = draw_asks(Random(f"{seed} requests"), agents, requests, until)
    asks = repeat_some(Random(f"{seed} repeats"), agents, asks)
    retention = draw_retention(Random(f"{seed} retention"))
    asks = flood_some(Random(f"{seed} floods"), agents, asks, retention)
    limits = draw_limits(Random(f"{seed} limits"))
    ours = [place for place, agent in enumerate(agents) if agent.kind in OURS]
    talks = draw_talks(Random(f"{seed} talks"), ours, until) if sessions else ()
    faults = draw_faults(seed, len(agents), until) + draw_close_faults(seed, talks)
    return Plan(
        seed=seed,
        until=until,
        agents=agents,
        asks=asks,
        faults=tuple(sorted(faults, key=lambda fault: fault.at)),
        ledger=draw_ledger_limits(Random(f"{seed} ledger"), retention),
        limits=limits,
        latency_s=pick((0.0, 0.0005, 0.005, 0.05)),
        jitter_s=pick((0.0, 0.001, 0.02, 0.3)),
        split=pick((0.0, 0.0, 0.02, 0.2)),
        disk_s=pick((0.0002, 0.001, 0.01, 0.2)),
        tool_s=pick((0.01, 0.5, 5.0)),
        tool_trouble=pick((0.0, 0.05, 0.3)),
        human_s=pick((0.5, 5.0, 30.0)),
        human_trouble=pick((0.0, 0.1, 0.5)),
        gateway_rate=pick((1.0, 1.0, 0.95, 1.05)),
        window_bytes=pick((65_536, 65_536, 65_536, 2_000)),
        retention=retention,
        setting=draw_setting(
            Random(f"{seed} setting"), may_be_big=limits.queued_bytes_max > QUEUED_BYTES_MIN
        ),
        talks=talks,
    )


def draw_agents(rng: Random) -> tuple[AgentPlan, ...]:
    """Draw a few agents; two of ours may be one principal's."""
    agents: list[AgentPlan] = []
    for place in range(rng.choice((1, 2, 3, 3, 4))):
        kind = rng.choice(("sdk", "sdk", "named", "old", "eager"))
        principal = f"p{place}"
        ours = kind in OURS and place and agents[-1].kind in OURS
        if ours and rng.random() < 0.4:
            principal = agents[-1].principal
        rate = rng.choice((1.0, 1.0, 0.9, 1.1))
        agents.append(AgentPlan(f"{kind}-{place}", principal, kind, rate))
    return tuple(agents)


def draw_asks(
    rng: Random, agents: tuple[AgentPlan, ...], requests: int, until: float
) -> tuple[Ask, ...]:
    """Draw the requests: bursts of some, and at times a flood."""
    asks: list[Ask] = []
    asking = rng.choice((0.02, 0.1, 0.4))
    odd = rng.choice((0.0, 0.05))
    keyed = rng.choice((0.0, 0.1, 0.3))
    repeated = rng.choice((0.0, 0.1))
    impatient = rng.choice((0.0, 0.1, 0.4))
    flood = rng.random() < 0.2
    at, left = 0.0, 0
    agent = 0
    for number in range(1, requests + 1):
        if not left:
            at = rng.random() * until * 0.9
            agent = rng.randrange(len(agents))
            left = rng.choice((1, 2, 4, 8, 16)) if not flood or number < requests // 2 else 60
        left -= 1
        at += rng.choice((0.0, 0.0, 0.001, 0.05))
        ask = Ask(number, agent, at, draw_tool(rng, asking, odd), number)
        is_ours = agents[agent].kind in OURS
        if asks and rng.random() < repeated:
            like = rng.choice(asks[-20:])
            ask = replace(ask, tool=like.tool, content=like.content)
        elif agents[agent].kind != "old" and rng.random() < keyed:
            ask = draw_keyed(rng, ask, agents, asks)
        if is_ours and rng.random() < impatient:
            ask = replace(ask, patience_s=rng.choice((0.05, 1.0, 10.0)))
        if is_ours and rng.random() < impatient:
            ask = replace(ask, gives_up_s=rng.choice((0.0, 0.01, 0.1, 2.0)))
        asks.append(ask)
    return tuple(sorted(asks, key=lambda ask: ask.at))


def repeat_some(
    rng: Random, agents: tuple[AgentPlan, ...], asks: tuple[Ask, ...]
) -> tuple[Ask, ...]:
    """In some worlds agents ask for the same again and again, also long after."""
    if rng.random() > 0.3:
        return asks
    done: list[Ask] = []
    for ask in asks:
        mine = agents[ask.agent].principal
        earlier = [one for one in done[-60:] if agents[one.agent].principal == mine]
        if earlier and rng.random() < 0.4:
            like = rng.choice(earlier)
            done.append(replace(ask, tool=like.tool, content=like.content, key=""))
        else:
            done.append(ask)
    return tuple(done)


def flood_some(
    rng: Random, agents: tuple[AgentPlan, ...], asks: tuple[Ask, ...], retention: Retention
) -> tuple[Ask, ...]:
    """Where few rows are kept, in some worlds one agent floods with what is denied.

    The others ask under keys, and again and again under the same ones, also long after.
    """
    if retention.rows_max > FEW_ROWS or rng.random() > 0.5:
        return asks
    flooder = rng.randrange(len(agents))
    times = Counter(ask.content for ask in asks)
    done: list[Ask] = []
    for ask in asks:
        keyed = [one for one in done if one.key and one.agent == ask.agent]
        if times[ask.content] > 1 or agents[ask.agent].kind == "old":
            done.append(ask)
        elif ask.agent == flooder and rng.random() < 0.7:
            done.append(replace(ask, tool="forbidden"))
        elif keyed and rng.random() < 0.5:
            like = rng.choice(keyed)
            done.append(replace(ask, tool=like.tool, content=like.content, key=like.key))
        else:
            done.append(replace(ask, tool="set", key=f"k{ask.number}"))
    return tuple(done)


def draw_tool(rng: Random, asking: float, odd: float) -> str:
    chance = rng.random()
    if chance < asking:
        return rng.choice(QUESTIONS)
    if chance < asking + odd:
        return rng.choice(ODD)
    return rng.choice(ACTS if chance > 0.5 else LOOKS)


def draw_keyed(rng: Random, ask: Ask, agents: tuple[AgentPlan, ...], asks: list[Ask]) -> Ask:
    """Give a request a key, perhaps that of an earlier one of the same principal."""
    mine = agents[ask.agent].principal
    for like in asks[-10:]:
        if like.key and agents[like.agent].principal == mine and rng.random() < 0.6:
            return replace(ask, tool=like.tool, content=like.content, key=like.key)
    return replace(ask, key=f"k{ask.number}")


def draw_faults(seed: int, agents: int, until: float) -> tuple[Fault, ...]:
    """Draw what goes wrong: of a few kinds, each with its own frequency."""
    faults: list[Fault] = []
    for kind in FAULTS:
        rng = Random(f"{seed} {kind}")
        if rng.random() < 0.65:
            continue
        faults += [
            Fault(
                kind,
                at=rng.random() * until,
                agent=rng.randrange(agents),
                seconds=rng.choice((0.0, 0.1, 1.0, 5.0, 30.0, 60.0)),
                count=rng.choice((0, 1, 2, 3, 5, 8, 20, 60, 150)),
            )
            for _ in range(rng.choice((1, 1, 2, 4)))
        ]
    return tuple(sorted(faults, key=lambda fault: fault.at))


def draw_close_faults(seed: int, talks: Sequence[Talk]) -> tuple[Fault, ...]:
    """Draw some faults that strike while a session has something to do: most of the time none
    has."""
    rng = Random(f"{seed} faults of talks")
    if not talks or rng.random() < 0.4:
        return ()
    faults: list[Fault] = []
    for _ in range(rng.choice((1, 2, 4, 8))):
        talk = rng.choice(talks)
        fault = Fault(
            rng.choice(CLOSE_FAULTS),
            at=talk.at + 0.1 + rng.random() * rng.choice((0.01, 0.3, 3.0, 20.0)),
            agent=talk.agent,
            seconds=rng.choice((0.0, 0.1, 1.0, 5.0)),
            count=rng.choice((0, 1, 2, 3, 5, 8, 13, 20)),
        )
        faults.append(fault)
    return tuple(faults)


def draw_ledger_limits(rng: Random, retention: Retention) -> LedgerLimits:
    """Draw caps that hold sometimes, and are reached sometimes."""
    pick = rng.choice
    waiting_max = pick((10, 10, 3, 1))
    return LedgerLimits(
        waiting_max=waiting_max,
        reads_told_per_hour=600 if waiting_max == 10 else 5,  # not drawn: worlds stay what they are
        active_max=pick((100_000, 100_000, 30)),
        undelivered_max=pick((10_000, 10_000, 6)),
        writes_max=pick((50_000, 50_000, 12)),
        joined_max=pick((100, 1)),
        requests_per_minute=pick((1_000_000, 1_000_000, 100)),
        approval_s=pick((300.0, 60.0, 60.0, 20.0, 20.0, 5.0)),
        retention_s=retention.keep_undelivered_days * DAY_S,
    )


def draw_retention(rng: Random) -> Retention:
    """Draw what is kept: in half of the worlds all of it, in some next to nothing."""
    pick = rng.choice
    return Retention(
        keep_days=pick((7.0, 7.0, 60.0 / DAY_S, 1.0 / DAY_S)),
        keep_undelivered_days=pick((30.0, 5.0)),  # set back and forth, a clock errs by four days
        rows_max=pick((100_000, 100_000, 20, 3)),
        every_s=pick((3_600.0, 60.0, 5.0)),
    )


def draw_limits(rng: Random) -> Limits:
    """Draw the caps of a gateway's connections."""
    return Limits(
        requests_in_flight_max=rng.choice((1_024, 1_024, 1_024, 40)),
        queued_bytes_max=rng.choice((16_777_216, 16_777_216, 40_000)),
    )
