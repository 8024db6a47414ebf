"""Folders that others may write to: opened so that no link leads out of them.

Every step below a folder that the operator named is taken by a handle of the step before and
follows no symbolic link: whatever is renamed or linked meanwhile, what is opened lies within.
Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

REMOVED_MAX = 100_000
"""Files and folders that are removed with one workspace; a larger one is left to a person."""


class NoFile(Exception):
    """A name does not stand for a file that may be read; the text says why."""


@contextmanager
def opened_within(root: Path, folder: Path) -> Iterator[int]:
    """Open a folder below a root, and close it afterwards.

    Args:
        root: an absolute path; links in it are followed, for the operator named it.
        folder: the same path, or one below it, without links.

    Raises:
        OSError: it is not there any more, or a part of it is a link or no folder.
    """
    handle = os.open(root, FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in folder.relative_to(root).parts:
            inner = os.open(part, FOLDER, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def read_file(folder: int, name: str, bytes_max: int) -> tuple[bytes, int]:
    """Read the beginning of a file.

    Args:
        folder: the handle of its folder.
        name: its name there.
        bytes_max: no more is read.

    Returns:
        What was read, and how large the file is.

    Raises:
        FileNotFoundError: there is none.
        NoFile: it is no file, or can't be read.
    """
    try:
        # Looked at before it is opened: opening is enough to disturb a device or a pipe.
        refuse_others(os.stat(name, dir_fd=folder, follow_symlinks=False))
        handle = os.open(name, FILE, dir_fd=folder)
        try:
            status = os.fstat(handle)
            refuse_others(status)
            chunks: list[bytes] = []
            missing = bytes_max
            while missing and (chunk := os.read(handle, missing)):
                chunks.append(chunk)
                missing -= len(chunk)
        finally:
            os.close(handle)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NoFile(f"cannot be read: {error.strerror}") from None
    return b"".join(chunks), status.st_size


def refuse_others(status: os.stat_result) -> None:
    """Refuse what is no ordinary file.

    Raises:
        NoFile: it is something else.
    """
    if stat.S_ISLNK(status.st_mode):
        raise NoFile("is a symbolic link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise NoFile("is no file")


def remove_folder(parent: int, name: str) -> str:
    """Remove a folder with all that is in it, and nothing that a link in it leads to.

    Args:
        parent: the handle of the folder that it is in.
        name: its name there.

    Returns:
        Why there is still something of it, or "". A folder that is not there is removed.
    """
    try:
        device = os.stat(name, dir_fd=parent, follow_symlinks=False).st_dev
    except FileNotFoundError:
        return ""
    removed = 0
    try:
        for _, folders, files, handle in os.fwalk(
            name, topdown=False, onerror=fail, follow_symlinks=False, dir_fd=parent
        ):
            if os.fstat(handle).st_dev != device:
                return "another file system is mounted within"
            removed += len(folders) + len(files)
            if removed > REMOVED_MAX:
                return f"it has more than {REMOVED_MAX} files"
            for file in files:
                os.unlink(file, dir_fd=handle)
            for folder in folders:
                remove_inner(folder, handle)
        os.rmdir(name, dir_fd=parent)
    except RecursionError:
        return "its folders are nested too deep"
    except OSError as error:
        return f"{error.strerror}"
    return ""


def remove_inner(name: str, parent: int) -> None:
    """Remove what a walk takes for a folder: it is empty by now, or a link to one."""
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        os.unlink(name, dir_fd=parent)
    else:
        os.rmdir(name, dir_fd=parent)


def fail(error: OSError) -> None:
    """Let a walk end with what it could not look into."""
    raise error
