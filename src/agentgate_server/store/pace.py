"""Looking ahead: which promises in days a cap will not let the gateway keep, if it goes on so.

How much came within the last day is read off the numbers that rows have, whether they are still
there or not; so it takes a few steps in an index, however much there is. What a cap has taken off
the audit lately is said with that, for a burst has no pace. The clock's own doubt is here as well:
entries from the future.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from agentgate_proto.ledger.clockwatch import BEHIND_S
from agentgate_proto.records.retention import days_kept
from agentgate_server.store.audit_cuts import cut_of, whose_most, written

DAY_S = 86_400.0
WINDOW_MIN_S = 3_600.0
"""What is younger says nothing of a pace: a start, or a burst."""

SAMPLE_ROWS = 1_000
"""The newest requests, which tell how long one is, and whose most are."""

REQUESTS_ENDS = "SELECT min(seq), max(seq) FROM requests"
REQUESTS_AT = """
    SELECT seq, CAST(created_at AS REAL), 0 FROM requests WHERE seq >= ? ORDER BY seq LIMIT 1
"""
REQUESTS_SAMPLE = """
    SELECT principal, count(*) AS many, sum(bytes)
    FROM (SELECT principal, bytes FROM requests ORDER BY seq DESC LIMIT ?)
    GROUP BY principal ORDER BY many DESC
"""
AUDIT_ENDS = "SELECT min(seq), max(seq) FROM audit"
AUDIT_AT = """
    SELECT seq, CAST(at AS REAL), CAST(upto_bytes AS INTEGER)
    FROM audit WHERE seq >= ? ORDER BY seq LIMIT 1
"""
AUDIT_NEWEST_AT = "SELECT CAST(at AS REAL) FROM audit ORDER BY seq DESC LIMIT 1"


class Promises(NamedTuple):
    """How long something is kept, and how much of it at most."""

    days: float
    rows_max: int
    bytes_max: int


class Row(NamedTuple):
    """A row: its number, when it came, and how long all were up to it (of the audit alone)."""

    seq: int
    at: float
    upto_bytes: int


class Doubt(NamedTuple):
    """Something that will not be as it was promised: the setting, what is wrong in words, and
    whether it has come to that."""

    setting: str
    text: str
    is_past: bool = False


def pace_doubts(
    connection: sqlite3.Connection, now: float, requests: Promises, audit: Promises
) -> list[Doubt]:
    """Say which promises can't be kept at the pace of the last day, and which were not lately.

    Args:
        connection: to the file.
        now: UTC seconds.
        requests, audit: what is promised of either.

    Raises:
        sqlite3.Error: it can't be read.
    """
    found = []
    first, last = ends(connection, REQUESTS_ENDS, REQUESTS_AT, now)
    if first is not None and last is not None:
        sample = connection.execute(REQUESTS_SAMPLE, (SAMPLE_ROWS,)).fetchall()
        count = last.seq - first.seq
        size = count * sum(row[2] for row in sample) / sum(row[1] for row in sample)
        whose = f"most of the newest are of {sample[0][0]}"
        found += doubts_of("storage", count, size, now - first.at, requests, whose)
    first, last = ends(connection, AUDIT_ENDS, AUDIT_AT, now)
    if first is not None and last is not None:
        count, size = last.seq - first.seq, last.upto_bytes - first.upto_bytes
        came = count, size, now - first.at, audit
        if doubts_of("audit", *came, ""):
            who = whose_most(connection)
            found += doubts_of("audit", *came, f"most of its entries are of {who}" if who else "")
    caps = {"audit.keep_entries_max": audit.rows_max, "audit.keep_bytes_max": audit.bytes_max}
    cut = cut_of(connection)
    if cut is not None and cut.is_said(now, caps):
        text = cut.text(whose_most(connection), audit.days)
        found.append(Doubt(cut.setting, text, is_past=True))
    return found


def clock_doubts(connection: sqlite3.Connection, now: float) -> list[str]:
    """Say that the clock is behind what was written by it, if it is.

    Raises:
        sqlite3.Error: it can't be read.
    """
    newest = newest_at(connection)
    if newest <= now + BEHIND_S:
        return []
    text = (
        f"the system's clock shows {written(now)}, and the newest entry of the audit is of"
        f" {written(newest)}: set the clock, or times in the audit and of approvals will be wrong"
    )
    return [text]


def newest_at(connection: sqlite3.Connection) -> float:
    """When the newest entry of the audit was written, UTC seconds; 0: there is none.

    Raises:
        sqlite3.Error: it can't be read.
    """
    row = connection.execute(AUDIT_NEWEST_AT).fetchone()
    return float(row[0]) if row is not None else 0.0


def ends(
    connection: sqlite3.Connection, sql_ends: str, sql_at: str, now: float
) -> tuple[Row | None, Row | None]:
    """The first row of the last day and the newest; None: there is too little to tell."""
    low, high = connection.execute(sql_ends).fetchone()
    if low is None:
        return None, None
    newest = row_at(connection, sql_at, high)
    if newest.at < now - DAY_S:
        return None, None
    while low < high:  # the first that came within the last day, for times go up with numbers
        middle = (low + high) // 2
        row = row_at(connection, sql_at, middle)
        if row.at >= now - DAY_S:
            high = middle
        else:
            low = row.seq + 1
    first = row_at(connection, sql_at, low)
    return (first, newest) if now - first.at >= WINDOW_MIN_S else (None, None)


def row_at(connection: sqlite3.Connection, sql: str, seq: int) -> Row:
    """The row with this number, or the next."""
    return Row(*connection.execute(sql, (seq,)).fetchone())


def doubts_of(
    part: str, count: float, size: float, within_s: float, promised: Promises, whose: str
) -> list[Doubt]:
    """Compare what came with what is promised."""
    found = []
    caps = (
        (f"{part}.keep_{'rows' if part == 'storage' else 'entries'}_max", count, promised.rows_max),
        (f"{part}.keep_bytes_max", size, promised.bytes_max),
    )
    for setting, came, most in caps:
        days = days_kept(came, within_s, most)
        if days < promised.days:
            hint = f"; {whose}" if whose else ""
            text = (
                f"at the pace of the last day {setting} ({most}) holds {days:.1f} days, and"
                f" {part}.keep_days promises {promised.days:g}: raise it, or find out who asks so"
                f" much{hint}"
            )
            found.append(Doubt(setting, text))
    return found
