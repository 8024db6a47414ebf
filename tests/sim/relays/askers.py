"""A device that asks: its users' prompts, kept in a spool, brought to the manager one by one.

Real are what asks (``agentgate_client.edge.asking``), the book of prompts, the lines of the spool,
the client's machine and its streams. Simulated are the file, of which the end of the last write may
be lost with the process unless it was synced, and the process, which dies between any two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.sim.gateway import Life
from tests.sim.links import Link
from tests.sim.plan import AgentPlan
from tests.sim.relays.errands import Errand, Event
from tests.sim.relays.link import SimDriver
from tests.sim.timeline import Clock

from agentgate_client.edge.asking import Asking
from agentgate_client.endpoint import make_endpoint
from agentgate_client.sessions import Sessions
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, StateChanged
from agentgate_proto.client.prompts import Answer, Finished, PromptBook, Record
from agentgate_proto.client.spool import Head, encode_lines, read_lines
from agentgate_proto.limits import CLIENT_LIMITS
from agentgate_proto.rpc.session_methods import SessionEvents

if TYPE_CHECKING:
    from tests.sim.relays.site import Site

SYNC_S = 0.02
"""What a write takes, about."""

ACT_S = 0.5
DIES = 0.1
"""How often it dies while, or soon after, it acts on an answer."""


class Keeper:
    """What ``agentgate_client.edge.keeping`` does, with a file that is a string."""

    def __init__(self, process: AskerProcess) -> None:
        self.book = PromptBook()
        self._process = process
        self._changed = Event()
        self._is_writing = False
        self.book.restore(read_lines(process.device.file).records)

    async def put(self, name: str) -> bool:
        """Keep a prompt, whose text is its name."""
        await self._enter()
        records = self.book.put(name, name, self._process.world.utc())
        await self._write(records)
        return bool(records)

    async def note(self, record: Record) -> None:
        """See the class."""
        await self._enter()
        await self._write([record])

    async def changed(self) -> None:
        """See the class."""
        await self._changed.wait()

    async def _enter(self) -> None:
        """One at a time may write."""
        while self._is_writing:
            await self._changed.wait()
        self._is_writing = True

    async def _write(self, records: Sequence[Record]) -> None:
        """Append lines; who dies meanwhile leaves a part of them."""
        device, lines = self._process.device, encode_lines(records)
        size = device.rng.randrange(len(lines) + 1)
        device.file += lines[:size]
        await self._process.pause(device.rng.random() * SYNC_S)
        device.file += lines[size:]
        for record in records:
            self.book.apply(record)
        self._is_writing = False
        changed, self._changed = self._changed, Event()
        changed.set()


class AskerProcess:
    """One process of the device. For a driver, it is what a process of a gateway is for a link.

    Attributes:
        world, clock, alive: as of :class:`tests.sim.gateway.Life`.
    """

    def __init__(self, device: AskingDevice) -> None:
        self.device = device
        self.world = device.world
        self.alive = True
        start = self.world.process_chance.random() * 1e5
        self.clock = Clock(self.world.timeline, start, device.plan.rate)
        found = read_lines(device.file)
        device.file = device.file[: found.end]  # what a broken write has left
        self.keeper = Keeper(self)
        self.connected = Event()
        endpoint = make_endpoint(
            url="ws://127.0.0.1:1",
            token=f"token of {device.plan.principal}",
            client_id=device.name,
            progress=False,
            ca_file=None,
            cert_file=None,
            key_file=None,
            ssl_context=None,
            headers=None,
            limits=CLIENT_LIMITS,
        )
        backoff = Backoff(jitter=True, rng=self.world.process_chance)
        self.driver = SimDriver(self, self.world, endpoint, backoff, self)  # type: ignore[arg-type]
        self.sessions = Sessions(self.driver)
        self.client_id = device.name

        async def tell(name: str, event: object) -> None:
            """Nobody wants the events of runs."""

        self.asking = Asking(
            self.keeper,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            "",
            lambda name, follow: None,
            tell,
            lambda answer: None,
            self.until_connected,
        )

    def begin(self) -> None:
        """Connect, ask, and act on answers."""
        self.driver.begin()
        for make in (self.asking.run, self.act):
            errand = Errand(self, make, lambda result: None)  # type: ignore[arg-type]
            errand.begin()

    def enter(self, act: Callable[..., None], *args: Any) -> None:
        """See :class:`tests.sim.gateway.Life`."""
        if self.alive:
            Life.at_work = self  # type: ignore[assignment]
            act(*args)

    async def until_connected(self) -> None:
        """Wait until there is a connection."""
        while self.driver.machine.state is not ClientState.CONNECTED:
            await self.connected.wait()

    async def pause(self, seconds: float) -> None:
        """Let time pass; the process may die before it goes on."""
        rested = Event()
        self.world.timeline.after(seconds, self.enter, rested.set)
        await rested.wait()

    async def put(self, name: str) -> None:
        """A user asks."""
        await self.keeper.put(name)
        self.device.kept.add(name)

    async def act(self) -> None:
        """Act on answers, one after the other, and write down that it was done."""
        while True:
            prompt = self.keeper.book.answered()
            if prompt is None:
                await self.keeper.changed()
                continue
            assert prompt.answer is not None
            self.device.acts(prompt.answer, again=prompt.again)
            await self.pause(self.device.rng.random() * ACT_S)
            await self.keeper.note(Finished(id=prompt.id))

    # As the listener of the driver

    def state_changed(self, change: StateChanged) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if change.state is ClientState.CONNECTED:
            self.sessions.reconnected()
            connected, self.connected = self.connected, Event()
            connected.set()
        elif change.state is ClientState.CLOSED:
            self.sessions.closed(change.error)
            self.world.timeline.after(1.0, self.enter, self.driver.begin)

    def pushed(self, params: Any) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if isinstance(params, SessionEvents):
            self.sessions.take(params)


class AskingDevice:
    """The device, over all its processes.

    Attributes:
        file: its spool.
        kept: prompts that were kept: each is to be answered once.
        acted: how often an answer was acted on, by prompt, and with which words.
    """

    def __init__(self, world: Site, plan: AgentPlan) -> None:
        self.world = world
        self.plan = plan
        self.name = plan.name
        self.rng = world.whole.chance(plan.name)
        self.file = encode_lines([Head(client_id=plan.name)])
        self.kept: set[str] = set()
        self.acted: dict[str, list[str]] = {}
        self.process: Any = None
        self.running: AskerProcess | None = None

    @property
    def link(self) -> Link | None:
        """The socket of the moment."""
        return self.running.driver.link if self.running is not None else None

    def start(self) -> None:
        """Start a process, unless there is one."""
        if self.running is None:
            self.running = process = AskerProcess(self)
            self.process = process.driver
            process.enter(process.begin)

    def kill(self, seconds: float) -> None:
        """The process dies; the next one comes in a while."""
        process, self.running, self.process = self.running, None, None
        if process is not None:
            self.world.tell(self.name, "dies")
            process.alive = False
            process.driver.let_go()
            self.world.timeline.after(seconds, self.start)

    def ask(self, name: str) -> None:
        """A user asks; once more, if they are not sure."""
        process = self.running
        if process is not None:
            self.world.tell(self.name, "is asked", name)
            errand = Errand(process, partial(process.put, name), lambda _: None)  # type: ignore[arg-type]
            process.enter(errand.begin)

    def acts(self, answer: Answer, *, again: bool) -> None:
        """It acts on an answer: once, unless a process has died over it."""
        self.world.tell(self.name, "acts on", answer.id, answer.status)
        self.world.count(f"prompt {answer.status}")
        words = self.acted.setdefault(answer.id, [])
        if words and not again:
            self.world.fail(f"I1: {self.name} is answered {answer.id} twice")
        if words and words[0] != f"{answer.status} {answer.text}":
            self.world.fail(f"I3: {answer.id} is answered {words[0]}, then {answer.text}")
        words.append(f"{answer.status} {answer.text}")
        if self.rng.random() < DIES and not self.world.mishaps.over:
            self.world.timeline.after(self.rng.random() * ACT_S, self.kill, 0.5)

    def look(self) -> None:
        """Each prompt has been said once at most, in whichever session."""
        said: list[str] = []
        for book in self.world.oracle.sessions.books.all.values():
            if book.record.principal == self.plan.principal:
                contents = book.contents.values()
                said += [data["text"] for kind, data in contents if kind == "message"]
        for name in self.kept:
            if said.count(name) != 1 and self.acted.get(name, ["completed"])[0][:6] != "failed":
                self.world.fail(f"I12: {name} was said {said.count(name)} times")

    def why_unsettled(self) -> str:
        """What it waits for, or nothing."""
        left = sorted(self.kept - self.acted.keys())
        if self.running is None:
            return f"{self.name} does not run"
        waits = len(self.running.keeper.book)
        return f"{self.name} waits for {left or waits}" if left or waits else ""
