"""The rows of the console in the SQLite engine: their table, and what is done with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from agentgate_proto.records.console_row import ConsoleRow
from agentgate_proto.records.storage import Change, DropConsoleRow, PutConsoleRow
from agentgate_server.store.rows import Row, Value

COLUMNS = ConsoleRow.__struct_fields__

SCHEMA = (
    """
    CREATE TABLE console_rows (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        principal TEXT NOT NULL,
        body BLOB NOT NULL,
        expires_at REAL NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID
    """,
)
PUT = """
    INSERT INTO console_rows (kind, id, principal, body, expires_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET
    principal = excluded.principal, body = excluded.body, expires_at = excluded.expires_at
"""
DROP = "DELETE FROM console_rows WHERE kind = ? AND id = ?"
READ = "SELECT kind, id, principal, body, expires_at FROM console_rows ORDER BY kind, id"
PRUNE = "DELETE FROM console_rows WHERE expires_at > 0 AND expires_at < ?"


def plan(changes: Iterable[Change]) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """The statements that store and forget rows, in order."""
    for change in changes:
        match change:
            case PutConsoleRow(row):
                yield PUT, (row.kind.value, row.id, row.principal, row.body, row.expires_at)
            case DropConsoleRow(kind, key):
                yield DROP, (kind.value, key)
            case _:
                pass


def row_of(values: Row) -> ConsoleRow:
    """The row that these values are.

    Raises:
        ValueError, msgspec.ValidationError: we never wrote such a row; the file is damaged.
    """
    return msgspec.convert(dict(zip(COLUMNS, values, strict=True)), ConsoleRow)
