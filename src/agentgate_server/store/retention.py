"""Retention in the SQLite file: its clocks, and the cap on rows.

The rules are those of :mod:`agentgate_proto.records.retention`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter

from agentgate_proto.records.retention import Rank, excess, retention_clock
from agentgate_server.store import statements

log = logging.getLogger(__name__)

HOUR_S = 3_600.0

SHOWN = "SELECT CAST(value AS REAL) FROM meta WHERE key = ?"
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
    key = f"retention_{what}"
    row = connection.execute(SHOWN, (key,)).fetchone()
    before = row[0] if row else None
    shows = retention_clock(before, ran_s, utc, oldest)
    if shows != before:
        connection.execute(SHOW, (key, repr(shows)))
    return shows


class RowsCap:
    """Deletes what is beyond a cap on rows, a few at a time.

    Rows are counted when it begins, not at each step: counting a million takes a while.

    Args:
        rows_max: the cap.
        keep_s: how long a delivered outcome should be kept.

    Attributes:
        forgotten: rows that went before their time, since the start.
    """

    def __init__(self, rows_max: int, keep_s: float) -> None:
        self.rows_max = rows_max
        self.keep_s = keep_s
        self.forgotten = 0
        self._excess: list[tuple[str, Rank, int]] = []
        self._went: Counter[Rank] = Counter()
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
            principal, rank, count = self._excess.pop()
            part = min(count, limit - deleted)
            found = self._delete(connection, principal, rank, part)
            deleted += found
            if found == part < count:
                self._excess.append((principal, rank, count - part))
        if not self._excess:
            self._tell(now)
        return deleted

    def forget(self) -> None:
        """Count anew the next time."""
        self._excess.clear()

    def _count(self, connection: sqlite3.Connection) -> list[tuple[str, Rank, int]]:
        """Of whose rows there are too many; what goes first is the last."""
        (count,) = connection.execute(statements.COUNT).fetchone()
        if count <= self.rows_max:
            return []
        rows: Counter[tuple[str, Rank]] = Counter()
        for principal, rank, number in connection.execute(statements.RANKED):
            rows[principal, Rank(rank)] += number
        gone = excess(rows, self.rows_max).items()
        return [(*whose, number) for whose, number in gone][::-1]

    def _delete(
        self, connection: sqlite3.Connection, principal: str, rank: Rank, limit: int
    ) -> int:
        which = rank, principal, limit
        (newest,) = connection.execute(statements.NEWEST_EXCESS, which).fetchone()
        deleted = connection.execute(statements.PRUNE_EXCESS, which).rowcount
        if deleted:
            self._newest = max(self._newest, newest)
            self._went[rank] += deleted
            self.forgotten += deleted
        return deleted

    def _tell(self, now: float) -> None:
        """Warn once that rows went before their time."""
        if self._went:
            log.warning(
                "storage.keep_rows_max (%d) is reached: %d outcomes were forgotten before"
                " storage.keep_days, the newest after %.1f h instead of %.1f h; %d of them kept a"
                " write from running twice, and the same idempotency key is a new request now;"
                " raise storage.keep_rows_max, or find out who asks so much",
                self.rows_max,
                self._went.total(),
                max(now - self._newest, 0.0) / HOUR_S,
                self.keep_s / HOUR_S,
                self._went[Rank.GUARD],
            )
            self._went.clear()
            self._newest = 0.0
