"""Worlds of providers, each from one seed: they come and go, die, lie, answer late or twice.

Real are the providers' machine, both ends of each connection, and the client with its memory of
answers, byte to byte. Simulated are links that break in several ways, time, what tools do, and a
gateway that is started again, which asks again for what only reads.

The oracle: a tool that writes is started at most once for a call, one that reads once in each
process; each call ends once, in time, with what its own run came to, and at once where that has a
way; and what is said not to have been started never is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from tests.proto.support import MASKS

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import CallAsked, CallStopped, Dial, HangUp, Settled, Stood
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import Answered, AuthAsked, Called, Closed
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import State
from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.limits import PROVIDER_BACK_S
from agentgate_proto.principal import Principal, Role
from agentgate_proto.providing.effects import Ask, Drop, End, Over
from agentgate_proto.providing.providers import Providers
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.messages import Auth, AuthResult
from agentgate_proto.rpc.tool_methods import (
    CallTool,
    OfferedTool,
    ProvideTools,
    StopTool,
    ToolsProvided,
)

UNTIL_S = 120.0
TIMEOUT_S = 6.0
ON_ITS_WAY_S = 2.0
"""Longer than any answer takes on a link that holds."""

TOOLS = [
    OfferedTool(name="see", effects=Effects.READ, timeout_s=TIMEOUT_S),
    OfferedTool(name="act", effects=Effects.WRITE, timeout_s=TIMEOUT_S),
]


class Timeline:
    """What happens when."""

    def __init__(self) -> None:
        self.now = 100.0
        self._numbers = count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heappush(self._due, (self.now + seconds, next(self._numbers), act))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            at, _, act = heappop(self._due)
            self.now = max(self.now, at)
            act()
        self.now = until


class Link:
    """One socket: bytes keep their order; it breaks at one end before the other, or at neither."""

    def __init__(self, world: World, process: Process, number: int) -> None:
        self.world = world
        self.process = process
        self.number = number
        self.server = ServerConnection(world.time.now)
        self.client_open = self.server_open = True
        self.is_swallowing = False
        self.arrives: dict[bool, float] = {True: 0.0, False: 0.0}
        self.ring()

    def send(self, data: bytes, *, up: bool) -> None:
        if not data or self.is_swallowing:
            return
        delay = self.world.rng.choice((0.0, 0.001, 0.02, 0.3))
        at = self.arrives[up] = max(self.arrives[up], self.world.time.now + delay)
        self.world.time.after(at - self.world.time.now, lambda: self._arrive(data, up=up))

    def _arrive(self, data: bytes, *, up: bool) -> None:
        if up and self.server_open:
            self.server.receive_data(data, self.world.time.now)
            self.world.serve(self)
        elif not up and self.client_open and self.process.link is self:
            self.process.receive(data)

    def cut(self) -> None:
        """Break it, in one of several ways."""
        late = self.world.rng.choice((0.0, 0.0, 0.5, 20.0))
        self.is_swallowing = True
        match self.world.rng.randrange(3):
            case 0:
                self.end_client()
                self.world.time.after(late, self.end_server)
            case 1:
                self.end_server()
                self.world.time.after(late, self.end_client)
            case _:
                pass  # only keep-alives find out

    @property
    def holds(self) -> bool:
        """Whether both ends have it, and all that is sent arrives."""
        is_open = self.client_open and self.server_open and not self.is_swallowing
        return is_open and self.process.alive and self.process.link is self

    def end_client(self) -> None:
        if self.client_open:
            self.client_open = False
            self.process.lost(self)

    def end_server(self) -> None:
        if self.server_open:
            self.server_open = False
            self.server.receive_eof(self.world.time.now)
            self.world.serve(self)

    def ring(self) -> None:
        """Let the gateway's end do what is due; look again in a while."""
        if self.server_open:
            deadline = self.server.next_deadline()
            if deadline is not None and deadline.at <= self.world.time.now:
                self.server.handle_timer(self.world.time.now)
                self.world.serve(self)
            self.world.time.after(1.0, self.ring)


