"""The file that belongs to one gateway process, and to nobody else's eyes.

There are two locks, both an advisory ``flock``: they go away with the process however that dies.
One is on a small file beside the database. That file stays, because removing it would let two
processes lock two different files of one name.

The other is on the database itself, because one file can have two names, each with a lock file of
its own. It is taken on Linux only: elsewhere, and on network file systems, ``flock`` and the
``fcntl`` locks that SQLite takes are one (``man 2 flock``), and SQLite would wait for us. Readers
take SQLite's locks alone, so that command line tools can look in beside a gateway.

A name more is also wrong without a second gateway: SQLite finds its log by the name. Under another
one, what was committed is not seen, and the log that is beside it may be another's. So a database
that has two names (a hard link), or is mounted by itself, is refused.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import explain_os

FILE_MODE = 0o600
FOLDER_MODE = 0o700

MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, as this process sees it (Linux, ``man 5 proc_pid_mountinfo``)."""

ESCAPED = re.compile(r"\\([0-7]{3})")
"""How spaces and their like are written there."""

SHARED_LOCKS = frozenset({"nfs", "nfs4", "cifs", "smb3"})
"""File systems on which Linux makes an ``fcntl`` lock of a ``flock``."""

Identity = tuple[int, int]
"""Device and inode: which file a path leads to."""


class Mount(NamedTuple):
    """Something that is mounted: where, and the kind of its file system."""

    point: Path
    kind: str


class OwnedFile:
    """The right to be the one gateway process on a database file.

    Taking it creates the file, empty and private, and the folders above it, if they are missing.

    Args:
        path: the file.
        mounts: where the system says what is mounted; where there is no such file, nobody knows.

    Attributes:
        path: the file, with symbolic links followed.

    Raises:
        StoreError: another process has it, it has more than one name, or the place cannot be
            written.
    """

    def __init__(self, path: Path, mounts: Path = MOUNTS) -> None:
        self.seen: dict[Path, Identity] = {}
        self.lock = self.own = -1
        try:
            self.path = path.expanduser().resolve()
            make_folder(self.path.parent)
            self.lock = lock(self.path)
            try:
                create(self.path)
                mounted = read_mounts(mounts)
                check_names(self.path, mounted)
                if sys.platform == "linux" and kind_of(self.path, mounted) not in SHARED_LOCKS:
                    self.own = lock_itself(self.path)
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
        """Give the file up. Doing so twice is harmless.

        SQLite must have closed it before: whoever closes one descriptor of a file drops all
        ``fcntl`` locks that the process has on it (``man 2 fcntl_locking``).
        """
        self.seen = {}
        for descriptor in (self.own, self.lock):
            if descriptor >= 0:
                os.close(descriptor)
        self.lock = self.own = -1

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
    """Lock the name ``path`` for this process; returns the descriptor that holds the lock.

    Raises:
        StoreError: another process has it, or something else is in the lock file's place.
        OSError: the lock file cannot be made.
    """
    beside = path.with_name(f"{path.name}-lock")
    if beside.is_symlink():
        raise StoreError(no_lock_file(beside))
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(beside, flags, FILE_MODE)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise StoreError(no_lock_file(beside))
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


def no_lock_file(path: Path) -> str:
    """What to do about a lock file that would be some other file: its content is overwritten."""
    return (
        f"{path} is a link or no file, and the lock must be a file of its own: look what it is,"
        " and remove it while no gateway runs"
    )


def lock_itself(path: Path) -> int:
    """Lock the file that is at ``path``, whatever else it is called; returns the descriptor.

    Raises:
        StoreError: another process has it.
        OSError: it cannot be opened or locked.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreError(
            f"locked by another gateway process, which has {path} under another name: stop that"
            " one, or give this one its own storage.path"
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_names(path: Path, mounted: list[Mount]) -> None:
    """Make sure that the database has one name, by which its log and its lock are found.

    Raises:
        StoreError: it is mounted by itself, or has another name.
    """
    if any(mount.point == path for mount in mounted):
        raise StoreError(
            f"{path} is mounted by itself, without its log ({path.name}-wal) and its lock: mount"
            f" the folder that it is in, as {path.parent}"
        )
    links = path.stat().st_nlink
    if links > 1:
        raise StoreError(
            f"{path} has {links} names (hard links), and its log and its lock go by one: remove"
            f" the others ('find -samefile {path.name}' finds them); for a container mount the"
            " folder, for a backup see docs/storage.md"
        )


def read_mounts(table: Path) -> list[Mount]:
    """Read what is mounted; nothing where the system does not say so."""
    try:
        lines = os.fsdecode(table.read_bytes()).split("\n")
    except OSError:
        return []
    mounted = []
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) > 4:
            mounted.append(Mount(Path(unescaped(fields[4])), kinds[0]))
    return mounted


def unescaped(name: str) -> str:
    """Undo what mountinfo does to blanks in a name."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 8)), name)


def kind_of(path: Path, mounted: list[Mount]) -> str:
    """The kind of the file system that a file is on; "": not known."""
    above = [mount for mount in mounted if path.is_relative_to(mount.point)]
    above.sort(key=lambda mount: len(mount.point.parts))  # stable: what was mounted last is on top
    return above[-1].kind if above else ""


def create(path: Path) -> None:
    """Create an empty file that only its owner may read, unless there is one."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        if not path.is_file():
            raise StoreError(f"{path} is not a file; set storage.path to a file's name") from None
    else:
        os.close(descriptor)


def uri_for_reading(path: Path, *, briefly: bool = False) -> str:
    """The URI by which SQLite opens a database for reading only, beside a gateway that writes it.

    SQLite makes working memory beside it for that, and leaves it there. Where nothing can be made
    (a disk that is mounted read-only), there can be no gateway either: if there is no log, the file
    is all there is.

    Args:
        path: the database.
        briefly: it is looked at for a moment, so that nothing need be made if there is no log.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    is_still = not has_log and (briefly or not os.access(path.parent, os.W_OK))
    return f"{path.as_uri()}?{'immutable=1' if is_still else 'mode=ro'}"


def identity(path: Path) -> Identity:
    """Which file the path leads to now."""
    found = path.stat()
    return found.st_dev, found.st_ino
