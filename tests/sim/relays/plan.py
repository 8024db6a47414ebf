"""The plan of a world of two gateways: a controller with a manager behind it, drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec import Struct
from tests.sim.plan import AgentPlan, Ask, Fault, Plan, Retention, draw
from tests.sim.talks import Setting, Talk

from agentgate_proto.limits import LedgerLimits, Limits
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_server.secrets.secret import Secret

UPSTREAM = "m"
RELAY = "bridge"
AGENTS = ("a0", "a1")
"""The named agents; the controller knows the password of the first one."""

PASSWORD = Secret("a password of an agent")
PEOPLE = ("anna", "bert")
OWN_CONTENTS = 1_000_000
"""What agents of the controller ask for lies below; above is what the named agents' models want."""

RATES = (1.0, 0.9, 1.1)
REQUESTS = 24
MESSAGES = 24
TOOLS = ("look", "fetch", "set", "set", "move", "ask_look", "ask_set", "ask_move", "forbidden")
READS = ("look", "fetch", "see")
FRONT_ASKS = f"{UPSTREAM}.set"
"""What the controller's policy wants asked, and the manager's does not."""

DEVICE = "kitchen"
"""A device at the manager."""

HALL = "hall"
"""Another one, at which people ask."""

DEVICE_TOOLS = (f"{DEVICE}.see", f"{DEVICE}.act", f"{DEVICE}.act", f"{DEVICE}.ask_act")

RELAY_PLACE = AgentPlan("the link", RELAY, "relay", 1.0)
"""The place of the link among those who are at the manager."""

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


class Prompt(Struct, frozen=True):
    """Something that is asked at a device: its name and text, and when."""

    name: str
    at: float


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
    prompts: tuple[Prompt, ...]
    strikes: tuple[Strike, ...]


def draw_relay(seed: int) -> RelayPlan:
    """Draw the plan of a world."""
    rng = Random(f"{seed} relays")
    until = rng.choice((20.0, 60.0, 180.0))
    consoles = draw_consoles(Random(f"{seed} consoles"))
    in_front = [each for each in consoles if each.site == "front"]
    behind = [each for each in consoles if each.site == "back"]
    asker = AgentPlan("asker", "p0", "named", rng.choice(RATES))
    neighbours = (RELAY_PLACE, *draw_neighbours(Random(f"{seed} neighbours")))
    at_back = (*neighbours, *map(place_of, behind), *agents())
    strikes = Random(f"{seed} strikes")
    return RelayPlan(
        seed=seed,
        until=until,
        approvals=rng.choice(("there", "here")),
        front=draw_site(seed, "front", (asker, *map(place_of, in_front))),
        back=draw_site(seed, "back", at_back),
        consoles=consoles,
        chats=draw_chats(Random(f"{seed} chats"), consoles, until),
        asks=draw_asks(Random(f"{seed} asks"), until),
        prompts=draw_prompts(Random(f"{seed} prompts"), until),
        strikes=draw_strikes(strikes, until, 1 + len(in_front), len(neighbours) + len(behind)),
    )


def draw_consoles(rng: Random) -> tuple[ConsolePlan, ...]:
    """Draw people's programs."""
    return tuple(draw_console(rng, place) for place in range(rng.choice((1, 2, 3, 4))))


def draw_chats(rng: Random, consoles: Sequence[ConsolePlan], until: float) -> tuple[Chat, ...]:
    """Draw what people say."""
    chats: list[Chat] = []
    for number in range(1, rng.choice((3, MESSAGES, MESSAGES)) + 1):
        place = rng.randrange(len(consoles))
        agent = rng.choice(consoles[place].agents)
        at, keyed = rng.random() * until * 0.9, rng.random() < 0.6
        chats.append(Chat(number, at, place, agent, keyed))
    return tuple(sorted(chats, key=lambda chat: chat.at))


def draw_asks(rng: Random, until: float) -> tuple[Ask, ...]:
    """Draw requests for tools of the manager, by an agent of the controller's (0) or of its own."""
    asks: list[Ask] = []
    for number in range(1, rng.choice((0, 6, REQUESTS)) + 1):
        agent = rng.choice((0, 0, 1))
        tool = rng.choice(DEVICE_TOOLS) if agent or rng.random() < 0.4 else rng.choice(TOOLS)
        name = tool if agent else f"{UPSTREAM}.{tool}"
        asks.append(Ask(number, agent, rng.random() * until * 0.9, name, number))
    return tuple(sorted(asks, key=lambda ask: ask.at))


def draw_neighbours(rng: Random) -> tuple[AgentPlan, ...]:
    """The places of the device, of an agent that asks for its tools, and of one that prompts."""
    device = AgentPlan("device", DEVICE, "device", rng.choice(RATES))
    neighbour = AgentPlan("neighbour", "p1", "named", rng.choice(RATES))
    return device, neighbour, AgentPlan("hall", HALL, "edge", rng.choice(RATES))


def draw_prompts(rng: Random, until: float) -> tuple[Prompt, ...]:
    """Draw what is asked at a device; some of it twice."""
    prompts: list[Prompt] = []
    for number in range(1, rng.choice((0, 4, 12)) + 1):
        at = rng.random() * until * 0.9
        prompts.append(Prompt(f"q{number}", at))
        if rng.random() < 0.2:
            prompts.append(Prompt(f"q{number}", at + rng.choice((0.0, 0.01, 5.0))))
    return tuple(sorted(prompts, key=lambda prompt: prompt.at))


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


def agents() -> tuple[AgentPlan, ...]:
    """The named agents, in whose names the manager's sessions ask for tools."""
    return tuple(AgentPlan(agent, agent, "agent", 1.0) for agent in AGENTS)