class Process:
    """One process of a provider: the real client machine, and tools that take their time."""

    def __init__(self, world: World, provider: Provider, number: int) -> None:
        self.world = world
        self.provider = provider
        self.number = number
        self.alive = True
        self.link: Link | None = None
        auth = Auth(token=provider.name, client_id=provider.client_id)
        self.machine = ClientMachine(
            lambda now: ClientConnection("gate.example", "/", auth, now, masks=MASKS), Backoff()
        )
        self.running: set[str] = set()
        self.machine.open()
        self.machine.stand("tools.provide", ProvideTools(tools=TOOLS))
        self.turn()
        self.ring()

    def die(self) -> None:
        self.alive = False
        if self.link is not None:
            link, self.link = self.link, None
            link.client_open = False
            self.world.time.after(self.world.rng.choice((0.0, 0.1, 20.0)), link.end_server)

    def receive(self, data: bytes) -> None:
        if self.alive:
            self.machine.receive_data(data, self.world.time.now)
            self.turn()

    def lost(self, link: Link) -> None:
        if self.alive and self.link is link:
            self.machine.receive_eof(self.world.time.now)
            self.turn()

    def ring(self) -> None:
        if self.alive:
            deadline = self.machine.next_deadline()
            if deadline is not None and deadline <= self.world.time.now:
                self.machine.handle_timer(self.world.time.now)
                self.turn()
            self.world.time.after(0.5, self.ring)

    def dialed(self) -> None:
        if self.alive:
            self.link = self.world.accept(self)
            self.machine.dialed(self.world.time.now)
            self.turn()

    def turn(self) -> None:
        while (event := self.machine.next_event()) is not None:
            match event:
                case Dial():
                    self.world.time.after(0.01, self.dialed)
                case HangUp():
                    self.flush()
                    if self.link is not None:
                        link, self.link = self.link, None
                        link.client_open = False
                        self.world.time.after(0.5, link.end_server)
                case CallAsked(call=call):
                    self.start(call)
                case CallStopped(call=name):
                    self.world.time.after(0.0, lambda name=name: self.stop(name))
                case Settled(error=error) | Stood(error=error) if error is not None:
                    self.world.counts["offers refused"] += 1
                case _:
                    pass
        self.flush()

    def flush(self) -> None:
        data = self.machine.data_to_send()
        if self.link is not None:
            self.link.send(data, up=True)

    # Its tools

    def start(self, call: CallTool) -> None:
        self.world.ran(self, call)
        self.running.add(call.call)
        rng = self.world.rng
        seconds = rng.choice((0.0, 0.01, 0.5, 3.0, TIMEOUT_S + 1.0, 30.0))
        self.world.time.after(seconds, lambda: self.end(call, fails=rng.random() < 0.2))

    def end(self, call: CallTool, *, fails: bool) -> None:
        if not self.alive or call.call not in self.running:
            return
        self.running.remove(call.call)
        self.world.ended(self, call.call, fails=fails)
        if fails:
            self.machine.failed(call.call, ErrorCode.TOOL_FAILED, "it is broken")
        else:
            self.machine.returned(call.call, call.args)
        self.turn()
        if self.provider.lies:
            self.lie()

    def stop(self, call: str) -> None:
        if self.alive and call in self.running:
            self.running.remove(call)
            self.machine.failed(call, ErrorCode.OUTCOME_UNKNOWN, "it was stopped")
            self.turn()

    def lie(self) -> None:
        """Answer what was answered, or what was never asked here, once more."""
        connection = self.machine.connection
        if connection is not None and connection.state is State.OPEN:
            asked = f"tools-{self.world.rng.randrange(200)}"
            text = json.dumps({"jsonrpc": "2.0", "result": {"data": "a lie"}, "id": asked})
            connection._send_text(text.encode())
            self.flush()


class Provider:
    """A principal's device, over all its processes."""

    def __init__(self, world: World, name: str, client_id: str, *, lies: bool) -> None:
        self.world = world
        self.name = name
        self.client_id = client_id
        self.lies = lies
        self.process: Process | None = None

    def start(self) -> None:
        if self.process is None:
            self.process = Process(self.world, self, next(self.world.numbers))

    def die(self) -> None:
        if self.process is not None:
            self.process.die()
            self.process = None
            self.world.time.after(self.world.rng.choice((0.1, 2.0, 15.0)), self.start)


