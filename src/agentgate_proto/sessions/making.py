"""How sessions are made, and how they go.

A session is told of when it is durable. One that goes is written a last time, and has no run any
more: what it has cost is not lost. The session of a named agent is made when it is first wanted,
under an id that tells whose it is, and no age ends it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import msgspec
from msgspec.structs import replace

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.session import (
    EMPTY_OBJECT,
    DropSession,
    PutSession,
    RunStatus,
    SessionRecord,
    is_lasting,
    lasting_id,
)
from agentgate_proto.records.session_views import session_view
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    MetadataSet,
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
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.queueing import Queue
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings

DELETED = "the session was deleted"


NOT_LEFT_OVER = "an operator deletes sessions only of named agents that are configured no more"


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """Token of a session that is being made.

    Attributes:
        tickets: who wants it; of a lasting session there may come more.
        principal, session, epoch, params, metadata, model: what it is to be.
    """

    tickets: list[Any]
    principal: str
    session: str
    epoch: str
    params: CreateSession = CreateSession()
    metadata: msgspec.Raw = EMPTY_OBJECT
    model: str


class Making:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions, and their writes.
        settings: which models there are.
        endings: ends runs.
        queue: messages that wait.

    Attributes:
        counts: how many sessions each principal has.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        endings: Endings,
        queue: Queue,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings
        self._endings = endings
        self._queue = queue
        self._expiring: dict[str, None] = {}
        self._making: dict[str, Creation] = {}  # their folders, or they themselves, are not there
        book.settled = self._drop_if_written

    def create(
        self, ticket: Any, principal: str, params: CreateSession, session: str, epoch: str
    ) -> None:
        """Somebody wants a session; its folder is made first."""
        model = params.model or self._settings.default_model
        if objection := self._settings.objection_to(model):
            self._effects.append(Refused(ticket, ErrorCode.MODEL_FAILED, objection))
            return
        if self._book.closed:
            self._effects.append(Refused(ticket, ErrorCode.LIMIT_EXCEEDED, self._book.closed))
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
        if full := self._book.objection_to_logs(principal, len(metadata)):
            self._effects.append(Refused(ticket, ErrorCode.LIMIT_EXCEEDED, full))
            return
        token = Creation(
            tickets=[ticket],
            principal=principal,
            session=session,
            epoch=epoch,
            params=params,
            metadata=msgspec.Raw(metadata),
            model=model,
        )
        self._begin(token)

    def open(self, ticket: Any, agent: str, epoch: str) -> None:
        """Somebody wants the session of a named agent; it is made if it is not there.

        Args:
            ticket: who wants it.
            agent: whose.
            epoch: of its log, if it is made.
        """
        name = lasting_id(agent)

        def use(session: Session | None, problem: str) -> None:
            found = session or self._book.get(name)  # it may be there since the store was asked
            if problem:
                self._effects.append(Refused(ticket, ErrorCode.INTERNAL_ERROR, problem))
            elif found is not None:
                self._effects.append(Done(ticket, session_view(found.record)))
            elif name in self._making:
                self._making[name].tickets.append(ticket)
            else:
                model = self._settings.default_model
                token = Creation(
                    tickets=[ticket], principal=agent, session=name, epoch=epoch, model=model
                )
                self._begin(token)

        self._book.use(name, use)

    def _begin(self, token: Creation) -> None:
        self.counts[token.principal] += 1
        self._book.logs.add(token.principal, len(bytes(token.metadata)))
        self._making[token.session] = token
        wanted = token.params.workspace
        self._effects.append(MakeWorkspace(token.session, token.principal, wanted, token))

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
            log_bytes=len(bytes(token.metadata)),
        )

        def stored(_: float) -> None:
            del self._making[record.id]
            self._book.add(record)
            view = session_view(record)
            self._effects.extend(Done(ticket, view) for ticket in token.tickets)

        def failed(reason: str, _: float) -> None:
            text = f"cannot store sessions: {reason}"
            self.not_made(token, ErrorCode.INTERNAL_ERROR, text)

        self._book.submit(PutSession(record, is_new=True), stored, failed)

    def not_made(self, token: Creation, code: ErrorCode, text: str) -> None:
        """The session can't be made."""
        del self._making[token.session]
        self.counts[token.principal] -= 1
        self._book.logs.add(token.principal, -len(bytes(token.metadata)))
        self._effects.extend(Refused(ticket, code, text) for ticket in token.tickets)

    def set_metadata(self, session: Session, ticket: Any, params: SetMetadata, now: float) -> None:
        """Let a session have other metadata; whoever asked hears of it when it is durable."""
        more = len(bytes(params.metadata)) - len(bytes(session.record.metadata))
        principal = session.record.principal
        if full := self._book.objection_to_logs(principal, more) if more > 0 else "":
            self._effects.append(Refused(ticket, ErrorCode.LIMIT_EXCEEDED, full))
            return
        session.log_bytes += more
        session.record = replace(session.record, metadata=params.metadata)
        session.then.append(Done(ticket, MetadataSet()))
        self._book.save(session, now)

    def delete(self, session: Session, ticket: Any, now: float, by: str = "") -> None:
        """Delete a session; a run of it is ended first. ``by`` is who does it, if not its own."""
        session.is_going, session.going, session.going_by = True, ticket, by
        self._queue.clear(session, DELETED, now)
        if session.run is not None:
            self._endings.end(session, RunStatus.CANCELLED, DELETED, now)
        self._book.save(session, now)
        self._drop_if_written(session)

    def clear_away(self, ticket: Any, now: float, by: str, session: Session) -> None:
        """Delete a session for an operator, if there is nobody any more who might."""
        if self._settings.is_left_over(session.record):
            self.delete(session, ticket, now, by)
        else:
            self._effects.append(Refused(ticket, ErrorCode.FORBIDDEN, NOT_LEFT_OVER))

    def _drop_if_written(self, session: Session) -> None:
        """What it has cost is written before it goes, and its run has ended."""
        if session.run or session.written or session.has_news or not session.is_going:
            return
        session.is_dropped = True
        record = session.record

        def stored(_: float) -> None:
            self._book.remove(session)
            self.counts[record.principal] -= 1
            self._book.logs.add(record.principal, -session.counted)
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

        is_old = session.going is None
        drop = DropSession(record.id, record.principal, is_old, session.going_by)
        self._book.submit(drop, stored, failed)

    def not_going(self, session: Session, reason: str) -> None:
        """The session can't be deleted; it stays as it is."""
        is_wanted, session.is_going = session.is_going, False
        if is_wanted and session.going is not None:
            text = f"cannot delete the session now: {reason}"
            self._effects.append(Refused(session.going, ErrorCode.INTERNAL_ERROR, text))

    def expire(self, name: str, principal: str, before: float, log_bytes: int, now: float) -> None:
        """The store has found that nothing has happened in a session since before a time: it goes,
        if that is still so. If it can't be deleted now, the store finds it again. ``log_bytes`` is
        what it keeps there."""
        if is_lasting(name):
            return
        session = self._book.get(name)
        if session is not None:
            if session.is_quiet and session.record.updated_at < before:
                self.delete(session, None, now)
        elif not (self._book.is_loading(name) or name in self._expiring or name in self._making):
            self._expiring[name] = None

            def stored(_: float) -> None:
                del self._expiring[name]
                self.counts[principal] -= 1
                self._book.logs.add(principal, -log_bytes)
                self._effects.append(Gone(name))

            def failed(_reason: str, _: float) -> None:
                del self._expiring[name]

            self._book.submit(DropSession(name, principal, is_old=True), stored, failed)
