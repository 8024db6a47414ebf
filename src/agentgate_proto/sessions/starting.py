"""How sessions begin and go, and how a message begins a run.

A run is claimed in one step with the history that it answers: from then on a second message is
refused, before anything was written. If the message can't be written, all of that is undone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import SessionLimits
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import (
    DropSession,
    EventKind,
    OpenRun,
    PutSession,
    RunStatus,
    SessionRecord,
)
from agentgate_proto.records.session_views import session_view
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    MessageTaken,
    MetadataSet,
    RunCancelled,
    SendMessage,
    SessionDeleted,
    SetMetadata,
)
from agentgate_proto.sessions.book import Book
from agentgate_proto.sessions.effects import (
    CloseTools,
    Done,
    Effect,
    Gone,
    MakeWorkspace,
    Refused,
)
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.run import Phase, Run
from agentgate_proto.sessions.runs import Runs
from agentgate_proto.sessions.session import Session

NOT_KEPT = "nothing was sent to a model"


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """Token of a session that is being made."""

    ticket: Any
    principal: str
    session: str
    epoch: str
    params: CreateSession
    metadata: msgspec.Raw
    model: str


class Starting:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        runs: the steps of runs.
        endings: ends runs.

    Attributes:
        models: what may be asked, by name.
        default_model: the one for sessions that name none.
        counts: how many sessions each principal has.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        runs: Runs,
        endings: Endings,
    ) -> None:
        self.models: Mapping[str, ModelInfo] = {}
        self.default_model = ""
        self.counts: Counter[str] = Counter()
        self._limits = limits
        self._effects = effects
        self._book = book
        self._runs = runs
        self._endings = endings
        self._expiring: dict[str, None] = {}
        self._making: set[str] = set()  # written, and perhaps stored already
        book.claimed = self._claimed
        book.unclaimed = self._unclaimed
        book.settled = self._drop_if_written

    # A session

    def create(
        self, ticket: Any, principal: str, params: CreateSession, session: str, epoch: str
    ) -> None:
        """Somebody wants a session; its folder is made first."""
        model = params.model or self.default_model
        if self._objects_to_model(ticket, model):
            return
        most = self._limits.sessions_of_principal_max
        if self.counts[principal] >= most:
            text = f"{principal} has {most} sessions already: delete some"
            self._effects.append(Refused(ticket, ErrorCode.LIMIT_EXCEEDED, text))
            return
        metadata = msgspec.json.encode(params.metadata)
        if len(metadata) > self._limits.metadata_bytes_max:
            text = f"metadata has more than {self._limits.metadata_bytes_max} bytes"
            self._effects.append(Refused(ticket, ErrorCode.INVALID_PARAMS, text))
            return
        self.counts[principal] += 1
        token = Creation(
            ticket=ticket,
            principal=principal,
            session=session,
            epoch=epoch,
            params=params,
            metadata=msgspec.Raw(metadata),
            model=model,
        )
        self._effects.append(MakeWorkspace(session, principal, params.workspace, token))

    def workspace_made(self, token: Creation, workspace: str, now: float) -> None:
        """The folder is there; the session is written."""
        record = SessionRecord(
            id=token.session,
            principal=token.principal,
            epoch=token.epoch,
            model=token.model,
            workspace=workspace,
            user_id=token.params.user_id,
            metadata=token.metadata,
            created_at=now,
            updated_at=now,
        )

        self._making.add(record.id)

        def stored(_: float) -> None:
            self._making.discard(record.id)
            self._book.add(record)
            self._effects.append(Done(token.ticket, session_view(record)))

        def failed(reason: str, _: float) -> None:
            self._making.discard(record.id)
            text = f"cannot store sessions: {reason}"
            self.not_made(token, ErrorCode.INTERNAL_ERROR, text)

        self._book.submit(PutSession(record, is_new=True), stored, failed)

    def not_made(self, token: Creation, code: ErrorCode, text: str) -> None:
        """The session can't be made."""
        self.counts[token.principal] -= 1
        self._effects.append(Refused(token.ticket, code, text))

    def delete(self, session: Session, ticket: Any, now: float) -> None:
        """Delete a session; a run of it is ended first."""
        session.is_going, session.going = True, ticket
        if session.run is not None:
            self._endings.end(session, RunStatus.CANCELLED, "the session was deleted", now)
        self._book.save(session, now)
        self._drop_if_written(session)

    def _drop_if_written(self, session: Session) -> None:
        """What it has cost is written before it goes, and its run has ended."""
        if session.run or session.written or session.has_news or not session.is_going:
            return
        session.is_dropped = True
        record = session.record

        def stored(_: float) -> None:
            self._book.remove(session)
            self.counts[record.principal] -= 1
            if session.tools_open:
                self._effects.append(CloseTools(session.id))
            if session.going is not None:
                self._effects.append(Done(session.going, SessionDeleted()))
            self._effects.append(Gone(record.id))

        def failed(reason: str, now: float) -> None:
            session.is_dropped = False
            self.not_going(session, reason)
            self._endings.catch_up(session, now)
            self._book.rest(session)

        drop = DropSession(record.id, record.principal, is_old=session.going is None)
        self._book.submit(drop, stored, failed)

    def not_going(self, session: Session, reason: str) -> None:
        """The session can't be deleted; it stays as it is."""
        is_wanted, session.is_going = session.is_going, False
        if is_wanted and session.going is not None:
            text = f"cannot delete the session now: {reason}"
            self._effects.append(Refused(session.going, ErrorCode.INTERNAL_ERROR, text))

    def expire(self, name: str, principal: str, before: float, now: float) -> None:
        """The store has found that nothing has happened in a session since before a time: it goes,
        if that is still so. If it can't be deleted now, the store finds it again."""
        session = self._book.get(name)
        if session is not None:
            if session.is_quiet and session.record.updated_at < before:
                self.delete(session, None, now)
        elif not (self._book.is_loading(name) or name in self._expiring or name in self._making):
            self._expiring[name] = None

            def stored(_: float) -> None:
                del self._expiring[name]
                self.counts[principal] -= 1
                self._effects.append(Gone(name))

            def failed(_reason: str, _: float) -> None:
                del self._expiring[name]

            self._book.submit(DropSession(name, principal, is_old=True), stored, failed)

    def set_metadata(self, session: Session, ticket: Any, params: SetMetadata, now: float) -> None:
        """Let a session have other metadata; whoever asked hears of it when it is durable."""
        session.record = replace(session.record, metadata=params.metadata)
        session.then.append(Done(ticket, MetadataSet()))
        self._book.save(session, now)

    # A message

    def send(
        self, session: Session, ticket: Any, params: SendMessage, run_id: str, now: float
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
        elif not self._objects(session, ticket, params):
            self._claim(session, ticket, params, run_id, now)

    def _claim(
        self, session: Session, ticket: Any, params: SendMessage, run_id: str, now: float
    ) -> None:
        record = session.record
        model = self.models[params.model or record.model]
        run_open = OpenRun(
            id=run_id,
            message_id=params.message_id,
            first=session.log.next,
            model=model.name,
            max_iterations=params.max_iterations,
            started_at=now,
        )
        run = Run(run_open, model, max_tokens=params.max_tokens, params=params.params)
        run.waiting.append(ticket)
        session.run = run
        session.record = replace(record, run=run_open, messages=record.messages + 1)
        said = {"run": run_id, "message_id": params.message_id, "text": params.text}
        session.log.append(EventKind.MESSAGE, said, now)
        run.message = session.log.newest()
        started = {
            "run": run_id,
            "message_id": params.message_id,
            "model": model.name,
            "max_iterations": params.max_iterations,
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

    def _objects(self, session: Session, ticket: Any, params: SendMessage) -> bool:
        """Refuse a message that can't begin a run, and say whether it was."""
        if self._objects_to_model(ticket, params.model or session.record.model):
            return True
        principal = session.record.principal
        running = self._book.running
        mine = sum(other.record.principal == principal for other in running)
        code, text = ErrorCode.LIMIT_EXCEEDED, ""
        if self._book.is_stuck:
            code = ErrorCode.INTERNAL_ERROR
            text = f"cannot store messages: {self._book.problem}; {NOT_KEPT}"
        elif mine >= self._limits.runs_of_principal_max:
            text = f"{principal} has {mine} runs under way"
        elif len(running) >= self._limits.runs_max:
            text = "the gateway has too many runs under way"
        if text:
            self._effects.append(Refused(ticket, code, text))
        return bool(text)

    def _objects_to_model(self, ticket: Any, name: str) -> bool:
        if name in self.models:
            return False
        names = ", ".join(sorted(self.models)) or "none"
        text = f"there is no model {name!r}; there are: {names}"
        self._effects.append(Refused(ticket, ErrorCode.MODEL_FAILED, text))
        return True


def taken(session: Session, run: OpenRun, *, joined: bool) -> MessageTaken:
    """Say where a message stands."""
    return MessageTaken(run=run.id, epoch=session.record.epoch, offset=run.first, joined=joined)
