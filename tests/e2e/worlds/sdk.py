"""Agents on our SDK: ``AgentGateClient`` itself, on real sockets. Processes die, others follow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
from tests.e2e.worlds.fit import PACE
from tests.e2e.worlds.proxy import Door
from tests.e2e.worlds.talkers import Memory, Talker
from tests.held_ports import HOST
from tests.sim.agents import COMES_BACK_S
from tests.sim.plan import AgentPlan, Ask
from tests.sim.talks import Talk

from agent_gate import AgentGateClient, AgentGateError, ClientState
from agentgate_client import StateChanged
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.limits import CLIENT_LIMITS

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

LIMITS = replace(CLIENT_LIMITS, opening_s=2.0, auth_s=2.0, silence_s=1.0, pong_s=1.5, closing_s=0.5)
CLOSING_S = 5.0


class Hasty(Backoff):
    """The schedule of seed 001 is pinned elsewhere; here it would only cost time."""

    def failed(self, now: float) -> float | None:
        """See :class:`Backoff`."""
        super().failed(now)
        return now + min(0.03 * 2.0 ** min(self.failures, 10), 0.5)


class SdkProcess:
    """A process of an agent.

    Attributes:
        waiting: the requests that are not settled, by number.
        others: calls under way that are no requests.
        talker: what it does with sessions.
    """

    def __init__(self, agent: SdkAgent, client_id: str) -> None:
        self.agent = agent
        self.world = agent.world
        self.client_id = client_id
        principal = agent.plan.principal
        self.door = Door(self.world, agent.place, principal)
        self.alive = True
        self.waiting: dict[int, Ask] = {}
        self.others = 0
        self._scopes: set[anyio.CancelScope] = set()
        self.client = AgentGateClient(
            f"ws://{HOST}:{self.door.port}",
            f"token of {principal}",
            client_id=client_id,
            backoff=Hasty(),
            limits=LIMITS,
            on_state=self._changed,
        )
        self.talker = Talker(self, agent.memory)
        self.world.tasks.start_soon(self._run)
        self.talker.resume()

    async def _run(self) -> None:
        try:
            with self.life():
                await self.client.connect()
                await anyio.sleep_forever()
        except AgentGateError as error:
            self.world.tell(self.agent.name, "cannot connect:", error)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSING_S) as late:
                await self.client.close()
            if late.cancelled_caught:
                self.world.note(f"I10: {self.agent.name} does not close")

    def ask(self, ask: Ask) -> None:
        """Make a request."""
        self.world.tasks.start_soon(self._call, ask)
        if ask.gives_up_s is None and ask.number % 23 == 0:
            self.ask_something_else(ask.number)

    async def _call(self, ask: Ask) -> None:
        world, plan = self.world, self.agent.plan
        world.oracle.asks(plan, ask)
        self.waiting[ask.number] = ask
        result, error = None, None
        patience_s = ask.patience_s / PACE if ask.patience_s is not None else None
        patience = anyio.CancelScope()
        if ask.gives_up_s is not None:
            patience.deadline = anyio.current_time() + ask.gives_up_s / PACE
        with self.life(), patience:
            try:
                result = await self.client.call(
                    ask.tool, {"n": ask.content}, timeout_s=patience_s, idempotency_key=ask.key
                )
            except AgentGateError as problem:
                error = problem
        del self.waiting[ask.number]
        if not self.alive:
            return  # nobody is there any more who could be told
        if patience.cancelled_caught:
            world.tell(self.agent.name, "gives up on", ask)
            world.oracle.given_up(ask)
        else:
            world.guard(world.oracle.settled, plan, ask, result, error)

    def ask_something_else(self, number: int) -> None:
        """Make a call that is no request."""
        client = self.client
        call = client.get_pending_results if number % 2 else client.list_tools
        self.others += 1
        self.world.tasks.start_soon(self._other, call)

    async def _other(self, call: Callable[[], Awaitable[Any]]) -> None:
        try:
            with self.life():
                await call()
        except AgentGateError:
            pass
        finally:
            self.others -= 1

    @contextmanager
    def life(self) -> Iterator[None]:
        """What is awaited within ends with the process."""
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.remove(scope)

    def kill(self) -> None:
        """The process dies; what it has sent may still arrive."""
        self.alive = False
        self.door.die()
        for scope in self._scopes:
            scope.cancel()

    async def quit(self) -> None:
        """The process ends politely: its calls are settled before it is gone."""
        with anyio.move_on_after(CLOSING_S) as late:
            await self.client.close()
            while self.waiting:
                await anyio.lowlevel.checkpoint()
        if late.cancelled_caught:
            self.world.note(f"I1: {self.agent.name} closes, and {self.waiting} are not settled")
        self.kill()

    def _changed(self, change: StateChanged) -> None:
        if change.state is ClientState.CLOSED and self.alive:
            self.world.tell(self.agent.name, "has given up:", change.error)
            self.world.timeline.after(COMES_BACK_S, self.agent.start_again, self)

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for."""
        connected = self.client.state is ClientState.CONNECTED
        return connected and not (self.waiting or self.others or self.talker.under_way)


class SdkAgent:
    """An agent on our SDK, over all its processes.

    Attributes:
        place: in the plan.
        doubled: two processes have lived at once under its name.
        memory: what it keeps of sessions.
    """

    def __init__(self, world: RealWorld, plan: AgentPlan, place: int) -> None:
        self.world = world
        self.plan = plan
        self.place = place
        self.name = plan.name
        self.processes = 0
        self.doubled = False
        self.memory = Memory()
        self.process: SdkProcess | None = None

    def start(self) -> None:
        """Start a process, unless there is one."""
        if self.process is None:
            self.processes += 1
            fresh = f"{self.name}.{self.processes}"
            self.process = SdkProcess(self, self.name if self.plan.kind == "named" else fresh)

    def start_again(self, former: SdkProcess) -> None:
        """Start a process in place of one whose client has come to its end."""
        if self.process is former and former.alive:
            former.kill()
            self.process = None
            self.start()

    def kill(self, seconds: float) -> None:
        """The process dies; the next one comes in a while."""
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()
            self.world.timeline.after(seconds, self.start)

    def quit(self, seconds: float) -> None:
        """The process ends politely; the next one comes in a while."""
        if self.process is not None:
            process, self.process = self.process, None
            self.world.tasks.start_soon(process.quit)
            self.world.timeline.after(seconds, self.start)

    def twin(self) -> None:
        """Somebody starts the same agent a second time; the first has to find out."""
        former, self.process = self.process, None
        self.doubled = True
        self.start()
        if former is not None:
            self.world.forsaken.append(former)

    def ask(self, ask: Ask) -> None:
        """Make a request, if there is a process."""
        if self.process is not None:
            self.process.ask(ask)

    def talk(self, talk: Talk) -> None:
        """Do something with a session, if there is a process."""
        if self.process is not None:
            self.process.talker.act(talk)

    @property
    def door(self) -> Door | None:
        """Where its process connects."""
        return self.process.door if self.process is not None else None

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for."""
        return self.process is not None and self.process.idle

    def missing(self) -> list[Ask]:
        """What it waits for."""
        return list(self.process.waiting.values()) if self.process is not None else []

    def help(self) -> None:
        """Our SDK needs no help."""

    def collect(self) -> None:
        """Ask for what was missed."""
        if self.process is not None:
            self.process.ask_something_else(1)
