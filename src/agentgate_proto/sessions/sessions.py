"""The sessions: conversations with models, beyond connections and processes.

Theory of operation. As the ledger, the sessions are told what happened (a message came, a model
said something, a tool has ended, a write is durable) and queue what must be done about it as
effects. The same rules order everything: what something depends on is written first; what is
reserved (a run, money, an id) counts at once, before any write; a write that fails undoes what was
reserved, or is made again.

This file wires the parts and holds no rules: ``making`` makes sessions and deletes them,
``starting`` claims runs, ``queueing`` lets messages wait, ``runs`` takes their steps, ``endings``
ends them, ``recovery`` reads what a dead process has left, ``book`` knows which sessions are in
memory and writes what is new, ``looking`` shows. A ``session`` has a ``log``, a ``history`` and
perhaps a ``run``; ``context`` makes of these what a model is sent, ``settings`` say which models
there are, and ``budgets`` whether that may be paid for.

Times are UTC seconds. Tickets are the adapter's own: what it calls a call, until ``Done`` or
``Refused`` answers it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import ModelEvent
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.session import RestoredSessions, RunStatus
from agentgate_proto.records.session_views import SessionEvent, session_view
from agentgate_proto.records.storage import SessionAnswer
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    InspectSession,
    ListSessions,
    RunCancelled,
    SendMessage,
    SetMetadata,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage
from agentgate_proto.sessions import looking
from agentgate_proto.sessions.book import Book, Load
from agentgate_proto.sessions.budgets import Budget, Budgets
from agentgate_proto.sessions.effects import Done, Effect, Grew, Refused
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.making import Creation, Making
from agentgate_proto.sessions.material import Material
from agentgate_proto.sessions.queueing import Queue
from agentgate_proto.sessions.recording import log_waiting
from agentgate_proto.sessions.recovery import Recover, Recoveries
from agentgate_proto.sessions.runs import Runs
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import NamedAgent, Settings
from agentgate_proto.sessions.starting import NOT_FOUND, Starting


class Sessions:
    """See the module. Drain ``next_effect`` after every call.

    Args:
        limits: caps and times.
        budgets: what may be spent.
    """

    def __init__(self, limits: SessionLimits | None = None, budgets: Sequence[Budget] = ()) -> None:
        self._limits = limits or SessionLimits()
        self._effects: deque[Effect] = deque()
        self._budgets = Budgets(budgets)
        self._settings = Settings()
        self._book = Book(self._limits, self._effects)
        self._runs = Runs(self._limits, self._effects, self._book, self._settings, self._budgets)
        self._endings = Endings(self._effects, self._book, self._runs)
        parts = self._limits, self._effects, self._book, self._settings
        self._contexts = looking.Contexts(self._effects, self._book, self._settings)
        self._queue = Queue(*parts, self._runs, self._endings)
        self._making = Making(*parts, self._endings, self._queue)
        self._starting = Starting(*parts, self._runs, self._endings, self._queue)
        self._recoveries = Recoveries(*parts, self._budgets, self._making, self._endings)

    def close_door(self, why: str) -> None:
        """Take no session and no message any more; "": take them again."""
        self._book.closed = why

    def configure(
        self, models: Mapping[str, ModelInfo], default_model: str, system_prompt: str
    ) -> None:
        """Say which models there are; runs that are under way keep theirs."""
        self._settings.models = models
        self._settings.default_model = default_model
        self._settings.system_prompt = system_prompt
        sizes = [model.context_tokens for model in models.values()]
        self._book.context_tokens = max(sizes, default=0)

    def configure_agents(self, agents: Mapping[str, NamedAgent]) -> None:
        """Say which named agents there are, by id; runs that are under way go on as they began."""
        self._settings.agents = agents

    # Output

    def next_effect(self) -> Effect | None:
        """Return the next thing to do, or None."""
        return self._effects.popleft() if self._effects else None

    def next_deadline(self) -> float | None:
        """Return the UTC second at which ``handle_timer`` wants to be called. Changes nothing."""
        times = (self._book.next_deadline(), self._recoveries.next_deadline())
        return min((at for at in times if at is not None), default=None)

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return len(self._book.running)

    @property
    def loaded(self) -> int:
        """How many sessions are in memory."""
        return self._book.loaded

    @property
    def is_settled(self) -> bool:
        """Whether nothing is under way and nothing waits to be written."""
        return self._book.is_settled

    @property
    def problem(self) -> str:
        """Why the store takes no writes at present, or nothing."""
        return self._book.problem

    # Input: time and the store

    def restore(self, restored: RestoredSessions) -> None:
        """Take up what a former process left. Call once, after ``configure``."""
        self._budgets.restore(restored.spent)
        self._making.counts.update(restored.counts)
        self._book.logs.restore(restored.log_bytes)
        self._recoveries.restore(restored)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        self._book.handle_timer(now)
        self._recoveries.handle_timer(now)

    def save_all(self, now: float) -> None:
        """Let all that is new be written now: the process is about to end."""
        self._book.save_all(now)

    def durable(self, upto: int, now: float) -> None:
        """All writes up to this number are on disk."""
        self._book.durable(upto, now)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Those writes up to this number that are not durable were not made, and why."""
        self._book.write_failed(upto, reason, now)

    def answered(self, token: Any, answer: SessionAnswer, now: float) -> None:
        """The store answered a question."""
        match token:
            case Load():
                self._book.answered(token, answer)
            case Recover():
                self._recoveries.answered(token, answer, now)
            case looking.Listing():
                self._effects.append(looking.listed(token, answer))
            case _:
                assert isinstance(token, looking.Reporting), "nothing else is asked"
                models = self._settings.models.values()
                prices = max((info.pricing.version for info in models), default="")
                self._effects.append(looking.reported(token, answer, self._budgets, prices, now))

    def answer_failed(self, token: Any, reason: str, now: float) -> None:
        """The store could not answer a question."""
        match token:
            case Load():
                self._book.answer_failed(token, reason)
            case Recover():
                self._recoveries.answer_failed(token, reason)
            case _:
                text = f"the gateway cannot read its store: {reason}"
                self._effects.append(Refused(token.ticket, ErrorCode.INTERNAL_ERROR, text))
        self._recoveries.note_failures(now)

    # Input: calls

    def call(
        self,
        ticket: Any,
        whose: str | None,
        params: msgspec.Struct,
        now: float,
        ids: Sequence[str],
        by: str = "",
    ) -> None:
        """Do what a method says; ``Done`` or ``Refused`` follows.

        Args:
            ticket: names the call.
            whose: sessions of this principal only; None: of all, to look at.
            params: of one of the methods about sessions, but for attaching.
            now: UTC seconds.
            ids: two fresh unguessable ids from a secure source.
            by: the principal who calls, if that is not whose sessions they are.
        """
        match params:
            case CreateSession():
                assert whose is not None, "only an agent has sessions"
                self._making.create(ticket, whose, params, *ids)
            case ListSessions():
                looking.list_sessions(self._effects, ticket, whose, params)
            case ListModels():
                models, default = self._settings.models, self._settings.default_model
                self._effects.append(Done(ticket, looking.models_of(models, default)))
            case ReportUsage():
                looking.report_usage(self._effects, ticket, whose, params)
            case DeleteSession(session=name) if whose is None:
                self._with(name, ticket, None, partial(self._making.clear_away, ticket, now, by))
            case (
                GetSession(session=name)
                | DeleteSession(session=name)
                | SendMessage(session=name)
                | CancelRun(session=name)
                | InspectSession(session=name)
                | SetMetadata(session=name)
            ):
                step = partial(self._call_one, ticket, params, now, ids[0], by)
                self._with(name, ticket, whose, step)
            case _:
                self._effects.append(Refused(ticket, ErrorCode.METHOD_NOT_FOUND, ""))

    def _call_one(
        self,
        ticket: Any,
        params: msgspec.Struct,
        now: float,
        fresh_id: str,
        by: str,
        session: Session,
    ) -> None:
        match params:
            case GetSession():
                self._effects.append(Done(ticket, session_view(session.record)))
            case DeleteSession():
                self._making.delete(session, ticket, now)
            case SendMessage():
                self._starting.send(session, ticket, params, fresh_id, by, now)
            case CancelRun(run=name):
                if self._queue.cancel(session, ticket, name, now):
                    return
                if session.run is None or name not in ("", session.run.id):
                    self._effects.append(Done(ticket, RunCancelled(status="no_run", run=name)))
                else:
                    self._endings.cancel(session, ticket, now)
            case SetMetadata():
                self._making.set_metadata(session, ticket, params, now)
            case InspectSession():
                self._contexts.ask(session, ticket, params)
            case _:
                assert isinstance(params, AttachSession), "what call and attach let through"
                self._effects.append(Done(ticket, looking.attached(session, params)))

    def open_agent(self, ticket: Any, agent: str, epoch: str) -> None:
        """Return the session of a named agent, which is made if it is not there; ``Done`` with its
        view or ``Refused`` follows. ``epoch`` is fresh, as the ids of ``call``."""
        self._making.open(ticket, agent, epoch)

    def attach(self, ticket: Any, whose: str | None, params: AttachSession, now: float) -> None:
        """Let somebody watch a session; ``Done`` with ``Attached`` follows. Then they ``read``; who
        watches takes nothing here, and keeps nothing in memory."""
        step = partial(self._call_one, ticket, params, now, "", "")
        self._with(params.session, ticket, whose, step)

    def read(
        self, session: str, offset: int, bytes_max: int
    ) -> tuple[list[SessionEvent] | None, int]:
        """Return what a watcher is to be told from an offset on, as far as it is in memory.

        Returns:
            The events, or None: the store has them, to before the offset that is the second part;
            of a session that is not in memory whatever there is.
        """
        found = self._book.get(session)
        if found is None:
            return None, offset
        return found.log.read(offset, bytes_max), found.log.start

    def owner_of(self, session: str) -> str:
        """Return whose session it is, as far as that is known in memory; "": it is not."""
        return self._book.owner_of(session)

    def _with(
        self, name: str, ticket: Any, whose: str | None, step: Callable[[Session], None]
    ) -> None:
        """Do something with a session, if it is there and theirs."""

        def use(session: Session | None, problem: str) -> None:
            self._recoveries.look_for_run(session)
            if problem:
                self._effects.append(Refused(ticket, ErrorCode.INTERNAL_ERROR, problem))
            elif (
                session is None or whose not in (None, session.record.principal) or session.is_going
            ):
                self._effects.append(Refused(ticket, ErrorCode.SESSION_NOT_FOUND, NOT_FOUND))
            else:
                step(session)

        self._book.use(name, use)

    # Input: what a session was waiting for

    def workspace_made(self, token: Creation, workspace: str, now: float) -> None:
        """The folder of a new session is there."""
        self._making.workspace_made(token, workspace, now)

    def workspace_refused(self, token: Creation, code: ErrorCode, text: str) -> None:
        """A new session can't have that folder."""
        self._making.not_made(token, code, text)

    def prepared(self, name: str, token: Any, material: Material, now: float) -> None:
        """What the context of a session is made of."""
        session = self._book.get(name)
        if isinstance(token, looking.Inspecting):
            self._contexts.prepared(session, token, material)
        elif session is not None and (run := session.run_preparing(token)) is not None:
            if isinstance(token, tuple):
                self._runs.ask_model(session, run, material, now, after_s=token[1])
            else:
                self._runs.prepared(session, run, material, now)

    def not_prepared(self, name: str, token: Any, problem: str, now: float) -> None:
        """It can't be found out; ``problem`` says why."""
        session = self._book.get(name)
        if isinstance(token, looking.Inspecting):
            self._contexts.not_prepared(name, token, problem)
        elif session is not None and session.run_preparing(token) is not None:
            self._endings.end(session, RunStatus.FAILED, problem, now)

    def model_said(self, name: str, call: str, events: Sequence[ModelEvent], now: float) -> None:
        """A model says something; what an attempt says that is over counts for nothing."""
        session = self._book.get(name)
        run = session.run if session is not None else None
        if session is None or run is None or run.attempt is None or run.attempt.call != call:
            return
        self._runs.model_said(session, run, events, now)

    def tools_open(
        self, name: str, outcomes: Mapping[str, Outcome], pending: Collection[str], now: float
    ) -> None:
        """A session may ask for tools; and what the gate knows of it that we have not heard."""
        session = self._book.get(name)
        if session is not None:
            self._endings.tools_open(session, outcomes, pending, now)

    def tool_waiting(self, name: str, call: str, approval: Mapping[str, Any], now: float) -> None:
        """A person is asked about a call.

        Args:
            name: of the session.
            call: which.
            approval: what the event says besides: ``approval``, ``rule``, ``signature``,
                ``expires_at``.
            now: UTC seconds.
        """
        session = self._book.get(name)
        if session is not None and log_waiting(session, call, approval, now):
            self._book.save(session, now, urgent=False)
            self._effects.append(Grew(name))

    def tool_ended(self, name: str, call: str, outcome: Outcome, now: float) -> None:
        """A call has its outcome, whatever has become of its run."""
        session = self._book.get(name)
        if session is not None:
            self._endings.tool_ended(session, call, outcome, now)

    def tool_cancelled(self, name: str, call: str, status: str, now: float) -> None:
        """What came of withdrawing a call."""
        session = self._book.get(name)
        if session is not None and session.run is not None:
            self._endings.tool_cancelled(session, session.run, call, status, now)

    def expire(self, name: str, principal: str, before: float, log_bytes: int, now: float) -> None:
        """A session, as the store has it, has not changed since before a time, and keeps so many
        bytes: it is kept no longer, unless something happens in it now."""
        self._making.expire(name, principal, before, log_bytes, now)

    def banish(self, known: Collection[str], now: float) -> None:
        """End the runs of principals who are none any more."""
        for session in self._book.running:
            if session.record.principal not in known:
                text = "its principal may not ask any more"
                self._queue.clear(session, text, now)
                self._starting.refuse_held(session, text)
                self._endings.end(session, RunStatus.CANCELLED, text, now)
