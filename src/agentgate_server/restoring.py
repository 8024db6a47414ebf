"""Backups of a gateway's memory: what is kept in one, and how one is put in the place of the store.

A restored store is honest about what it can't know: it has a new epoch, and so has the log of each
session, so that clients take nothing for known that came after the backup; what was open is
unknown; grants have ended (:mod:`agentgate_proto.ledger.restoring`). What stood in its place before
is kept aside.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agentgate_proto.audit.chain import Head, parse_head
from agentgate_proto.ledger.restoring import brought_back
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.request import Effects, rfc3339
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.audit_rows import head_of
from agentgate_server.store.copying import (
    DROP_NOTES,
    Progress,
    back_up,
    check_space,
    connect_alone,
    copy_pages,
    is_same_file,
    notes_in,
    read_as_it_is,
    size_of,
    sync,
    written_whole,
)
from agentgate_server.store.disk_watch import space_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import FAULTS, explain, explain_os
from agentgate_server.store.files import OwnedFile
from agentgate_server.store.sqlite import SqliteEngine
from agentgate_server.version import VERSION

MADE_AT, VERSION_KEY, HEAD, FILE = "made_at", "version", "head", "file:"
"""Keys of what is noted beside a backup; ``file:`` with a name: a file of the configuration."""

NEW_EPOCHS = (
    "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'epoch'",
    "UPDATE sessions SET epoch = lower(hex(randomblob(16)))",
)

NO_PROGRESS: Progress = lambda _done, _all: None  # noqa: E731 - nobody looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What is known of a backup that was looked through.

    Attributes:
        made_at: when it was made, RFC 3339; "": nobody says so.
        version: of the program that made it; "": another tool did.
        head: of its audit.
        entries: how many its audit has.
        files: of the configuration, by name.
    """

    made_at: str
    version: str
    head: Head
    entries: int
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a restore has done.

    Attributes:
        backup: what was restored.
        unknown: requests that were open and are unknown now.
        grants: that were ended.
        aside: where the former database is; None: there was none.
    """

    backup: Backup
    unknown: int
    grants: int
    aside: Path | None


def make_backup(
    database: Path,
    target: Path,
    files: Mapping[str, bytes],
    *,
    now: float,
    leave_free: int = 0,
    progress: Progress = NO_PROGRESS,
) -> tuple[Head, int]:
    """Back a database up, and note what it is; returns the head of its audit, and its bytes.

    Raises:
        StoreError: see :func:`~agentgate_server.store.copying.back_up`.
    """
    heads: list[Head] = []

    def describe(copy: sqlite3.Connection) -> dict[str, bytes]:
        heads.append(head_of(copy))
        notes = {MADE_AT: rfc3339(now), VERSION_KEY: VERSION, HEAD: str(heads[0])}
        texts = {key: text.encode() for key, text in notes.items()}
        return texts | {f"{FILE}{name}": data for name, data in files.items()}

    size = back_up(database, target, describe, leave_free=leave_free, progress=progress)
    return heads[0], size


def look_at_backup(path: Path, kept: Iterable[Head] = ()) -> Backup:
    """See that a backup is whole, and that its audit is in order.

    Args:
        path: the file.
        kept: heads of the audit that were kept elsewhere, oldest first; those that it goes
            through must be its own, later ones it can't know.

    Raises:
        StoreError: it is not; the text says what is wrong.
    """
    path = path.expanduser().absolute()
    if not path.is_file():
        raise StoreError(f"{path} is not there: name a file that 'agent-gate backup' made")
    try:
        with read_as_it_is(path) as reader:
            (found,) = reader.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise StoreError(f"damaged: {path} ({found}): take another backup")
            notes = notes_in(reader)
            head = head_of(reader)
    except FAULTS as error:
        raise StoreError(explain(error, path)) from error
    if HEAD in notes and parse_head(notes[HEAD].decode("utf-8", "replace")) != head:
        raise StoreError(f"{path}: its audit was changed since it was made: take another backup")
    with AuditFile(path) as audit:
        verdict = audit.verify(None, [each for each in kept if each.seq <= head.seq])
    if verdict.broken is not None:
        where = f"{verdict.broken.why} [{verdict.broken.kind}, entry {verdict.broken.seq}]"
        raise StoreError(f"{path}: its audit is not in order: {where}; take another backup")
    return Backup(
        made_at=notes.get(MADE_AT, verdict.last_at.encode()).decode("utf-8", "replace"),
        version=notes.get(VERSION_KEY, b"").decode("utf-8", "replace"),
        head=head,
        entries=verdict.entries,
        files={key.removeprefix(FILE): data for key, data in notes.items() if key.startswith(FILE)},
    )


def restore(
    source: Path,
    database: Path,
    *,
    kept: Iterable[Head] = (),
    utc: Callable[[], float],
    progress: Progress = NO_PROGRESS,
) -> Report:
    """Put a backup in the place of a database that no gateway runs on.

    The new database is made beside the old one, whole, before anything is moved.

    Args:
        source: the backup.
        database: where the store is, or is to be.
        kept: see :func:`look_at_backup`.
        utc: says what time it is.
        progress: hears how far the copy is.

    Raises:
        StoreError: a gateway runs on it, the backup is not whole, or the disk does not take it;
            the old database is where it was then.
    """
    source = source.expanduser().absolute()
    if is_same_file(source, database.expanduser()):
        raise StoreError(f"{source} is the database itself: name a backup")
    backup = look_at_backup(source, kept)
    owned = OwnedFile(database)
    try:
        check_space(owned.path, 2 * size_of(source), space_of)
        fresh = owned.path.with_name(f"{owned.path.name}-restoring")
        with written_whole(fresh) as part:
            with read_as_it_is(source) as reader:
                copy_pages(reader, part, progress)
            with closing(connect_alone(part)) as copy:
                copy.execute(DROP_NOTES)
            unknown, grants = begin_anew(part, source, backup, utc)
        try:
            aside = set_aside(owned, utc())
            fresh.rename(owned.path)
            sync(owned.path.parent)
        finally:
            fresh.unlink(missing_ok=True)
    except FAULTS as error:
        raise StoreError(explain(error, owned.path)) from error
    except OSError as error:
        raise StoreError(explain_os(error, owned.path)) from error
    finally:
        if owned.path.exists() and not owned.path.stat().st_size:
            owned.path.unlink()  # it was made to be locked
        owned.release()
    return Report(backup=backup, unknown=unknown, grants=grants, aside=aside)


def begin_anew(
    path: Path, source: Path, backup: Backup, utc: Callable[[], float]
) -> tuple[int, int]:
    """Let a copy know that it is one; returns how many requests are unknown and grants over."""
    engine = SqliteEngine(path, utc=utc)
    try:
        engine.transact([(sql, ()) for sql in NEW_EPOCHS])
        restored, now = engine.restore(), utc()
        made = f", made {backup.made_at}" if backup.made_at else ""
        engine.commit(brought_back(restored, now, f"from {source.name}{made}, {backup.head}"))
    finally:
        engine.close()
        path.with_name(f"{path.name}-lock").unlink(missing_ok=True)
    writes = [each for each in restored.active if each.effects is Effects.WRITE]
    return len(writes), sum(holds(each, now) for each in restored.grants)


def holds(grant: Grant, now: float) -> bool:
    """Whether a grant was to be ended."""
    return not grant.ended(now)


def set_aside(owned: OwnedFile, now: float) -> Path | None:
    """Give the former database another name, with all that belongs to it.

    Its log is folded in first. Where that can't be done, because it is damaged, it keeps its log,
    and the database goes first: without one, SQLite takes no log for its own.

    Returns:
        where it is; None: there was none, or it was empty.
    """
    if not owned.path.stat().st_size:
        return None
    try:
        with closing(sqlite3.connect(f"{owned.path.as_uri()}?mode=rw", uri=True)) as former:
            former.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        pass  # it is kept as it is
    at = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = owned.path.with_name(f"{owned.path.name}.before-restore-{at}")
    number = 1
    while aside.exists():
        number += 1
        aside = owned.path.with_name(f"{owned.path.name}.before-restore-{at}-{number}")
    there = [path for path in owned.parts() if path.exists()]
    if there == [owned.path]:
        with suppress(OSError):  # a file system without links
            os.link(owned.path, aside)
            return aside  # and the new one takes the old name in one step
    for path in there:
        path.rename(path.with_name(path.name.replace(owned.path.name, aside.name, 1)))
    return aside


def keep_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the files of a configuration that a backup holds into a folder; none is overwritten.

    Raises:
        StoreError: a name leads out of the folder, or a file is there already.
    """
    places = {folder / name: data for name, data in files.items()}
    for name, path in zip(files, places, strict=True):
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise StoreError(f"the backup names a file outside of {folder}: {name!r}")
        if path.exists():
            raise StoreError(f"{path} is there already: name an empty folder")
    try:
        for path, data in places.items():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(data)
    except OSError as error:
        raise StoreError(explain_os(error, folder)) from error
    return list(places)
