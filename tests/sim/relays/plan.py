"""The plan of a world of two gateways: a controller with a manager behind it, drawn from a seed."""

from __future__ import annotations

from random import Random

from msgspec import Struct
from tests.sim.plan import AgentPlan, Ask, Fault, Plan, Retention, draw
from tests.sim.talks import Setting, Talk

from agentgate_proto.limits import LedgerLimits, Limits, SessionLimits
from agentgate_server.secrets.secret import Secret

UPSTREAM = "m"
RELAY = "bridge"
AGENTS = ("a0", "a1")
"""The named agents; the controller knows the password of the first one."""

PASSWORD = Secret("a password of an agent")
PEOPLE = ("anna", "bert")
OWN_CONTENTS = 1_000_000
"""What agents of the controller ask for lies below; above is what the named agents' models want."""

REQUESTS = 24
MESSAGES = 24
TOOLS = ("look", "fetch", "set", "set", "move", "ask_look", "ask_set", "ask_move", "forbidden")

SITE_FAULTS = (
    *("kill", "kill", "kill_before_commit", "kill_after_commit", "restart"),
    *("disk_full", "disk_slow", "freeze"),
)
LEG_FAULTS = ("die", "reset", "reset", "cut_mid_frame", "half_close", "black_hole", "stall")


class ConsolePlan(Struct, frozen=True):
    """A person's program.

    Attributes:
        name: what the story calls it.
        person: whose token it has.
        site: "front" or "back": whether it talks to the controller or to the manager.
        agents: to whom it logs in.
        transport: "websocket" or "polling".
        hasty: on a new connection it says what it has kept before it chooses and logs in.
        snoops: it also tries a wrong password on an agent that it does not log in to.
    """

    name: str
    person: str
    site: str
    agents: tuple[str, ...]
    transport: str
    hasty: bool
    snoops: bool


class Chat(Struct, frozen=True):
    """Something that a person says.

    Attributes:
        number: of the message; its text is ``m`` and this.
        at: when.
        console: place of the program.
        agent: to whom.
        keyed: it has a ``correlationId``, and is said again until it is acknowledged.
    """

    number: int
    at: float
    console: int
    agent: str
    keyed: bool


class Strike(Struct, frozen=True):
    """A fault, and the site that it strikes, or a leg of which it strikes."""

    site: str
    fault: Fault


class RelayPlan(Struct, frozen=True):
    """See the module.

    Attributes:
        seed: where it all comes from.
        until: when people, agents and faults end.
        approvals: where a person is asked about the manager's tools.
        front, back: how the two gateways are set up.
    """

    seed: int
    until: float
    approvals: str
    front: Plan
    back: Plan
    consoles: tuple[ConsolePlan, ...]
    chats: tuple[Chat, ...]
    asks: tuple[Ask, ...]
    strikes: tuple[Strike, ...]


def draw_relay(seed: int) -> RelayPlan:
    """Draw the plan of a world."""
    rng = Random(f"{seed} relays")
    until = rng.choice((20.0, 60.0, 180.0))
    consoles = tuple(draw_console(rng, place) for place in range(rng.choice((1, 2, 3, 4))))
    chats = [
        Chat(number, rng.random() * until * 0.9, place, rng.choice(consoles[place].agents), keyed)
        for number in range(1, rng.choice((3, MESSAGES, MESSAGES)) + 1)
        for place in [rng.randrange(len(consoles))]
        for keyed in [rng.random() < 0.6]
    ]
    asks = [
        Ask(number, 0, rng.random() * until * 0.9, f"{UPSTREAM}.{rng.choice(TOOLS)}", number)
        for number in range(1, rng.choice((0, 6, REQUESTS)) + 1)
    ]
    in_front = [each for each in consoles if each.site == "front"]
    behind = [each for each in consoles if each.site == "back"]
    asker = AgentPlan("asker", "p0", "named", rng.choice((1.0, 0.9, 1.1)))
    return RelayPlan(
        seed=seed,
        until=until,
        approvals=rng.choice(("there", "here")),
        front=draw_site(seed, "front", (asker, *map(place_of, in_front))),
        back=draw_site(seed, "back", (relay_place(), *map(place_of, behind), *agents())),
        consoles=consoles,
        chats=tuple(sorted(chats, key=lambda chat: chat.at)),
        asks=tuple(sorted(asks, key=lambda ask: ask.at)),
        strikes=draw_strikes(Random(f"{seed} strikes"), until, 1 + len(in_front), 1 + len(behind)),
    )


def draw_console(rng: Random, place: int) -> ConsolePlan:
    """Draw a person's program."""
    agents = rng.choice((AGENTS, AGENTS[:1], AGENTS[1:]))
    person = rng.choice(PEOPLE)
    return ConsolePlan(
        name=f"console-{place}",
        person=person,
        site=rng.choice(("front", "front", "front", "back")),
        agents=agents,
        transport=rng.choice(("websocket", "polling")),
        hasty=rng.random() < 0.3,
        snoops=len(agents) == 1 and rng.random() < 0.3,
    )


def draw_strikes(rng: Random, until: float, front: int, back: int) -> tuple[Strike, ...]:
    """Draw what goes wrong, with so many legs at each site: from nothing to very much."""
    strikes: list[Strike] = []
    for _ in range(rng.choice((0, 2, 5, 10, 20))):
        site = rng.choice(("front", "back"))
        legs = rng.random() < 0.6
        fault = Fault(
            kind=rng.choice(LEG_FAULTS if legs else SITE_FAULTS),
            at=rng.random() * until,
            agent=rng.randrange(front if site == "front" else back),
            seconds=rng.choice((0.0, 0.1, 1.0, 5.0, 30.0)),
            count=rng.choice((0, 1, 2, 3, 5, 8, 20, 60, 150, 600)),
        )
        strikes.append(Strike(site, fault))
    return tuple(sorted(strikes, key=lambda strike: strike.fault.at))


def draw_site(seed: int, name: str, places: tuple[AgentPlan, ...]) -> Plan:
    """Draw how a gateway is set up; nothing is kept so short that a history could lack a line."""
    rng = Random(f"{seed} {name}")
    pick = rng.choice
    plan = draw(seed * 2 + (name == "back"), 1, sessions=False)
    setting = Setting(
        limits=SessionLimits(loaded_max=pick((512, 1)), flush_s=pick((0.1, 1.0))),
        budgets=(),
        backend="openai",
        piece_s=pick((0.0, 0.02, 0.5)),
        piece_chars=10,
        trouble=pick((0.0, 0.1, 0.4)),
        desk_s=pick((0.0, 0.005, 0.5)),
        keep_s=1e12,
    )
    talks = (Talk(1, 0, 0.0, "look", 0, 1),) if name == "back" else ()
    return plan.without(
        agents=places,
        asks=(),
        faults=(),
        talks=talks,  # that there are any is what switches sessions on
        ledger=LedgerLimits(approval_s=pick((300.0, 60.0, 20.0))),
        limits=Limits(),
        retention=Retention(7.0, 30.0, 100_000, 3_600.0),
        setting=setting,
    )


def place_of(console: ConsolePlan) -> AgentPlan:
    """The place of a program among those who are at a site."""
    return AgentPlan(console.name, console.person, "console", 1.0)


def relay_place() -> AgentPlan:
    """The place of the link."""
    return AgentPlan("the link", RELAY, "relay", 1.0)


def agents() -> tuple[AgentPlan, ...]:
    """The named agents, in whose names the manager's sessions ask for tools."""
    return tuple(AgentPlan(agent, agent, "agent", 1.0) for agent in AGENTS)
