"""The SQL of sessions, and how the changes of many sessions become few statements.

Two hundred sessions that stream are two thousand small changes a second, and what is said of
statements in :mod:`agentgate_server.store.statements` holds for them too: a batch is folded to the
last state of each session, and then is one statement for the sessions, one for the rows of their
logs, one for what they no longer keep, and one for usage.

Rows that a session no longer keeps are deleted a few at a time; those that are left until the next
change are not shown to anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from agentgate_proto.records.session import (
    WATCHED_ONLY,
    DropSession,
    LogRow,
    PutSession,
    SessionRecord,
)
from agentgate_proto.records.storage import Change
from agentgate_proto.records.usage import UsageRow
from agentgate_server.store.rows import Row, Value
from agentgate_server.store.session_rows import (
    LOG_COLUMNS,
    SESSION_COLUMNS,
    SESSION_FIXED,
    USAGE_COLUMNS,
    log_row_of,
    session_row_of,
    usage_row_of,
)

Statement = tuple[str, Sequence[Value]]
Sql = Callable[[int], str]
"""Makes the SQL for so many rows."""

SIZES = (1, 4, 16, 64, 256)
"""Rows per statement: a row has few values, so unused places cost little."""

ROWS_MAX = SIZES[-1]
UNUSED = ""
"""No id; see :mod:`agentgate_server.store.statements`."""

TRIM_ROWS_MAX = 256
"""Rows of logs, besides twice as many as are written, that are deleted at once because they are no
longer kept: a few milliseconds."""

SESSION_NAMES = ", ".join(SESSION_COLUMNS)
SESSIONS = " ".join(("SELECT", SESSION_NAMES, "FROM sessions"))
FIND_SESSION = f"{SESSIONS} INDEXED BY sessions_id WHERE id = ? AND dropped = 0"
SESSION_PLACE = """
    SELECT seq, oldest FROM sessions INDEXED BY sessions_id WHERE id = ? AND dropped = 0
"""
LIST_SESSIONS = f"""
    {SESSIONS} NOT INDEXED
    WHERE dropped = 0 AND seq < ? AND ? IN ('', user_id) ORDER BY seq DESC LIMIT ?
"""
LIST_SESSIONS_PRINCIPAL = f"""
    {SESSIONS} INDEXED BY sessions_principal
    WHERE principal = ? AND dropped = 0 AND seq < ? AND ? IN ('', user_id)
    ORDER BY seq DESC LIMIT ?
"""
RUNNING = f"""
    {SESSIONS} INDEXED BY sessions_running WHERE run <> '' AND dropped = 0 ORDER BY seq
"""
COUNT_SESSIONS = """
    SELECT principal, count(*), sum(log_bytes) FROM sessions INDEXED BY sessions_principal
    WHERE dropped = 0 GROUP BY principal
"""
DROP_SESSION = """
    UPDATE sessions INDEXED BY sessions_id SET dropped = 1
    WHERE id = ? AND dropped = 0 AND principal = ?
"""

FROM_ON = """
    WHERE session = ?1 AND first + count > ?2 AND first >= coalesce(
        (SELECT first FROM session_log WHERE session = ?1 AND first <= ?2
         ORDER BY first DESC LIMIT 1), ?2)
"""
"""The rows from an offset on: the first is the one that has it, and rows do not overlap."""

KINDS = ", ".join(f"'{kind.value}'" for kind in WATCHED_ONLY)
LOG_NAMES = ", ".join(LOG_COLUMNS)
READ_LOG = " ".join(
    (
        *("SELECT", ", ".join(LOG_COLUMNS[:-1]), ", x'' FROM session_log"),
        *(FROM_ON, "ORDER BY first LIMIT ?3"),
    )
)
READ_HISTORY = " ".join(
    (
        *("SELECT", LOG_NAMES, "FROM session_log INDEXED BY session_log_history"),
        *(FROM_ON, "AND kind NOT IN (", KINDS, ") ORDER BY first LIMIT ?3"),
    )
)

USAGE_NAMES = ", ".join(USAGE_COLUMNS)
RESERVED = " ".join(
    (
        *("SELECT", USAGE_NAMES, "FROM usage INDEXED BY usage_reserved"),
        "WHERE status = 'reserved' ORDER BY at, id",
    )
)
OLDEST_IDLE = """
    SELECT CAST(updated_at AS REAL) FROM sessions INDEXED BY sessions_idle
    WHERE run = '' AND dropped = 0 AND id NOT GLOB 'agent:*' ORDER BY updated_at LIMIT 1
"""
IDLE = """
    SELECT id, principal, log_bytes FROM sessions INDEXED BY sessions_idle
    WHERE run = '' AND dropped = 0 AND id NOT GLOB 'agent:*' AND updated_at < ?
    ORDER BY updated_at LIMIT ?
"""
PRUNE_LOGS = """
    DELETE FROM session_log WHERE rowid IN (
        SELECT session_log.rowid FROM sessions INDEXED BY sessions_dropped CROSS JOIN session_log
        WHERE dropped = 1 AND session = seq LIMIT ?
    )
"""
DROPPED = """
    SELECT id FROM sessions INDEXED BY sessions_dropped WHERE dropped = 1 ORDER BY seq LIMIT ?
"""
PRUNE_SESSIONS = """
    DELETE FROM sessions WHERE seq IN (
        SELECT seq FROM sessions INDEXED BY sessions_dropped WHERE dropped = 1 ORDER BY seq LIMIT ?
    )
