"""The file that belongs to one gateway process, and to nobody else's eyes.

The lock is an advisory ``flock`` on a small file beside the database: it goes away with the
process however that dies, and it leaves SQLite's own locks alone, so that command line tools can
still read. The lock file itself stays, because removing it would let two processes lock two
different files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import explain_os

FILE_MODE = 0o600
FOLDER_MODE = 0o700

Identity = tuple[int, int]
"""Device and inode: which file a path leads to."""


class OwnedFile:
    """The right to be the one gateway process on a database file.

    Taking it creates the file, empty and private, and the folders above it, if they are missing.

    Attributes:
        path: the file, with symbolic links followed: one file has one lock.

    Raises:
        StoreError: another process has it, or the place cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.seen: dict[Path, Identity] = {}
        try:
            self.path = path.expanduser().resolve()
            make_folder(self.path.parent)
            self.lock = lock(self.path)
            try:
                create(self.path)
            except BaseException:
                self.release()
                raise
        except (OSError, RuntimeError) as error:
            raise StoreError(explain_os(error, path)) from error

    def tighten(self) -> None:
        """Make the database private, with what SQLite keeps beside it: a backup may not be."""
        for path in self.parts():
            if path.exists():
                path.chmod(FILE_MODE)

    def remember(self) -> None:
        """Note which files the database is made of, for :meth:`check`."""
        self.seen = {path: identity(path) for path in self.parts() if path.exists()}

    def check(self) -> None:
        """Make sure that what is written still ends up in the file that a restart would read.

        Raises:
            StoreError: a part of the database was moved, replaced or deleted.
        """
        for path, was in self.seen.items():
            try:
                now: Identity | None = identity(path)
            except OSError:
                now = None
            if now != was:
                raise StoreError(
                    f"{path} was moved, replaced or deleted while the gateway runs: put it back,"
                    " or restart the gateway"
                )

    def release(self) -> None:
        """Give the file up. Doing so twice is harmless."""
        self.seen = {}
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def parts(self) -> tuple[Path, Path, Path]:
        """The database and the two files that SQLite keeps beside it."""
        name = self.path.name
        return self.path, self.path.with_name(f"{name}-wal"), self.path.with_name(f"{name}-shm")


def make_folder(folder: Path) -> None:
    """Create what is missing of a folder, private; what is there stays as it is."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(FOLDER_MODE, exist_ok=True)
        # SQLite syncs the folder that its files are in, but not the folders above.
        above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(above)
        finally:
            os.close(above)


def lock(path: Path) -> int:
    """Lock the database at ``path`` for this process; returns the descriptor that holds the lock.

    Raises:
        StoreError: another process has it.
        OSError: the lock file cannot be made.
    """
    beside = path.with_name(f"{path.name}-lock")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreError(
            f"locked by another gateway process (pid {holder}): {path} serves one gateway at a"
            " time; stop that one, or give this one its own storage.path"
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def create(path: Path) -> None:
    """Create an empty file that only its owner may read, unless there is one."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path} is not a file; set storage.path to a file's name") from None
    else:
        os.close(descriptor)


def identity(path: Path) -> Identity:
    """Which file the path leads to now."""
    found = path.stat()
    return found.st_dev, found.st_ino
