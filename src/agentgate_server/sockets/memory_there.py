"""What memory there is, and how much of it this process has: on Linux, from its files.

Elsewhere nobody can say how much a process has at present without asking for more than Python's
library has: there the memory is not watched.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path("/")
UNLIMITED = 1 << 60
"""A limit of a control group as large as this is none: the first version says it so."""


def used_bytes(root: Path = ROOT) -> int:
    """How much this process has in memory; 0: nobody can say."""
    try:
        pages = int((root / "proc/self/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def bytes_there(root: Path = ROOT) -> int:
    """How much this process could have: its container's, or the machine's; 0: nobody can say."""
    found = [_of_machine(root), *_of_groups(root)]
    return min((each for each in found if 0 < each < UNLIMITED), default=0)


def _of_machine(root: Path) -> int:
    try:
        for line in (root / "proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1_024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _of_groups(root: Path) -> list[int]:
    """The limits of the control groups that this process is in, of both versions; a container sees
    its own at the top."""
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    limits = []
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = base / path.strip("/")
        limits += [
            _limit(each / name) for each in (group, *group.parents) if base in (each, *each.parents)
        ]
    return limits


def _limit(file: Path) -> int:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):  # none there, or "max"
        return 0