class Asked:
    """What the oracle knows of a call."""

    def __init__(self, provider: str, effects: Effects, number: int, at: float) -> None:
        self.provider = provider
        self.effects = effects
        self.number = number
        self.at = at
        self.starts: Counter[int] = Counter()
        self.ends: list[bool] = []
        self.ended_at: dict[int, float] = {}
        self.link: Link | None = None  # where it was asked last
        self.asked_at = 0.0
        self.over: Over | None = None
        self.is_dropped = False
        self.has_started = False  # in this life of the gateway


class World:
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = Random(f"providers {seed}")
        self.time = Timeline()
        self.numbers = count(1)
        self.links: list[Link] = []
        self.counts: Counter[str] = Counter()
        self.machine = Providers()
        self.calls: dict[str, Asked] = {}
        names = [("kitchen", "pi"), ("hall", "pi"), ("kitchen", "second")]
        lying = self.rng.choice(("", "", "kitchen", "hall"))
        self.providers = [
            Provider(self, name, client, lies=name == lying)
            for name, client in names[: self.rng.choice((1, 2, 3))]
        ]
        self.lying = lying

    def play(self) -> None:
        rng, time = self.rng, self.time
        for provider in self.providers:
            time.after(rng.random(), provider.start)
        for _ in range(40):
            time.after(rng.random() * UNTIL_S, self.ask)
        for act, times in ((self.cut, 12), (self.kill, 4), (self.restart, 2)):
            for _ in range(rng.choice((0, times // 2, times))):
                time.after(rng.random() * UNTIL_S, act)
        self.tick()
        time.run(time.now + UNTIL_S + PROVIDER_BACK_S + TIMEOUT_S + 60.0)
        self.look_back()

    # What is done

    def ask(self) -> None:
        provider = self.rng.choice(("kitchen", "kitchen", "hall"))
        tool = self.rng.choice(TOOLS)
        number = next(self.numbers)
        call = f"c{number}"
        self.calls[call] = Asked(provider, tool.effects, number, self.time.now)
        name = f"{provider}.{tool.name}"
        self.machine.call(call, name, tool.effects, {"n": number}, self.time.now)
        self.drain()
        if self.rng.random() < 0.1:
            self.time.after(self.rng.random() * 5.0, lambda: self.drop(call))

    def drop(self, call: str) -> None:
        if self.calls[call].over is None:
            self.calls[call].is_dropped = True
            self.machine.cancel(call)
            self.drain()

    def cut(self) -> None:
        if self.links:
            self.rng.choice(self.links[-3:]).cut()

    def kill(self) -> None:
        self.rng.choice(self.providers).die()

    def restart(self) -> None:
        """The gateway is started again: what only reads is asked again under its id."""
        for link in self.links:
            link.server_open = False
            self.time.after(self.rng.choice((0.0, 0.5)), link.end_client)
        self.links.clear()
        self.machine = Providers()
        for name, call in self.calls.items():
            if call.over is None and not call.is_dropped:
                if call.effects is Effects.READ:
                    call.at, call.has_started = self.time.now, False
                    where = f"{call.provider}.see"
                    self.machine.call(name, where, call.effects, {"n": call.number}, self.time.now)
                else:
                    call.is_dropped = True  # it is unknown to whoever asked
        self.drain()

    # The gateway

    def accept(self, process: Process) -> Link:
        link = Link(self, process, next(self.numbers))
        self.links.append(link)
        return link

    def serve(self, link: Link) -> None:
        while (event := link.server.next_event()) is not None:
            match event:
                case AuthAsked(auth=auth):
                    principal = Principal(name=auth.token, role=Role.AGENT)
                    result = AuthResult(
                        status="authenticated", principal=auth.token, role=Role.AGENT, epoch="e"
                    )
                    link.server.accept_auth(principal, result)
                case Called(id=request_id, params=ProvideTools(tools=tools)):
                    self.provide(link, request_id, tools)
                case Called(id=request_id):
                    link.server.send_pending_results(request_id, [], [], more=False)
                case Answered():
                    answer = str(event.id), event.result, event.error
                    self.machine.answered(link.number, *answer)
                case Closed():
                    link.server_open = False
                    self.machine.leave(link.number, self.time.now)
                case _:
                    pass
            self.drain()
        link.send(link.server.data_to_send(), up=False)

    def provide(self, link: Link, request_id: Any, tools: list[OfferedTool]) -> None:
        principal, auth = link.server.principal, link.server.auth
        assert principal is not None
        assert auth is not None
        offered = [(tool, lambda args: "") for tool in tools]
        where = link.number, principal.name, auth.client_id
        refusal = self.machine.offer(*where, offered, self.time.now)
        if refusal is None:
            names = [f"{principal.name}.{tool.name}" for tool in tools]
            link.server.send_result(request_id, ToolsProvided(names=names))
        else:
            link.server.send_error(request_id, refusal.code, refusal.message)

    def drain(self) -> None:
        while (effect := self.machine.next_effect()) is not None:
            match effect:
                case Ask(link=number, request=request, params=params):
                    link = self.link_of(number)
                    call = self.calls[params.call]
                    call.link, call.asked_at = link, self.time.now
                    try:
                        link.server.send_request(request, "tools.call", params)
                    except ConnectionClosedError:
                        self.machine.not_sent(number, request)
                    link.send(link.server.data_to_send(), up=False)
                case Drop(link=number, request=request, call=call):
                    link = self.link_of(number)
                    link.server.forget_request(request)
                    with suppress(ConnectionClosedError):
                        link.server.send_notification("tools.cancel", StopTool(call=call))
                    link.send(link.server.data_to_send(), up=False)
                case Over():
                    self.over(effect)

    def link_of(self, number: int) -> Link:
        return next(link for link in self.links if link.number == number)

    def tick(self) -> None:
        self.machine.handle_timer(self.time.now)
        deadline = self.machine.next_deadline()
        assert deadline is None or deadline > self.time.now, "a timer that does not advance"
        self.drain()
        self.time.after(0.25, self.tick)

    # The oracle

    def ran(self, process: Process, call: CallTool) -> None:
        asked = self.calls[call.call]
        asked.starts[process.number] += 1
        asked.has_started = True
        self.counts["starts"] += 1
        self.hold(process.provider.name == asked.provider, call.call, "is run by another principal")
        self.hold(asked.starts[process.number] == 1, call.call, "is started twice in one process")
        is_write = asked.effects is Effects.WRITE
        self.hold(not is_write or asked.starts.total() == 1, call.call, "writes twice")

    def ended(self, process: Process, call: str, *, fails: bool) -> None:
        self.calls[call].ends.append(fails)
        self.calls[call].ended_at[process.number] = self.time.now

    def over(self, over: Over) -> None:
        call = self.calls[over.call]
        self.counts[over.end.name.lower()] += 1
        self.hold(call.over is None, over.call, "ends twice")
        self.hold(not call.is_dropped, over.call, "was dropped, and ends")
        late = self.time.now - call.at - PROVIDER_BACK_S - TIMEOUT_S
        self.hold(late < 1.0, over.call, f"ends {late} s late")
        call.over = over
        is_write = call.effects is Effects.WRITE
        self.hold(is_write or over.end is not End.UNKNOWN, over.call, "reads, and is unknown")
        if call.provider == self.lying:
            return
        if call.link is not None and call.link.holds:
            since = max(call.asked_at, call.ended_at.get(call.link.process.number, self.time.now))
            slow = self.time.now - since
            self.hold(slow < ON_ITS_WAY_S, over.call, f"was over {slow} s ago, and had a way")
        if over.end is End.DONE:
            self.hold(over.data == {"n": call.number}, over.call, "gets what is another's")
            self.hold(False in call.ends, over.call, "is done, and no run returned")
        elif over.end is End.FAILED and is_write:
            self.hold(True in call.ends, over.call, "has failed, and no run said so")

    def look_back(self) -> None:
        for name, call in self.calls.items():
            self.hold(call.over is not None or call.is_dropped, name, "never ends")
            if call.over is not None and call.over.end is End.NOT_STARTED:
                self.hold(not call.has_started, name, "was said not to be started")
        machine = self.machine
        left = machine._calls or machine._loads or machine._deadlines
        self.hold(not left, "the machine", f"keeps {left}")
        for link in self.links:
            waits = link.server.state is State.OPEN and len(link.server._outstanding) > 0
            self.hold(not waits, "a connection", "waits for an answer")

    def hold(self, holds: bool, what: str, text: str) -> None:
        assert holds, f"seed {self.seed}, {self.time.now:.3f} s: {what} {text}"
