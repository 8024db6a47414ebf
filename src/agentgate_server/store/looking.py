"""Looking at a database as a start would, without starting: nothing is locked, made or changed."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import BUSY_S, FAULTS, explain, explain_os
from agentgate_server.store.files import MOUNTS, check_names, read_mounts, uri_for_reading
from agentgate_server.store.migrations import VERSION
from agentgate_server.store.opening import check_kind

LookAhead = Callable[[sqlite3.Connection], list[str]]


def no_doubts(_connection: sqlite3.Connection) -> list[str]:
    """Nothing is asked."""
    return []


def look_at_store(
    path: Path, look_ahead: LookAhead = no_doubts, mounts: Path = MOUNTS
) -> list[str]:
    """Look at a database; a gateway may run on it.

    Returns:
        what there is to doubt about it, each in words.

    Args:
        path: the file; it need not exist.
        look_ahead: what to ask one of the present version.
        mounts: where the system says what is mounted.

    Raises:
        StoreError: a gateway could not be started on it.
    """
    try:
        path = path.expanduser().resolve()
        if not path.exists():
            look_at_folder(path.parent)
            return []
        if not path.is_file():
            raise StoreError(f"{path} is not a file; set storage.path to a file's name")
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        look_at_folder(path.parent)
        check_names(path, read_mounts(mounts))
    except (OSError, RuntimeError) as error:
        raise StoreError(explain_os(error, path)) from error
    try:
        uri = uri_for_reading(path, briefly=True)
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db:
            check_kind(db, path)
            (version,) = db.execute("PRAGMA user_version").fetchone()
            return look_ahead(db) if version == VERSION else []
    except FAULTS as error:
        raise StoreError(explain(error, path)) from error


def look_at_folder(folder: Path) -> None:
    """Make sure that a folder could be made, and a file in it.

    Raises:
        OSError: it could not.
    """
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))
