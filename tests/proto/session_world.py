"""A world around the sessions: store, clock, models, a gate and people, all in the hands of a test.

Nothing happens by itself. What the sessions write and ask waits until the test lets the store work
(``sync``) or refuse (``fail``); what they want to know of workspaces waits for ``prepare``; a model
says what the test lets it say; a tool runs until the test finishes it. ``settle`` lets everything
go its usual way until nothing moves. ``kill`` ends the process at any of these points and starts
another one from exactly what was durable; what the gate knows of tools outlives it.

Each effect is checked as it is done: nothing happens before what it depends on is in the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import count
from typing import Any

import msgspec
from tests.proto.session_gate import Gate
from tests.proto.session_models import MATERIAL, model, said
from tests.proto.session_seen import Seen
from tests.proto.session_store import SessionStore

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import Ended, Failed, ModelEvent
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.session import LogRow
from agentgate_proto.records.session_views import SessionEvent
from agentgate_proto.records.usage import UsageStatus
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    MessageTaken,
    RunCancelled,
    SendMessage,
)
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.effects import (
    AckTool,
    AskTool,
    CallModel,
    CancelTool,
    Capped,
    CloseTools,
    Done,
    Effect,
    Gone,
    Grew,
    MakeWorkspace,
    OpenTools,
    Prepare,
    Question,
    Refused,
    StopModel,
    Write,
)
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.log import events_of
from agentgate_proto.sessions.sessions import Sessions

NOON = 1_800_000_000.0
"""When a world begins, UTC seconds."""

READ_BYTES = 2_000


class World:
    """See the module.

    Args:
        limits: of the sessions.
        budgets: what may be spent.
        models: what may be asked; the first is the default.

    Attributes:
        sessions: of the process that lives now.
        store, gate: outlive processes.
        now: the clock, UTC seconds.
        material: what each context is made of.
        queue: writes and questions that the store has not looked at.
        unanswered: tickets of this process that were told nothing yet.
        preparing: contexts that wait for their material.
        calls: models that are asked at present, by the names of the calls.
        called: all calls of models so far.
        scripts: what the next models will say in ``settle``; without: "yes".
        told: what each ticket was told, in order.
        seen: what watchers have seen under each offset, by session.
    """

    def __init__(
        self,
        limits: SessionLimits | None = None,
        budgets: Sequence[Budget] = (),
        models: Sequence[ModelInfo] = (),
    ) -> None:
        self.limits = limits or SessionLimits()
        self.budgets = budgets
        self.models = {info.name: info for info in models or [model()]}
        self.store = SessionStore()
        self.gate = Gate()
        self.now = NOON
        self.material = MATERIAL
        self.scripts: deque[list[ModelEvent]] = deque()
        self.told: dict[Any, list[Done | Refused]] = {}
        self.called: list[CallModel] = []
        self.seen: dict[str, Seen] = {}
        self.gone: list[str] = []
        self.capped: list[str] = []
        self.grown: list[str] = []
        self.ids = count(1)
        self.boot()

    # The process

    def boot(self) -> None:
        """Start a process on what is durable."""
        self.queue: list[Write | Question] = []
        self.preparing: list[Prepare] = []
        self.calls: dict[str, CallModel] = {}
        self.making: list[MakeWorkspace] = []
        self.unanswered: list[str] = []
        self.sessions = Sessions(self.limits, self.budgets)
        self.sessions.configure(self.models, next(iter(self.models)), "be good")
        self.sessions.restore(self.store.restore(self.now))
        self.drain()

    def kill(self) -> None:
        """The process dies, and another one starts."""
        self.gate.process_died()
        self.boot()

    # What the sessions want done

    def drain(self) -> None:
        """Do what the sessions say, in order."""
        while (effect := self.sessions.next_effect()) is not None:
            self.do(effect)

    def do(self, effect: Effect) -> None:
        """Do one thing."""
        match effect:
            case Write() | Question():
                self.queue.append(effect)
            case Prepare():
                self.preparing.append(effect)
            case MakeWorkspace():
                self.making.append(effect)
            case CallModel(call=name):
                row = self.store.usage[name]
                assert row.status is UsageStatus.RESERVED, "the money is reserved on disk"
                assert name not in {each.call for each in self.called}, "no name comes twice"
                self.calls[name] = effect
                self.called.append(effect)
            case StopModel(call=name):
                assert name in self.calls, "what is stopped was asked, and not yet stopped"
                del self.calls[name]
            case OpenTools() | CloseTools() | AskTool() | CancelTool() | AckTool():
                self.do_at_gate(effect)
            case Grew(session=name):
                self.grown.append(name)
            case Gone(session=name):
                self.gone.append(name)
            case Capped(cap=cap):
                self.capped.append(cap)
            case Done() | Refused():
                self.told.setdefault(effect.ticket, []).append(effect)
                assert len(self.told[effect.ticket]) == 1, "a call is answered once"
                self.unanswered.remove(effect.ticket)
                self.check_answer(effect)

    def do_at_gate(self, effect: OpenTools | CloseTools | AskTool | CancelTool | AckTool) -> None:
        """Do one thing that is about tools."""
        match effect:
            case OpenTools(session=name):
                self.sessions.tools_open(name, *self.gate.open(name), self.now)
            case CloseTools(session=name):
                self.gate.close(name)
            case AskTool(session=name, call=each):
                if not each.startswith("exceed_budget"):
                    assert each in self.calls_in_log(name), "the call is on disk"
                self.gate.ask(effect)
            case CancelTool(session=name, call=each):
                status, outcome = self.gate.cancel(name, each)
                self.sessions.tool_cancelled(name, each, status, self.now)
                if outcome is not None:
                    self.sessions.tool_ended(name, each, outcome, self.now)
            case AckTool(session=name, call=each):
                self.gate.acknowledge(name, each)

    def check_answer(self, effect: Done | Refused) -> None:
        """What is said to be so is so in the store."""
        if isinstance(effect, Done):
            match effect.result:
                case MessageTaken(run=run, offset=offset, ended=False):
                    logs = self.store.logs.values()
                    rows = [log[offset] for log in logs if offset in log]
                    assert any(run in bytes(row.data).decode() for row in rows)
                case RunCancelled(status="cancelled", run=run):
                    assert any(run in self.ends_of(name) for name in self.store.sessions)

    def sync(self, upto: int = 1_000_000) -> None:
        """The store does all that it was told so far, or the first few of it."""
        queue, self.queue = self.queue[:upto], self.queue[upto:]
        for each in queue:
            if isinstance(each, Write):
                self.store.commit([each.change])
                self.sessions.durable(each.number, self.now)
            else:
                self.sessions.answered(each.token, self.store.answer(each.query), self.now)
            self.drain()

    def sync_rows_only(self) -> None:
        """The store does all that it was told, and the process does not hear of it."""
        queue, self.queue = self.queue, []
        self.store.commit(each.change for each in queue if isinstance(each, Write))

    def fail(self, reason: str = "disk full") -> None:
        """The store refuses all that it was told so far."""
        queue, self.queue = self.queue, []
        for each in queue:
            if isinstance(each, Write):
                self.sessions.write_failed(each.number, reason, self.now)
            else:
                self.sessions.answer_failed(each.token, reason, self.now)
            self.drain()

    def make_workspaces(self) -> None:
        """Folders of new sessions are made."""
        making, self.making = self.making, []
        for effect in making:
            self.sessions.workspace_made(effect.token, f"/w/{effect.session}", self.now)
            self.drain()

    def prepare(self) -> None:
        """The material of contexts is there."""
        preparing, self.preparing = self.preparing, []
        for effect in preparing:
            self.sessions.prepared(effect.session, effect.token, self.material, self.now)
            self.drain()

    def not_prepared(self, problem: str) -> None:
        """The material of contexts is not to be had."""
        preparing, self.preparing = self.preparing, []
        for effect in preparing:
            self.sessions.not_prepared(effect.session, effect.token, problem, self.now)
            self.drain()

    def say(self, *events: ModelEvent, which: str = "") -> None:
        """A model that is asked says something: the one that was asked last, or this one."""
        effect = self.calls[which or list(self.calls)[-1]]
        if isinstance(events[-1], Ended | Failed):
            del self.calls[effect.call]
        self.sessions.model_said(effect.session, effect.call, events, self.now)
        self.drain()

    def finish(self, session: str, call: str, outcome: Outcome | None = None) -> None:
        """A tool ends."""
        outcome = outcome or executed(b'"fine"')
        if self.gate.finish(session, call, outcome):
            self.sessions.tool_ended(session, call, outcome, self.now)
            self.drain()

    def wait(self, seconds: float = 0.0, *, until: float = 0.0) -> None:
        """Time passes; what is due is done, and nothing is due again at once."""
        self.now = max(self.now, until) if until else self.now + seconds
        due = self.sessions.next_deadline()
        assert due == self.sessions.next_deadline(), "asking changes nothing"
        self.sessions.handle_timer(self.now)
        due = self.sessions.next_deadline()
        assert due is None or due > self.now, "a timer that is due at once again spins"
        self.drain()

    def settle(self, *, answer: bool = True, tools: bool = True) -> None:
        """Let everything go its way until nothing moves.

        Args:
            answer: models say what stands in ``scripts``.
            tools: tools end.
        """
        for _ in range(10_000):
            if self.queue:
                self.sync()
            elif self.making:
                self.make_workspaces()
            elif self.preparing:
                self.prepare()
            elif answer and self.calls:
                which = next(iter(self.calls))
                self.say(*(self.scripts.popleft() if self.scripts else said("yes")), which=which)
            elif tools and (keys := [*self.gate.running, *self.gate.waiting]):
                self.finish(*keys[0])
            elif (due := self.sessions.next_deadline()) is not None:
                self.wait(until=due)
            else:
                return
        raise AssertionError("something goes on for ever")

    # What people do

    def request(self, params: msgspec.Struct, whose: str | None = "ann", named: str = "") -> str:
        """Call a method; return the ticket. What is made gets this name, or any."""
        ticket = f"ticket{next(self.ids)}"
        self.unanswered.append(ticket)
        ids = named or f"id{next(self.ids)}", f"id{next(self.ids)}"
        if isinstance(params, AttachSession):
            self.sessions.attach(ticket, whose, params, self.now)
        else:
            self.sessions.call(ticket, whose, params, self.now, ids)
        self.drain()
        return ticket

    def result(self, ticket: str) -> Any:
        """What a call was answered."""
        (told,) = self.told[ticket]
        assert isinstance(told, Done), told
        return told.result

    def refusal(self, ticket: str) -> tuple[ErrorCode, str]:
        """Why a call was refused."""
        (told,) = self.told[ticket]
        assert isinstance(told, Refused), told
        return told.code, told.message

    def create(self, whose: str = "ann", *, named: str = "", **params: Any) -> str:
        """Make a session, of this id or any; return its id."""
        ticket = self.request(CreateSession(**params), whose, named)
        self.make_workspaces()
        self.sync()
        name: str = self.result(ticket).id
        return name

    def wish(self, agent: str) -> str:
        """Ask for the session of a named agent; return the ticket."""
        ticket = f"ticket{next(self.ids)}"
        self.unanswered.append(ticket)
        self.sessions.open_agent(ticket, agent, f"id{next(self.ids)}")
        self.drain()
        return ticket

    def open(self, agent: str) -> str:
        """Get the session of a named agent; return its id."""
        ticket = self.wish(agent)
        while ticket not in self.told:
            self.sync()
            self.make_workspaces()
        name: str = self.result(ticket).id
        return name

    def send(self, session: str, text: str = "hi", **params: Any) -> str:
        """Say something; return the ticket."""
        params = {"message_id": f"message{next(self.ids)}"} | params
        whose = params.pop("whose", self.store.sessions[session].principal)
        return self.request(SendMessage(session=session, text=text, **params), whose)

    def ask(self, session: str, text: str = "hi", **params: Any) -> str:
        """Say something, up to where the model is asked; return the ticket."""
        ticket = self.send(session, text, **params)
        self.sync()
        self.prepare()
        self.sync()
        return ticket

    def cancel(self, session: str, whose: str | None = "ann") -> str:
        """End the run of a session; return the ticket."""
        return self.request(CancelRun(session=session), whose)

    def delete(self, session: str, whose: str | None = "ann") -> str:
        """Delete a session; return the ticket."""
        return self.request(DeleteSession(session=session), whose)

    def expire(self, before: float) -> None:
        """The store finds sessions that have not changed since then."""
        for record in self.store.idle(before):
            self.sessions.expire(record.id, record.principal, before, record.log_bytes, self.now)
            self.drain()

    def attach(self, session: str, offset: int | None = None, epoch: str = "") -> str:
        """Watch a session; return the ticket."""
        return self.request(AttachSession(session=session, offset=offset, epoch=epoch))

    # What can be seen

    def rows(self, session: str) -> list[LogRow]:
        """The log as it is stored, in order."""
        return [row for _, row in sorted(self.store.logs.get(session, {}).items())]

    def data(self, session: str, kind: str) -> list[Any]:
        """What the stored events of one kind say."""
        rows = [row for row in self.rows(session) if row.kind == kind]
        return [msgspec.json.decode(row.data) for row in rows]

    def calls_in_log(self, session: str) -> list[str]:
        """The tool calls that are stored."""
        return [data["call"] for data in self.data(session, "tool_call")]

    def ends_of(self, session: str) -> dict[str, Any]:
        """How runs have ended, by their ids."""
        return {data["run"]: data for data in self.data(session, "run_ended")}

    def last_end(self, session: str) -> Any:
        """How the last run has ended."""
        return self.data(session, "run_ended")[-1]

    def watch(self, session: str, offset: int = 0) -> list[SessionEvent]:
        """Read on from an offset as a watcher does, from memory and from the store, to the end."""
        found: list[SessionEvent] = []
        while True:
            events, start = self.sessions.read(session, offset, READ_BYTES)
            if events is None:
                rows = [row for row in self.rows(session) if row.end > offset]
                events = events_of(rows[:3], offset, rows[2].end if len(rows) > 3 else start)
            if not events:
                return found
            for event in events:
                assert event.offset == offset, "events follow one another"
                offset += event.count
                self.seen.setdefault(session, Seen()).take(event)
            found += events
