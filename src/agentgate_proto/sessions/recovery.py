"""What a run that a dead process has left had come to, read from its log."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.session import EventKind, LogRow, ReadLog, RestoredSessions
from agentgate_proto.records.storage import SessionAnswer
from agentgate_proto.records.usage import Usage, UsageRow, added
from agentgate_proto.sessions.book import PAGE_BYTES, PAGE_ROWS, Book, is_due
from agentgate_proto.sessions.budgets import Budgets
from agentgate_proto.sessions.effects import Effect, Question, Refused
from agentgate_proto.sessions.endings import Endings
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.log import MergedText
from agentgate_proto.sessions.making import Making
from agentgate_proto.sessions.run import Attempt, Phase, Run
from agentgate_proto.sessions.session import Session
from agentgate_proto.sessions.settings import Settings
from agentgate_proto.sessions.spending import settle


class UsageData(msgspec.Struct, frozen=True):
    """What of a ``usage`` event counts for the sum of its run."""

    usage: Usage
    cost_micros: int | None


class StartedData(msgspec.Struct, frozen=True):
    """What of a ``model_started`` event is needed."""

    iteration: int
    attempt: int


class Recovery:
    """A run that is being read again.

    How far it has come is stored with it. Its log has what it has asked for last, and what that has
    led to: from there on nothing is forgotten while it is under way.

    Args:
        session: whose it is.
        run: as it was stored; if that does not say how far it has come, its counts are filled in.
        reserved: what was reserved for it and not settled.

    Attributes:
        said: what the model had said, and had not finished.
        after: the offset from which on the log is read next.
    """

    def __init__(self, session: Session, run: Run, reserved: Iterable[UsageRow]) -> None:
        self.session = session
        self.run = run
        self.after = run.step
        self._reserved = list(reserved)
        self._texts: list[str] = []
        self._chars = 0
        self._counts = run.stored.so_far is None
        if self._counts and session.log.oldest > self.after:
            run.unknown += 1  # perhaps the log has forgotten what something cost

    @property
    def said(self) -> str:
        """What the model had said, and had not finished."""
        return "".join(self._texts)

    def feed(self, row: LogRow) -> None:
        """Take the next row of the log, of whatever kind."""
        run = self.run
        match row.kind:
            case EventKind.MODEL_STARTED:
                run.step = row.first
                if self._counts:
                    data = msgspec.json.decode(row.data, type=StartedData)
                    run.iteration, run.tries = data.iteration, data.attempt
                self._texts.clear()
                self._chars = 0
            case EventKind.TEXT:
                text = msgspec.json.decode(row.data, type=MergedText).text
                self._texts.append(text)
                self._chars += len(text)
            case EventKind.THINKING:
                self._chars += len(msgspec.json.decode(row.data, type=MergedText).text)
            case EventKind.RESET | EventKind.REPLY:
                self._texts.clear()
            case EventKind.USAGE if self._counts:
                spent = msgspec.json.decode(row.data, type=UsageData)
                run.usage = added(run.usage, spent.usage)
                run.cost_micros += spent.cost_micros or 0
                run.unknown += spent.cost_micros is None
            case _:
                pass
        self.after = row.end

    def attempts(self) -> Iterable[Attempt]:
        """Return the attempt that was under way, if one was, with what it had come to."""
        for row in self._reserved:
            attempt = Attempt(row.id, row, row.usage.input, self.run.stored.first)
            attempt.said = self._chars
            yield attempt


class Recoveries:
    """All runs that dead processes have left: each is read again, and ended.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.
        book: the sessions in memory.
        settings: which models there are.
        budgets: what may be spent.
        making: knows who deletes a session.
        endings: ends runs.
    """

    def __init__(
        self,
        limits: SessionLimits,
        effects: deque[Effect],
        book: Book,
        settings: Settings,
        budgets: Budgets,
        making: Making,
        endings: Endings,
    ) -> None:
        self._limits = limits
        self._effects = effects
        self._book = book
        self._settings = settings
        self._budgets = budgets
        self._making = making
        self._endings = endings
        self._recovering: dict[str, Recovery] = {}
        self._reserved: dict[str, list[UsageRow]] = {}
        self._unread: dict[str, None] = {}
        self._again_at: float | None = None

    def restore(self, restored: RestoredSessions) -> None:
        """Take up the runs that were under way, and what was reserved and not settled."""
        for row in restored.reserved:
            self._reserved.setdefault(row.session, []).append(row)
        for record in restored.running:
            self._use(record.id)

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None."""
        return self._again_at

    def handle_timer(self, now: float) -> None:
        """Try again to read what could not be read."""
        if is_due(self._again_at, now, self._limits.write_retry_s):
            self._again_at = None
            unread, self._unread = self._unread, {}
            for name in unread:
                self._use(name)

    def note_failures(self, now: float) -> None:
        """The store could not answer: what of it was about runs is asked again after a pause."""
        if self._unread and self._again_at is None:
            self._again_at = now + self._limits.write_retry_s

    def _use(self, name: str) -> None:
        def used(session: Session | None, problem: str) -> None:
            if problem:
                self._unread[name] = None
            self.look_for_run(session)

        self._book.use(name, used)

    def look_for_run(self, session: Session | None) -> None:
        """Take up the run that a dead process has left of a session, if it has left one."""
        if session is None or session.run is not None or session.record.run is None:
            return
        stored = session.record.run
        run = session.run = Run(stored, self._settings.info_of(stored.model))
        run.phase = Phase.CLOSING
        recovery = Recovery(session, run, self._reserved.get(session.id, ()))
        self._recovering[session.id] = recovery
        self._read_on(recovery)

    def answered(self, token: Recover, answer: SessionAnswer, now: float) -> None:
        """The store has told what is next in a log."""
        recovery = self._recovering[token.session]
        rows: list[Any] = answer if isinstance(answer, list) else []
        for row in rows:
            recovery.feed(row)
        if rows:
            self._read_on(recovery)
            return
        session, run = recovery.session, recovery.run
        del self._recovering[session.id]
        self._reserved.pop(session.id, None)
        for attempt in recovery.attempts():
            run.attempt = attempt
            settle(self._budgets, session, run, now, billed=True)
        self._endings.interrupted(session, run, recovery.said, now)

    def answer_failed(self, token: Recover, reason: str) -> None:
        """The store could not tell; it is asked again, or by whoever uses the session next."""
        recovery = self._recovering.pop(token.session)
        self._unread[token.session] = None
        session = recovery.session
        session.run = None
        text = f"the gateway cannot read its store: {reason}"
        for ticket in recovery.run.cancels:
            self._effects.append(Refused(ticket, ErrorCode.INTERNAL_ERROR, text))
        self._making.not_going(session, text)

    def _read_on(self, recovery: Recovery) -> None:
        name = recovery.session.id
        query = ReadLog(name, recovery.after, PAGE_ROWS, PAGE_BYTES)
        self._effects.append(Question(query, Recover(name)))


class Recover(msgspec.Struct, frozen=True):
    """Token of a question about the log of a run that is being read again."""

    session: str
