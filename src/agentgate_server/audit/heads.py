"""The file in which heads of the audit are kept, where the writer of the database cannot reach.

One head a line, the newest last. Lines are only ever appended, so that the file may be one that
the system lets nobody shorten (``chattr +a``), and so that a head which somebody adds takes away
none that tells against it.

A gateway looks at it before it adds to it: a log that does not go through the head which was kept
has lost its end, or was written anew, and a new head would cover that up. Then the file stays as it
is, and heads go into another one beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agentgate_proto.audit.chain import Head, parse_head
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_server.audit.audit_file import AuditFile
from agentgate_server.store.engine import StoreError

BROKEN = "audit.broken"
"""The event by which a gateway says that the log it found is not the one that was kept."""

BESIDE = ".new"
"""What the name of the other file has more."""

FILE_MODE = 0o600

CUT = re.compile(r"[0-9]{1,18}(?:-[0-9a-f]{0,63})?")
"""A head that was not written to its end."""

LINE_BYTES_MAX = 200
"""Of a head with its number there are 83; more is no head."""

TAIL_BYTES = 8_192
"""How much of the end of the file a start looks at: about a hundred heads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a look back found.

    Attributes:
        head_file: where to keep heads from now on; None: nowhere.
        broken: what the audit is to say of what is wrong.
    """

    head_file: Path | None
    broken: tuple[AuditEntry, ...] = ()

    @property
    def problem(self) -> str:
        """That something is wrong, for whoever asks for the gateway's health; "": nothing."""
        return (
            "not as it was kept: see the log, and 'agent-gate audit verify'" if self.broken else ""
        )


def look_back(database: Path, head_file: Path | None, repaired: list[str]) -> Findings:
    """See whether the audit is still the one that was kept, from the head that was kept on.

    Without a head there is nothing to compare with, and nothing is looked at.

    Args:
        database: with the audit.
        head_file: where heads are kept.
        repaired: what was not as it should be when the database was opened.
    """
    broken = [AuditEntry(event=BROKEN, detail=text) for text in repaired]
    if head_file is None:
        return Findings(head_file=None, broken=tuple(broken))
    kept: Head | None = None
    try:
        kept = read_head(head_file)
        with AuditFile(database) as audit:
            found = audit.verify_end(kept).broken
        why = f"{found.why} [{found.kind}, entry {found.seq}]" if found else ""
    except FileNotFoundError:
        why = ""
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
    except (ValueError, StoreError) as error:
        why = str(error)
    if why:
        seq, digest = (kept.seq, kept.hash) if kept else (0, "")
        beside = head_file.with_name(f"{head_file.name}{BESIDE}")
        detail = f"{head_file}: {why}; that file stays as it is, and heads go to {beside}"
        broken.append(AuditEntry(event=BROKEN, detail=detail, upto=seq, upto_hash=digest))
        head_file = beside
    return Findings(head_file=head_file, broken=tuple(broken))


def append_head(path: Path, head: Head) -> None:
    """Add a head to a file; it is on the disk when this returns.

    Raises:
        OSError: it can't be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(path, flags, FILE_MODE)
    try:
        size = os.fstat(descriptor).st_size
        # A line that was cut short, by a full disk or the end of the power, must not eat this one.
        begin = "\n" if size and os.pread(descriptor, 1, size - 1) != b"\n" else ""
        os.write(descriptor, f"{begin}{head}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_head(path: Path) -> Head:
    """Read the head that was kept last: of the newest ones, the one that goes furthest.

    Raises:
        FileNotFoundError: none was kept.
        OSError: the file can't be read.
        ValueError: what stands at its end is no head.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        lines = file.read(TAIL_BYTES).split(b"\n")
    if size > TAIL_BYTES:
        del lines[0]  # its beginning is cut off
    heads = list(heads_of(iter(lines)))
    if not heads:
        if size:
            raise ValueError("there is no head in it")
        raise FileNotFoundError(f"{path} is empty")
    return max(reversed(heads), key=lambda head: head.seq)


def read_heads(path: Path) -> Iterator[Head]:
    """Read all heads of a file, the oldest first.

    Raises:
        OSError: the file can't be read.
        ValueError: a line is none.
    """
    with path.open("rb") as file:
        yield from heads_of(iter(lambda: file.readline(LINE_BYTES_MAX), b""))


def heads_of(lines: Iterator[bytes]) -> Iterator[Head]:
    """The heads in lines; what is empty, or was cut short, is none.

    Raises:
        ValueError: a line is something else.
    """
    for line in lines:
        text = line.decode("utf-8", "replace").strip()
        if text and not CUT.fullmatch(text):
            yield parse_head(text)
