"""The book of sessions: which are in memory, how others get there, and what is being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import msgspec

from agentgate_proto.quotas.logs import Logs
from agentgate_proto.records.session import (
    DropSession,
    FindSession,
    LogRow,
    PutSession,
    ReadLog,
    SessionRecord,
)
from agentgate_proto.records.storage import SessionAnswer
from agentgate_proto.sessions.context import BYTES_PER_TOKEN
from agentgate_proto.sessions.effects import Capped, Effect, Grew, Question, Write
from agentgate_proto.sessions.history import History
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.run import Phase
from agentgate_proto.sessions.session import Session, much_memory_of

PAGE_ROWS = 1_000
PAGE_BYTES = 4_194_304
"""Of a log, what is read from the store at a time."""

HISTORY_BYTES_PER_TOKEN = 2 * BYTES_PER_TOKEN
"""Of a history in memory: half of it is the texts that are shown, half what is around them."""

HISTORY_BYTES_MIN = 262_144
"""However little the models read: some turns with long results."""

RETRY_PAUSE_MAX_S = 30.0

Use = Callable[["Session | None", str], None]
"""Gets a session, or None: it is not there, or can't be read, for which the text is the reason."""


class Loading:
    """A session on its way into memory.

    Attributes:
        uses: what waits for it.
        record: once it was found.
        history: as far as it was read.
        after: what of the log is read next.
    """

    def __init__(self, history: History) -> None:
        self.uses: list[Use] = []
        self.record: SessionRecord | None = None
        self.history = history
        self.after = 0


class Load(msgspec.Struct, frozen=True):
    """Token of a question that loading a session asks."""

    session: str


class Flight(msgspec.Struct, frozen=True):
    """A write under way: what becomes of it is told to one of these."""

    number: int
    stored: Callable[[float], None]
    failed: Callable[[str, float], None]


