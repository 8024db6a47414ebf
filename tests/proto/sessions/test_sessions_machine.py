"""Everything that can happen to sessions, in any order, with the invariants checked throughout."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.chance import examples
from tests.proto.session_checker import check, check_rest
from tests.proto.session_models import call, model, said
from tests.proto.session_world import World

from agentgate_proto.models.events import (
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Outcome, executed, failed, unknown
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.session_methods import (
    CancelRun,
    CreateSession,
    GetSession,
    InspectSession,
)
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.limits import SessionLimits

LIMITS = SessionLimits(
    sessions_of_principal_max=3,
    runs_max=3,
    runs_of_principal_max=2,
    loaded_max=1,
    tail_bytes_max=1_000,
    unwritten_bytes_max=3_000,
    answer_bytes_max=200,
    ahead=8,
    attempts_max=3,
    calls_max=2,
    queued_messages_max=3,
    queued_bytes_max=8,
)
BUDGETS = [Budget(name="day", per="day", limit_micros=25_000, over="ask")]

places = st.integers(0, 1_000)
whose = st.sampled_from(["ann", "ann", "bob"])
deltas = st.text("aß😀", min_size=1, max_size=4)
events = st.one_of(
    deltas.map(TextDelta),
    deltas.map(TextDelta),
    deltas.map(ThinkingDelta),
    st.sampled_from(
        [
            call("c1"),
            call("c2", "write"),
            call("c3", "unheard_of"),
            call("", "write"),
            call("c4", problem="no object"),
            UsageSeen(Usage(input=7, output=3)),
            Noted("something"),
            Restarted("the vendor began anew"),
        ]
    ),
)
ends = st.sampled_from(
    [
        Ended(stop=Stop.END),
        Ended(stop=Stop.TOOLS, blocks=b'{"role":"assistant","content":"as it came"}'),
        Ended(stop=Stop.TOOLS),
        Ended(stop=Stop.MAX_TOKENS),
        Ended(stop=Stop.REFUSAL, model_id="other"),
        Failed(failure=Failure.RETRYABLE, message="busy", retry_after_s=500.0),
        Failed(failure=Failure.RETRYABLE, message="busy"),
        Failed(failure=Failure.TRUNCATED, message="cut"),
        Failed(failure=Failure.FATAL, message="no key"),
    ]
)
outcomes = st.sampled_from([executed(b'{"n":1}'), failed("no"), unknown("?")])


class SessionsMachine(RuleBasedStateMachine):
    """People, models, tools, the disk, the clock and the process itself."""

    @initialize(ask=st.booleans(), short=st.booleans())
    def begin(self, ask: bool, short: bool) -> None:
        limits = replace(LIMITS, log_events_max=40, history_bytes_max=3_000) if short else LIMITS
        self.world = World(limits, BUDGETS if ask else (), [model(max_tokens=20)])
        self.sent: list[tuple[str, str]] = []
        self.attached: list[str] = []

    def one(self, place: int) -> str:
        """A session, mostly one that is there."""
        names = list(self.world.store.sessions) or [""]
        return names[place % len(names)]

    # People

    @rule(principal=whose)
    def create(self, principal: str) -> None:
        self.world.request(CreateSession(), principal)

    @rule(place=places, queue=st.booleans())
    def send(self, place: int, queue: bool = False) -> None:
        if name := self.one(place):
            message = f"message{len(self.sent)}"
            self.sent.append((name, message))
            self.world.send(name, message_id=message, queue=queue)

    @rule(place=places, upto=st.integers(1, 4))
    def somebody_talks(self, place: int, upto: int) -> None:
        """What is usual, in one step, so that what comes after it is reached often enough."""
        if not self.world.store.sessions:
            self.create("ann")
            self.world.make_workspaces()
            self.world.sync()
        self.send(place)
        for step in (self.world.sync, self.world.prepare, self.world.sync)[:upto]:
            step()
        if upto == 4 and self.world.calls:
            self.world.say(call("c1"), call("c2", "write"), Ended(stop=Stop.TOOLS))
            self.world.sync()

    @rule(place=places, queue=st.booleans())
    def send_again(self, place: int, queue: bool) -> None:
        if self.sent:
            name, message = self.sent[place % len(self.sent)]
            if name in self.world.store.sessions:
                self.world.send(name, message_id=message, queue=queue)

    @rule(place=places)
    def cancel_one_that_waits(self, place: int) -> None:
        for name, record in self.world.store.sessions.items():
            for message in record.queue[place % 2 :]:
                self.world.request(CancelRun(session=name, run=message.run), None)
                return

    @rule(place=places)
    def cancel(self, place: int) -> None:
        self.world.cancel(self.one(place), whose=None)

    @rule(place=places)
    def delete(self, place: int) -> None:
        self.world.delete(self.one(place), whose=None)

    @rule(age=st.sampled_from([0.0, 0.0, -1.0, 1.0]))
    def expire(self, age: float) -> None:
        self.world.expire(self.world.now - age)

    @rule(place=places)
    def look(self, place: int) -> None:
        name = self.one(place)
        self.world.request(GetSession(session=name or "none"), None)
        self.world.request(InspectSession(session=name or "none", text="and"), None)

    @rule(place=places)
    def attach(self, place: int) -> None:
        if name := self.one(place):
            self.world.attach(name)

    @rule(place=places, offset=st.integers(0, 40))
    def watch(self, place: int, offset: int) -> None:
        name = self.one(place)
        session = self.world.sessions._book.get(name)
        if session is not None:
            self.world.watch(name, min(offset, session.log.visible))
        elif name:
            self.world.watch(name, min(offset, self.world.store.sessions[name].next))

    @rule()
    def banish(self) -> None:
        self.world.sessions.banish(["bob"], self.world.now)
        self.world.drain()

    # Models and tools

    @rule(said=st.lists(events, min_size=1, max_size=4), place=places)
    def speak(self, said: list[ModelEvent], place: int) -> None:
        if self.world.calls:
            self.world.say(*said, which=list(self.world.calls)[place % len(self.world.calls)])

    @rule(end=ends, place=places)
    def stop_speaking(self, end: ModelEvent, place: int) -> None:
        if self.world.calls:
            self.world.say(end, which=list(self.world.calls)[place % len(self.world.calls)])

    @rule(place=places)
    def a_dead_call_speaks(self, place: int) -> None:
        if self.world.called:
            effect = self.world.called[place % len(self.world.called)]
            if effect.call not in self.world.calls:
                self.world.sessions.model_said(
                    effect.session, effect.call, said("ghost"), self.world.now
                )
                self.world.drain()

    @rule(outcome=outcomes, place=places)
    def finish(self, outcome: Outcome, place: int) -> None:
        keys = [*self.world.gate.running, *self.world.gate.waiting]
        if keys:
            self.world.finish(*keys[place % len(keys)], outcome)

    @rule()
    def hold_writes(self) -> None:
        self.world.gate.holds ^= {"write"}

    @rule(place=places)
    def approve(self, place: int) -> None:
        keys = list(self.world.gate.waiting)
        if keys:
            self.world.gate.approve(*keys[place % len(keys)])

    @rule(place=places)
    def a_person_is_asked(self, place: int) -> None:
        keys = list(self.world.gate.waiting)
        if keys:
            name, each = keys[place % len(keys)]
            approval = {"approval": "a1", "rule": "r", "signature": "s", "expires_at": "later"}
            self.world.sessions.tool_waiting(name, each, approval, self.world.now)
            self.world.drain()

    # The disk, the clock, the process

    @rule()
    def make_workspaces(self) -> None:
        self.world.make_workspaces()

    @rule()
    def prepare(self) -> None:
        self.world.prepare()

    @rule()
    def not_prepared(self) -> None:
        self.world.not_prepared("no such folder")

    @rule()
    def sync(self) -> None:
        self.world.sync()

    @rule(count=st.integers(1, 3))
    def sync_some(self, count: int) -> None:
        self.world.sync(count)

    @rule()
    def fail(self) -> None:
        self.world.fail()

    @rule(seconds=st.sampled_from([0.05, 0.2, 1.0, 40.0, -100.0]))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    @rule()
    def kill(self) -> None:
        self.world.kill()

    @rule()
    def settle(self) -> None:
        self.rest()

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "world"):
            check(self.world)

    def rest(self) -> None:
        self.world.settle()
        check_rest(self.world)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.rest()
            for name in self.world.store.sessions:
                self.world.request(GetSession(session=name), None)
                self.world.settle()
                self.world.watch(name)
                self.world.send(name, message_id="the last one", whose=None)
                self.world.settle()
                assert self.world.last_end(name)["status"] in ("completed", "budget")
            self.rest()
            owed = [key for key in self.world.gate.outcomes if key[0] in self.world.store.sessions]
            assert owed == [], "with the next message each outcome is told, and acknowledged"


SessionsMachine.TestCase.settings = settings(
    max_examples=examples(100),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSessions = SessionsMachine.TestCase
