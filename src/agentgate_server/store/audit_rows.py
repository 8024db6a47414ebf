"""The audit in the SQLite file: one row for what one commit appends.

A row holds the lines of :mod:`agentgate_proto.audit.chain`, joined by line ends, so that what is
kept, exported and hashed is the same bytes. Its other columns only find it. SQLite itself keeps
the highest ``seq`` ever used (AUTOINCREMENT): rows that are gone from the end are missed.

Retention drops rows from the front. It appends an entry that signs for them, says from when to when
they are and whether a cap took them before their time, and moves the anchor, the head from which
the rest is checked; nothing else may delete or change a row (see the triggers
of the migration).
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agentgate_proto.audit.chain import BEGINNING, DROPPED, Head, chained, parse_head, split
from agentgate_proto.audit.denials import SUMS, sealed
from agentgate_proto.audit.events import entries_of, shortened
from agentgate_proto.audit.sealing import KEY_BYTES, Seal
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.storage import Change
from agentgate_server.store.audit_cuts import Cut, cut_of, kept, whose_most, written
from agentgate_server.store.engine import StoreError
from agentgate_server.store.pace import Promises
from agentgate_server.store.retention import turn

DAY_S = 86_400.0
KEEP_DAYS = 365.0
KEEP_ENTRIES_MAX = 4_000_000
"""Entries kept by default: about 1.7 GB, if there ever are so many."""

KEEP_BYTES_MAX = 2_147_483_648
"""Bytes in entries kept by default: four million of usual ones have less."""

DROP_ROWS_MAX = 256
"""Rows dropped in one step: a few milliseconds."""

INSERT = "INSERT INTO audit (seq, at, lines, upto_bytes) VALUES (?, ?, ?, ?)"
# The casts: a column holds values of any type, if somebody wrote them there.
UPTO = "SELECT CAST(upto_bytes AS INTEGER) FROM audit ORDER BY seq DESC LIMIT 1"
LAST = "SELECT seq, CAST(lines AS BLOB) FROM audit ORDER BY seq DESC LIMIT 1"
HIGHEST = "SELECT coalesce(CAST(seq AS INTEGER), 0) FROM sqlite_sequence WHERE name = 'audit'"
ANCHOR = "SELECT CAST(value AS TEXT) FROM meta WHERE key = 'audit_anchor'"
SET_ANCHOR = "INSERT INTO meta VALUES ('audit_anchor', ?) ON CONFLICT DO UPDATE SET value = ?"
KEY = "SELECT CAST(value AS TEXT) FROM meta WHERE key = 'audit_key'"
SET_KEY = "INSERT OR IGNORE INTO meta VALUES ('audit_key', ?)"
KEY_HEX = re.compile(f"[0-9a-f]{{{2 * KEY_BYTES}}}")
OLDEST = """
    SELECT seq, CAST(at AS REAL), CAST(lines AS BLOB), CAST(upto_bytes AS INTEGER)
    FROM audit ORDER BY seq LIMIT ?