class Book:
    """See the module.

    Args:
        limits: caps and times.
        effects: the output queue of the sessions.

    Attributes:
        problem: why the store takes no writes at present, or "".
        closed: why nothing new is taken at present, or "".
        claimed: is called when the message that begins a run is durable.
        unclaimed: is called when it could not be written, with the reason.
        settled: is called when nothing of a session waits to be written any more.
        logs: what each principal's sessions keep in the store.
        context_tokens: so many are all that any model reads; 0: nobody knows.
    """

    def __init__(self, limits: SessionLimits, effects: deque[Effect]) -> None:
        self.problem = ""
        self.closed = ""
        self.claimed: Callable[[Session, float], None]
        self.unclaimed: Callable[[Session, str, float], None]
        self.settled: Callable[[Session], None]
        self.logs = Logs(limits.log_bytes_of_principal_max)
        self.context_tokens = 0
        self._limits = limits
        self._effects = effects
        self._numbers = count(1)
        self._loaded: dict[str, Session] = {}
        self._loading: dict[str, Loading] = {}
        self._idle: dict[str, int] = {}  # bytes of those that may go, the one that goes first first
        self._idle_bytes = 0
        self._flights: deque[Flight] = deque()
        self._dirty: dict[str, None] = {}
        self._flush_at: float | None = None
        self._retry_at: float | None = None
        self._retry_pause_s = limits.write_retry_s

    # Sessions in memory

    def get(self, session: str) -> Session | None:
        """Return a session, if it is in memory."""
        return self._loaded.get(session)

    @property
    def loaded(self) -> int:
        """How many are in memory."""
        return len(self._loaded)

    def owner_of(self, session: str) -> str:
        """Return whose session it is, as far as that is known in memory; "": it is not."""
        found: Session | Loading | None = self._loaded.get(session) or self._loading.get(session)
        return found.record.principal if found is not None and found.record is not None else ""

    def is_loading(self, session: str) -> bool:
        """Whether somebody waits for a session to be in memory."""
        return session in self._loading

    @property
    def running(self) -> list[Session]:
        """Sessions with a run under way."""
        return [session for session in self._loaded.values() if session.run is not None]

    def objection_to(self, session: Session, size: int) -> str:
        """Say why a session can't take so many bytes and have its model asked, or nothing.

        Its principal's logs are full; or all its runs together take too much memory, and this
        session takes more than its part of that.
        """
        principal = session.record.principal
        full = self.objection_to_logs(principal, size)
        if not full and (full := much_memory_of(session, self.running, self._limits)):
            self._effects.append(Capped(principal, "session_memory"))
        return full

    def objection_to_logs(self, principal: str, size: int) -> str:
        """Say why a principal's sessions can't keep so many bytes more, or nothing."""
        full = self.logs.objection_to(principal, size)
        if full:
            self._effects.append(Capped(principal, "session_logs"))
        return full

    def use(self, session: str, use: Use) -> None:
        """Do something with a session, at once or when it is in memory."""
        found = self._loaded.get(session)
        if found is not None:
            use(found, "")
            self.rest(found)
            return
        loading = self._loading.get(session)
        if loading is None:
            loading = self._loading[session] = Loading(self.new_history())
            self._effects.append(Question(FindSession(session), Load(session)))
        loading.uses.append(use)

    def add(self, record: SessionRecord) -> Session:
        """Take up a session that has no history, unless the store was faster to tell of it."""
        session = self._loaded.get(record.id)
        if session is None:
            session = Session(record, self.new_history(), self._limits)
            self._loaded[record.id] = session
            self.rest(session)
        return session

    def rest(self, session: Session) -> None:
        """If a session is idle now, it was used last of these; those that were not used for longest
        go from memory, if they are too many or take too much."""
        if not session.is_idle or session.id not in self._loaded:
            return
        self._take_out(session.id)
        self._idle[session.id] = size = session.memory
        self._idle_bytes += size
        limits = self._limits
        while len(self._idle) > limits.loaded_max or self._idle_bytes > limits.loaded_bytes_max:
            name = next(iter(self._idle))
            self._take_out(name)
            if self._loaded[name].is_idle:  # else it was taken up again, and comes to rest later
                del self._loaded[name]

    def unpin(self, name: str) -> None:
        """Somebody looks at its context no more; it may be gone meanwhile."""
        session = self._loaded.get(name)
        if session is not None:
            session.pins -= 1
            self.rest(session)

    def _take_out(self, name: str) -> None:
        self._idle_bytes -= self._idle.pop(name, 0)

    def remove(self, session: Session) -> None:
        """A session is gone."""
        self._take_out(session.id)
        self._loaded.pop(session.id, None)
        self._dirty.pop(session.id, None)

    def new_history(self) -> History:
        """Return a history of nothing."""
        limits, bytes_max = self._limits, self._limits.history_bytes_max
        if self.context_tokens:
            readable = max(self.context_tokens * HISTORY_BYTES_PER_TOKEN, HISTORY_BYTES_MIN)
            bytes_max = min(bytes_max, readable)
        return History(bytes_max, limits.result_chars_max)

    def answered(self, token: Load, answer: SessionAnswer) -> None:
        """The store has told something of a session that is being loaded."""
        loading = self._loading[token.session]
        match answer:
            case SessionRecord():
                loading.record = answer
                loading.history.oldest = answer.oldest
                self._read_on(loading, answer.oldest)
            case list() if len(answer) >= 1:
                self._feed(loading, answer)
            case _ if loading.record is None:
                self._give(token.session, None, "")
            case _:
                session = self._loaded.get(token.session)  # it may have been made meanwhile
                if session is None:
                    session = Session(loading.record, loading.history, self._limits)
                    self._loaded[token.session] = session
                self._give(token.session, session, "")
                self.rest(session)

    def answer_failed(self, token: Load, reason: str) -> None:
        """The store could not tell."""
        self._give(token.session, None, f"the gateway cannot read its store: {reason}")

    def _feed(self, loading: Loading, rows: Sequence[Any]) -> None:
        for row in rows:
            assert isinstance(row, LogRow), "a log was asked for"
            loading.history.feed(row)
        self._read_on(loading, rows[-1].end)

    def _read_on(self, loading: Loading, after: int) -> None:
        assert loading.record is not None, "it was found first"
        query = ReadLog(loading.record.id, after, PAGE_ROWS, PAGE_BYTES, history_only=True)
        self._effects.append(Question(query, Load(loading.record.id)))

    def _give(self, name: str, session: Session | None, problem: str) -> None:
        for use in self._loading.pop(name).uses:
            use(session, problem)

    # Writing

    @property
    def is_settled(self) -> bool:
        """Whether no session has a run, is being loaded or waits to be written."""
        return not (self._flights or self._dirty or self._loading or self.running)

    @property
    def is_stuck(self) -> bool:
        """Whether something could not be written and is tried again now and then."""
        return self._retry_at is not None

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        times = [at for at in (self._flush_at, self._retry_at) if at is not None]
        return min(times, default=None)

    def handle_timer(self, now: float) -> None:
        """Write what has waited long enough, and what could not be written before."""
        if is_due(self._retry_at, now, RETRY_PAUSE_MAX_S):
            self._retry_at = None
            self._retry_pause_s = min(self._retry_pause_s * 2, RETRY_PAUSE_MAX_S)
            self._write_dirty(now)
        if is_due(self._flush_at, now, self._limits.flush_s):
            self._flush_at = None
            self._write_dirty(now)

    def save(self, session: Session, now: float, *, urgent: bool = True) -> None:
        """Let what is new of a session, if anything is, be written: now, or with others soon."""
        if not urgent and session.id in self._dirty:
            return  # most deltas end here
        if not session.has_news:
            return
        session.urgent |= urgent
        if session.written is None and session.urgent and self._retry_at is None:
            self._write(session, now)
            return
        self._dirty[session.id] = None
        if not session.urgent and self._flush_at is None and self._retry_at is None:
            self._flush_at = now + self._limits.flush_s

    def save_all(self, now: float) -> None:
        """Let all that is new be written now."""
        self._write_dirty(now)

    def submit(
        self,
        change: PutSession | DropSession,
        stored: Callable[[float], None],
        failed: Callable[[str, float], None],
    ) -> None:
        """Let something be written, and say what happens then."""
        number = next(self._numbers)
        self._flights.append(Flight(number, stored, failed))
        self._effects.append(Write(number, change))

    def durable(self, upto: int, now: float) -> None:
        """All writes up to this number are on disk; so what failed before is made again at once."""
        while self._flights and self._flights[0].number <= upto:
            self.problem = ""
            self._retry_pause_s = self._limits.write_retry_s
            self._flights.popleft().stored(now)
        if not self.problem and self._retry_at is not None:
            self._retry_at = None
            self._write_dirty(now)

    def write_failed(self, upto: int, reason: str, now: float) -> None:
        """Those up to this number that are not durable were not made, and why."""
        while self._flights and self._flights[0].number <= upto:
            self.problem = reason
            self._flights.popleft().failed(reason, now)

    def _write(self, session: Session, now: float) -> None:
        self._dirty.pop(session.id, None)
        if not self._dirty:
            self._flush_at = None  # nothing is left that waits for it
        urgent = session.urgent
        change = session.change(now)
        self._charge(session, change.session.log_bytes)
        number = next(self._numbers)
        is_claim = session.run is not None and session.run.phase is Phase.CLAIMING

        def stored(stored_at: float) -> None:
            self._dirty.pop(session.id, None)
            for then in session.stored():
                if callable(then):
                    then(stored_at)
                else:
                    self._effects.append(then)
            if is_claim:
                self.claimed(session, stored_at)
            self._effects.append(Grew(session.id))
            if session.has_news:
                self.save(session, stored_at, urgent=session.urgent)
            else:
                self.settled(session)
                self.rest(session)

        def failed(reason: str, failed_at: float) -> None:
            session.not_stored()
            self._charge(session, session.log_bytes)
            if is_claim:
                self.unclaimed(session, reason, failed_at)
            if not session.has_news:
                self._dirty.pop(session.id, None)
                self.settled(session)
                self.rest(session)
                return
            self._dirty[session.id] = None
            self._flush_at = None  # what waits for it now waits for the next attempt
            if self._retry_at is None:
                self._retry_at = failed_at + self._retry_pause_s

        self._flights.append(Flight(number, stored, failed))
        self._effects.append(Write(number, change, urgent))

    def _charge(self, session: Session, log_bytes: int) -> None:
        """So many bytes are what a session keeps in the store."""
        self.logs.add(session.record.principal, log_bytes - session.counted)
        session.counted = log_bytes

    def _write_dirty(self, now: float) -> None:
        for name in list(self._dirty):
            session = self._loaded[name]
            if session.written is None:
                self._write(session, now)


def is_due(at: float | None, now: float, pause_max_s: float) -> bool:
    """Whether a moment has come; a clock that was set back puts nothing off by more than this."""
    return at is not None and not now < at <= now + pause_max_s
