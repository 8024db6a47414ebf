"""How a message begins a run.

A run is claimed in one step with the history that it answers: from then on a second message is
refused, before anything was written. If the message can't be written, all of that is undone.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import SessionLimits
from agentgate_proto.records.session import (
    EventKind,
    OpenRun,
)
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import (
    MessageTaken,
    RunCancelled,
    SendMessage,
)
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.effects import (
    Done,
    Effect,
    Refused,
)
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.run import Phase, Run
from agentgate_proto.sessions.runs import Runs
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings

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
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        runs: Runs,
        endings: Endings,
    ) -> None:
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings
        self._runs = runs
        self._endings = endings
        book.claimed = self._claimed
        book.unclaimed = self._unclaimed

    # A message

    def send(
        self, session: Session, ticket: Any, params: SendMessage, run_id: str, by: str, now: float
    ) -> None:
        """Begin a run, or join the one that this message began before."""
        run = session.run
        if run is not None and run.stored.message_id == params.message_id:
            if run.phase is Phase.CLAIMING:
                run.waiting.append(ticket)
            else:
                self._effects.append(Done(ticket, taken(session, run.stored, joined=True)))
        elif params.message_id in session.history.messages:
            name, offset = session.history.messages[params.message_id]
            result = MessageTaken(
                run=name, epoch=session.record.epoch, offset=offset, joined=True, ended=True
            )
            self._effects.append(Done(ticket, result))
        elif params.message_id == session.record.last_message_id:  # the log has it no more
            result = MessageTaken(
                run=session.record.last_run,
                epoch=session.record.epoch,
                offset=session.log.oldest,
                joined=True,
                ended=True,
            )
            self._effects.append(Done(ticket, result))
        elif run is not None:
            data = {"run": run.id, "approvals": run.approvals}
            text = "a run is under way: wait for its end, or cancel it"
            self._effects.append(Refused(ticket, ErrorCode.RUN_IN_PROGRESS, text, data))
        elif (objection := self._objection(session, params)) is not None:
            self._effects.append(Refused(ticket, *objection))
        else:
            self._claim(session, ticket, params, run_id, by, now)

    def _claim(
        self, session: Session, ticket: Any, params: SendMessage, run_id: str, by: str, now: float
    ) -> None:
        record = session.record
        model = self._settings.models[params.model or self._settings.model_of(record)]
        run_open = OpenRun(
            id=run_id,
            message_id=params.message_id,
            first=session.log.next,
            model=model.name,
            max_iterations=self._settings.iterations_of(record, params.max_iterations),
            started_at=now,
        )
        run = Run(run_open, model, max_tokens=params.max_tokens, params=params.params)
        run.waiting.append(ticket)
        session.run = run
        session.record = replace(record, run=run_open, messages=record.messages + 1)
        who = who_said(by, params.on_behalf_of)
        said = {"run": run_id, "message_id": params.message_id, "text": params.text, **who}
        session.log.append(EventKind.MESSAGE, said, now)
        run.message = session.log.newest()
        started = {
            "run": run_id,
            "message_id": params.message_id,
            "model": model.name,
            "max_iterations": run_open.max_iterations,
            **who,
        }
        session.log.append(EventKind.RUN_STARTED, started, now)
        self._book.save(session, now)

    def _claimed(self, session: Session, now: float) -> None:
        """The message is durable: it is part of the history, and its run begins."""
        run = session.run
        assert run is not None, "it was claimed"
        assert run.message is not None, "by a message"
        session.history.feed(run.message)
        for place, ticket in enumerate(run.waiting):
            self._effects.append(Done(ticket, taken(session, run.stored, joined=place > 0)))
        run.waiting.clear()
        self._runs.begin(session, run, now)
        self._endings.catch_up(session, now)

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

    def _objection(self, session: Session, params: SendMessage) -> tuple[ErrorCode, str] | None:
        """Say why a message can't begin a run, or nothing."""
        limits, principal = self._limits, session.record.principal
        model = params.model or self._settings.model_of(session.record)
        if objection := self._settings.objection_to(model):
            return ErrorCode.MODEL_FAILED, objection
        if self._book.is_stuck:
            text = f"cannot store messages: {self._book.problem}; {NOT_KEPT}"
            return ErrorCode.INTERNAL_ERROR, text
        running = self._book.running
        mine = sum(other.record.principal == principal for other in running)
        if mine >= limits.runs_of_principal_max:
            return ErrorCode.LIMIT_EXCEEDED, f"{principal} has {mine} runs under way"
        if len(running) >= limits.runs_max:
            return ErrorCode.LIMIT_EXCEEDED, "the gateway has too many runs under way"
        return None


def taken(session: Session, run: OpenRun, *, joined: bool) -> MessageTaken:
    """Say where a message stands."""
    return MessageTaken(run=run.id, epoch=session.record.epoch, offset=run.first, joined=joined)


def who_said(by: str, behalf: OnBehalf | None) -> dict[str, Any]:
    """Return what a message's events have of who said it."""
    who: dict[str, Any] = {"by": by} if by else {}
    return who if behalf is None else {**who, "on_behalf_of": behalf}
