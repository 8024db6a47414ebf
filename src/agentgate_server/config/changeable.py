"""Who else may change what a gateway does: files that others can write.

Whoever writes the policy decides what is allowed, and whoever writes a tool's module runs code as
the gateway. The token file is refused where others can write it; these are the user's own files, on
whatever file system they are, so they are named, loudly, at each start and by ``check``.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agentgate_server.config.load import Config, at


def changeable_by_others(config: Config) -> list[str]:
    """Warn of files that others can write or replace, one line for each."""
    if os.name != "posix":
        return []
    files = [Path(config.name), Path(config.name).parent / ".env", config.permissions]
    files += [Path(entry) for entry in config.tools.python if entry.endswith(".py")]
    files += [at(config.folder, entry) for entry in config.tools.http]
    warnings = [warning for file in dict.fromkeys(files) if (warning := why(file))]
    folders = dict.fromkeys(file.parent for file in files if file.is_file())
    return [*warnings, *(warning for folder in folders if (warning := why_replaced(folder)))]


def why(file: Path) -> str:
    """Say that others can write a file; "": they can't, or there is none."""
    try:
        found = file.stat()
    except OSError:
        return ""
    if not stat.S_ISREG(found.st_mode) or not is_writable_by_others(found):
        return ""
    return f"others can write {file}, and decide what this gateway does: chmod go-w {file}"


def why_replaced(folder: Path) -> str:
    """Say that others can put other files into a folder; "": they can't."""
    try:
        found = folder.stat()
    except OSError:
        return ""
    if found.st_mode & stat.S_ISVTX or not is_writable_by_others(found):
        return ""
    return (
        f"others can write the folder {folder.absolute()}, and put other files in the place of"
        f" those that say what this gateway does: chmod go-w {folder.absolute()}"
    )


def is_writable_by_others(found: os.stat_result) -> bool:
    """Whether somebody besides the owner may write something.

    A group of the owner's own number is theirs alone: most systems make one for each user.
    """
    of_group = found.st_mode & stat.S_IWGRP and found.st_gid != found.st_uid
    return bool(found.st_mode & stat.S_IWOTH or of_group)
