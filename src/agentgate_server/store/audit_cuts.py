"""Cuts: what a cap took off the audit before its time, and whose entries it is full of.

The audit is a chain, so it is cut from its beginning, whoever filled it. That can't be mended
afterwards, so it is said: in the entry that signs for the cut, and for a week after it in the
log, in ``/health`` and by ``agent-gate check``. What is to be said stands in the table ``meta``.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from agentgate_proto.records.request import rfc3339

SAID_FOR_S = 7 * 86_400.0
"""How long a cut is said: somebody who looks once a week hears of it."""

SAMPLE_ENTRIES = 200
"""Entries that are looked at to say whose are most, spread over all that are kept."""

GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0

CUT = "SELECT CAST(value AS BLOB) FROM meta WHERE key = 'audit_cut'"
SET_CUT = (
    "INSERT INTO meta VALUES ('audit_cut', ?) ON CONFLICT DO UPDATE SET value = excluded.value"
)
ENDS = "SELECT min(seq), max(seq) FROM audit"
LINES_AT = "SELECT seq, CAST(lines AS BLOB) FROM audit WHERE seq >= ? ORDER BY seq LIMIT 1"


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Entries that went before their time, in one cut or in several that came soon.

    Attributes:
        at: when the last of them went, UTC seconds.
        count: how many went.
        first_at, last_at: when the first and the last of them had been written.
        setting, most: which cap, and how much it was.
    """

    at: float
    count: int
    first_at: float
    last_at: float
    setting: str
    most: int

    def after(self, earlier: Cut | None, now: float) -> Cut:
        """Add what an earlier one says, if that is still said and the cap is the same."""
        if earlier is None or not earlier.is_said(now, {self.setting: self.most}):
            return self
        return replace(self, count=self.count + earlier.count, first_at=earlier.first_at)

    def is_said(self, now: float, caps: dict[str, int]) -> bool:
        """Whether it still is to be said: it came lately, and the cap was not raised since."""
        return now - self.at <= SAID_FOR_S and caps.get(self.setting, 0) <= self.most

    def text(self, whose: str, keep_days: float) -> str:
        """Say it, and of whom most of the rest is; "": nobody knows."""
        most = f", and most of what is left is of {whose}" if whose else ""
        return (
            f"{self.setting} ({self.most}) is reached: {self.count} entries from"
            f" {written(self.first_at)} to {written(self.last_at)} are gone from the audit before"
            f" audit.keep_days ({keep_days:g}){most}: raise it, or find out who asks so much"
        )


def cut_of(connection: sqlite3.Connection) -> Cut | None:
    """Return what was cut last; None: nothing was, or somebody wrote something else there.

    Raises:
        sqlite3.Error: it can't be read.
    """
    row = connection.execute(CUT).fetchone()
    try:
        return msgspec.json.decode(row[0], type=Cut) if row is not None else None
    except (TypeError, ValueError):
        return None


def kept(cut: Cut) -> tuple[str, tuple[str]]:
    """Return the statement that keeps what there is to say."""
    return SET_CUT, (msgspec.json.encode(cut).decode(),)


class Whose(msgspec.Struct):
    """Of an entry, whose it is."""

    agent: str = ""


def whose_most(connection: sqlite3.Connection) -> str:
    """Return the agent that has most entries of the audit, about; "": none has any.

    Raises:
        sqlite3.Error: it can't be read.
    """
    counted = Counter(filter(None, map(agent_in, sample(connection))))
    return counted.most_common(1)[0][0] if counted else ""


def sample(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Some lines of the audit, spread over it and in step with nothing that comes in turns."""
    low, high = connection.execute(ENDS).fetchone()
    if low is None:
        return
    count = high - low + 1
    parts = (number * GOLDEN % 1.0 for number in range(SAMPLE_ENTRIES))
    places = (int(part * count) for part in parts) if count > SAMPLE_ENTRIES else range(count)
    for seq in (low + place for place in places):
        last, text = connection.execute(LINES_AT, (seq,)).fetchone()
        lines = text.split(b"\n")
        yield lines[max(-len(lines), seq - last - 1)]


def agent_in(line: bytes) -> str:
    """Whose entry this is; "": nobody's, or it is none."""
    try:
        return msgspec.json.decode(line, type=Whose).agent
    except ValueError:
        return ""


def written(at: float) -> str:
    """A time; there are numbers that are none."""
    try:
        return rfc3339(at)
    except (OverflowError, ValueError, OSError):
        return f"second {at}"
