"""The desk of the sessions: does what the core's machine wants done. It holds no rules.

It is the ``SessionDoor`` of faces and of the native protocol. What takes time is a task: asking a
model, reading a workspace; what it comes to is told to the machine, and ``drain`` does what follows
from that.
"""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.models.request import Encoded
from agentgate_proto.principal import Principal
from agentgate_proto.records.session import RestoredSessions
from agentgate_proto.rpc.session_methods import Attached, AttachSession, Inspection
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
from agentgate_proto.sessions.looking import with_count
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_proto.sessions.sessions import Sessions
from agentgate_server.config.agents import AgentsConfig
from agentgate_server.identity.randomness import Randomness
from agentgate_server.models.model import Model
from agentgate_server.observing.observers import Observers
from agentgate_server.sessions.admitting import Admitting
from agentgate_server.sessions.counting import Counting
from agentgate_server.sessions.door import Watcher, whose
from agentgate_server.sessions.model_desk import ModelDesk
from agentgate_server.sessions.offers import Expect, material_of
from agentgate_server.sessions.one_by_one import OneByOne
from agentgate_server.sessions.sources import read_sources
from agentgate_server.sessions.tool_desk import Ask, ToolDesk
from agentgate_server.sessions.watching import Place, Watching
from agentgate_server.sessions.workspaces import WorkspaceRefused, Workspaces
from agentgate_server.sockets.replies import Reply
from agentgate_server.store.numbering import Numbering
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue

log = logging.getLogger(__name__)

SESSIONS = "sessions"
"""Whose their writes are, among those of the gate."""

ID_BYTES = 12
"""Of chance in the id of a session, a run or an epoch: nobody guesses 96 bits."""

