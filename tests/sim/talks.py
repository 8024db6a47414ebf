"""What agents do with sessions, and how the gateway's are set up: the part of a plan about them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from agentgate_proto.sessions.budgets import EACH, Budget
from agentgate_proto.sessions.limits import SessionLimits

ROUNDS_MAX = 4
"""How often one run may ask its model."""

BACKENDS = ("openai", "openai", "anthropic", "rehearsal")
ACTS = (
    *("create",) * 3,
    *("send",) * 18,
    *("again",) * 3,
    *("attach",) * 4,
    *("leave",) * 2,
    *("cancel",) * 4,
    *("delete",) * 2,
    *("inspect",) * 2,
    *("look",) * 2,
    *("foreign",) * 2,
)
"""See :mod:`tests.sim.talkers`."""


CLOSE_FAULTS = (
    *("kill", "kill", "kill_before_commit", "kill_after_commit", "restart"),
    *("die", "reset", "cut_mid_frame", "disk_full", "disk_slow", "disk_unreadable"),
    *("revoke", "clock_jump", "freeze"),
)
"""What strikes close to what is done with sessions."""


class Talk(Struct, frozen=True):
    """One thing that an agent does with sessions.

    Attributes:
        number: names it, and the message that it sends.
        agent: its place in the plan.
        at: when.
        act: one of ``ACTS``.
        pick: which session, message, or way to do it; any number will do.
        rounds: how often a run may ask its model.
    """

    number: int
    agent: int
    at: float
    act: str
    pick: int
    rounds: int


class Setting(Struct, frozen=True):
    """How the sessions of a world are set up.

    Attributes:
        limits: of the sessions.
        budgets: what may be spent.
        backend: in whose form the models are asked.
        piece_s: about how long a model takes for a piece of its answer.
        piece_chars: how long these are.
        trouble: how often an answer goes wrong.
        desk_s: about how long it takes to look at a workspace.
        keep_s: how long a session is kept in which nothing happens.
    """

    limits: SessionLimits
    budgets: tuple[Budget, ...]
    backend: str
    piece_s: float
    piece_chars: int
    trouble: float
    desk_s: float
    keep_s: float


def draw_talks(rng: Random, ours: Sequence[int], until: float) -> tuple[Talk, ...]:
    """Draw what agents on our SDK do with sessions: in half of the worlds nothing."""
    if not ours or rng.random() < 0.5:
        return ()
    talks: list[Talk] = []
    at, left, agent = 0.0, 0, ours[0]
    for number in range(1, rng.choice((12, 24, 48)) + 1):
        if not left:
            at = rng.random() * until * 0.9
            agent = rng.choice(ours)
            left = rng.choice((1, 2, 4, 8))
        left -= 1
        at += rng.choice((0.0, 0.01, 0.5, 3.0))
        act = rng.choice(ACTS)
        pick, rounds = rng.randrange(1_000), 1 + rng.randrange(ROUNDS_MAX)
        talks.append(Talk(number, agent, min(at, until), act, pick, rounds))
    return tuple(sorted(talks, key=lambda talk: talk.at))


def draw_setting(rng: Random, *, may_be_big: bool) -> Setting:
    """Draw caps that hold sometimes, and are reached sometimes; and some budgets."""
    pick = rng.choice
    is_short = rng.random() < 0.3
    limits = SessionLimits(
        sessions_of_principal_max=pick((10_000, 10_000, 2)),
        runs_max=pick((1_000, 1_000, 2)),
        runs_of_principal_max=pick((250, 250, 1)),
        loaded_max=pick((512, 512, 1)),
        history_bytes_max=pick((8_388_608, 8_388_608, 1_500)),
        log_events_max=60 if is_short else 200_000,
        tail_bytes_max=pick((262_144, 262_144, 800)),
        unwritten_bytes_max=pick((4_194_304, 4_194_304, 20_000)),
        answer_bytes_max=pick((8_388_608, 8_388_608, 8_388_608, 100)),
        flush_s=pick((0.1, 0.1, 1.0)),
        ahead=pick((8, 30)) if is_short else pick((4_096, 4_096, 8)),
        attempts_max=pick((4, 2)),
        calls_max=pick((64, 64, 1)),
        result_chars_max=pick((100_000, 5)),
    )
    budgets: list[Budget] = []
    if rng.random() < 0.5:
        for number in range(pick((1, 1, 2, 3))):
            budget = Budget(
                name=f"b{number}",
                principal=pick((EACH, "")),
                model=pick((EACH, EACH, "m")),
                per=pick(("day", "month")),
                limit_micros=pick((6_000, 20_000, 60_000)),
                over=pick(("deny", "ask")),
            )
            budgets.append(budget)
    big = may_be_big and rng.random() < 0.15
    return Setting(
        limits=limits,
        budgets=tuple(budgets),
        backend=pick(BACKENDS),
        piece_s=pick((0.0, 0.02, 0.5, 2.0)),
        piece_chars=4_000 if big else 10,
        trouble=pick((0.0, 0.1, 0.4)),
        desk_s=pick((0.0, 0.005, 0.5)),
        keep_s=pick((1e12, 1e12, 30.0, 3.0)),
    )
