"""What went wrong with the file, in words for the person who runs the gateway."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

BUSY_S = 5.0
"""How long a commit waits for another program's transaction on the file."""

PRIMARY_CODE_MASK = 0xFF
"""SQLite's extended result codes carry their general kind in the low byte."""

DISK_FULL = "disk full: free some space for {path}"
READ_ONLY = (
    "read-only: {path} cannot be written; check owner and mode of the file and its folder, and"
    " whether the disk is mounted read-only"
)

IN_THE_WAY = (
    "{path} cannot be used: a part of its path is a file, and must be a folder; move that file"
    " away, or set storage.path to another name"
)

WORDS = {
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_BUSY: (
        "locked: another program has held a transaction on {path} for {busy_s:g} s; close the"
        " database shell or backup tool that does"
    ),
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: {path}; check owner and mode of its folder",
    sqlite3.SQLITE_CORRUPT: (
        "damaged: {path} ({detail}); stop the gateway, keep a copy, and restore a backup"
    ),
    sqlite3.SQLITE_NOTADB: (
        "not a database: {path} is some other file; set storage.path to another name, or restore"
        " a backup"
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk failed ({name}) at {path}: check its free space, your quota and the system log"
    ),
    sqlite3.SQLITE_TOOBIG: "too large: a record for {path} is over SQLite's limit of 1 GB",
}


OS_WORDS = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.EROFS: READ_ONLY,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EEXIST: IN_THE_WAY,
    errno.ENOTDIR: IN_THE_WAY,
}


NOT_UTF8 = "Could not decode to UTF-8"
"""How the module's own error begins where a text in the file is none; it has no code."""

DETAIL_CHARS_MAX = 300
"""Of what SQLite says."""

FAULTS = (sqlite3.Error, OverflowError, UnicodeDecodeError)
"""What SQLite's module raises: the second for integers of over 64 bits, the third where the file is
so damaged that the message of the error, which quotes it, is no UTF-8."""


def explain(error: sqlite3.Error | OverflowError | UnicodeDecodeError, path: Path) -> str:
    """Say what the error means for the file at ``path``, and what to do about it."""
    if isinstance(error, UnicodeDecodeError):
        return WORDS[sqlite3.SQLITE_CORRUPT].format(path=path, detail="text that is not UTF-8")
    if str(error).startswith(NOT_UTF8):
        return WORDS[sqlite3.SQLITE_CORRUPT].format(path=path, detail=one_line(str(error)))
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    words = WORDS.get(code & PRIMARY_CODE_MASK) if code is not None else None
    words = words or "{path}: {detail} ({name})"
    return words.format(path=path, detail=one_line(str(error)), name=name, busy_s=BUSY_S)


def one_line(text: str) -> str:
    """What SQLite says may quote the file, which may be damaged: it must not look like more."""
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else "\ufffd" for char in line)[:DETAIL_CHARS_MAX]


def explain_os(error: OSError | RuntimeError, path: Path) -> str:
    """Say why the file at ``path`` cannot be made or locked, and what to do about it."""
    words = OS_WORDS.get(getattr(error, "errno", None) or 0)
    words = words or "{path} cannot be used: {detail}; check storage.path"
    return words.format(path=path, detail=error)


def undo(connection: sqlite3.Connection) -> None:
    """Roll back, unless SQLite did so itself; never raises, for it runs after an error."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        # What is not rolled back was not committed either; the next commit tries again first.
        return
