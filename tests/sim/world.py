"""A world: agents, people, tools, a disk and one life of the gateway after another, from one seed.

First the plan is played, with all its faults; then the faults stop, and everything must come to
its end within a bounded time (I10). What the oracle finds ends the world.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from tests.sim.agents import SdkAgent, SdkProcess
from tests.sim.any_world import AnyWorld
from tests.sim.disk import Disk
from tests.sim.eager_agents import EagerAgent
from tests.sim.faults import Violation
from tests.sim.gateway import Life
from tests.sim.links import Link, Weather
from tests.sim.mishaps import Mishaps
from tests.sim.models import Writer
from tests.sim.old_agents import OldAgent
from tests.sim.oracle import Oracle
from tests.sim.people import PEOPLE, People, Terminal
from tests.sim.phones import Phones
from tests.sim.plan import Ask, Plan
from tests.sim.rest import look_for_leftovers
from tests.sim.session_desk import WatchedDesk, conversations
from tests.sim.talks import ROUNDS_MAX, Talk
from tests.sim.timeline import NOON, Endless, Timeline
from tests.sim.tools import CATALOGUE, POLICY, WITH_BUDGETS
from tests.sim.watched_gate import Inside

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.request import Record
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.store.engine import StoreError

STEPS_MAX = 400_000
"""Things that may happen in one world; more says that something goes round and round."""

SETTLE_S = 600.0
"""Within which everything settles once faults have stopped, besides the time of an approval: a
tool's time-out, a dead link that is found out, the longest pauses of reconnecting and of writing
again, and a patient user's help."""

SESSION_S = 300.0
"""What a run may take for each time that it asks its model, besides approvals: models that stall or
want a pause, and tools that hang."""

IDLE_S = 65.0
"""How long a settled world is watched: nothing but keep-alives may happen in it."""

DIAL_TIMEOUT_S = 10.0
BEGIN_S = 0.1  # when agents begin to ask

BOOT_S = 0.5


@cache
def identity(name: str, role: Role) -> Identity:
    return Identity(Principal(name=name, role=role), hash_token(f"token of {name}"))


