"""The files that Python tools were loaded from, to notice that they were edited.

A module is imported once in the life of a process. What was edited since is not what runs, and
whoever reloads should hear so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from hashlib import file_digest
from itertools import chain, islice
from pathlib import Path

from agentgate_server.tools.modules import load_module

FILES_MAX = 1_000
"""Files that are looked at; a folder of tools has a handful, and what they import of it."""

LIBRARIES = frozenset({"site-packages", "dist-packages"})
"""Folders of what was installed: it is not edited, and there is much of it."""


class Sources:
    """The source files of tools, as they are now.

    Args:
        modules: names and paths of modules that were imported, see ``ToolsConfig.python``.
        folder: of the configuration: what was imported from below it counts as well.
    """

    def __init__(self, modules: Iterable[str], folder: Path) -> None:
        self.folder = folder.resolve()
        named = (source_of(load_module(name, folder)) for name in modules)
        others = filter(self.is_ours, map(source_of, list(sys.modules.values())))
        found = islice((path for path in chain(named, others) if path is not None), FILES_MAX)
        self._digests = {path: digest(path) for path in found}

    def edited(self) -> list[str]:
        """Those that are not as they were loaded, by their path, from the folder if they are in it.

        Reads all of them.
        """
        return [
            str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)
            for path, was in self._digests.items()
            if digest(path) != was
        ]

    def is_ours(self, path: Path | None) -> bool:
        """Whether a file lies below the folder and was not installed there."""
        if path is None or not path.is_relative_to(self.folder):
            return False
        return LIBRARIES.isdisjoint(path.relative_to(self.folder).parts)


def source_of(module: object) -> Path | None:
    """The file of a module, if it is one of Python's."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    return Path(file).resolve()


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes; "": it can't be read."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
