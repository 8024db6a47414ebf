"""Retention in the SQLite file: its clocks, and the caps on rows and their bytes.

The rules are those of :mod:`agentgate_proto.records.retention`.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections import Counter
from dataclasses import dataclass

import msgspec

from agentgate_proto.records.retention import (
    Rank,
    RetentionClock,
    collected_before,
    excess,
)
from agentgate_server.store import statements

log = logging.getLogger(__name__)

HOUR_S = 3_600.0

PAGES = ("PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size")
SHOWN = "SELECT CAST(value AS REAL) FROM meta WHERE key = ?"
SET_BACK = "UPDATE meta SET value = ? WHERE key = ? AND CAST(value AS REAL) > ?"
SHOW = "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"


def turn(
    connection: sqlite3.Connection, what: str, utc: float, ran_s: float, oldest: float | None
) -> float:
    """Look at a clock of retention, and keep what it shows.

    Args:
        connection: to the file, not in a transaction.
        what: whose clock: "requests" or "audit".
        utc, ran_s, oldest: see :func:`~agentgate_proto.records.retention.retention_clock`.

    Raises:
        sqlite3.Error: it could not be kept.
    """
    clock = read_clock(connection, what, 0.0)
    return look(connection, what, clock, 0.0, utc, ran_s, oldest)


def read_clock(connection: sqlite3.Connection, what: str, now: float) -> RetentionClock:
    """Read a clock of retention as it is kept, now by a monotonic clock; the rest as above."""
    row = connection.execute(SHOWN, (f"retention_{what}",)).fetchone()
    return RetentionClock(row[0] if row else None, now)


def look(
    connection: sqlite3.Connection,
    what: str,
    clock: RetentionClock,
    now: float,
    utc: float,
    ran_s: float,
    oldest: float | None,
) -> float:
    """Look at this clock, and keep what it shows; arguments and errors as above."""
    before = clock.shows
    shows = clock.look(now, ran_s, utc, oldest)
    if shows != before:
        connection.execute(SHOW, (f"retention_{what}", repr(shows)))
    return shows


def set_back(what: str, ended: float) -> statements.Statement:
    """The statement that lets a clock show no more than when something ended."""
    return SET_BACK, (repr(ended), f"retention_{what}", ended)


def used_bytes(connection: sqlite3.Connection) -> int:
    """How much of the file is in use, whatever for."""
    pages, free, size = (connection.execute(sql).fetchone()[0] for sql in PAGES)
    return int((pages - free) * size)


@dataclass(slots=True)
class Excess:
    """What of one agent and rank is still to go before its time.

    Attributes:
        principal, rank: whose, and which.
        rows, size: how many rows, and how many bytes; either may be done before the other.
        delivered: those come first whose outcome its client has.
        since: where to look on, among those: when the last one that went was resolved.
    """

    principal: str
    rank: Rank
    rows: int
    size: int
    delivered: bool = True
    since: float = -math.inf

    @property
    def is_left(self) -> bool:
        """Whether more must go."""
        return self.rows > 0 or self.size > 0


class RowsCap:
    """Deletes what is beyond the caps on rows and on their bytes, a few at a time.

    Rows are counted when it begins, not at each step: counting a million takes a while.

    Args:
        rows_max: the cap on rows.
        bytes_max: the cap on bytes, see ``kept_bytes`` in
            :mod:`agentgate_proto.records.retention`.
        keep_s: how long a delivered outcome should be kept.

    Attributes:
        forgotten: rows that went before their time, since the start.
    """

    def __init__(self, rows_max: int, bytes_max: int, keep_s: float) -> None:
        self.rows_max = rows_max
        self.bytes_max = bytes_max
        self.keep_s = keep_s
        self.forgotten = 0
        self._excess: list[Excess] = []
        self._reached: tuple[str, ...] = ()
        self._went: Counter[Rank] = Counter()
        self._uncollected = 0
        self._newest = 0.0

    def prune(self, connection: sqlite3.Connection, now: float, limit: int) -> int:
        """Delete at most so many rows, and warn when that is done for now.

        Args:
            connection: to the file, not in a transaction.
            now: what the clock of retention shows.
            limit: how many, positive.

        Returns:
            how many were deleted; 0: nothing is left to be.

        Raises:
            sqlite3.Error: it could not be done; what was deleted before stays so.
        """
        if not self._excess:
            self._excess = self._count(connection)
        deleted = 0
        while self._excess and deleted < limit:
            first = self._excess[-1]
            found = self._delete(connection, first, now, limit - deleted)
            deleted += found
            if found == 0:
                first.delivered, first.since = not first.delivered, -math.inf
            if not first.is_left or (found == 0 and first.delivered):
                self._excess.pop()
        if not self._excess:
            self._tell(now)
        return deleted

    def forget(self) -> None:
        """Count anew the next time."""
        self._excess.clear()

    def _count(self, connection: sqlite3.Connection) -> list[Excess]:
        """Of whose rows there are too many; what goes first is the last."""
        (count,) = connection.execute(statements.COUNT).fetchone()
        if count <= self.rows_max and 2 * used_bytes(connection) <= self.bytes_max:
            return []  # a row counts for less than twice what it takes
        rows: Counter[tuple[str, Rank]] = Counter()
        sizes: Counter[tuple[str, Rank]] = Counter()
        for principal, rank, number, size in connection.execute(statements.RANKED):
            rows[principal, Rank(rank)] += number
            sizes[principal, Rank(rank)] += size
        many, large = excess(rows, self.rows_max), excess(sizes, self.bytes_max)
        caps = (("keep_rows_max", self.rows_max, many), ("keep_bytes_max", self.bytes_max, large))
        self._reached = tuple(f"storage.{name} ({most})" for name, most, over in caps if over)
        order = sorted({*many, *large}, key=lambda whose: (-whose[1], whose[0]))
        return [Excess(*whose, many.get(whose, 0), large.get(whose, 0)) for whose in order]

    def _delete(self, connection: sqlite3.Connection, over: Excess, now: float, limit: int) -> int:
        """Delete the oldest of these, at most so many."""
        sql, before = statements.EXCESS, math.inf
        if not over.delivered:
            sql, before = statements.EXCESS_UNDELIVERED, collected_before(now)
        which = (over.rank, over.principal, over.since, before, limit)
        rows = connection.execute(sql, which).fetchall()
        gone = []
        for seq, resolved_at, size in rows:
            if not over.is_left:
                break
            gone.append(seq)
            over.rows -= 1
            over.size -= size
            over.since = resolved_at
        if gone:
            connection.execute(statements.PRUNE_SEQS, (msgspec.json.encode(gone).decode(),))
            self._newest = max(self._newest, over.since)
            self._went[over.rank] += len(gone)
            self._uncollected += 0 if over.delivered else len(gone)
            self.forgotten += len(gone)
        return len(gone)

    def _tell(self, now: float) -> None:
        """Warn once that rows went before their time."""
        if self._went:
            verb = "is" if len(self._reached) == 1 else "are"
            log.warning(
                "%s %s reached: %d outcomes were forgotten before storage.keep_days, the newest"
                " after %.1f h instead of %.1f h; %d of them had not been collected; %d of them"
                " kept a write from running twice, and the same idempotency key is a new request"
                " now; raise it, or find out who asks so much",
                " and ".join(self._reached),
                verb,
                self._went.total(),
                max(now - self._newest, 0.0) / HOUR_S,
                self.keep_s / HOUR_S,
                self._uncollected,
                self._went[Rank.GUARD],
            )
            self._went.clear()
            self._uncollected = 0
            self._newest = 0.0