class World(AnyWorld):
    """See the module.

    Args:
        plan: what is going to happen.
        story: where to tell it, or None.
        timeline: what happens next; None: a world of its own.
    """

    life_type = Life
    oracle_type = Oracle
    people_type = People

    def __init__(
        self, plan: Plan, story: list[str] | None = None, timeline: Timeline | None = None
    ) -> None:
        super().__init__()
        self.plan = plan
        self.story = story
        self.timeline = timeline or Timeline()
        self.wakes = 0
        self.process_chance = plan.chance("processes")
        self.tool_chance = plan.chance("tools")
        self.disk_chance = plan.chance("disk")
        self.desk_chance = plan.chance("desk")
        self.writer = Writer(self)
        self.weather = Weather(
            plan.chance("links"), plan.latency_s, plan.jitter_s, plan.split, plan.window_bytes
        )
        self.policy = POLICY
        self.disk = Disk(self.timeline, plan.ledger.waiting_max, plan.retention, self.utc)
        self.oracle = self.oracle_type(self)
        self.people = self.people_type(self)
        self.phones = Phones(self) if plan.has_phones else None
        self.utc_offset = 0.0
        self.latest_offset = 0.0
        self.cut_off: dict[int, float] = {}
        self.revoked: set[str] = set()
        self.disk_slow_until = 0.0
        self.forsaken: list[SdkProcess] = []
        self.life: Life | None = None
        self.lives = 0
        self.rids = 0
        self.session_ids = 0
        self.mishaps = Mishaps(self)
        kinds = {"old": OldAgent, "eager": EagerAgent}
        self.agents = [kinds.get(agent.kind, SdkAgent)(self, agent) for agent in plan.agents]

    # The whole

    def run(self) -> Violation | None:
        """Play the plan; return what was broken, if anything."""
        watch = Watch(self)
        try:
            self._play()
            self._heal()
            self._settle()
            self._rest()
            self.disk.close_books()
        except Violation as violation:
            return violation
        except Exception as error:  # a bug is a violation too
            error.add_note(f"seed {self.plan.seed} at {self.timeline.now:.6f} s")
            return Violation(f"{type(error).__name__}: {error} ({where(error)})")
        finally:
            watch.end()
            self.counts["bytes split"] += self.weather.splits
            self.counts["rows deleted"] += len(self.disk.gone)
        return None

    def _play(self) -> None:
        timeline, plan = self.timeline, self.plan
        self.boot()
        timeline.at(0.01, self.people.terminal.open)
        for place, agent in enumerate(self.agents):
            timeline.at(0.01 * place, agent.start)
        for ask in plan.asks:
            timeline.at(BEGIN_S + ask.at, self.agents[ask.agent].ask, ask)
        for talk in plan.talks:
            timeline.at(BEGIN_S + talk.at, self._talk, talk)
        for fault in plan.faults:
            timeline.at(fault.at, self.mishaps.strike, fault)
        self._run_until(plan.until)

    def _talk(self, talk: Talk) -> None:
        agent = self.agents[talk.agent]
        assert isinstance(agent, SdkAgent), "only ours have sessions"
        agent.talk(talk)

    def _heal(self) -> None:
        """Faults stop. What they have left behind must be found out by the machines themselves."""
        self.tell("world", "faults stop")
        self.mishaps.stop()
        for process in self.forsaken:  # the user has seen that there are two
            process.kill()
        self.utc_offset = max(self.utc_offset, self.latest_offset)
        if self.life is None:
            self.boot()

    def _settle(self) -> None:
        bound = self.timeline.now + self.plan.ledger.approval_s + SETTLE_S
        if self.plan.talks:  # one approval after another
            bound += ROUNDS_MAX * (2.0 * self.plan.ledger.approval_s + SESSION_S)
        self._run_until(self.timeline.now + BEGIN_S)  # what was planned for the last moment
        helped = self.timeline.now
        while not self.settled():
            if self.timeline.now >= bound:
                self.fail(f"I10: {self._why_unsettled()}")
            self._run_until(min(bound, self.timeline.now + 5.0))
            if self.timeline.now - helped > self.plan.ledger.approval_s + 240.0:
                helped = self.timeline.now
                for agent in self.agents:
                    if agent.missing():
                        agent.help()

    def _rest(self) -> None:
        """Nothing goes on in a settled world but keep-alives, and nothing is left behind."""
        for agent in self.agents:
            agent.collect()
        self._run_until(self.timeline.now + 10.0)
        wakes = self.wakes
        self._run_until(self.timeline.now + IDLE_S)
        ends = 2 * (len(self.life.peers) if self.life is not None else 0) + 2
        most = ends * (2 * IDLE_S / 19.0 + 4)
        if self.wakes - wakes > most:
            self.fail(f"I10: {self.wakes - wakes} wake-ups of {ends} timers in {IDLE_S} idle s")
        if not self.settled():
            self.fail(f"I10: it begins again: {self._why_unsettled()}")
        if self.life is not None and self.life.gate.desk._replies:
            self._run_until(self.timeline.now + 10.0)  # somebody has answered just now
        look_for_leftovers(self)

    def _run_until(self, moment: float) -> None:
        try:
            self.timeline.run(moment, STEPS_MAX)
        except Endless as endless:
            self.fail(f"I10: {endless}")

    def settled(self) -> bool:
        """Whether nothing is under way any more."""
        life = self.life
        if life is None or not all(agent.idle for agent in self.agents):
            return False
        if life.frozen_until > self.timeline.now:
            return False  # what has come to it meanwhile is still to be read
        gate = life.gate
        if gate.ledger._lifecycle.live or gate.writer.changes_open:
            return False
        return not self._why_sessions_are_not()

    def _why_sessions_are_not(self) -> str:
        desk = self.life.gate.sessions if self.life is not None else None
        return self.oracle.sessions.why_unsettled(desk) if isinstance(desk, WatchedDesk) else ""

    def _why_unsettled(self) -> str:
        life = self.life
        if life is None:
            return "the gateway does not come up"
        for agent in self.agents:
            for ask in agent.missing():
                return f"{agent.name} waits for {ask}"
            if isinstance(agent, SdkAgent) and agent.process and not agent.process.talker.is_idle:
                return f"{agent.name} waits for a session"
            if not agent.idle:
                return f"{agent.name} is not idle: {vars(agent.process) if agent.process else None}"
        for live in life.gate.ledger._lifecycle.live.values():
            return f"{live.record.signature} of {live.record.principal} is {live.record.phase}"
        why = self._why_sessions_are_not()
        return why or f"{life.gate.writer.changes_open} changes are not written"

    # The gateway's processes

    def boot(self) -> None:
        """Start a process of the gateway; with a disk that cannot be read it is tried again."""
        if self.life is not None:
            return
        self.lives += 1
        try:
            life = self.life_type(self, self.lives)
        except StoreError:
            self.tell("gateway", "cannot start")
            self.timeline.after(BOOT_S, self.boot)
            return
        if life.alive:
            self.tell("gateway", "starts, life", self.lives)
            self.life = life

    def gateway_died(self, life: Life, why: str) -> None:
        """A process is gone. What it had sent arrives, or is lost with it, or nobody is told."""
        if not life.alive:
            return
        self.tell("gateway", "dies", why)
        life.alive = False
        self.life = None
        self.oracle.sessions.books.died()
        self.counts["lives ended"] += 1
        how = self.process_chance.randrange(4)
        for peer in life.peers.values():
            if how == 0:
                peer.link.break_off("the gateway's machine is gone")
            elif how == 1:
                peer.link.swallow()
            else:
                peer.link.let_go(peer)
        self.timeline.after(self.mishaps.down_s + BOOT_S, self.boot)

    def dial(self, client: Any, dial: int) -> None:
        """Somebody wants a socket."""
        seconds = 2.0 * self.weather.delay()
        self.timeline.after(seconds, self._connect, client, dial)

    def _connect(self, client: Any, dial: int) -> None:
        life = self.life
        place = self._place_of(client)
        if self.cut_off.get(place, 0.0) > self.timeline.now:
            why = "no answer"
            self.timeline.after(DIAL_TIMEOUT_S, client.dial_failed, why, dial)
        elif life is None or not life.accepting:
            client.dial_failed("refused", dial)
        else:
            link = Link(self.timeline, self.weather, client)
            life.accept(link, f"10.0.0.{place}")
            client.dialed(link, dial)

    def _place_of(self, client: Any) -> int:
        for place, agent in enumerate(self.agents):
            if agent.process is client:
                return place
        return 99

    # What the gateway's process sees of the world

    def utc(self) -> float:
        """The system's clock."""
        return NOON + self.timeline.now + self.utc_offset

    def tokens(self) -> Keyring:
        """Who is who at present."""
        agents = dict.fromkeys(agent.principal for agent in self.plan.agents)
        names = [name for name in agents if name not in self.revoked]
        people = (*PEOPLE, Terminal.WHO)
        return Keyring(
            [identity(name, Role.AGENT) for name in names]
            + [identity(name, Role.APPROVER) for name in people]
        )

    def inside(self, life: Life) -> Inside:
        """What a process of the gateway is made of."""
        with_budgets = any(budget.over == "ask" for budget in self.plan.setting.budgets)
        catalogue = WITH_BUDGETS if with_budgets else CATALOGUE
        setup = conversations(self.plan)
        return Inside(policy=self.policy, catalogue=catalogue, conversations=setup)

    def next_rid(self, now: float) -> str:
        """Ids of requests: in order, for the reader."""
        self.rids += 1
        return f"r{self.rids}"

    def next_session_id(self) -> str:
        """Ids of sessions, runs and epochs: in order."""
        self.session_ids += 1
        return f"s{self.session_ids}"

    def disk_seconds(self) -> float:
        """How long the next batch takes."""
        seconds = self.disk_chance.random() * self.plan.disk_s
        return seconds + (2.0 if self.timeline.now < self.disk_slow_until else 0.0)

    # What is seen and told

    def look_for_receipt(self, row: Record) -> None:
        """I6: the gateway takes an outcome for delivered; its caller must have it."""
        for agent in self.agents:
            process = agent.process
            if process is None or agent.plan.principal != row.principal:
                continue
            if isinstance(process, SdkProcess):
                if process.auth.client_id == row.client_id and not process.agent.doubled:
                    call = process.machine._book._by_id.get(row.request_id)
                    if call is not None and call.is_tool_request and call.stage.name == "SENT":
                        self.fail(f"I6: {agent.name} has no outcome of {row.request_id} yet")
            elif not process.connected_before:
                pass  # what it has asked for has got no ids yet that count
            elif row.client_id == agent.client_id and row.request_id in process.waiting:
                ask = process.waiting[row.request_id]
                if bytes(row.args) == b'{"n":%d}' % ask.content:
                    self.fail(f"I6: {agent.name} has no outcome of {row.request_id} yet")

    def tell(self, *words: object) -> None:
        """Tell it, if somebody listens."""
        if self.story is not None:
            text = " ".join(shown(word) for word in words)
            self.story.append(f"{self.timeline.now:10.4f}  {text}")

    def fail(self, text: str) -> None:
        """Something is broken: the world ends."""
        self.tell("ORACLE", text)
        raise Violation(text)


def shown(word: object) -> str:
    if isinstance(word, Ask):
        key = f" key {word.key}" if word.key else ""
        patience = f" within {word.patience_s:g} s" if word.patience_s is not None else ""
        return f"request {word.number}: {word.tool}({word.content}){key}{patience}"
    return str(word)


def where(error: BaseException) -> str:
    """The innermost place of an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "nowhere"
    code = trace.tb_frame.f_code
    return f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} in {code.co_name}"


class Watch(logging.Handler):
    """Makes a violation of each bug that the gateway would log and survive."""

    def __init__(self, world: World) -> None:
        super().__init__(logging.ERROR)
        self.world = world
        self.log = logging.getLogger("agentgate_server")
        self.before = self.log.propagate, self.log.level, self.log.handlers
        self.log.propagate, self.log.handlers = False, [self]
        self.log.setLevel(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """See :class:`logging.Handler`."""
        if record.exc_info is not None and record.exc_info[1] is not None:
            error = record.exc_info[1]
            text = f"{record.getMessage()}: {type(error).__name__}: {error} ({where(error)})"
            self.world.fail(f"bug: {text}")

    def end(self) -> None:
        """Listen no more."""
        self.log.propagate, level, self.log.handlers = self.before
        self.log.setLevel(level)
