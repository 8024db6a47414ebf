"""Copying a store into one file, while a gateway writes it: a backup.

The copy is of one moment: a reader's snapshot is held while page after page is copied, so that no
commit of the gateway makes it begin anew. It is written under another name, looked through, synced,
and only then gets its own, so there is never half a backup. What else is to be known of it stands
in a table of its own, ``backup``, which a restore takes out again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from agentgate_server.store.disk_watch import Space, space_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import BUSY_S, FAULTS, explain, explain_os
from agentgate_server.store.files import FILE_MODE, identity, uri_for_reading
from agentgate_server.store.opening import check_kind

PAGES_A_STEP = 1_024
"""Copied between two looks at the progress: 4 MiB."""

MARGIN_BYTES = 16_777_216
"""That must be free beyond the copy: for its notes, and for what SQLite sets aside."""

HAS_NOTES = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'backup'"
MAKE_NOTES = "CREATE TABLE backup (key TEXT PRIMARY KEY, value BLOB NOT NULL)"
DROP_NOTES = "DROP TABLE IF EXISTS backup"

Progress = Callable[[int, int], None]
"""Hears how many bytes of how many are copied."""

Describe = Callable[[sqlite3.Connection], Mapping[str, bytes]]
"""Says what is to stand beside a copy; it may ask the copy."""


def back_up(
    source: Path,
    target: Path,
    describe: Describe,
    *,
    leave_free: int = 0,
    progress: Progress = lambda _done, _all: None,
    look: Callable[[Path], Space] = space_of,
) -> int:
    """Copy a database into a new file, readable to this user only; it is on the disk then.

    Args:
        source: the database; a gateway may run on it.
        target: the file. There must be none of this name.
        describe: says what is to stand in the table ``backup``.
        leave_free: bytes that the gateway wants free on the disk of the database.
        progress: hears how far it is.
        look: says how much is free.

    Returns:
        how many bytes it has.

    Raises:
        StoreError: it can't be made; nothing is left of it.
    """
    try:
        source, target = source.expanduser().resolve(), target.expanduser().absolute()
        check_ends(source, target)
        shared = source.parent.stat().st_dev == target.parent.stat().st_dev
        check_space(target, size_of(source) + (leave_free if shared else 0), look)
        with written_whole(target) as part, read_as_it_is(source) as reader:
            copy_pages(reader, part, progress)
            with closing(connect_alone(part)) as copy:
                check_whole(copy, source)
                write_notes(copy, describe(copy))
            size = part.stat().st_size
    except FAULTS as error:
        raise StoreError(explain(error, source)) from error
    except OSError as error:
        raise StoreError(explain_os(error, target)) from error
    return size


def check_ends(source: Path, target: Path) -> None:
    """Make sure that there is something to copy, and room for its name.

    Raises:
        StoreError: there is not.
    """
    if not source.is_file():
        raise StoreError(f"{source} is not there: has the gateway been started with this config?")
    if not target.parent.is_dir():
        raise StoreError(f"there is no folder {target.parent}: make it, or name another place")
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already: give the backup a name of its own")


def check_space(target: Path, wanted: int, look: Callable[[Path], Space]) -> None:
    """Make sure that the disk takes so many bytes.

    Raises:
        StoreError: it does not.
    """
    wanted, free = wanted + MARGIN_BYTES, look(target.parent).free
    if free < wanted:
        raise StoreError(
            f"{target.parent} has {free:,} bytes free, and {wanted:,} are needed (with what"
            " storage.free_min wants to stay free, if that is the same disk): free some, or name"
            " a place on another disk"
        )


def size_of(path: Path) -> int:
    """How many bytes a database has, with what is not folded into it yet."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a file another name while it is written; it gets its own at the end, or goes.

    Raises:
        StoreError: somebody else took the name meanwhile.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    try:
        yield part
        sync(part)
        try:
            os.link(part, target)
        except FileExistsError:
            raise StoreError(f"{target} is there already: give the backup another name") from None
        except OSError:  # a file system without links
            part.rename(target)
        sync(target.parent)
    finally:
        for path in (part, part.with_name(f"{part.name}-journal")):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def read_as_it_is(path: Path) -> Iterator[sqlite3.Connection]:
    """Read a database of ours as it is at this moment, whatever is written meanwhile."""
    uri = uri_for_reading(path)
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as reader:
        check_kind(reader, path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot begins
        yield reader


def connect_alone(path: Path) -> sqlite3.Connection:
    """Open a file that nobody else has, without a log beside it."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None
    )
    connection.execute("PRAGMA journal_mode = DELETE")
    return connection


def copy_pages(reader: sqlite3.Connection, part: Path, progress: Progress) -> None:
    """Copy what a snapshot has, and say how far it is."""
    (page_bytes,) = reader.execute("PRAGMA page_size").fetchone()

    def tell(_status: int, remaining: int, total: int) -> None:
        progress((total - remaining) * page_bytes, total * page_bytes)

    with closing(sqlite3.connect(f"{part.as_uri()}?mode=rw", uri=True)) as copy:
        reader.backup(copy, pages=PAGES_A_STEP, progress=tell)


def check_whole(copy: sqlite3.Connection, source: Path) -> None:
    """Make sure that what was copied is sound: a backup of a damaged file is none.

    Raises:
        StoreError: it is not.
    """
    (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"damaged: {source} ({found}); keep it, and restore an older backup")


def write_notes(copy: sqlite3.Connection, notes: Mapping[str, bytes]) -> None:
    """Write down what is to be known of a backup, in the place of what a former one says."""
    copy.execute("BEGIN IMMEDIATE")
    copy.execute(DROP_NOTES)
    copy.execute(MAKE_NOTES)
    copy.executemany("INSERT INTO backup VALUES (?, ?)", sorted(notes.items()))
    copy.execute("COMMIT")


def notes_in(connection: sqlite3.Connection) -> dict[str, bytes]:
    """Read what is to be known of a backup; nothing, of one that another tool made."""
    if connection.execute(HAS_NOTES).fetchone() is None:
        return {}
    found = connection.execute("SELECT key, CAST(value AS BLOB) FROM backup").fetchall()
    return {str(key): bytes(value) for key, value in found}


def is_same_file(one: Path, other: Path) -> bool:
    """Whether two names lead to one file."""
    try:
        return identity(one) == identity(other)
    except OSError:
        return False
