"""Agents on our SDK: processes around the real ``ClientMachine``. They die, and others follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sim.links import Link
from tests.sim.plan import AgentPlan, Ask
from tests.sim.readers import Memory
from tests.sim.repeats import join_s_of
from tests.sim.talkers import Talker
from tests.sim.talks import Talk
from tests.sim.timeline import Alarm, Clock

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import (
    ClientEvent,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
)
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.errors import AgentGateError
from agentgate_proto.rpc.messages import Auth, GetPendingResults, ListTools, ToolRequest
from agentgate_proto.rpc.session_methods import SessionEvents

if TYPE_CHECKING:
    import msgspec
    from tests.sim.world import World

DIAL_TIMEOUT_S = 10.0
COMES_BACK_S = 2.0
"""After how long the user starts a process again that has come to its end."""


class Process:
    """One process with our client in it: a machine, its clock, and its socket.

    Args:
        world: around it.
        name: what the story calls it.
        auth: what it says of itself.
        rate: how fast its clock runs.

    Attributes:
        doom: events that are left before it dies; None: it lives on.
    """

    def __init__(self, world: World, name: str, auth: Auth, rate: float) -> None:
        self.world = world
        self.name = name
        self.auth = auth
        self.alive = True
        self.clock = Clock(world.timeline, world.process_chance.random() * 1e5, rate)
        backoff = Backoff(jitter=rate != 1.0, rng=world.process_chance)
        self.machine = ClientMachine(self._connect, backoff)
        self.link: Link | None = None
        self.dials = 0
        self.doom: int | None = None
        self.alarm = Alarm(world.timeline, self._rings)
        self.armed_for: float | None = None

    def open(self) -> None:
        """Begin to connect."""
        self.machine.open()
        self.turn()

    def kill(self) -> None:
        """The process dies; what it has sent may still arrive."""
        self.alive = False
        if self.link is not None:
            self.link.let_go(self)
            self.link = None

    def call(self, method: str, params: msgspec.Struct, timeout_s: float | None) -> int:
        """Make a call; return its handle. Raises as the machine does."""
        handle = self.machine.call(method, params, timeout_s, self.clock.now())
        self.turn()
        return handle

    # From the link

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        if self.alive:
            self.machine.receive_data(data, self.clock.now())
            self.turn()

    def hear_end(self, reason: str) -> None:
        """The socket is at its end."""
        if not self.alive:
            return
        if reason:
            self.machine.send_failed(reason, self.clock.now())
        else:
            self.machine.receive_eof(self.clock.now())
        self.turn()

    def window_opens(self) -> None:
        """The gateway has taken what was sent."""
        if self.alive:
            self.turn()

    # What the machine asks for

    def turn(self) -> None:
        """Do all that the machine asks for, as the driver does."""
        machine = self.machine
        while self.alive and (event := machine.next_event()) is not None:
            if self.doom is not None:
                self.doom -= 1
                if self.doom < 0:
                    self.dies()
                    return
            match event:
                case Settled():
                    self.settled(event)
                case Dial():
                    self.dials += 1
                    self.world.dial(self, self.dials)
                case HangUp():
                    self._flush()
                    if self.link is not None:
                        self.link.let_go(self)
                        self.link = None
                case StateChanged():
                    self.changed(event)
                case Pushed():
                    self.pushed(event.params)
                case _:
                    self.happened(event)
        if self.alive:
            self._flush()
            deadline = machine.next_deadline()
            if deadline != self.armed_for:
                self.armed_for = deadline
                if deadline is not None:
                    self.alarm.arm(self.clock.moment(deadline))

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open, if it is still wanted."""
        if not self.alive or dial != self.dials or self.machine.state is ClientState.CLOSED:
            link.let_go(self)
            return
        self.link = link
        self.machine.dialed(self.clock.now())
        self.turn()

    def dial_failed(self, why: str, dial: int) -> None:
        """No socket could be opened."""
        if self.alive and dial == self.dials and self.machine.state is not ClientState.CLOSED:
            self.machine.dial_failed(why, self.clock.now(), final=False)
            self.turn()

    def _flush(self) -> None:
        if self.link is not None and not self.link.up.full:
            data = self.machine.data_to_send()
            if data:
                self.link.up.put(data)

    def _rings(self) -> None:
        if not self.alive:
            return
        now = self.clock.now()
        self.armed_for = None
        deadline = self.machine.next_deadline()
        if deadline is not None and deadline <= now:
            self.world.wakes += 1
            self.machine.handle_timer(now)
            after = self.machine.next_deadline()
            if after is not None and after <= now:
                self.world.fail(f"I10: a timer of {self.name} spins")
        self.turn()

    def _connect(self, now: float) -> ClientConnection:
        return ClientConnection("gate.example", "/", self.auth, now, masks=self.world.masks)

    # For those who use it

    def dies(self) -> None:
        """Its time has come."""
        self.kill()

    def settled(self, event: Settled) -> None:
        """A call has its end."""

    def changed(self, event: StateChanged) -> None:
        """The client's state has changed."""

    def pushed(self, params: msgspec.Struct) -> None:
        """The gateway has said something by itself."""

    def happened(self, event: ClientEvent) -> None:
        """Something else."""


