"""The oracle of a real world: what can be said from outside, as it happens.

Of the simulator's oracle it keeps all that looks at clients and tools: what they ask, what they are
told, how often tools start. It cannot see the gate's steps; instead ``verdict`` compares at the end
what everybody was told with what is on disk.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.worlds.talkers import Seen
from tests.sim.old_agents import OldProcess
from tests.sim.oracle import Oracle
from tests.sim.people import Answer
from tests.sim.plan import AgentPlan, Ask

from agentgate_proto.errors import AgentGateError
from agentgate_proto.records.approval import ApprovalView

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld


@dataclass(frozen=True)
class Told:
    """What an agent was told of a request.

    Attributes:
        mistaken: it may be the outcome of another request, which no gateway can prevent.
    """

    agent: AgentPlan
    ask: Ask
    result: Any
    error: AgentGateError | None
    mistaken: bool


class Consent:
    """What people have said, and what they were told and shown.

    Attributes:
        said: what each person has said to each approval, by (rid, person).
        taken: answers that count, as their givers were told.
        shown: approvals as somebody saw them.
        revoked_grants: grants that are over, as somebody was told.
    """

    def __init__(self, world: RealWorld) -> None:
        self.world = world
        self.said: dict[tuple[str, str], set[bool]] = defaultdict(set)
        self.taken: list[tuple[str, str, bool]] = []
        self.shown_as: list[ApprovalView] = []
        self.revoked_grants: set[str] = set()

    def shown(self, view: ApprovalView) -> None:
        """Somebody sees an approval."""
        self.shown_as.append(view)

    def answers(self, answer: Answer, who: str) -> None:
        """A person is about to answer."""
        self.world.tell(who, "approves" if answer.yes else "denies", answer.rid)
        self.said[answer.rid, who].add(answer.yes)

    def answer_taken(self, answer: Answer) -> None:
        """A person is told that the answer counts."""
        self.world.count("answers taken")
        self.world.tell(answer.by, "is told that it counts", answer.rid)
        self.taken.append((answer.rid, answer.by, answer.yes))

    def refused(self, answer: Answer, view: ApprovalView) -> None:
        """A person is told what really happened."""
        self.world.count("answers too late")
        self.world.tell(answer.by, "is too late:", answer.rid, view.status)
        self.shown_as.append(view)

    def revoked(self, grant_id: str) -> None:
        """Somebody is told that a grant is over."""
        self.world.count("grants revoked")
        self.revoked_grants.add(grant_id)


class OutsideOracle(Oracle):
    """See the module.

    Attributes:
        told_all: everything that agents were told.
        seen: what they have seen of sessions.
    """

    def __init__(self, world: RealWorld, journal: Path) -> None:
        super().__init__(world)  # type: ignore[arg-type]
        self.world: Any = world
        self.seen = Seen(world)
        self.consent: Any = Consent(world)
        self.journal = journal
        self.told_all: list[Told] = []
        self._read_upto = 0

    def settled(
        self, agent: AgentPlan, ask: Ask, result: Any, error: AgentGateError | None
    ) -> None:
        """A caller is told how its request ended."""
        self.read_journal()
        mistaken = self.world.may_mistake(agent, ask)
        self.told_all.append(Told(agent, ask, result, error, mistaken))
        super().settled(agent, ask, result, error)

    def read_journal(self) -> None:
        """Take note of the tools that have started; a line that is being written comes later."""
        if not self.journal.exists():
            return
        with self.journal.open("rb") as file:
            file.seek(self._read_upto)
            data = file.read()
        lines = data[: data.rfind(b"\n") + 1]
        self._read_upto += len(lines)
        for line in lines.splitlines():
            self._begun(json.loads(line))

    def _begun(self, line: dict[str, Any]) -> None:
        tool, content = line["tool"], line["n"]
        self.world.tell("tool", tool, content, "starts")
        self.starts[content] += 1
        if content not in self.by_content:
            self.fail(f"nobody asked for {content}, and it starts")
        if tool not in {ask.tool for ask in self.by_content[content]}:
            self.fail(f"{tool} starts for {content}, which was asked of another tool")
        if tool == "forbidden":
            self.fail(f"I4: forbidden({content}) was denied by policy and runs")
        self._count_starts(content)

    def old_collects(self, process: OldProcess, call_id: int) -> None:
        """See :class:`Oracle`; here it is found out besides whether two of them seem to stand."""
        super().old_collects(process, call_id)
        principal = process.agent.plan.principal
        if self.world.seem_to_stand(principal) > 1:
            self.two_at_once.add(principal)
