"""How a message begins a run.

A run is claimed in one step with the history that it answers: from then on a second message is
refused, before anything was written. If the message can't be written, all of that is undone.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import Any

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.session import (
    EventKind,
    QueuedMessage,
)
from agentgate_proto.rpc.session_methods import (
    RunCancelled,
    SendMessage,
)
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.client_turns import ClientTurn, events_before
from agentgate_proto.sessions.effects import (
    Done,
    Effect,
    Refused,
)
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.history import bytes_of
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.queueing import Queue, open_run, said, started, taken
from agentgate_proto.sessions.run import Phase, Run
from agentgate_proto.sessions.runs import Runs
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings

NOT_FOUND = "Session not found"
NOT_KEPT = "nothing was sent to a model"


class Starting:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        settings: which models there are.
        runs: the steps of runs.
        endings: ends runs.
        queue: messages that wait.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        runs: Runs,
        endings: Endings,
        queue: Queue,
    ) -> None:
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings
        self._runs = runs
        self._endings = endings
        self._queue = queue
        book.claimed = self._claimed
        book.unclaimed = self._unclaimed

    def send(
        self, session: Session, ticket: Any, params: SendMessage, run_id: str, by: str, now: float
    ) -> None:
        """Begin a run, join the one that this message began before, or wait for another's end."""
        run, record = session.run, session.record
        if self._joins(session, ticket, params.message_id, now):
            return
        if session.is_going:  # it was held, and the session is being deleted meanwhile
            self._effects.append(Refused(ticket, ErrorCode.SESSION_NOT_FOUND, NOT_FOUND))
        elif run is not None and not params.queue:
            data = {"run": run.id, "approvals": run.approvals}
            text = "a run is under way: wait for its end, or cancel it"
            self._effects.append(Refused(ticket, ErrorCode.RUN_IN_PROGRESS, text, data))
        elif (objection := self._objection(session, params)) is not None:
            self._effects.append(Refused(ticket, *objection))
        elif run is not None and run.phase is Phase.CLAIMING:  # there may be no run after all
            again = partial(self.send, session, ticket, params, run_id, by)
            run.held.append((ticket, again))
        else:
            behalf = params.on_behalf_of
            message = QueuedMessage(
                run=run_id,
                message_id=params.message_id,
                first=session.log.next,
                text=params.text,
                at=now,
                model=params.model or self._settings.model_of(record),
                max_iterations=self._settings.iterations_of(record, params.max_iterations),
                max_tokens=params.max_tokens,
                params=params.params,
                by=by,
                behalf=behalf.principal if behalf is not None else "",
                hops=behalf.hops if behalf is not None else (),
            )
            if run is not None:
                self._queue.put(session, ticket, message, now)
            else:
                turn = params if isinstance(params, ClientTurn) else None
                self._claim(session, ticket, message, turn, now)

    def _joins(self, session: Session, ticket: Any, message_id: str, now: float) -> bool:
        """Tell of a message that has come before what has become of it, if it has."""
        run, record = session.run, session.record
        queued = next((each for each in record.queue if each.message_id == message_id), None)
        if run is not None and run.stored.message_id == message_id:
            if run.phase is Phase.CLAIMING:
                run.waiting.append(ticket)
                return True
            result = taken(session, run.id, run.stored.first, joined=True)
        elif queued is not None:
            result = taken(session, queued.run, queued.first, joined=True, waits=True)
        elif message_id in session.history.messages:
            result = taken(session, *session.history.messages[message_id], joined=True, ended=True)
        elif message_id == record.last_message_id:  # the log has it no more
            result = taken(session, record.last_run, session.log.oldest, joined=True, ended=True)
        else:
            return False
        if result.offset < session.log.visible or result.ended:
            self._effects.append(Done(ticket, result))
        else:  # it is being written
            session.then.append(Done(ticket, result))
            self._book.save(session, now)
        return True

    def _claim(
        self,
        session: Session,
        ticket: Any,
        message: QueuedMessage,
        turn: ClientTurn | None,
        now: float,
    ) -> None:
        record, model = session.record, self._settings.models[message.model]
        before = events_before(session.history, message.run, turn)
        stored = open_run(message, session.log.next + 1 + len(before), now)
        options: dict[str, Any] = {"max_tokens": message.max_tokens, "params": message.params}
        run = Run(stored, model, **options, turn=turn)
        run.waiting.append(ticket)
        session.run = run
        session.record = replace(record, run=stored, messages=record.messages + 1)
        rows = []
        for kind, data in (
            (EventKind.MESSAGE, said(message)),
            *before,
            (EventKind.RUN_STARTED, started(message)),
        ):
            session.log.append(kind, data, now)
            rows.append(session.log.newest())
        run.claim = tuple(rows)
        self._book.save(session, now)

    def _claimed(self, session: Session, now: float) -> None:
        """The message is durable: it is part of the history, and its run begins."""
        run = session.run
        assert run is not None, "it was claimed"
        for row in run.claim:
            session.history.feed(row)
        run.claim = ()
        for place, ticket in enumerate(run.waiting):
            result = taken(session, run.id, run.stored.first, joined=place > 0)
            self._effects.append(Done(ticket, result))
        run.waiting.clear()
        self._runs.begin(session, run, now)
        self._endings.catch_up(session, now)
        self._send_held(run, now)

    def _unclaimed(self, session: Session, reason: str, now: float) -> None:
        """The message could not be written: there is no run, and never was one."""
        run = session.run
        assert run is not None, "it was claimed"
        session.run = None
        session.log.undo(run.stored.first)
        record = session.record
        session.record = replace(
            record, run=None, messages=record.messages - 1, next=session.log.next
        )
        text = f"cannot store messages: {reason}; {NOT_KEPT}"
        for ticket in run.waiting:
            self._effects.append(Refused(ticket, ErrorCode.INTERNAL_ERROR, text))
        for ticket in run.cancels:
            self._effects.append(Done(ticket, RunCancelled(status="no_run", run=run.id)))
        self._endings.catch_up(session, now)
        self._endings.close_tools(session)
        self._send_held(run, now)

    def _send_held(self, run: Run, now: float) -> None:
        """What came while it was not known whether there is a run is looked at now."""
        held, run.held = run.held, []
        for _, send in held:
            send(now)

    def refuse_held(self, session: Session, text: str) -> None:
        """Nobody may say anything in this session any more."""
        run = session.run
        assert run is not None, "there is a run"
        for ticket, _ in run.held:
            self._effects.append(Refused(ticket, ErrorCode.FORBIDDEN, text))
        run.held.clear()

    def _objection(self, session: Session, params: SendMessage) -> tuple[ErrorCode, str] | None:
        """Say why a message can't be taken, or nothing."""
        limits, principal = self._limits, session.record.principal
        model = params.model or self._settings.model_of(session.record)
        if objection := self._settings.objection_to(model):
            return ErrorCode.MODEL_FAILED, objection
        if self._book.closed:
            return ErrorCode.LIMIT_EXCEEDED, self._book.closed
        if self._book.is_stuck:
            text = f"cannot store messages: {self._book.problem}; {NOT_KEPT}"
            return ErrorCode.INTERNAL_ERROR, text
        if full := self._book.objection_to(session, bytes_of(params.text)):
            return ErrorCode.LIMIT_EXCEEDED, full
        if session.run is not None:
            full = self._queue.objection(session, params.text, params.params)
            return (ErrorCode.LIMIT_EXCEEDED, full) if full else None
        running = self._book.running
        mine = sum(other.record.principal == principal for other in running)
        if mine >= limits.runs_of_principal_max:
            return ErrorCode.LIMIT_EXCEEDED, f"{principal} has {mine} runs under way"
        if len(running) >= limits.runs_max:
            return ErrorCode.LIMIT_EXCEEDED, "the gateway has too many runs under way"
        return None
