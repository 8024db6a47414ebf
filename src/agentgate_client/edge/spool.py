"""The spool: a file of what a device has asked, which outlives its process.

What ``append`` returns from is on the disk. The file is for its owner alone (0600), and is locked:
one process at a time. Where it has grown long, it is written anew beside itself and put in its
place, whole.

All of this blocks: it is called in a thread, one call at a time.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

from agentgate_proto.client.prompts import Record
from agentgate_proto.client.spool import Head, Unreadable, encode_lines, read_lines

log = logging.getLogger("agentgate_client")

COMPACT_BYTES = 1_048_576
"""A file that is longer is written anew, once most of it is of prompts that are done."""

FILE_BYTES_MAX = 67_108_864
"""A longer file was not written by us, and is not read into a small device's memory."""

ATTEMPTS = 16
"""To open a file that is put anew into its place meanwhile."""


class SpoolError(Exception):
    """The spool can't be used. ``str()`` names the file and says why."""


class Spool:
    """See the module; made by ``open``.

    Attributes:
        client_id: the name under which this device is known to its gateway.
        records: what the file held when it was opened.
    """

    def __init__(self, path: Path, descriptor: int, head: Head, records: Sequence[Record]) -> None:
        self.client_id = head.client_id
        self.records = list(records)
        self._path = path
        self._descriptor = descriptor
        self._head = head
        self._end = os.lseek(descriptor, 0, os.SEEK_END)
        self._good_from = self._end  # what it had when it was written anew last
        self._broken = ""

    @classmethod
    def open(cls, path: str | os.PathLike[str], client_id: str = "") -> Self:
        """Open a spool, or make one.

        Args:
            path: the file.
            client_id: of a new one; "": a fresh name. An old one keeps its own.

        Raises:
            SpoolError: it is used by another process, is no spool, or can't be opened.
        """
        place = Path(path)
        try:
            if not place.exists():
                head = Head(client_id=client_id or f"edge-{uuid4()}")
                os.close(replace_file(place, encode_lines([head])))
            descriptor = lock_file(place)
            return cls.taken_up(place, descriptor)
        except OSError as error:
            raise SpoolError(f"spool {place}: {error.strerror or error}") from None
        except ImportError:
            raise SpoolError(f"spool {place}: this system has no locks; do without it") from None
        except Unreadable as error:
            raise SpoolError(f"spool {place}: {error}") from None

    @classmethod
    def taken_up(cls, place: Path, descriptor: int) -> Self:
        """Take up a file that is open and locked."""
        try:
            content = read_all(descriptor)
            found = read_lines(content)
            if found.end < len(content):
                log.warning("spool %s: the end of a broken write is cut off", place)
                os.ftruncate(descriptor, found.end)
                os.fsync(descriptor)
            if found.damaged:
                log.error("spool %s: %d damaged lines are left out", place, found.damaged)
            head = found.head or Head(client_id=f"edge-{uuid4()}")
            return cls(place, descriptor, head, found.records)
        except BaseException:
            os.close(descriptor)
            raise

    def append(self, records: Iterable[Record]) -> None:
        """Write records; they are on the disk when this returns.

        Raises:
            SpoolError: they are not; the file is as it was before.
        """
        if self._broken:
            raise SpoolError(self._broken)
        data = encode_lines(records)
        try:
            write_all(self._descriptor, data)
            write_down(self._descriptor)
        except OSError as error:
            text = f"spool {self._path}: {error.strerror or error}"
            self._undo(text)
            raise SpoolError(text) from None
        self._end += len(data)

    @property
    def is_long(self) -> bool:
        """Whether it should be written anew."""
        return self._end > max(COMPACT_BYTES, 2 * self._good_from)

    def compact(self, records: Iterable[Record]) -> None:
        """Write it anew with these records alone; if that fails the old one goes on."""
        data = encode_lines([self._head, *records])
        try:
            descriptor = replace_file(self._path, data)
        except OSError as error:
            log.warning("spool %s: can't be written anew: %s", self._path, error)
            self._good_from = self._end  # and is not tried again for every record
            return
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._end = self._good_from = len(data)

    def close(self) -> None:
        """Let go of the file."""
        self._broken = self._broken or f"spool {self._path} is closed"
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _undo(self, reason: str) -> None:
        """Take back half a record, or take no more: what follows it would be lost with it."""
        try:
            os.ftruncate(self._descriptor, self._end)
            os.fsync(self._descriptor)
        except OSError:
            self._broken = f"{reason}; and what was written can't be taken back"


write_down = getattr(os, "fdatasync", os.fsync)
"""Writes through to the disk; macOS has only the slower one of the two."""


def lock_file(path: Path) -> int:
    """Open a file and lock it. What is locked must be what has the name: it may be replaced by
    another process between the two."""
    import fcntl  # not there on every system; a client without a spool needs none

    for _ in range(ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine, named = os.fstat(descriptor), path.stat()
            if not stat.S_ISREG(mine.st_mode):
                raise SpoolError(f"spool {path}: it is no file")
            if (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino):
                os.fchmod(descriptor, 0o600)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise SpoolError(f"spool {path}: another process uses it") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise SpoolError(f"spool {path}: it is replaced all the time")


def replace_file(path: Path, data: bytes) -> int:
    """Put a new file in the place of one, durably; return it open and locked."""
    import fcntl

    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        write_all(descriptor, data)
        os.fsync(descriptor)
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[os.write(descriptor, data) :]


def read_all(descriptor: int) -> bytes:
    """Read the whole file."""
    size = os.fstat(descriptor).st_size
    if size > FILE_BYTES_MAX:
        raise Unreadable(f"it has {size} bytes, which is too much for a spool")
    return os.pread(descriptor, size, 0)