LOOK_AGAIN_S = 60.0
"""The longest sleep of the timer: a system clock that was set is noticed within it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """What a gateway's sessions are set up with.

    Attributes:
        models: what may be asked, by name.
        default_model: the one for sessions that name none.
        system_prompt: of all sessions.
        workspaces: their folders.
        budgets: what may be spent.
        agents: the named agents, by id.
        limits: caps and times.
    """

    models: Mapping[str, Model]
    default_model: str
    system_prompt: str
    workspaces: Workspaces
    budgets: tuple[Budget, ...] = ()
    agents: AgentsConfig = field(default_factory=dict)
    limits: SessionLimits = field(default_factory=SessionLimits)


class SessionDesk:
    """See the module.

    Args:
        setup: what the sessions are set up with.
        numbering: puts their writes into one row with the ledger's.
        ledger: where a session's tool calls live.
        writer: writes and asks the store.
        catalogue: the tools.
        expect: what the policy says to a principal's requests for a tool.
        ask: asks for a tool: link, request id, tool, arguments.
        observers: hear what models were asked and runs have spent.
        spawn: starts an async function with its arguments, in a task.
        utc: the clock, UTC seconds.
        drain: lets ledger and sessions do what they want done; ends in ``drain_once``.
    """

    def __init__(
        self,
        setup: Conversations,
        *,
        numbering: Numbering,
        ledger: Ledger,
        writer: StoreWriter,
        catalogue: Catalogue,
        expect: Expect,
        ask: Ask,
        observers: Observers,
        spawn: Callable[..., None],
        utc: Callable[[], float],
        drain: Callable[[], None],
    ) -> None:
        self.sessions = Sessions(setup.limits, setup.budgets)
        infos = {name: model.info for name, model in setup.models.items()}
        self.sessions.configure(infos, setup.default_model, setup.system_prompt)
        self.tools = ToolDesk(self.sessions, ledger, ask, spawn, utc, self.drain)
        self.models = ModelDesk(setup.models, self._model_said, observers.model_asked, spawn)
        self.watching = Watching(self.sessions, writer, utc, self._wake)
        self._counting = Counting(observers)
        self._capped = observers.capped
        self._admitting = Admitting(ledger.objection_to_listing, observers.capped)
        self._workspaces, self._preparing = setup.workspaces, OneByOne(self.drain)
        self._writer = writer
        self._numbering = numbering
        self._catalogue = catalogue
        self._expect = expect
        self._spawn = spawn
        self._utc = utc
        self._drain_all = drain
        self._randomness = Randomness()
        self._alarm = anyio.Event()
        self._armed: float | None = None

    # The door

    def call(
        self, principal: Principal, params: msgspec.Struct, reply: Reply, by: str = ""
    ) -> None:
        """See :class:`agentgate_server.sessions.door.SessionDoor`."""
        now, name = self._utc(), principal.name
        admitted = self._admitting.admit(name, by or name, params, reply, now)
        if admitted is None:
            return
        ids, of = self.fresh_ids(), whose(principal)
        by = name if of is None else by
        self.sessions.call(Call(admitted), of, params, now, ids, by)
        self.drain()

    def open_agent(self, agent: str, reply: Reply) -> None:
        """Answer with the view of an agent's session, which is made if it is not there."""
        self.sessions.open_agent(Call(reply), agent, self.fresh_ids()[1])
        self.drain()

    def attach(
        self, principal: Principal, params: AttachSession, watcher: Watcher, reply: Reply
    ) -> Place:
        """See :class:`agentgate_server.sessions.door.SessionDoor`."""
        place = self.watching.begin(params.session, watcher)
        ticket = Call(reply, place)
        self.sessions.attach(ticket, whose(principal), params, self._utc())
        self.drain()
        return place

    @property
    def active(self) -> int:
        """See :class:`agentgate_server.sessions.door.SessionDoor`."""
        return self.sessions.active

    @property
    def loaded(self) -> int:
        """How many sessions are in memory."""
        return self.sessions.loaded

    # Time and the store

    def restore(self, restored: RestoredSessions) -> None:
        """Take up what a former process left."""
        self.sessions.restore(restored)

    def on_durable(self, upto: int) -> None:
        """All writes up to this number are on disk."""
        self._counting.durable(upto)
        self.sessions.durable(upto, self._utc())

    def on_write_failed(self, upto: int, reason: str) -> None:
        """Those that are not durable were not made."""
        self._counting.failed(upto)
        self.sessions.write_failed(upto, reason, self._utc())

    def banish(self, known: set[str]) -> None:
        """End what principals do who are none any more."""
        self.sessions.banish(known, self._utc())
        self.drain()

    def expire(self, session: str, principal: str, before: float, log_bytes: int) -> None:
        """Keep a session no longer, unless something has happened in it since a time."""
        self.sessions.expire(session, principal, before, log_bytes, self._utc())
        self.drain()

    def close(self) -> None:
        """The gateway shuts down: models are stopped, text is written; the next process ends the
        runs."""
        self.models.close()
        self.sessions.save_all(self._utc())
        self.drain()

    async def run(self) -> None:
        """Bring events to those who watch, and keep time, until cancelled."""
        while True:
            with anyio.move_on_after(self.pause_s()):
                await self._alarm.wait()
            self._alarm = anyio.Event()
            self.turn()

    def pause_s(self) -> float:
        """How long there is nothing to do by itself; what comes meanwhile wakes ``run``."""
        self._armed = deadline = self._next_deadline()
        pause = LOOK_AGAIN_S if deadline is None else deadline - self._utc()
        return min(max(pause, 0.0), LOOK_AGAIN_S)

    def turn(self) -> None:
        """Hand over what there is for those who watch, and do what is due."""
        self.watching.work()
        self.sessions.handle_timer(self._utc())  # it knows what is due, also by a clock set back
        self.drain()

    def _next_deadline(self) -> float | None:
        times = (self.sessions.next_deadline(), self.watching.next_deadline())
        return min((at for at in times if at is not None), default=None)

    def fresh_ids(self) -> list[str]:
        """Make two ids that nobody guesses, for whatever a call begins."""
        both = (self._randomness.take(ID_BYTES) for _ in range(2))
        return [urlsafe_b64encode(each).decode() for each in both]

    def _wake(self) -> None:
        self._alarm.set()

    # Effects

    def drain(self) -> None:
        """Do all that the sessions want done, and what the ledger wants done because of that."""
        self._drain_all()

    def drain_once(self) -> bool:
        """Do what the sessions want done; return whether there was anything. For the gate, which
        looks after the ledger's wishes before and after."""
        found = False
        while (effect := self.sessions.next_effect()) is not None:
            found = True
            self._do(effect)
        if self._next_deadline() != self._armed:
            self._wake()
        return found

    def _do(self, effect: Effect) -> None:
        match effect:
            case Write(number, change, urgent):
                self._counting.written(number, change)
                number = self._numbering.next(SESSIONS, number)
                self._writer.submit(number, change, urgent=urgent)
            case Question(query, token):
                owner = self.sessions.owner_of(getattr(query, "session", ""))
                self._writer.ask(query, partial(self._answered, token), owner)
            case Grew(session):
                self.watching.grew(session)
            case CallModel():
                self.models.ask(effect)
            case StopModel(call):
                self.models.stop(call)
            case Done() | Refused():
                self._reply(effect)
            case Gone(session):
                self.watching.gone(session)
                self._spawn(self._workspaces.remove, session)
            case Prepare():
                self._spawn(self._prepare, effect)
            case MakeWorkspace():
                self._spawn(self._make_workspace, effect)
            case Capped(principal, cap):
                self._capped(principal, cap)
            case _:
                self._do_with_tools(effect)

    def _do_with_tools(self, effect: Effect) -> None:
        match effect:
            case OpenTools(session, principal):
                self.tools.open(session, principal)
            case CloseTools(session):
                self.tools.close(session)
            case AskTool(session=session, call=call, tool=tool, args=args):
                self.tools.ask(session, call, tool, args)
            case CancelTool(session, call):
                self.tools.cancel(session, call)
            case AckTool(session, call):
                self.tools.acknowledge(session, call)

    def _reply(self, effect: Done | Refused) -> None:
        call: Call = effect.ticket
        if isinstance(effect, Refused):
            if call.place is not None:
                self.watching.end(call.place)
            call.reply.error(effect.code, effect.message, effect.data)
            return
        if isinstance(effect.result, Inspection):
            self._spawn(self._count, call, effect.result)
            return
        call.reply.result(effect.result)
        if call.place is not None and isinstance(effect.result, Attached):
            self.watching.attached(call.place, effect.result)

    # What takes time

    def _answered(self, token: Any, answer: Any, problem: str) -> None:
        now = self._utc()
        if problem:
            self.sessions.answer_failed(token, problem, now)
        else:
            self.sessions.answered(token, answer, now)
        self.drain()

    def _model_said(self, session: str, call: str, events: Any) -> None:
        self.sessions.model_said(session, call, events, self._utc())
        self.drain()

    async def _prepare(self, effect: Prepare) -> None:
        try:
            found = await read_sources(self._workspaces, effect.session, effect.workspace)
            tools = [tool for tool in self._catalogue if tool.name != EXCEED_BUDGET]
            material = material_of(found, tools, self._expect, effect.principal)
        except WorkspaceRefused as error:
            self.sessions.not_prepared(effect.session, effect.token, str(error), self._utc())
        except Exception as error:
            log.exception("the context of session %s can't be made", effect.session)
            text = f"the context can't be made: {type(error).__name__}: {error}"
            self.sessions.not_prepared(effect.session, effect.token, text, self._utc())
        else:
            told = effect.session, effect.token, material, self._utc()
            await self._preparing.do(partial(self.sessions.prepared, *told))
        self.drain()

    async def _make_workspace(self, effect: MakeWorkspace) -> None:
        try:
            path = await self._workspaces.make(effect.session, effect.wanted)
        except WorkspaceRefused as error:
            code = ErrorCode.INVALID_PARAMS if effect.wanted else ErrorCode.INTERNAL_ERROR
            self.sessions.workspace_refused(effect.token, code, str(error))
        else:
            self.sessions.workspace_made(effect.token, path, self._utc())
        self.drain()

    async def _count(self, call: Call, result: Inspection) -> None:
        """Let the vendor count what can be counted; else the estimate stands."""
        model = self.models.models.get(result.model)
        if model is not None:
            counted = await model.count(Encoded(body=result.body.encode(), spans=()))
            if counted is not None:
                result = with_count(result, model.info, counted)
        call.reply.result(result)


class Call:
    """A call that is to be answered.

    Attributes:
        reply: takes the answer.
        place: of who wants to watch, if that is what was asked.
    """

    __slots__ = ("place", "reply")

    def __init__(self, reply: Reply, place: Place | None = None) -> None:
        self.reply = reply
        self.place = place
