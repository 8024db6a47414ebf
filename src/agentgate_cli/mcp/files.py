"""Settings and tokens in files: changed whole or not at all, with a copy of what was there."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

SETTINGS_BYTES_MAX = 50_000_000
"""Claude Code keeps the history of every project in the file where its servers are."""

TOKEN_FILE_BYTES_MAX = 8_192
"""A token and its new line; what is larger is another file, named by mistake."""

OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE = stat.S_IRUSR | stat.S_IWUSR


class FileTrouble(Exception):
    """A file can't be read or written; says which, why, and what to do."""


def read_text(path: Path) -> str:
    """Return what is in a file; "": there is none.

    Raises:
        FileTrouble: it can't be read.
    """
    try:
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            raise FileTrouble(f"{path} is too large to be a file of settings")
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise FileTrouble(f"can't read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileTrouble(f"can't read {path}: it is not UTF-8") from None


def read_token(path: Path) -> str:
    """Return the token in a file.

    Raises:
        FileTrouble: there is none; or others on this machine can read it.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(TOKEN_FILE_BYTES_MAX + 1).decode("ascii", "replace").strip()
    except OSError as error:
        text = f"can't read the token in {path}: {error.strerror}"
        raise FileTrouble(f"{text}; 'agent-gate mcp setup' writes it") from None
    if os.name == "posix" and mode & stat.S_IROTH:
        raise FileTrouble(f"everybody on this machine can read {path}: chmod 600 {path}")
    if not text or len(text) > TOKEN_FILE_BYTES_MAX or len(text.split()) != 1:
        raise FileTrouble(f"{path} has no token: it should be one line with nothing else")
    return text


def replace_text(path: Path, text: str, *, private: bool = False, keep: bool = True) -> Path | None:
    """Write a file in one step; return the copy of what was there, if it was kept.

    A link stays a link: what it points to is written. Permissions stay as they are, unless it must
    be private.

    Raises:
        FileTrouble: it can't be written; nothing has changed.
    """
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        old = target.stat() if target.exists() else None
        copy = None
        if old is not None and keep:
            copy = free_name(target)
            write_new(copy, target.read_bytes(), stat.S_IMODE(old.st_mode) & ~OTHERS)
        mode = PRIVATE if private or old is None else stat.S_IMODE(old.st_mode)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode("utf-8"))
                file.flush()
                os.fsync(file.fileno())
            new.chmod(mode)
            new.replace(target)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise
    except OSError as error:
        raise FileTrouble(f"can't write {path}: {error.strerror}; nothing was changed") from None
    return copy


def make_private(path: Path) -> bool:
    """Let nobody else read a file; return whether anybody else could."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name != "posix" or not mode & OTHERS:
        return False
    path.chmod(mode & ~OTHERS)
    return True


def free_name(path: Path) -> Path:
    """A name beside a file for a copy of it that is not taken."""
    at = time.strftime("%Y%m%d-%H%M%S")
    name = path.with_name(f"{path.name}.{at}.bak")
    number = 1
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}.{at}-{number}.bak")
    return name


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
