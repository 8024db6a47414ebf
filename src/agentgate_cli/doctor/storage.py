"""The database and its audit, looked at beside a gateway that may run on them."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

from agentgate_cli.doctor.probe import Patient, Report, broken, doubtful
from agentgate_cli.text import printable

if TYPE_CHECKING:
    from pathlib import Path

    from agentgate_server.config import Config
    from agentgate_server.policy.linting import Finding

PID_BYTES = 20
ENTRIES_LOOKED_AT = 20_000
"""Of the audit, the newest: seconds, and not the minutes of a whole one."""


async def reach_database(patient: Patient, config: Config) -> Report:
    """Whether there is room, and nobody else may read it."""
    path = config.storage.path
    findings = [*room(config), *modes(path)]
    well = f"{path}" if path.exists() else f"{path} will be made at the first start"
    return Report(well, tuple(findings))


async def reach_audit(patient: Patient, config: Config) -> Report:
    """Whether the audit is the one that was kept."""
    from agentgate_proto.audit.chain import Head, split
    from agentgate_server.audit.audit_file import AuditFile
    from agentgate_server.audit.heads import look_back
    from agentgate_server.store.engine import StoreError

    path, head_file = config.storage.path, config.audit.head_file
    if not path.exists():
        return Report()
    found = look_back(path, head_file, [])
    texts = [each.detail or "" for each in found.broken]
    try:
        with AuditFile(path) as audit:
            seq = audit.head().seq
            line = audit.line(seq - ENTRIES_LOOKED_AT) if seq > ENTRIES_LOOKED_AT else None
            parts = None if line is None else split(line)
            start = None if parts is None else Head(parts[1], parts[3])
            verdict = audit.verify() if start is None else audit.verify_end(start)
    except StoreError as error:
        return Report(findings=(broken(printable(str(error)), "restore it from a backup"),))
    if verdict.broken is not None:
        texts.append(verdict.broken.why)
    step = (
        "find out who changed it: 'agent-gate audit verify' says where, and a backup has what was "
        "there before"
    )
    findings = tuple(broken(f"the audit was changed: {printable(text)}", step) for text in texts)
    return Report(f"{seq} {'entry' if seq == 1 else 'entries'}, in order", findings)


def room(config: Config) -> list[Finding]:
    """Whether the disk has what must stay free, as the gateway measures it."""
    from agentgate_proto.quotas.disk import DiskFloor
    from agentgate_server.store.disk_watch import space_of

    folder = config.storage.path.parent
    while not folder.exists():
        folder = folder.parent
    try:
        space = space_of(folder)
    except OSError:
        return []
    floor = DiskFloor(config.storage.free_min)
    floor.measured(space.free, space.size)
    if not floor.objection:
        return []
    large = f"'du -xh {folder} | sort -h | tail' shows what is large"
    step = f"make room ({large}), or lower storage.free_min"
    return [broken(floor.objection.removesuffix("; nothing was run"), step)]


def modes(path: Path) -> list[Finding]:
    """Whether others can read what was asked and done; a gateway mends that at its start."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return []
    if not mode & (stat.S_IROTH | stat.S_IRGRP):
        return []
    return [doubtful(f"others can read {path}: what was asked and done", f"chmod 600 {path}")]


def holder_of(path: Path) -> str:
    """The process that has a database, by its number; "": none has.

    The lock is tried, and given back at once.
    """
    beside = path.expanduser().resolve()
    beside = beside.with_name(f"{beside.name}-lock")
    try:
        descriptor = os.open(beside, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, PID_BYTES, 0).decode("ascii", "replace").strip() or "unknown"
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""
