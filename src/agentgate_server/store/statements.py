"""The SQL of the SQLite engine, and how a batch of changes becomes as few statements as possible.

Why few: the ``sqlite3`` module gives up the interpreter lock for each step of each statement, and
while the event loop is busy, getting it back takes milliseconds. With a statement per row, a
commit of 64 rows lasts a tenth of a second then; with one statement for all of them, which needs
no BEGIN and COMMIT around it, three milliseconds. For the same reason changes are folded first:
a request that comes and ends within one batch is one row written, not three.

Statements exist in a few sizes, so that each is prepared once; unused places hold ``UNUSED``. The
queries name their indexes, so that no statistics can ever turn one into a walk over all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import msgspec

from agentgate_proto.records.cutting import as_kept
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import RAN, Status
from agentgate_proto.records.request import Record
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import (
    Change,
    DropNote,
    MarkDelivered,
    Put,
    PutAudit,
    PutGrant,
    PutMute,
    PutNote,
)
from agentgate_server.store.rows import COLUMNS, GRANT_COLUMNS, Value, grant_row_of, row_of

Statement = tuple[str, Sequence[Value]]
Thing = tuple[str, str]
"""(principal, digest): who asked for what."""

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Rows per statement: at most as many places again are unused as are used, for each costs a value
for each column. Larger ones prepare slowly and are hardly faster; 256 rows bind some 10,000
values, and SQLite takes 32,766."""

ROWS_MAX = SIZES[-1]
UNUSED = ""
"""No rid. None would cost more than the rest of the row: for each, the ``sqlite3`` module looks
whether somebody has an adapter for it."""

NAMES = ", ".join(COLUMNS)
SELECT = " ".join(("SELECT", NAMES, "FROM requests"))

FIND_REQUEST = f"""
    {SELECT} INDEXED BY requests_id
    WHERE principal = ? AND client_id = ? AND request_id = ? ORDER BY seq DESC LIMIT 1
"""
FIND_IDEMPOTENCY_KEY = f"""
    {SELECT} INDEXED BY requests_idempotency
    WHERE principal = ? AND idempotency_key = ? AND idempotency_key <> ''
    ORDER BY seq DESC LIMIT 1
"""
FIND_TWIN = f"""
    {SELECT} INDEXED BY requests_twins
    WHERE principal = ? AND digest = ? AND phase = 'done'
    AND (effects = 'write' OR expires_at > 0 OR relayed <> '') AND resolved_at >= ?
    ORDER BY resolved_at DESC, seq DESC LIMIT 1
"""
FIND_TWIN_AS_WRITTEN = f"""
    {SELECT} INDEXED BY requests_written
    WHERE principal = ? AND written = ? AND written <> '' AND phase = 'done'
    AND (effects = 'write' OR expires_at > 0 OR relayed <> '') AND resolved_at >= ?
    ORDER BY resolved_at DESC, seq DESC LIMIT 1
"""
FIND_RID = f"{SELECT} WHERE rid = ?"

HIGHEST_ID = """
    SELECT request_id FROM requests INDEXED BY requests_id
    WHERE principal = ? AND client_id = ? AND request_id <= ?
    AND typeof(request_id) = 'integer'
    ORDER BY request_id DESC LIMIT 1
"""
BESIDES = "rid NOT IN (SELECT value FROM json_each(?))"
UNDELIVERED = f"""
    {SELECT} INDEXED BY requests_open
    WHERE principal = ? AND client_id = ? AND phase = 'done' AND delivered = 0
    AND {BESIDES}
    ORDER BY seq LIMIT ?
"""
UNDELIVERED_NEWEST = UNDELIVERED.replace("ORDER BY seq", "ORDER BY seq DESC")
PLACE = "SELECT seq FROM requests WHERE rid = ?"
LIST_ALL = f"{SELECT} WHERE seq < ? ORDER BY seq DESC LIMIT ?"
LIST_PRINCIPAL = f"""
    {SELECT} INDEXED BY requests_principal
    WHERE principal = ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
OPEN_PLACES = """
    SELECT seq FROM requests INDEXED BY requests_open
    WHERE (phase <> 'done' OR delivered = 0) AND seq < ? ORDER BY seq DESC LIMIT ?
"""
LIST_OPEN = f"{SELECT} WHERE seq IN ({OPEN_PLACES}) ORDER BY seq DESC"
LIST_OPEN_PRINCIPAL = LIST_OPEN.replace("WHERE (phase", "WHERE principal = ? AND (phase")
"""As ``LIST_OPEN``, of one principal. It is the places that are sorted, not whole rows."""

EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"
OLD_AT = """
    SELECT max(created_at) FROM requests INDEXED BY requests_open
    WHERE client_id = '' AND (phase <> 'done' OR delivered = 0) AND typeof(created_at) = 'real'
