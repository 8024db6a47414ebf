"""Opening the file of a store: is it ours, can it be written, and what its schema needs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agentgate_server.store import statements
from agentgate_server.store.audit_rows import make_key, seal_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.face_seal import make_seal
from agentgate_server.store.faults import BUSY_S, explain
from agentgate_server.store.migrations import APPLICATION_ID, VERSION, migrate, restore_triggers
from agentgate_server.store.rows import COLUMNS

STATEMENTS_MAX = 192
"""Prepared statements kept: more than there are."""

SETTINGS = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk, not on its way there
    "PRAGMA fullfsync = ON",  # where fsync alone stops at the drive's cache (macOS)
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA temp_store = MEMORY",  # what a statement sets aside must not need disk space
    "PRAGMA cache_size = -8000",  # KiB
    "PRAGMA journal_size_limit = 67108864",  # what a burst leaves of the WAL, in bytes
)


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
    make_seal(connection)
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
