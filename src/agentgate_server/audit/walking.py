"""Walking: checking the audit a part at a time, so that nobody waits for millions of entries.

A part ends where a row of the store ends. Rows that retention drops meanwhile are behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from agentgate_proto.audit.chain import BEGINNING, Break, Check, Head, explain, parse_head, split
from agentgate_server.audit.audit_file import ROWS, AuditFile, written
from agentgate_server.audit.heads import heads_of
from agentgate_server.store.audit_rows import HIGHEST, anchor_of

HEADS_BYTES = 1_048_576
"""Of the end of a file of heads: those of some days, with which a walk compares. The command
``agent-gate audit verify`` compares with all."""


class Walk(NamedTuple):
    """How far a walk has come.

    Attributes:
        start: the head of what retention had dropped when it began.
        head: up to which all is in order.
        signed: an entry has signed for what was dropped.
    """

    start: Head
    head: Head
    signed: bool

    @classmethod
    def of(cls, file: AuditFile, cursor: str) -> Self:
        """Begin one, or go on where a cursor says."""
        if cursor:
            start, head, signed = cursor.split("/")
            return cls(parse_head(start), parse_head(head), signed == "1")
        anchor = anchor_of(file.connection)
        return cls(anchor, anchor, anchor == BEGINNING)

    @property
    def cursor(self) -> str:
        """Where to go on."""
        return f"{self.start}/{self.head}/{int(self.signed)}"


class Part(NamedTuple):
    """What a part of a walk has found.

    Attributes:
        walk: how far it came.
        entries: how many of this part are in order.
        last_at: when the last of them was written, "" if there are none.
        broken: what is not in order, if anything.
        is_over: the end was reached.
        newest: the number of the newest entry.
    """

    walk: Walk
    entries: int
    last_at: str
    broken: Break | None
    is_over: bool
    newest: int


def walk_on(file: AuditFile, walk: Walk, entries: int, heads: list[Head]) -> Part:
    """Check the next entries, about so many.

    Args:
        file: the audit.
        walk: how far it has come.
        entries: how many are looked at; whole rows are.
        heads: some that were kept elsewhere, oldest first.

    Raises:
        StoreError: it can't be read.
    """
    with file.snapshot():
        (highest,) = file.connection.execute(HIGHEST).fetchone() or (0,)
        later = (head for head in heads if head.seq > walk.head.seq)
        check = Check(walk.start, None, later)
        check.head, check.signed = walk.head, walk.signed
        begun = walk.head.seq
        # At the beginning, rows that are older than what was dropped count as put in.
        after = -1 if walk.head == walk.start else begun
        broken, is_over = None, True
        for seq, at, lines in file.connection.execute(ROWS, (after,)):
            if check.head.seq - begun >= entries:
                is_over = False
                break
            broken = broken_row(check, seq, at, lines.split(b"\n"))
            if broken is not None:
                break
        if broken is None and is_over:
            broken = check.end(seq_min=highest, signed=True)
        on = Walk(walk.start, check.head, check.signed)
        return Part(on, check.head.seq - begun, check.last_at, broken, is_over, highest)


def broken_row(check: Check, seq: int, at: float, lines: list[bytes]) -> Break | None:
    """Take the lines of a row; say what is wrong with them, or with where the row says it is."""
    source: Iterator[bytes] = iter(lines)
    for line in source:
        if not check.follows(line):
            return explain(check, line, source)
    parts = split(lines[-1])
    if parts is None or (seq, written(at)) == (parts[1], parts[2]):
        return None
    why = f"the row of entry {parts[1]} says that it is entry {seq} of {written(at)}"
    return Break(kind="edited", seq=parts[1], line=parts[1] - check.start.seq, why=why)


def newest_heads(path: Path | None) -> list[Head]:
    """The heads that were kept last, oldest first; none if there are none, or none can be read."""
    if path is None:
        return []
    with suppress(OSError, ValueError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - HEADS_BYTES))
        lines = file.read(HEADS_BYTES).split(b"\n")
        if size > HEADS_BYTES:
            del lines[0]  # its beginning is cut off
        return list(heads_of(iter(lines)))
    return []