"""
DROP = "DELETE FROM audit WHERE seq <= ?"

Mask = Callable[[list[AuditEntry], Seal], list[AuditEntry]]
Statement = tuple[str, Sequence[str | bytes | int | float | None]]


def unmasked(entries: list[AuditEntry], _seal: Seal) -> list[AuditEntry]:
    """Hide nothing."""
    return entries


class OldRow(NamedTuple):
    """A row that may go: its columns."""

    seq: int
    at: float
    lines: bytes
    upto_bytes: int


class Dropped(NamedTuple):
    """What goes: how many rows, and how many entries before their time."""

    rows: int
    early: int


class AuditRows:
    """What the engine appends to, and drops from, the audit.

    Args:
        keep_days: how long entries are kept.
        keep_entries_max, keep_bytes_max: beyond so many, or so long ones, the oldest go early.
        mask: hides secrets in entries, before they are hashed, and seals what it hides.

    Attributes:
        cut: entries that went before their time, because there were too many, since the start.
    """

    def __init__(
        self,
        *,
        keep_days: float = KEEP_DAYS,
        keep_entries_max: int = KEEP_ENTRIES_MAX,
        keep_bytes_max: int = KEEP_BYTES_MAX,
        mask: Mask = unmasked,
    ) -> None:
        self.keep_s = keep_days * DAY_S
        self.keep_entries_max = keep_entries_max
        self.keep_bytes_max = keep_bytes_max
        self.promises = Promises(keep_days, keep_entries_max, keep_bytes_max)
        self.mask = mask
        self.cut = 0
        self.head: Head | None = None
        """Of what is committed; None: not known, look it up."""
        self._upto: tuple[Head, int] | None = None
        self.seal: Seal | None = None
        """None: not known, look it up."""

    def append(
        self, connection: sqlite3.Connection, changes: Sequence[Change], now: float
    ) -> tuple[Statement | None, Head | None]:
        """Make the statement that appends what the changes tell, and the head after it."""
        entries = [entry for change in changes for entry in entries_of(change)]
        if not entries:
            return None, self.head
        if self.head is None:
            self.head = head_of(connection)
        if self.seal is None:
            self.seal = seal_of(connection)
        seal = self.seal
        kept = (
            sealed(entry, seal) if entry.event in SUMS else shortened(entry)
            for entry in self.mask(entries, seal)
        )
        lines, head = chained(self.head, rfc3339(now), kept)
        told = b"\n".join(lines)
        upto_bytes = self._upto_bytes(connection) + len(told)
        self._upto = head, upto_bytes
        return (INSERT, (head.seq, now, told, upto_bytes)), head

    def _upto_bytes(self, connection: sqlite3.Connection) -> int:
        """How long all lines were up to the head."""
        if self._upto is None or self._upto[0] != self.head:  # what that said was not committed
            row = connection.execute(UPTO).fetchone()
            return row[0] if row else 0
        return self._upto[1]

    def drop(
        self, connection: sqlite3.Connection, utc: float, ran_s: float
    ) -> tuple[list[Statement], Head | None, Dropped]:
        """Make the statements that drop what is too old or too much, the head, and how much goes.

        The newest row always stays.
        """
        if self.head is None:
            self.head = head_of(connection)
        found = connection.execute(OLDEST, (DROP_ROWS_MAX + 1,))
        rows = [OldRow(*row) for row in found]
        now = turn(connection, "audit", utc, ran_s, rows[0].at if rows else None)
        anchor = anchor_of(connection)
        excess = self.head.seq - anchor.seq - self.keep_entries_max
        # The signature is an entry too: for a single one too many, there would be no end to it.
        seq_max = anchor.seq + excess if excess > 1 else 0
        upto = self._upto_bytes(connection)
        gone: list[OldRow] = []
        early: list[OldRow] = []
        entries, before = 0, anchor.seq
        for row in rows[:-1]:
            if row.at >= now - self.keep_s:
                if row.seq > seq_max and upto - row.upto_bytes < self.keep_bytes_max:
                    break
                early.append(row)
                entries += row.seq - before
            gone.append(row)
            before = row.seq
        if not gone:
            return [], self.head, Dropped(0, 0)
        cut = self._cut(early, entries, seq_max, utc) if early else None
        statements, entry = self._dropped(connection, anchor, gone, cut)
        lines, head = chained(self.head, rfc3339(utc), [entry])
        statements.append((INSERT, (head.seq, utc, lines[0], upto + len(lines[0]))))
        end = str(Head(entry.upto, entry.upto_hash))
        statements += [(SET_ANCHOR, (end, end)), (DROP, (entry.upto,))]
        return statements, head, Dropped(len(gone), entries)

    def _cut(self, early: list[OldRow], entries: int, seq_max: int, utc: float) -> Cut:
        """Say which cap takes these rows before their time."""
        if early[-1].seq <= seq_max:
            setting, most = "audit.keep_entries_max", self.keep_entries_max
        else:
            setting, most = "audit.keep_bytes_max", self.keep_bytes_max
        first_at, last_at = early[0].at, early[-1].at
        return Cut(
            at=utc, count=entries, first_at=first_at, last_at=last_at, setting=setting, most=most
        )

    def _dropped(
        self, connection: sqlite3.Connection, anchor: Head, gone: list[OldRow], cut: Cut | None
    ) -> tuple[list[Statement], AuditEntry]:
        """The entry that signs for rows that go, and what keeps that they are missed."""
        statements: list[Statement] = []
        detail = f"from {written(gone[0].at)} to {written(gone[-1].at)}"
        if cut is not None:
            detail += f"; {cut.count} before their time: {cut.setting} ({cut.most}) is reached"
            whose = whose_most(connection)
            detail += f", and most of what is there is of {whose}" if whose else ""
            statements.append(kept(cut.after(cut_of(connection), cut.at)))
        last = gone[-1]
        entry = AuditEntry(
            event=DROPPED,
            upto=last.seq,
            upto_hash=hash_in(last.lines),
            count=last.seq - anchor.seq,
            detail=detail,
        )
        return statements, entry


def head_of(connection: sqlite3.Connection) -> Head:
    """The head to go on from. What is gone from the end stays a gap that can be seen."""
    row = connection.execute(LAST).fetchone()
    highest = connection.execute(HIGHEST).fetchone()
    head = anchor_of(connection) if row is None else Head(row[0], hash_in(row[1]))
    return Head(max(head.seq, highest[0] if highest else 0), head.hash)


def anchor_of(connection: sqlite3.Connection) -> Head:
    """The head of what retention dropped.

    Raises:
        StoreError: somebody wrote something else in its place.
    """
    row = connection.execute(ANCHOR).fetchone()
    try:
        return parse_head(row[0]) if row else BEGINNING
    except ValueError as error:
        raise StoreError(
            f"damaged: the audit_anchor in the table meta is no head ({error}); stop the gateway,"
            " keep a copy, and restore a backup"
        ) from None


def make_key(connection: sqlite3.Connection) -> None:
    """Make the key of the audit's seals, if there is none. It is in no export and no entry."""
    connection.execute(SET_KEY, (secrets.token_hex(KEY_BYTES),))


def seal_of(connection: sqlite3.Connection) -> Seal:
    """What makes the keyed digests of the audit.

    Raises:
        StoreError: there is no key, or somebody wrote something else in its place.
    """
    row = connection.execute(KEY).fetchone()
    if row is None:
        raise StoreError("nothing is sealed in it yet: the gateway makes the key when it starts")
    if not KEY_HEX.fullmatch(row[0] or ""):
        raise StoreError(
            "damaged: the audit_key in the table meta is no key, so what the audit hides can't be"
            " sealed; stop the gateway, keep a copy, and restore a backup"
        )
    return Seal(bytes.fromhex(row[0]))


def hash_in(lines: bytes) -> str:
    """The hash of a row's last line; of one that was tampered with, one that fits nothing."""
    parts = split(lines.rpartition(b"\n")[2])
    return parts[3] if parts else BEGINNING.hash
