"""The clocks of retention in the SQLite file, see :mod:`agentgate_proto.records.retention`."""

from __future__ import annotations

import sqlite3

from agentgate_proto.records.retention import retention_clock

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
