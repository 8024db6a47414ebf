"""The tools of the worlds: the real catalogue and runner, but tasks run on virtual time.

Every tool takes ``n``, the content of the request, and returns it: so whoever gets an outcome can
say to which question it is the answer.
"""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec
from tests.sim.timeline import Timeline

from agentgate_proto.ledger.effects import Run
from agentgate_proto.records.outcome import Outcome, executed, failed, unknown
from agentgate_proto.records.request import Effects
from agentgate_server.gate.running import Finished, Running
from agentgate_server.policy import Policy
from agentgate_server.sessions.exceeding import exceed_budget
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Runner, stopped
from agentgate_server.tools.tool import TIMEOUT_S, Tool

RULES = """
rules:
  - {tool: forbidden, action: deny, description: "no"}
  - {args: {tone: shrill}, action: deny, description: "nobody can bear it"}
  - {tool: ask_both, action: ask, approval: {approvers: 2}}
  - {tool: "ask_*", action: ask, description: "somebody has to look"}
  - {tool: carefree, action: allow, ask_again_after_unknown: false}
  - {tool: [look, fetch, set, move], action: allow}
"""
LAST = "  - {tool: exceed_budget, action: ask}\n"
POLICY = Policy.parse(RULES + LAST)
STRICTER = tuple(
    Policy.parse(f"{RULES}  - {rule}\n{LAST}")
    for rule in (
        '{tool: [ask_set, set], action: deny, description: "not now"}',
        '{tool: "ask_*", action: ask, approval: {approvers: 2}}',
        '{tool: "*", action: deny, description: "nothing goes"}',
    )
)
"""What an operator may put in force while people are asked."""


def asked_at_once(n: int, tone: str = "") -> dict[str, int]:
    return {"n": n}


def at_once(n: int) -> dict[str, int]:
    return {"n": n}


async def in_a_while(n: int) -> dict[str, int]:
    return {"n": n}


INLINE: dict[str, Literal["read", "write"]] = {
    "look": "read",
    "ask_look": "read",
    "set": "write",
    "ask_set": "write",
    "ask_both": "write",
    "forbidden": "write",
}
SLOW: dict[str, Literal["read", "write"]] = {
    "fetch": "read",
    "move": "write",
    "ask_move": "write",
    "carefree": "write",
}

EDITED = ("ask_look", "ask_set", "ask_both")
"""Tools with a tone besides, which people may change before they say yes."""

FORBIDDEN_TONE = "shrill"
"""Policy denies it, whoever has asked for it."""

CATALOGUE = Catalogue(
    [
        python_tool(
            asked_at_once if name in EDITED else at_once,
            name=name,
            effects=INLINE[name],
            inline=True,
        )
        for name in INLINE
    ]
    + [python_tool(in_a_while, name=name, effects=SLOW[name]) for name in SLOW]
)
WITH_BUDGETS = Catalogue([*CATALOGUE, *Catalogue.of(exceed_budget)])
RUNNER = Runner()
WRITES = {tool.name for tool in CATALOGUE if tool.effects is Effects.WRITE}


class Tools(Running):
    """The tools that run in one process of the gateway.

    Args:
        timeline: the world's time.
        rng: the chance in how long they take, and how they end.
        usual_s: how long they take as a rule.
        trouble: how often they fail, hang, come late, or do not let themselves be stopped.
        finished: is told each outcome.
    """

    def __init__(
        self, timeline: Timeline, rng: Random, usual_s: float, trouble: float, finished: Finished
    ) -> None:
        super().__init__(CATALOGUE, RUNNER, finished)
        self.timeline = timeline
        self.rng = rng
        self.usual_s = usual_s
        self.trouble = trouble
        self.tasks_now: dict[str, Tool] = {}

    def start_task(self, run: Run, tool: Tool, args: dict[str, object]) -> None:
        """See :class:`agentgate_server.gate.running.Running`; time-outs are the real runner's."""
        rid = run.rid
        self.tasks_now[rid] = tool
        seconds = self.rng.random() * self.usual_s
        outcome = executed(msgspec.json.encode(args))
        if self.rng.random() < self.trouble:
            seconds, outcome = self.mishap(tool, seconds, outcome)
        if seconds > TIMEOUT_S:
            seconds, outcome = TIMEOUT_S, stopped(tool)
        self.timeline.after(seconds, self.end_task, rid, outcome)

    def mishap(self, tool: Tool, seconds: float, outcome: Outcome) -> tuple[float, Outcome]:
        """Draw what goes wrong with a tool that has started."""
        match self.rng.randrange(4):
            case 0:
                return seconds, failed("it is broken")
            case 1:
                return TIMEOUT_S + 1.0, outcome
            case 2:
                return seconds * 20.0, outcome
            case _:
                return seconds, unknown("who knows") if tool.effects is Effects.WRITE else outcome

    def stop(self, rid: str) -> None:
        """Stop a tool; some finish all the same."""
        tool = self.tasks_now.get(rid)
        if tool is not None and self.rng.random() > self.trouble:
            self.timeline.after(0.0, self.end_task, rid, stopped(tool))

    def close(self) -> None:
        """Stop all tools, and start no other."""
        self.closed = True
        for rid, tool in list(self.tasks_now.items()):
            self.timeline.after(0.0, self.end_task, rid, stopped(tool))

    def end_task(self, rid: str, outcome: Outcome) -> None:
        """A tool is over, if it is not over already."""
        if self.tasks_now.pop(rid, None) is not None:
            self.finished(rid, outcome)
