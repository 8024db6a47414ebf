"""The embedded engine: one SQLite file in WAL mode, synced at each commit.

One connection, which writes and reads; a lock keeps other gateway processes away, see
:mod:`agentgate_server.store.files`. Transactions are ours to begin and end (``isolation_level``
None), because the module's own idea of them is not the same in all Python versions.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar, assert_never

import msgspec

from agentgate_proto.audit.chain import Head
from agentgate_proto.limits import ID_COUNTED_MAX
from agentgate_proto.records.request import Record
from agentgate_proto.records.retention import first_end
from agentgate_proto.records.storage import (
    NO_BOUND,
    Answer,
    Change,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
    FindTwin,
    HighestId,
    ListNotes,
    ListRequests,
    Query,
    Restored,
    SessionAnswer,
    SessionQuery,
    Undelivered,
    as_many_as,
)
from agentgate_server.store import lists, session_queries, session_statements, statements
from agentgate_server.store.audit_rows import AuditRows
from agentgate_server.store.engine import StoreError
from agentgate_server.store.face_seal import read_seal
from agentgate_server.store.faults import FAULTS, explain, undo
from agentgate_server.store.files import OwnedFile
from agentgate_server.store.opening import connect, prepare
from agentgate_server.store.pace import Doubt, Promises, clock_doubts, newest_at, pace_doubts
from agentgate_server.store.retention import RowsCap, look, read_clock, set_back
from agentgate_server.store.rows import Row, Value, grant_of_row, mute_of_row, record_of, storable
from agentgate_server.store.session_retention import SessionRetention

DAY_S = 86_400.0

T = TypeVar("T")

KEEP_BYTES_MAX = 1_073_741_824
"""Bytes in records kept by default: those of a hundred thousand of 10 kB each; a day's reads of a
busy home take a tenth of that, and a card of 8 GB in a small hub has room for it."""

PRUNE_ROWS_MAX = 256
"""Records deleted by one :meth:`SqliteEngine.prune`: a few milliseconds."""


class SqliteEngine:
    """An :class:`~agentgate_server.store.engine.Engine` on an SQLite file.

    Args:
        path: the file. It and its folder are created if missing, readable to this user only.
        keep_days: how long a delivered outcome is kept, from when it was resolved.
        keep_undelivered_days: how long an outcome is kept that no client collected.
        keep_rows_max, keep_bytes_max: beyond so many records, or bytes in them, some go early, see
            ``excess`` in :mod:`agentgate_proto.records.retention`.
        keep_session_days: how long a session is kept in which nothing happens.
        keep_usage_days: how long it is kept what model requests took; budgets of a month want
            more than that.
        audit: how the audit is kept; None: for a year, with nothing masked.
        utc: says when an entry of the audit is written, UTC seconds.
        monotonic: says for how long it has run.

    Attributes:
        newest_at: when the newest entry of the audit was written, UTC seconds; 0: there is none.
        clock_doubts: that the clock is behind the audit, in words; nearly always nothing.
        doubts: see :class:`~agentgate_server.store.engine.Engine`.
        repaired: what kept the audit append-only and was not as it should be, in words.

    Raises:
        StoreError: another gateway has the file, it is not ours, damaged, read-only, of a newer
            version, or the disk is full.
        ValueError: a retention of nothing.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_days: float = 7.0,
        keep_undelivered_days: float = 30.0,
        keep_rows_max: int = 100_000,
        keep_bytes_max: int = KEEP_BYTES_MAX,
        keep_session_days: float = 90.0,
        keep_usage_days: float = 400.0,
        audit: AuditRows | None = None,
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if min(keep_days, keep_undelivered_days, keep_rows_max, keep_bytes_max) <= 0:
            raise ValueError(
                "keep_days, keep_undelivered_days, keep_rows_max and keep_bytes_max must be"
                " positive"
            )
        if min(keep_session_days, keep_usage_days) <= 0:
            raise ValueError("keep_session_days and keep_usage_days must be positive")
        self.keep_s = keep_days * DAY_S
        self.keep_undelivered_s = keep_undelivered_days * DAY_S
        self.rows_cap = RowsCap(keep_rows_max, keep_bytes_max, self.keep_s)
        self.promises = Promises(keep_days, keep_rows_max, keep_bytes_max)
        self.sessions = SessionRetention(keep_session_days * DAY_S, keep_usage_days * DAY_S)
        self.audit = audit or AuditRows()
        self.utc = utc
        self.monotonic = monotonic
        self.file = OwnedFile(path)
        self.path = self.file.path
        try:
            self.connection = connect(self.path)
            try:
                with self.explained():
                    self.repaired = prepare(self.connection, self.path)
                    self.newest_at = newest_at(self.connection)
                    self.clock_doubts = clock_doubts(self.connection, utc())
                    self.clock = read_clock(self.connection, "requests", monotonic())
                self.file.tighten()
                self.file.remember()
            except BaseException:
                self.connection.close()
                raise
        except BaseException:
            self.file.release()
            raise
        self.doubts: list[Doubt] = []
        self.unknown: set[statements.Thing] | None = None
        """What :func:`statements.plan` asks for; None: not known, look it up."""

    def commit(self, changes: Sequence[Change]) -> None:
        """Apply the changes; see :class:`~agentgate_server.store.engine.Engine`."""
        with self.explained():
            self.file.check()
            if self.connection.in_transaction:  # a statement would only join what is left of it
                self.execute("ROLLBACK")
            if self.unknown is None:
                self.unknown = set(self.execute(statements.UNKNOWN_THINGS))
            todo = list(statements.plan(changes, self.unknown))
            todo += statements.mutes(changes)
            todo += session_statements.plan(changes)
            told, head = self.audit.append(self.connection, changes, self.utc())
            if told is not None:
                todo.append(told)
            first = first_end(changes)
            is_late = self.clock.is_ahead_of(first, self.monotonic())
            if is_late:
                todo.append(set_back("requests", first))
            self.transact(todo)
            self.audit.head = head
            if is_late:
                self.clock.set_back(first)
            if any(sql is statements.SUPERSEDE for sql, _ in todo):
                self.unknown = None

    def answer(self, query: Query) -> Answer:
        """Answer from what is committed; see :class:`~agentgate_server.store.engine.Engine`."""
        match query:
            case FindRequest(principal, client_id, request_id):
                key = (principal, client_id, request_id)
                return self.first(statements.FIND_REQUEST, key)
            case FindIdempotencyKey(principal, key):
                return self.first(statements.FIND_IDEMPOTENCY_KEY, (principal, key))
            case FindTwin(principal, digest, since, as_written):
                sql = statements.FIND_TWIN_AS_WRITTEN if as_written else statements.FIND_TWIN
                return self.first(sql, (principal, digest, since))
            case FindRid(rid):
                return self.first(statements.FIND_RID, (rid,))
            case HighestId(principal, client_id):
                key = (principal, client_id, ID_COUNTED_MAX)
                return self.number(statements.HIGHEST_ID, key)
            case Undelivered():
                return self.records(*lists.undelivered(query), query.bytes_max)
            case ListRequests():
                return self.listed(query)
            case ListNotes(channel, limit, ""):
                return self.notes(statements.LIST_NOTES, (channel, limit))
            case ListNotes(channel, limit, rid):
                return self.notes(statements.FIND_NOTE, (channel, rid, limit))
            case _:
                assert_never(query)

    def answer_session(self, query: SessionQuery) -> SessionAnswer:
        """Answer about sessions; see :class:`~agentgate_server.store.engine.Engine`."""
        return session_queries.answer(self, query)

    def listed(self, query: ListRequests) -> list[Record] | None:
        """Answer this query."""
        place = self.number(statements.PLACE, (query.before,)) if query.before else NO_BOUND
        return self.records(*lists.requests(query, place), query.bytes_max) if place else None

    def restore(self) -> Restored:
        """Read what a ledger needs; see :class:`~agentgate_server.store.engine.Engine`."""
        with self.explained():
            row = self.execute(statements.EPOCH).fetchone()
            (old_at,) = self.execute(statements.OLD_AT).fetchone()
            seal = read_seal(self.connection, self.path)
        if row is None or not isinstance(row[0], str):
            raise StoreError(f"damaged: {self.path} names no epoch; restore a backup")
        found = self.records(statements.UNKNOWN)
        newest = {(r.principal, r.digest, r.as_approved.digest): r for r in found}
        active = self.records(statements.ACTIVE)
        return Restored(
            epoch=row[0],
            active=active,
            unknown=list(newest.values()),
            grants=self.rows(statements.GRANTS, (), grant_of_row),
            mutes=self.rows(statements.MUTES, (), mute_of_row),
            coded_at=max(self.coded_at(), coded_at(active)),
            old_at=old_at or 0.0,
            seal=seal,
            sessions=session_queries.restored(self, self.utc()),
        )

    def prune(self, now: float, ran_s: float) -> int:
        """Delete some records that are past their time, or too many; of each kind not many."""
        with self.explained():
            self.file.check()
            (oldest,) = self.execute(statements.OLDEST_DONE).fetchone()
            utc, at = now, self.monotonic()
            now = look(self.connection, "requests", self.clock, at, utc, ran_s, oldest)
            deleted = self.delete(True, now - self.keep_s, PRUNE_ROWS_MAX)
            deleted += self.delete(False, now - self.keep_undelivered_s, PRUNE_ROWS_MAX - deleted)
            self.execute(statements.PRUNE_GRANTS, (now - self.keep_s,))
            self.execute(statements.PRUNE_MUTES, (now,))
            if deleted < PRUNE_ROWS_MAX:
                deleted += self.rows_cap.prune(self.connection, now, PRUNE_ROWS_MAX - deleted)
            todo, head, dropped = self.audit.drop(self.connection, utc, ran_s)
            self.transact(todo)
            self.audit.head = head
            self.audit.cut += dropped.early
            of_sessions = self.sessions.prune(self.connection, utc, ran_s)
            if not (gone := deleted + dropped.rows + of_sessions):
                self.doubts = pace_doubts(self.connection, utc, self.promises, self.audit.promises)
        if deleted:
            self.unknown = None
        return gone

    def close(self) -> None:
        """Fold the WAL into the file and let go of it."""
        try:
            with self.explained():
                self.connection.close()
        finally:
            self.file.release()

    @property
    def head(self) -> Head | None:
        """The head of the audit as it is committed; None: not known at present."""
        return self.audit.head

    @property
    def forgotten(self) -> int:
        """See :class:`~agentgate_server.store.engine.Engine`."""
        return self.rows_cap.forgotten

    @property
    def cut(self) -> int:
        """See :class:`~agentgate_server.store.engine.Engine`."""
        return self.audit.cut

    def transact(self, todo: Sequence[statements.Statement]) -> None:
        """Run these statements, all or none; a single one is a transaction of its own."""
        if len(todo) > 1:
            self.execute("BEGIN IMMEDIATE")
        for sql, values in todo:
            self.execute(sql, values)
        if len(todo) > 1:
            self.execute("COMMIT")

    def delete(self, delivered: bool, before: float, limit: int) -> int:
        """Delete at most ``limit`` done records that were resolved before then, oldest first."""
        if limit <= 0:
            return 0
        return self.execute(statements.PRUNE, (int(delivered), before, limit)).rowcount

    def first(self, sql: str, values: Sequence[Value]) -> Record | None:
        """The record of the first row, if there is one."""
        found = self.records(sql, values)
        return found[0] if found else None

    def records(
        self, sql: str, values: Sequence[Value] = (), bytes_max: int = NO_BOUND
    ) -> list[Record]:
        """The records of all rows, or as many as have so many bytes: no more are read."""
        return self.rows(sql, values, record_of, lambda records: as_many_as(records, bytes_max))

    def rows(
        self,
        sql: str,
        values: Sequence[Value],
        read: Callable[[Row], T],
        take: Callable[[Iterator[T]], list[T]] = list,
    ) -> list[T]:
        """What all rows mean, or those that are taken."""
        try:
            with self.explained(), closing(self.execute(sql, values)) as cursor:
                return take(read(row) for row in cursor)
        except (TypeError, ValueError, msgspec.ValidationError) as error:
            raise StoreError(
                f"damaged: {self.path} holds a row that nobody wrote so ({error}); stop the"
                " gateway, keep a copy, and restore a backup"
            ) from error

    def coded_at(self) -> float:
        """When the last decision was made that takes a one-time code; 0: never."""
        with self.explained():
            row = self.execute(statements.CODED_AT).fetchone()
        return float(row[0]) if row else 0.0

    def notes(self, sql: str, values: Sequence[Value]) -> dict[str, str]:
        """The notes of all rows, by rid."""
        with self.explained():
            found = self.execute(sql, values).fetchall()
        return {rid: value for rid, value in found if type(rid) is type(value) is str}

    def number(self, sql: str, values: Sequence[Value] = ()) -> int:
        """The integer in the first row, or 0 if there is no row."""
        with self.explained():
            row = self.execute(sql, values).fetchone()
        return int(row[0]) if row else 0

    def execute(self, sql: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run one statement; values that are no text are made some, see :func:`storable`."""
        try:
            return self.connection.execute(sql, values)
        except UnicodeEncodeError:
            return self.connection.execute(sql, [storable(value) for value in values])

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Undo what an error leaves half done, and turn it into words.

        Raises:
            StoreError: instead of what SQLite raised.
        """
        try:
            yield
        except BaseException as error:
            undo(self.connection)
            self.audit.head = None  # the commit may have been made all the same
            self.rows_cap.forget()
            if isinstance(error, FAULTS):
                raise StoreError(explain(error, self.path)) from error
            raise


def coded_at(active: Sequence[Record]) -> float:
    """When somebody last said yes, one of several, to what takes a one-time code; 0: never."""
    coded = [record for record in active if record.needs_code]
    return max((said.at for record in coded for said in record.endorsements), default=0.0)
