"""The oracle of both gateways: what consoles see, what was acknowledged, and what has run.

An agent's history is what the manager's disk has of its session. Every view of every console is a
beginning of it, at each moment; nothing is taken from what the gateways think of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sim.plan import Ask
from tests.sim.relays.plan import DEVICE, FRONT_ASKS, OWN_CONTENTS, READS, Chat

from agentgate_proto.records.session import EventKind, RunStatus

if TYPE_CHECKING:
    from tests.sim.relays.world import RelayWorld

SILENT = (RunStatus.COMPLETED, RunStatus.MAX_TOKENS)
Line = tuple[str, str]
"""Who, "user", "agent" or "error", and what; of an error no words."""


@dataclass
class History:
    """The lines of an agent, as far as they are on disk."""

    lines: list[Line]
    read: int = 0


class RelayOracle:
    """See the module."""

    def __init__(self, world: RelayWorld) -> None:
        self.world = world
        self.histories: dict[str, History] = defaultdict(lambda: History([]))
        self.acknowledged: set[int] = set()
        self.never: dict[int, Ask] = {}
        self.asked: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
        self.device: Counter[int] = Counter()

    # Consoles

    def lines(self, agent: str) -> list[Line]:
        """The history of an agent."""
        known = self.histories[agent]
        book = self.world.back.oracle.sessions.books.all.get(f"agent:{agent}")
        if book is not None and book.end > known.read:
            for offset in range(known.read, book.end):
                if offset in book.contents and (line := line_of(*book.contents[offset])):
                    known.lines.append(line)
                    self._look_for_second(agent, line)
            known.read = book.end
        return known.lines

    def _look_for_second(self, agent: str, line: Line) -> None:
        """I12: a message is said once, whoever has sent it again."""
        if line[0] == "user" and Counter(self.histories[agent].lines)[line] > 1:
            self.world.fail(f"I12: {line[1]} was said twice to {agent}")

    def sees(self, console: str, agent: str, view: list[Line]) -> None:
        """A console is shown one line more of an agent."""
        lines, at = self.lines(agent), len(view) - 1
        if at >= len(lines):
            self.world.fail(f"I11: {console} is shown {view[at]}, and {agent} has no such line")
        elif lines[at] != view[at]:
            words = f"{view[at]} as line {at}, which is {lines[at]}"
            self.world.fail(f"I11: {console} is shown of {agent} {words}")
        self.world.counts["lines shown"] += 1

    def acknowledges(self, console: str, chat: Chat) -> None:
        """A console is told that a message was received: it is in the log, durably."""
        self.acknowledged.add(chat.number)
        self.world.counts["messages acknowledged"] += 1
        if ("user", f"m{chat.number}") not in self.lines(chat.agent):
            self.world.fail(f"I5: {console} is told that m{chat.number} was received; it is lost")

    # Tools

    def never_runs(self, ask: Ask) -> None:
        """An agent is told of a write of an upstream that it has not run, and will not."""
        self.never[ask.content] = ask
        self.look_at_starts()

    def has_run(self, ask: Ask) -> None:
        """An agent is told that it has run."""
        self.world.counts["tools run behind"] += 1
        if not self.starts(ask):
            self.world.fail(f"I3: {ask.tool}({ask.content}) is said to be executed, and was not")
        sites = self.world.sites.values()
        grants = any(site.disk.grants or site.disk.grants_gone for site in sites)
        is_asked = "ask_" in ask.tool or ask.tool == FRONT_ASKS
        writes = ask.tool.rpartition("ask_")[2] not in READS
        if is_asked and writes and not grants and not self.asked[ask.content]:
            self.world.fail(f"I4: {ask.tool}({ask.content}) has run, and nobody was asked")

    def look_at_starts(self) -> None:
        """I2: what was said never to run does not."""
        for ask in self.never.values():
            if self.starts(ask):
                self.world.fail(f"I2: {ask.tool}({ask.content}) was said not to have run, and has")

    def starts(self, ask: Ask) -> int:
        """How often the tool of a request has started, where it runs at last."""
        if DEVICE in ask.tool:
            return self.device[ask.content]
        return self.world.back.oracle.starts[ask.content]

    def device_starts(self, content: int, tool: str) -> None:
        """A device starts a tool, as its own journal says."""
        self.device[content] += 1
        self.world.counts["device starts"] += 1
        if self.device[content] > 1 and tool != "see":
            self.world.fail(f"I2: the device does {tool}({content}) twice")
        self.look_at_starts()

    def person_is_asked(self, content: int, site: str, rid: str) -> None:
        """A person is asked about a write: once, at one of the two gateways."""
        if content < OWN_CONTENTS:
            self.asked[content].add((site, rid))
            if len(self.asked[content]) > 1:
                self.world.fail(f"I4: people are asked twice about {content}")

    # The end

    def rest(self) -> None:
        """Everything has come to rest: nothing that was acknowledged is lost."""
        for chat in self.world.plan.chats:
            said = ("user", f"m{chat.number}") in self.lines(chat.agent)
            if chat.number in self.acknowledged and not said:
                self.world.fail(f"I11: m{chat.number} was acknowledged, and is lost")


def line_of(kind: str, data: Any) -> Line | None:
    """What of a log is a line, by the words of the seed: messages, answers, and that one failed."""
    if kind == EventKind.MESSAGE:
        return "user", data["text"]
    if kind == EventKind.REPLY and data.get("text"):
        return "agent", data["text"]
    if kind == EventKind.RUN_ENDED and data["status"] not in SILENT:
        return "error", ""
    return None