"""
"""Only when none of those that are dropped has a log any more."""
OLDEST_USAGE = """
    SELECT min(CAST(at AS REAL)) FROM usage INDEXED BY usage_settled WHERE status = 'settled'
"""
PRUNE_USAGE = """
    DELETE FROM usage WHERE seq IN (
        SELECT seq FROM usage INDEXED BY usage_settled
        WHERE status = 'settled' AND at < ? ORDER BY at LIMIT ?
    )
"""
PRUNE_USAGE_EXCESS = """
    DELETE FROM usage WHERE seq IN (
        SELECT seq FROM usage NOT INDEXED
        WHERE seq <= (SELECT max(seq) FROM usage) - ? AND status = 'settled' AND day < ?
        ORDER BY seq LIMIT ?
    )
"""
"""Rows are not counted: what was stored last has the highest seq, and the first ones go first."""


def plan(changes: Iterable[Change]) -> Iterator[Statement]:
    """The statements that apply those of the changes that are about sessions, in order."""
    sessions: dict[str, SessionRecord] = {}
    rows: dict[tuple[str, int], LogRow] = {}
    usage: dict[str, UsageRow] = {}
    for change in changes:
        match change:
            case PutSession(session, more, used):
                sessions[session.id] = session  # a dict keeps the place of the first put
                for row in more:
                    rows[session.id, row.first] = row
                for one in used:
                    usage[one.id] = one
            case DropSession(id=session_id, principal=principal):
                yield from write(sessions, rows)
                sessions, rows = {}, {}
                yield DROP_SESSION, (session_id, principal)
            case _:
                pass  # see statements
    yield from write(sessions, rows)
    yield from grouped(upsert_usage_sql, map(usage_row_of, usage.values()))


def write(
    sessions: dict[str, SessionRecord], rows: dict[tuple[str, int], LogRow]
) -> Iterator[Statement]:
    """The statements that store sessions and rows of their logs, and delete what is too old."""
    yield from grouped(upsert_sessions_sql, map(session_row_of, sessions.values()))
    yield from grouped(
        append_sql,
        (
            (session_id, *log_row_of(row))
            for (session_id, _), row in rows.items()
            if row.end > sessions[session_id].oldest
        ),
    )
    trimmed = ((session.id,) for session in sessions.values() if session.oldest > 0)
    limit = TRIM_ROWS_MAX + 2 * len(rows)
    for sql, values in grouped(trim_sql, trimmed):
        yield sql, (*values, limit)


def grouped(sql: Sql, rows: Iterable[Row]) -> Iterator[Statement]:
    """One statement for many rows, as far as one has room."""
    todo = list(rows)
    for start in range(0, len(todo), ROWS_MAX):
        part = todo[start : start + ROWS_MAX]
        size = next(size for size in SIZES if size >= len(part))
        values = [value for row in part for value in row]
        values += [UNUSED] * (len(part[0]) * (size - len(part)))
        yield sql(size), values


@cache
def upsert_sessions_sql(rows: int) -> str:
    """SQL that stores so many sessions, unused ones left out."""
    changing = SESSION_COLUMNS[SESSION_FIXED:]
    return " ".join(
        (
            *("INSERT INTO sessions (", SESSION_NAMES, ") SELECT * FROM (VALUES"),
            *(places(len(SESSION_COLUMNS), rows), ") WHERE column1 <> ''"),
            *("ON CONFLICT (id) WHERE dropped = 0 DO UPDATE SET", updated(changing)),
        )
    )


@cache
def append_sql(rows: int) -> str:
    """SQL that stores so many rows of logs; each begins with its session's id."""
    names = ", ".join(f"column{number}" for number in range(2, len(LOG_COLUMNS) + 2))
    return " ".join(
        (
            *("INSERT INTO session_log ( session,", LOG_NAMES, ") SELECT seq,", names),
            *("FROM (VALUES", places(len(LOG_COLUMNS) + 1, rows), ")"),
            "CROSS JOIN sessions INDEXED BY sessions_id WHERE id = column1 AND dropped = 0",
            *("ON CONFLICT (session, first) DO UPDATE SET", updated(LOG_COLUMNS[1:])),
        )
    )


@cache
def trim_sql(sessions: int) -> str:
    """SQL that deletes what so many sessions no longer keep, at most so many rows."""
    return " ".join(
        (
            "DELETE FROM session_log WHERE rowid IN (SELECT session_log.rowid",
            "FROM sessions INDEXED BY sessions_id CROSS JOIN session_log",
            *("WHERE id IN (", ", ".join("?" * sessions), ") AND dropped = 0"),
            "AND session = seq AND first < oldest AND first + count <= oldest LIMIT ?)",
        )
    )


@cache
def upsert_usage_sql(rows: int) -> str:
    """SQL that stores so many rows of usage, unused ones left out."""
    return " ".join(
        (
            *("INSERT INTO usage (", USAGE_NAMES, ") SELECT * FROM (VALUES"),
            *(places(len(USAGE_COLUMNS), rows), ") WHERE column1 <> ''"),
            *("ON CONFLICT (id) DO UPDATE SET", updated(USAGE_COLUMNS[1:])),
        )
    )


def places(columns: int, rows: int) -> str:
    """Places for the values of so many rows."""
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def updated(columns: Iterable[str]) -> str:
    """What becomes of a row that is there already."""
    return ", ".join(f"{name} = excluded.{name}" for name in columns)
