"""Workspaces: each session has a folder, which the gateway makes, or which its client named.

A client may name a folder only within the roots of the configuration, and none that the gateway
made for another session. Such a folder must be there already: to make folders is a tool's business,
and tools go through the gate. Where it lies is looked at when it is named and each time that it is
read, with links resolved, for either may change.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from agentgate_proto.records.session import is_lasting
from agentgate_server.sessions.folders import FOLDER, opened_within, remove_folder

log = logging.getLogger(__name__)

T = TypeVar("T")

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""A session's id, as the name of its folder: no id leads to another folder."""

DIGEST_HEX: Final = 32
"""Of the digest of an agent's id, in the name of its folder."""

PRIVATE: Final = 0o700
"""What a model is told, and what tools leave there for it, is for nobody else on this machine."""

THREADS_MAX = 4
"""Folders that are looked at at once. A dead network drive holds no more of the process."""

WAIT_S = 10.0
"""How long one look may take; then the session hears that it did not work."""


class WorkspaceRefused(Exception):
    """A folder can't be the workspace of a session; the text is for its client."""


class Workspaces:
    """The folders of all sessions.

    Args:
        folder: where the gateway makes folders; absolute. It is made with the first of them.
        roots: where clients may name one; absolute.
        hide: hides secrets of the configuration in what files say.
    """

    def __init__(
        self,
        folder: Path,
        roots: Iterable[Path] = (),
        *,
        hide: Callable[[str], str] = lambda text: text,
    ) -> None:
        self.hide = hide
        self.folder = folder
        self.roots = tuple(roots)
        self._threads = anyio.CapacityLimiter(THREADS_MAX)

    async def make(self, session: str, wanted: str) -> str:
        """Make the folder of a new session, or see that it may have the one it wants.

        Args:
            session: its id.
            wanted: the folder that its client named; "": none.

        Returns:
            The folder, absolute and without links.

        Raises:
            WorkspaceRefused: it can't be had.
        """
        work = partial(self._allowed, wanted) if wanted else partial(self._made, session)
        return await self.in_thread(work)

    async def remove(self, session: str) -> str:
        """Remove the folder of a session that is gone, if the gateway made it one.

        Returns:
            Why there is still something of it, or "". It is in the log as well.
        """
        try:
            problem = await self.in_thread(partial(self._removed, session))
        except WorkspaceRefused as error:
            problem = str(error)
        if problem:
            log.warning("the workspace of %s is not removed: %s", session, problem)
        return problem

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what blocks, for a bounded time.

        Raises:
            WorkspaceRefused: it takes too long; what it does may still be done.
        """
        try:
            with anyio.fail_after(WAIT_S):
                return await anyio.to_thread.run_sync(
                    work, abandon_on_cancel=True, limiter=self._threads
                )
        except TimeoutError:
            text = f"the workspace's disk does not answer within {WAIT_S:g} s"
            raise WorkspaceRefused(text) from None

    @contextmanager
    def opened(self, session: str, workspace: str) -> Iterator[int]:
        """Open a session's folder for reading. It blocks: call it in a thread.

        A folder that the gateway made is looked for where it makes them now: the database and its
        folders may have moved, or come from a backup of another machine. It is known by its name,
        which is the session's id; who names a folder does so before there is an id to be guessed.

        Raises:
            FileNotFoundError: it is not there any more.
            WorkspaceRefused: it is not where it was, or lies outside of what is allowed by now.
        """
        folder = Path(workspace)
        root: Path | None
        if folder.name == folder_name(session):
            root = real(self.folder)
            folder = root / folder.name
        else:
            root = self._root_of(folder)
        if root is None:
            raise WorkspaceRefused(outside(workspace))
        try:
            with opened_within(root, folder) as handle:
                yield handle
        except FileNotFoundError:
            raise
        except OSError as error:
            text = f"the workspace {workspace} can't be opened: {error.strerror}"
            raise WorkspaceRefused(text) from None

    # What blocks

    def _made(self, session: str) -> str:
        try:
            self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            folder = real(self.folder) / folder_name(session)
            folder.mkdir(mode=PRIVATE, exist_ok=is_lasting(session))
        except OSError as error:
            log.warning("no workspace can be made in %s: %s", self.folder, error.strerror)
            text = f"no workspace can be made: {error.strerror}; see sessions.workspaces"
            raise WorkspaceRefused(text) from None
        return str(folder)

    def _allowed(self, wanted: str) -> str:
        if not Path(wanted).is_absolute() or not is_path(wanted):
            raise WorkspaceRefused("the workspace must be an absolute path, as in /srv/project")
        if not self.roots:
            text = "no workspace may be named here: sessions.workspace_roots is empty"
            raise WorkspaceRefused(text)
        try:
            folder = real(Path(wanted))
            root = self._root_of(folder)
            if root is None:
                raise WorkspaceRefused(outside(wanted))
            with opened_within(root, folder):
                return str(folder)
        except FileNotFoundError:
            raise WorkspaceRefused(f"there is no folder {wanted}: make it first") from None
        except NotADirectoryError:
            raise WorkspaceRefused(f"{wanted} is no folder") from None
        except OSError as error:
            text = f"the workspace {wanted} can't be opened: {error.strerror}"
            raise WorkspaceRefused(text) from None

    def _root_of(self, folder: Path) -> Path | None:
        """Return the root, without links, within which a folder lies; None: it may not be named."""
        if folder.is_relative_to(real(self.folder)):
            return None
        roots = map(real, self.roots)
        return next((root for root in roots if folder.is_relative_to(root)), None)

    def _removed(self, session: str) -> str:
        try:
            parent = os.open(self.folder, FOLDER & ~os.O_NOFOLLOW)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{error.strerror}"
        try:
            return remove_folder(parent, folder_name(session))
        finally:
            os.close(parent)


def folder_name(session: str) -> str:
    """Return the name of the folder that is made for a session. An agent's id may have anything in
    it, and its folder may be there already: from before the database was lost, or a crash."""
    if is_lasting(session):
        digest = sha256(session.encode("utf-8", "surrogatepass")).hexdigest()
        return f"agent-{digest[:DIGEST_HEX]}"
    assert NAME.fullmatch(session), "ids of sessions are names"
    return session


def is_path(text: str) -> bool:
    """Whether the system takes a text for a path."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def real(path: Path) -> Path:
    """Resolve the links of a path, as far as it is there."""
    return Path(os.path.realpath(path))


def outside(wanted: str) -> str:
    """Say that a folder may not be named."""
    return f"the workspace {wanted} is not within sessions.workspace_roots of the gateway"


def why_unwritable(folder: Path) -> str:
    """Return why no workspace can be made in a folder, or "". It makes none, and blocks."""
    for path in (folder, *folder.parents):
        if path.is_dir():
            able = os.access(path, os.W_OK | os.X_OK)
            return "" if able else f"{path} can't be written to"
        if os.path.lexists(path):
            return f"{path} is no folder"
    return f"there is no folder {folder.anchor}"
