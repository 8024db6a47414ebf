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
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import (
    NO_BOUND,
    Answer,
    Change,
    FindIdempotencyKey,
    FindRequest,
    FindRid,
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
from agentgate_server.store import lists, statements
from agentgate_server.store.audit_rows import AuditRows, make_key, seal_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import BUSY_S, FAULTS, explain, undo
from agentgate_server.store.files import OwnedFile
from agentgate_server.store.migrations import APPLICATION_ID, VERSION, migrate, restore_triggers
from agentgate_server.store.retention import RowsCap, turn
from agentgate_server.store.rows import (
    COLUMNS,
    Row,
    Value,
    grant_of_row,
    record_of,
    storable,
)

DAY_S = 86_400.0

T = TypeVar("T")

PRUNE_ROWS_MAX = 256
"""Records deleted by one :meth:`SqliteEngine.prune`: a few milliseconds."""

STATEMENTS_MAX = 72
"""Prepared statements kept: more than there are."""

SETTINGS = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk, not on its way there
    "PRAGMA fullfsync = ON",  # where fsync alone stops at the drive's cache (macOS)
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA temp_store = MEMORY",  # what a statement sets aside must not need disk space
    "PRAGMA cache_size = -8000",  # KiB
    "PRAGMA journal_size_limit = 67108864",  # what a burst leaves of the WAL, in bytes
)


class SqliteEngine:
    """An :class:`~agentgate_server.store.engine.Engine` on an SQLite file.

    Args:
        path: the file. It and its folder are created if missing, readable to this user only.
        keep_days: how long a delivered outcome is kept, from when it was resolved.
        keep_undelivered_days: how long an outcome is kept that no client collected.
        keep_rows_max: beyond so many records, delivered ones go early, see ``excess`` in
            :mod:`agentgate_proto.records.retention`.
        audit: how the audit is kept; None: for a year, with nothing masked.
        utc: says when an entry of the audit is written, UTC seconds.

    Attributes:
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
        audit: AuditRows | None = None,
        utc: Callable[[], float] = time.time,
    ) -> None:
        if min(keep_days, keep_undelivered_days, keep_rows_max) <= 0:
            raise ValueError("keep_days, keep_undelivered_days and keep_rows_max must be positive")
        self.keep_s = keep_days * DAY_S
        self.keep_undelivered_s = keep_undelivered_days * DAY_S
        self.rows_cap = RowsCap(keep_rows_max, self.keep_s)
        self.audit = audit or AuditRows()
        self.utc = utc
        self.file = OwnedFile(path)
        self.path = self.file.path
        try:
            self.connection = connect(self.path)
            try:
                with self.explained():
                    self.repaired = prepare(self.connection, self.path)
                self.file.tighten()
                self.file.remember()
            except BaseException:
                self.connection.close()
                raise
        except BaseException:
            self.file.release()
            raise
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
            told, head = self.audit.append(self.connection, changes, self.utc())
            if told is not None:
                todo.append(told)
            self.transact(todo)
            self.audit.head = head
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
            case FindRid(rid):
                return self.first(statements.FIND_RID, (rid,))
            case HighestId(principal, client_id):
                return self.number(statements.HIGHEST_ID, (principal, client_id))
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
        raise NotImplementedError

    def listed(self, query: ListRequests) -> list[Record] | None:
        """Answer this query."""
        place = self.number(statements.PLACE, (query.before,)) if query.before else NO_BOUND
        return self.records(*lists.requests(query, place), query.bytes_max) if place else None

    def restore(self) -> Restored:
        """Read what a ledger needs; see :class:`~agentgate_server.store.engine.Engine`."""
        with self.explained():
            row = self.execute(statements.EPOCH).fetchone()
            (old_at,) = self.execute(statements.OLD_AT).fetchone()
        if row is None or not isinstance(row[0], str):
            raise StoreError(f"damaged: {self.path} names no epoch; restore a backup")
        newest = {(r.principal, r.digest): r for r in self.records(statements.UNKNOWN)}
        active = self.records(statements.ACTIVE)
        return Restored(
            epoch=row[0],
            active=active,
            unknown=list(newest.values()),
            grants=self.rows(statements.GRANTS, (), grant_of_row),
            coded_at=max(self.coded_at(), coded_at(active)),
            old_at=old_at or 0.0,
        )

    def prune(self, now: float, ran_s: float) -> int:
        """Delete at most ``PRUNE_ROWS_MAX`` records that are past their time, or too many."""
        with self.explained():
            self.file.check()
            (oldest,) = self.execute(statements.OLDEST_DONE).fetchone()
            utc, now = now, turn(self.connection, "requests", now, ran_s, oldest)
            deleted = self.delete(True, now - self.keep_s, PRUNE_ROWS_MAX)
            deleted += self.delete(False, now - self.keep_undelivered_s, PRUNE_ROWS_MAX - deleted)
            self.execute(statements.PRUNE_GRANTS, (now - self.keep_s,))
            if deleted < PRUNE_ROWS_MAX:
                deleted += self.rows_cap.prune(self.connection, now, PRUNE_ROWS_MAX - deleted)
            todo, head, dropped = self.audit.drop(self.connection, utc, ran_s)
            self.transact(todo)
            self.audit.head = head
        if deleted:
            self.unknown = None
        return deleted + dropped

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


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, which must exist: SQLite would create one that everybody may read.

    Raises:
        StoreError: it cannot be opened.
    """
    try:
        return sqlite3.connect(
            f"{path.as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time, but not always the same one
            cached_statements=STATEMENTS_MAX,
        )
    except sqlite3.Error as error:
        raise StoreError(explain(error, path)) from error


def prepare(connection: sqlite3.Connection, path: Path) -> list[str]:
    """Make sure that the file is ours and that we can write it; bring its schema up to date.

    Returns:
        what of its triggers had to be put back, in words.

    Raises:
        StoreError: it is not ours, or this program cannot work with it.
        sqlite3.Error: SQLite cannot.
    """
    check_kind(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(
            f"{path} is on a file system that SQLite's WAL does not work on (its mode stays"
            f" {mode}): set storage.path to a local disk"
        )
    for setting in SETTINGS:
        connection.execute(setting)
    migrate(connection)
    repaired = restore_triggers(connection)
    # A file that cannot be written opens all the same, for reading: find out now, not later.
    connection.execute("BEGIN IMMEDIATE")
    make_key(connection)
    connection.execute("COMMIT")
    seal_of(connection)
    return repaired


def check_kind(connection: sqlite3.Connection, path: Path) -> None:
    """Make sure that a file is ours, or new, and of a version that we know.

    Raises:
        StoreError: it is not.
        sqlite3.Error: SQLite cannot read it.
    """
    values = statements.ROWS_MAX * (len(COLUMNS) + 1)
    if connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) < values:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old: Python needs one of 3.32 or newer"
        )
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or version or things):
        raise StoreError(
            f"{path} is the database of some other program: set storage.path to another name"
        )
    if version < 0:
        raise StoreError(
            f"damaged: {path} says that its schema is {version}; keep a copy, and restore a backup"
        )
    if version > VERSION:
        raise StoreError(
            f"{path} was written by a newer agent-gate (schema {version}, this one knows"
            f" {VERSION}): upgrade this one, or restore a backup from before that upgrade"
        )
