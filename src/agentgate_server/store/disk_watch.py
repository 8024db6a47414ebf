"""Looking at the disk that the store is on: how much is free, and whether the file has grown."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from agentgate_proto.quotas.disk import DiskFloor

GROWN_BYTES = 67_108_864
"""Retention is due early when the file is larger by so much: 1/16 of its cap by default."""

log = logging.getLogger(__name__)


class Space(NamedTuple):
    """What a disk has, in bytes: what this process may still use, and its size."""

    free: int
    size: int


def space_of(folder: Path) -> Space:
    """Ask the system how much space there is.

    Raises:
        OSError: it does not say.
    """
    found = os.statvfs(folder)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


class DiskWatch:
    """See the module.

    Args:
        path: the database.
        floor: says what the numbers mean.
        look: asks the system.
    """

    def __init__(
        self, path: Path, floor: DiskFloor, look: Callable[[Path], Space] = space_of
    ) -> None:
        self.path = path
        self.floor = floor
        self._look = look
        self._size: int | None = None
        self._is_blind = False

    def measure(self) -> None:
        """Look, and log what has changed. It blocks: call it in a thread."""
        try:
            space = self._look(self.path.parent)
        except OSError as error:
            if not self._is_blind:
                log.warning("nobody knows how full the disk of %s is: %s", self.path, error)
            self._is_blind = True
            return
        self._is_blind = False
        if self.floor.measured(space.free, space.size):
            if self.floor.is_low:
                log.error("new requests are refused: %s", self.floor.objection)
            else:
                log.warning("there is room on the disk again: new requests are taken")

    def has_grown(self) -> bool:
        """Whether the file is much larger than when this was said last."""
        try:
            size = self.path.stat().st_size
        except OSError:
            return False
        if self._size is None or size < self._size:
            self._size = size
        if size - self._size < GROWN_BYTES:
            return False
        self._size = size
        return True
