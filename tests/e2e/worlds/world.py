"""A real world: the simulator's plan, played by real processes on real sockets and a real file.

First the plan is played, with its faults; then they stop, and everything must come to its end
within ``SETTLE_S`` (I10); then the gateway is shut down, and ``verdict`` opens its file. Unlike in
the simulator a seed does not make the very same world twice, but one like it: so each keeps its
story.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup
from tests.e2e.worlds.fit import PACE, PLAY_S
from tests.e2e.worlds.gateway import Lives
from tests.e2e.worlds.mishaps import RealMishaps
from tests.e2e.worlds.oracle import OutsideOracle
from tests.e2e.worlds.others import RealEagerAgent, RealOldAgent
from tests.e2e.worlds.people import RealPeople
from tests.e2e.worlds.proxy import Door
from tests.e2e.worlds.realtime import Realtime, guarded
from tests.e2e.worlds.rows import Rows
from tests.e2e.worlds.sdk import SdkAgent, SdkProcess
from tests.e2e.worlds.verdict import judge
from tests.e2e.worlds.wire import Wire, connect
from tests.sim.any_world import AnyWorld
from tests.sim.faults import Violation
from tests.sim.plan import Ask, Plan
from tests.sim.talks import Talk
from tests.sim.world import shown

from agentgate_proto.records.request import Phase

SETTLE_S = 30.0
"""Within which everything settles once faults have stopped: an approval's time, a tool's time-out,
a dead link that is found out, the pauses of reconnecting, and a busy machine."""

HELP_EVERY_S = 8.0
LOOK_S = 0.05
TOOL_WORDS = "EffectUnknown"
WORLD_S = PLAY_S + SETTLE_S + 30.0


class RealWorld(AnyWorld):
    """See the module.

    Args:
        plan: what is going to happen.

    Attributes:
        violation: what was broken first, or None.
        story: everything that happened, with its time.
        doors: where processes connect to, by the place of their agent.
        cut_off: until when nobody gets through, by the place of an agent; the loop's time.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.violation: Violation | None = None
        self.story: list[str] = []
        self.process_chance = plan.chance("processes")
        self.link_chance = plan.chance("links")
        self.cut_off: dict[int, float] = {}
        self.doors: defaultdict[int, list[Door]] = defaultdict(list)
        self.forsaken: list[SdkProcess] = []
        self.wires: list[Wire] = []
        self.rids = 0
        self.seconds = 0.0
        self._broken = anyio.Event()
        self.tasks: TaskGroup
        self.timeline: Realtime
        self.lives: Lives
        self.disk: Rows
        self.oracle: OutsideOracle
        self.people: RealPeople
        self.mishaps: RealMishaps
        self.agents: list[Any]

    async def run(self) -> Violation | None:
        """Play the plan; return what was broken first, if anything."""
        with tempfile.TemporaryDirectory(prefix="agentgate-world-") as folder:
            try:
                with anyio.fail_after(WORLD_S):
                    await self._run(Path(folder))
            except TimeoutError:
                self.note(f"I10: the world has no end within {WORLD_S:g} s")
            except ExceptionGroup as group:
                self.note(f"bug: {group.exceptions[0]!r}")
        return self.violation

    async def _run(self, folder: Path) -> None:
        self.timeline = Realtime(self)
        self.lives = Lives(self, folder)
        self.disk = Rows(folder / "gate.db")
        self.oracle = OutsideOracle(self, self.lives.gate.journal_path)
        self.mishaps = RealMishaps(self)
        async with anyio.create_task_group() as self.tasks:
            try:
                await self._live()
            finally:
                self.timeline.end()
                self.tasks.cancel_scope.cancel()
                for wire in self.wires:
                    wire.client = None
                    wire.transport.abort()
                self.seconds = asyncio.get_running_loop().time() - self.timeline.began
        for doors in self.doors.values():
            for door in doors:
                door.close()
        if self.violation is None:
            self.guard(judge, self, folder)
        log = self.lives.gate.log()
        for trace in log.split("Traceback")[1:]:
            if TOOL_WORDS not in trace:  # what a tool says that does not know what it did
                self.note(f"bug in the gateway: {trace[:3_000]}")

    async def _live(self) -> None:
        self.tasks.start_soon(self.lives.run)
        while not self.lives.up:
            await anyio.sleep(LOOK_S)
        self.timeline.began = asyncio.get_running_loop().time()
        self.people = RealPeople(self)
        kinds = {"old": RealOldAgent, "eager": RealEagerAgent}
        self.agents = [
            kinds.get(agent.kind, SdkAgent)(self, agent, place)  # type: ignore[arg-type]
            for place, agent in enumerate(self.plan.agents)
        ]
        for agent in self.agents:
            agent.start()
        for ask in self.plan.asks:
            self.timeline.at(ask.at, self._ask, ask)
        for talk in self.plan.talks:
            self.timeline.at(talk.at, self._talk, talk)
        for fault in self.plan.faults:
            self.timeline.at(fault.at, self.mishaps.strike, fault)
        with anyio.move_on_after(self.plan.until / PACE):
            await self._broken.wait()
        if self.violation is None:
            self._heal()
            await self._settle()
        if self.violation is None:
            code = await self.lives.end()
            if code:
                self.note(f"the gateway is asked to end, and ends with {code}")

    def _ask(self, ask: Ask) -> None:
        self.agents[ask.agent].ask(ask)

    def _talk(self, talk: Talk) -> None:
        agent = self.agents[talk.agent]
        assert isinstance(agent, SdkAgent), "only ours have sessions"
        agent.talk(talk)

    def _heal(self) -> None:
        self.tell("world", "faults stop")
        self.mishaps.stop()
        for process in self.forsaken:  # the user has seen that there are two
            process.kill()
        for agent in self.agents:
            if agent.process is not None and not isinstance(agent, SdkAgent):
                agent.process.doom = None

    async def _settle(self) -> None:
        """Wait until all has come to its end; users of old clients help them from time to time."""
        loop = asyncio.get_running_loop()
        bound, help_at = loop.time() + SETTLE_S, loop.time() + HELP_EVERY_S
        for agent in self.agents:
            agent.collect()
        while (why := self._why_unsettled()) and self.violation is None:
            if loop.time() > bound:
                self.note(f"I10: {why}")
            if loop.time() > help_at:
                help_at += HELP_EVERY_S
                for agent in self.agents:
                    if agent.missing():
                        agent.help()
                    agent.collect()
            await anyio.sleep(LOOK_S)

    def _why_unsettled(self) -> str:
        if not self.lives.up:
            return "the gateway does not come up"
        for agent in self.agents:
            for ask in agent.missing():
                return f"{agent.name} waits for {ask}"
            if not agent.idle:
                return f"{agent.name} is not idle"
        if self.people.terminal.under_way or not self.people.terminal.open_now:
            return "the terminal waits for an answer"
        clients = {
            (agent.plan.principal, agent.process.client_id)
            for agent in self.agents
            if isinstance(agent, SdkAgent) and agent.process is not None
        }
        for row in self.disk.kept.values():
            if row.phase is not Phase.DONE:
                return f"{row.signature} of {row.principal} is {row.phase}"
            if not row.delivered and (row.principal, row.client_id) in clients:
                return f"I6: {row.client_id} never got the outcome of {row.signature}"
        return "the file can't be read" if self.disk.is_old else ""

    # What clients want of their world

    def dial(self, client: Any, dial: int) -> None:
        """Somebody wants a socket: to a door of its own, or straight to the gateway."""
        door = getattr(client, "door", None)
        port = door.port if door is not None else self.lives.port
        self.tasks.start_soon(connect, self, client, dial, port)

    def seem_to_stand(self, principal: str) -> int:
        """How many connections of an agent the gateway may take for standing."""
        doors = [door for doors in self.doors.values() for door in doors]
        links = [link for door in doors if door.principal == principal for link in door.links]
        return sum(link.may_stand for link in links)

    def tell(self, *words: object) -> None:
        """Tell it in the story."""
        text = " ".join(shown(word) for word in words)
        self.story.append(f"{self.timeline.now / PACE:9.4f}  {text}")

    def guard(self, act: Any, *args: Any) -> None:
        """Call what must not raise into the event loop."""
        guarded(self.note, act, *args)

    def fail(self, text: str) -> None:
        """Something is broken; whoever has found it stops there."""
        self.note(text)
        raise Violation(text)

    def note(self, text: str) -> None:
        """Something is broken: the world ends soon."""
        self.tell("ORACLE", text)
        if self.violation is None:
            self.violation = Violation(text)
        self._broken.set()
