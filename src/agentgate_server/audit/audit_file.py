"""Reading the audit of a database file, beside a gateway that writes it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from agentgate_proto.audit.chain import Break, Head, Verdict, split, verify
from agentgate_proto.audit.sealing import Seal
from agentgate_proto.records.request import rfc3339
from agentgate_server.store.audit_rows import HIGHEST, anchor_of, hash_in, head_of, seal_of
from agentgate_server.store.engine import StoreError
from agentgate_server.store.faults import BUSY_S, FAULTS, explain
from agentgate_server.store.files import uri_for_reading
from agentgate_server.store.migrations import APPLICATION_ID

ROWS = """
    SELECT seq, CAST(at AS REAL), CAST(lines AS BLOB) FROM audit WHERE seq > ? ORDER BY seq
"""
NEWEST = "SELECT seq, CAST(lines AS BLOB) FROM audit ORDER BY seq DESC"
LAST_BEFORE = """
    SELECT seq, CAST(lines AS BLOB) FROM audit WHERE seq < ? ORDER BY seq DESC LIMIT 1
"""
BEFORE = "SELECT max(seq) FROM audit WHERE at < ?"
HAS_AUDIT = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit'"


class AuditFile:
    """The audit in a database file, read-only. Close it after use.

    All that is read within :meth:`snapshot` is of one moment.

    Raises:
        StoreError: the file is not there, cannot be read, or holds no audit.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()
        if not self.path.is_file():
            raise StoreError(f"{path} is not there: has the gateway been started with this config?")
        with self.explained():
            self.connection = sqlite3.connect(
                uri_for_reading(self.path), uri=True, timeout=BUSY_S, isolation_level=None
            )
            (application_id,) = self.connection.execute("PRAGMA application_id").fetchone()
            if application_id != APPLICATION_ID:
                raise StoreError(f"{path} is no database of agent-gate")
            if self.connection.execute(HAS_AUDIT).fetchone() is None:
                raise StoreError(f"{path} is of an older agent-gate, which kept no audit")

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """While this lasts, what the gateway writes is not seen."""
        with self.explained():
            self.connection.execute("BEGIN")
            try:
                yield
            finally:
                self.connection.execute("ROLLBACK")

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors into words.

        Raises:
            StoreError: instead of what SQLite raised.
        """
        try:
            yield
        except FAULTS as error:
            raise StoreError(explain(error, self.path)) from error

    def head(self) -> Head:
        """The head as it is stored."""
        return head_of(self.connection)

    def before(self, at: float | None) -> Head:
        """The head of all that was written before a time, UTC seconds; None: of what is gone."""
        anchor = anchor_of(self.connection)
        if at is None:
            return anchor
        (seq,) = self.connection.execute(BEFORE, (at,)).fetchone()
        for head_seq, lines in self.connection.execute(f"{NEWEST} LIMIT -1") if seq else ():
            if head_seq == seq:
                parts = split(lines.rpartition(b"\n")[2])
                return Head(seq, parts[3]) if parts else anchor
        return anchor

    def lines(self, after: int = 0) -> Iterator[bytes]:
        """The lines of all rows after this number."""
        for _, _, lines in self.connection.execute(ROWS, (after,)):
            yield from lines.split(b"\n")

    def line(self, seq: int) -> bytes | None:
        """The line of the entry with this number, if there is one."""
        for line in self.lines(seq - 1):
            parts = split(line)
            if parts is not None and parts[1] >= seq:
                return line if parts[1] == seq else None
        return None

    def seal(self) -> Seal:
        """What compares values with those that entries hide."""
        return seal_of(self.connection)

    def newest(self, count: int) -> list[bytes]:
        """The newest lines, oldest first."""
        found: list[bytes] = []
        for _, lines in self.connection.execute(NEWEST):
            found = [*lines.split(b"\n"), *found]
            if len(found) >= count:
                break
        return found[-count:] if count else []

    def verify(self, kept: Head | None = None, earlier: Iterable[Head] = ()) -> Verdict:
        """Check all of it; with a head that was kept elsewhere, its end as well.

        Args:
            kept: the head.
            earlier: those that were kept before it, oldest first.
        """
        with self.snapshot():
            return self.verify_from(anchor_of(self.connection), kept, earlier, signed=True)

    def verify_end(self, kept: Head) -> Verdict:
        """Check that it goes through a head that was kept, and what comes after it.

        Takes time for what comes after it only, if the head has a number.
        """
        with self.snapshot():
            start = anchor_of(self.connection)
            row = self.connection.execute(LAST_BEFORE, (kept.seq,)).fetchone()
            if row is not None:
                # Whatever stands there: an entry of the kept hash follows the true one only.
                start = Head(row[0], hash_in(row[1]))
            return self.verify_from(start, kept, signed=False)

    def verify_from(
        self, start: Head, kept: Head | None, earlier: Iterable[Head] = (), *, signed: bool
    ) -> Verdict:
        """Check all rows after a head."""
        highest = self.connection.execute(HIGHEST).fetchone()
        wrong: list[Break] = []
        verdict = verify(
            self.checked(-1 if signed else start.seq, wrong),
            start=start,
            kept=kept,
            earlier=earlier,
            seq_min=highest[0] if highest else 0,
            signed=signed,
        )
        if wrong and verdict.broken is None:
            return msgspec.structs.replace(verdict, broken=wrong[0])
        return verdict

    def checked(self, after: int, wrong: list[Break]) -> Iterator[bytes]:
        """The lines of rows after a number; notes those whose other columns do not fit them."""
        count = 0
        for seq, at, lines in self.connection.execute(ROWS, (after,)):
            each = lines.split(b"\n")
            count += len(each)
            parts = split(each[-1])
            if parts is not None and (seq, written(at)) != (parts[1], parts[2]):
                why = f"the row of entry {parts[1]} says that it is entry {seq} of {written(at)}"
                wrong.append(Break(kind="edited", seq=parts[1], line=count, why=why))
            yield from each


def written(at: float) -> str:
    """When a row says that it was written; there are numbers that are no time."""
    try:
        return rfc3339(at)
    except (OverflowError, ValueError, OSError):
        return f"second {at}"
