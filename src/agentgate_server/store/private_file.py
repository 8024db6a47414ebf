"""A small file of ours beside the database: written whole by several programs, read by one.

A change replaces the file as a whole, so that a reader sees either the old or the new one; a lock
beside it lets one writer at a time in. It is its owner's alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from agentgate_server.store.files import FILE_MODE, make_folder

MOUNTED_ALONE = "; if it is mounted by itself, mount the folder that it is in"

Stamp = tuple[int, int, int] | None
"""Inode, size and time of change: what tells one state of the file from another; None: no file."""


class PrivateFileError(Exception):
    """The file cannot be used. The text says why and what to do, without any secret."""


class PrivateFile:
    """The file at a path; it need not exist. Base of those that know what is in it.

    Args:
        path: where it is, or will be.

    Attributes:
        error_type: what is raised.
        bytes_max: a larger one is another file.
        forbidden: permissions of others with which it is not read.
        danger: what others could do with them.
    """

    error_type: ClassVar[type[PrivateFileError]] = PrivateFileError
    bytes_max: ClassVar[int]
    forbidden: ClassVar[int] = stat.S_IWGRP | stat.S_IWOTH
    danger: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Stamp:
        """Tell this state of the file from others, without reading it.

        Raises:
            PrivateFileError: it cannot be told.
        """
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.error(f"cannot be looked at: {error.strerror}") from error
        return found.st_ino, found.st_size, found.st_mtime_ns

    def read_bytes(self) -> bytes | None:
        """Return what is in the file; None: there is no file.

        Raises:
            PrivateFileError: it cannot be read, is too large, or others may do too much with it.
        """
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                raw = file.read(self.bytes_max + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self.error(f"cannot be read: {error.strerror}") from error
        if mode & self.forbidden:
            raise self.error(f"{self.danger}: chmod 600 {self.path}")
        if len(raw) > self.bytes_max:
            raise self.error(f"is larger than {self.bytes_max} bytes: is it another file?")
        return raw

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep other writers out; make the folder if there is none.

        Raises:
            PrivateFileError: it cannot be written.
        """
        try:
            make_folder(self.path.parent)
            with self.locked():
                yield
        except OSError as error:
            hint = MOUNTED_ALONE if error.errno == errno.EBUSY else ""
            raise self.error(f"cannot be written: {error.strerror}{hint}") from error

    def replace(self, data: bytes) -> None:
        """Put a whole new file in the place of the old one; durable when this returns.

        Raises:
            OSError: it cannot be written; the old one stays. See :meth:`writing`.
        """
        fresh = self.path.with_name(f"{self.path.name}-new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            self.hand_over(descriptor)
            os.fsync(descriptor)
        fresh.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers out."""
        beside = self.path.with_name(f"{self.path.name}-lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(beside, flags, FILE_MODE)
        except OSError as error:
            if beside.is_symlink():
                raise self.error(f"{beside} is a link: look what it is, and remove it") from error
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                # It is handed over, so it must not be some other file of somebody's choosing.
                raise self.error(f"{beside} is no file of its own: look what it is, and remove it")
            self.hand_over(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def hand_over(self, descriptor: int) -> None:
        """Let what root writes belong to whom the folder belongs: the gateway must read it."""
        if os.geteuid() == 0:
            owner = self.path.parent.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def error(self, message: str) -> PrivateFileError:
        """Make an error about this file."""
        return self.error_type(f"{self.path}: {message}")