class SdkProcess(Process):
    """A process of an agent.

    Attributes:
        waiting: the requests that are not settled, by handle.
        others: calls that are no requests.
        talker: what it does with sessions.
    """

    def __init__(self, agent: SdkAgent, client_id: str) -> None:
        plan = agent.plan
        auth = Auth(
            token=f"token of {plan.principal}", client_id=client_id, progress=plan.rate > 1.0
        )
        super().__init__(agent.world, agent.name, auth, plan.rate)
        self.agent = agent
        self.waiting: dict[int, Ask] = {}
        self.others: set[int] = set()
        self.talker = Talker(self)

    def ask(self, ask: Ask) -> None:
        """Make a request, if the client takes one."""
        params = ToolRequest(
            tool=ask.tool,
            args={"n": ask.content},
            idempotency_key=ask.key,
            join_s=join_s_of(ask),
        )
        oracle = self.world.oracle
        oracle.asks(self.agent.plan, ask)
        try:
            handle = self.machine.call("tool_request", params, ask.patience_s, self.clock.now())
        except AgentGateError as error:
            oracle.settled(self.agent.plan, ask, None, error)
            return
        self.waiting[handle] = ask
        if ask.gives_up_s is not None:
            self.world.timeline.after(ask.gives_up_s, self._give_up, handle)
        elif ask.number % 23 == 0:
            self.ask_something_else(ask.number)
        self.turn()

    def ask_something_else(self, number: int) -> None:
        """Make a call that is no request."""
        params = GetPendingResults() if number % 2 else ListTools()
        method = "get_pending_results" if number % 2 else "list_tools"
        self.others.add(self.machine.call(method, params, None, self.clock.now()))

    def _give_up(self, handle: int) -> None:
        ask = self.waiting.pop(handle, None)
        if ask is not None and self.alive:
            self.world.tell(self.name, "gives up on", ask)
            self.world.oracle.given_up(ask)
            self.machine.abandon(handle)
            self.turn()

    def settled(self, event: Settled) -> None:
        """See :class:`Process`."""
        ask = self.waiting.pop(event.handle, None)
        if ask is not None:
            self.world.oracle.settled(self.agent.plan, ask, event.result, event.error)
        elif event.handle in self.others:
            self.others.remove(event.handle)
        elif event.handle in self.talker.calls:
            self.talker.settled(event)
        else:
            self.world.fail(f"I1: {self.name} is told twice how call {event.handle} ended")

    def dies(self) -> None:
        """See :class:`Process`."""
        if self.agent.process is self:
            self.agent.kill(1.0)
        else:
            self.kill()

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`Process`."""
        if isinstance(params, SessionEvents):
            self.talker.pushed(params)

    def changed(self, event: StateChanged) -> None:
        """See :class:`Process`."""
        if event.state is ClientState.CONNECTED:
            self.talker.reconnected()
        elif event.state is ClientState.CLOSED:
            self.talker.closed(event.error)
        if event.state is ClientState.CLOSED and self.agent.process is self:
            self.world.tell(self.name, "has given up:", event.error)
            self.world.timeline.after(COMES_BACK_S, self.agent.start_again, self)

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for."""
        connected = self.machine.state is ClientState.CONNECTED
        return connected and not self.waiting and not self.others and self.talker.is_idle

    @property
    def is_closed(self) -> bool:
        """Whether its client has come to its end."""
        return self.machine.state is ClientState.CLOSED


class SdkAgent:
    """An agent on our SDK, over all its processes.

    Attributes:
        doubled: two processes have lived at once under its name.
        memory: what it keeps of sessions.
    """

    def __init__(self, world: World, plan: AgentPlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.processes = 0
        self.client_id = self.name
        self.doubled = False
        self.memory = Memory()
        self.process: SdkProcess | None = None

    def start(self) -> None:
        """Start a process, unless there is one."""
        if self.process is not None and self.process.alive:
            return
        self.processes += 1
        client_id = self.name if self.plan.kind == "named" else f"{self.name}.{self.processes}"
        self.process = SdkProcess(self, client_id)
        self.process.open()
        self.process.talker.resume()
        self.process.turn()

    def start_again(self, former: SdkProcess) -> None:
        """Start a process in place of one whose client has come to its end."""
        if self.process is former and former.alive:
            former.kill()
            self.start()

    def kill(self, seconds: float) -> None:
        """The process dies; the next one comes in a while."""
        if self.process is not None:
            self.process.kill()
            self.process = None
            self.world.timeline.after(seconds, self.start)

    def quit(self, seconds: float) -> None:
        """The process ends politely: its calls are settled, and the gateway is told."""
        if self.process is not None:
            process, self.process = self.process, None
            self.world.timeline.after(seconds, self.start)
            process.machine.close()
            process.turn()
            left = process.waiting or process.others or process.talker.calls
            if process.alive and left:
                self.world.fail(f"I1: {self.name} closes, and {left} are not settled")
            process.kill()

    def collect(self) -> None:
        """Ask for what was missed."""
        if self.process is not None:
            self.process.ask_something_else(1)
            if self.world.plan.talks:
                self.process.talker.report()
            self.process.turn()

    def twin(self) -> None:
        """Somebody starts the same agent a second time."""
        former, self.process = self.process, None
        self.doubled = True
        self.start()
        if former is not None:  # it lives on, and has to find out
            self.world.forsaken.append(former)

    def talk(self, talk: Talk) -> None:
        """Do something with a session, if there is a process."""
        if self.process is not None:
            self.process.talker.act(talk)

    def ask(self, ask: Ask) -> None:
        """Make a request, if there is a process."""
        if self.process is not None:
            self.process.ask(ask)

    @property
    def link(self) -> Link | None:
        """The socket of the moment."""
        return self.process.link if self.process is not None else None

    def missing(self) -> Any:
        """What the agent still waits for."""
        process = self.process
        return process.waiting.values() if process is not None else ()

    @property
    def idle(self) -> bool:
        """Whether nothing is waited for."""
        return self.process is not None and self.process.idle

    def help(self) -> None:
        """Our SDK needs no help."""