"""
ACTIVE = f"{SELECT} INDEXED BY requests_open WHERE phase <> 'done' ORDER BY seq"
UNKNOWN = f"""
    {SELECT} INDEXED BY requests_unknown
    WHERE status = 'unknown' AND superseded = 0 ORDER BY seq
"""
UNKNOWN_THINGS = """
    SELECT DISTINCT principal, digest FROM requests INDEXED BY requests_unknown
    WHERE status = 'unknown' AND superseded = 0
"""
SUPERSEDE = """
    UPDATE requests INDEXED BY requests_unknown SET superseded = 1
    WHERE status = 'unknown' AND superseded = 0 AND principal = ? AND digest = ?
    AND resolved_at <= ? AND seq < (SELECT seq FROM requests WHERE rid = ?)
    AND instr(words, '"edit":{') = 0
"""
"""What a person had edited may have run as that: nothing else settles it."""

PUT_NOTE = """
    INSERT INTO notes (channel, rid, value)
    SELECT column1, column2, column3 FROM (VALUES (?, ?, ?))
    WHERE EXISTS (SELECT 1 FROM requests WHERE rid = column2)
    ON CONFLICT (channel, rid) DO UPDATE SET value = excluded.value
"""
DROP_NOTE = "DELETE FROM notes WHERE channel = ? AND rid = ?"
FIND_NOTE = "SELECT rid, value FROM notes WHERE channel = ? AND rid = ? LIMIT ?"
LIST_NOTES = "SELECT rid, value FROM notes WHERE channel = ? ORDER BY rid LIMIT ?"

GRANT_NAMES = ", ".join(GRANT_COLUMNS)
PUT_GRANT = " ".join(
    (
        *("INSERT INTO grants (", GRANT_NAMES, ") VALUES ("),
        *(", ".join("?" * len(GRANT_COLUMNS)), ") ON CONFLICT (id) DO UPDATE SET"),
        ", ".join(f"{name} = excluded.{name}" for name in GRANT_COLUMNS[1:]),
    )
)
GRANTS = " ".join(("SELECT", GRANT_NAMES, "FROM grants ORDER BY seq"))
PRUNE_GRANTS = "DELETE FROM grants WHERE expires_at < ?"
PUT_MUTE = """
    INSERT INTO mutes (agent, until, by, channel, at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (agent) DO UPDATE SET
    until = excluded.until, by = excluded.by, channel = excluded.channel, at = excluded.at
"""
MUTES = "SELECT agent, until, by, channel, at FROM mutes ORDER BY agent"
PRUNE_MUTES = "DELETE FROM mutes WHERE until < ?"
CODED_AT = """
    SELECT CAST(decided_at AS REAL) FROM requests INDEXED BY requests_coded
    WHERE needs_code = 1 ORDER BY decided_at DESC LIMIT 1
"""

OLDEST_DONE = """
    SELECT min(CAST(oldest AS REAL)) FROM (
        SELECT min(resolved_at) AS oldest FROM requests INDEXED BY requests_done
        WHERE phase = 'done' AND delivered = 0
        UNION ALL
        SELECT min(resolved_at) FROM requests INDEXED BY requests_done
        WHERE phase = 'done' AND delivered = 1
    )
"""
COUNT = "SELECT count(*) FROM requests"
RANKED = """
    SELECT principal, rank, count(*), sum(bytes) FROM requests INDEXED BY requests_ranked
    WHERE phase = 'done' AND delivered = 1 GROUP BY rank, principal
    UNION ALL
    SELECT principal, iif(phase = 'done' AND rank = 0, 0, 2) AS ranked, count(*), sum(bytes)
    FROM requests INDEXED BY requests_open
    WHERE phase <> 'done' OR delivered = 0 GROUP BY principal, ranked
"""
"""Whatever is under way ranks as ``Rank.GUARD``, and what may have run and was not collected."""
EXCESS = """
    SELECT seq, CAST(resolved_at AS REAL), bytes FROM requests INDEXED BY requests_ranked
    WHERE phase = 'done' AND delivered = 1 AND rank = ? AND principal = ?
    AND resolved_at >= ? AND resolved_at < ?
    ORDER BY resolved_at, bytes, seq LIMIT ?
"""
EXCESS_UNDELIVERED = """
    SELECT seq, CAST(resolved_at AS REAL), bytes FROM requests INDEXED BY requests_done
    WHERE phase = 'done' AND delivered = 0 AND iif(rank = 0, 0, 2) = ? AND principal = ?
    AND resolved_at >= ? AND resolved_at < ?
    ORDER BY resolved_at, seq LIMIT ?
"""
PRUNE_SEQS = "DELETE FROM requests WHERE seq IN (SELECT value FROM json_each(?))"
PRUNE = """
    DELETE FROM requests WHERE seq IN (
        SELECT seq FROM requests INDEXED BY requests_done
        WHERE phase = 'done' AND delivered = ? AND resolved_at < ?
        ORDER BY resolved_at, seq LIMIT ?
    )
"""


def plan(changes: Iterable[Change], unknown: set[Thing]) -> Iterator[Statement]:
    """The statements that apply the changes, in order; those of sessions are not among them.

    Args:
        changes: what to apply.
        unknown: the things that have an unknown outcome which counts, or more than those. What
            turns unknown here is added.
    """
    puts: dict[str, Record] = {}
    marks: dict[str, None] = {}
    grants: dict[str, Grant] = {}
    for change in changes:
        match change:
            case PutNote() | DropNote():
                yield from write(puts, marks)  # a note is kept only beside its request
                puts, marks = {}, {}
                yield note(change)
            case PutGrant(grant):
                grants[grant.id] = grant
            case PutMute() | PutAudit() | PutSession() | DropSession():
                pass  # see mutes, audit_rows and session_statements
            case MarkDelivered(rids):
                for rid in rids:
                    if rid in puts:
                        puts[rid] = msgspec.structs.replace(puts[rid], delivered=True)
                    else:
                        marks[rid] = None
            case Put(record, joined, used):
                if used is not None:
                    grants[used.id] = used
                for row in (record, *joined):
                    # A dict keeps the place of the first put, like the table.
                    puts[row.rid] = as_kept(row)
                    marks.pop(row.rid, None)
                thing = (record.principal, record.as_approved.digest)
                status = record.outcome.status if record.outcome is not None else None
                if status is Status.UNKNOWN:
                    unknown |= {thing, (record.principal, record.digest)}
                elif (
                    status in RAN
                    and (record.warning or record.edit is not None)
                    and thing in unknown
                ):
                    yield from write(puts, marks)
                    puts, marks = {}, {}
                    yield SUPERSEDE, (*thing, record.resolved_at, record.rid)
    yield from write(puts, marks)
    for grant in grants.values():
        yield PUT_GRANT, grant_row_of(grant)


def mutes(changes: Iterable[Change]) -> Iterator[Statement]:
    """The statements that store the mutes, in order."""
    for change in changes:
        if isinstance(change, PutMute):
            yield PUT_MUTE, msgspec.structs.astuple(change.mute)


def write(puts: dict[str, Record], marks: dict[str, None]) -> Iterator[Statement]:
    """The statements that store ``puts`` and set ``delivered`` on ``marks``; no rid is in both."""
    records, rids = list(puts.values()), list(marks)
    for start in range(0, max(len(records), len(rids)), ROWS_MAX):
        part, marked = records[start : start + ROWS_MAX], rids[start : start + ROWS_MAX]
        values: list[Value] = []
        for record in part:
            values += row_of(record)
        size = next(size for size in SIZES if size >= max(len(part), len(marked)))
        if part:
            values += [UNUSED] * (len(COLUMNS) * (size - len(part)))
        if marked:
            values += marked
            values += [UNUSED] * (size - len(marked))
        yield upsert_sql(size if part else 0, size if marked else 0), values


def note(change: PutNote | DropNote) -> Statement:
    """The statement that keeps or forgets a note."""
    if isinstance(change, PutNote):
        return PUT_NOTE, (change.channel, change.rid, change.value)
    return DROP_NOTE, (change.channel, change.rid)


@cache
def upsert_sql(rows: int, marks: int) -> str:
    """SQL that stores so many rows, unused ones left out, and marks so many rids as delivered."""
    among = f"WHERE rid IN ({', '.join('?' * marks)})"
    if not rows:
        return " ".join(("UPDATE requests SET delivered = 1", among))
    row = f"({', '.join('?' * len(COLUMNS))})"
    parts = ["INSERT INTO requests (", NAMES, ") SELECT * FROM (VALUES", ", ".join([row] * rows)]
    parts.append(") WHERE column1 <> ''")
    if marks:
        parts += ["UNION ALL SELECT", ", ".join(COLUMNS[:-1]), ", 1 FROM requests", among]
    parts.append("ON CONFLICT (rid) DO UPDATE SET")
    parts.append(", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:]))
    return " ".join(parts)
