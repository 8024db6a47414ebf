"""Denials: what is kept of requests that the policy denies, so that a flood of them costs little.

A request that is denied costs its agent nothing. If each made a row and an entry of the audit, an
agent that asks for nothing but what it may not have would fill the disk, and push out of the audit
what others did. So each agent has a budget for either. Beyond that for entries, its denials are
counted, and told in one entry now and then; beyond that for rows, they are answered and forgotten.

An answer without a row is no promise: if the same id comes again, it is judged again. That runs
nothing twice, for nothing has run, and a client that has the answer does not ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MINUTE_S = 60.0
HOUR_S = 3_600.0


class Kept(IntEnum):
    """What is kept of a denial; each is less than the one before."""

    WHOLE = 0
    """A row, and an entry of the audit."""
    ROW = 1
    """A row; the audit counts it."""
    COUNT = 2
    """Nothing but that it was; the audit counts it."""


@dataclass(slots=True, kw_only=True)
class Untold:
    """Denials of one agent that have no entry of their own.

    Attributes:
        principal: the agent.
        rid, tool, digest: of the first of them.
        last: the digest of the last.
        count: how many there are.
        dropped: how many of them have no row either.
    """

    principal: str
    rid: str
    tool: str
    digest: str
    last: str = ""
    count: int = 0
    dropped: int = 0


class Denials:
    """The budgets of all agents. Times are seconds on a clock that may be set back.

    Args:
        rows_per_minute: denials of one agent that have a row.
        entries_per_hour: denials of one agent that have an entry of the audit.
    """

    def __init__(self, rows_per_minute: int, entries_per_hour: int) -> None:
        self.rows_per_minute = rows_per_minute
        self.entries_per_hour = entries_per_hour
        self._rows: dict[str, Budget] = {}
        self._entries: dict[str, Budget] = {}
        self._untold: dict[str, Untold] = {}

    def denied(self, principal: str, rid: str, tool: str, digest: str, now: float) -> Kept:
        """Count a denial; returns what is to be kept of it."""
        if principal not in self._rows:
            self._rows[principal] = Budget(self.rows_per_minute, MINUTE_S, now)
            self._entries[principal] = Budget(self.entries_per_hour, HOUR_S, now)
        has_row = self._rows[principal].take(now)
        if has_row and self._entries[principal].take(now):
            return Kept.WHOLE
        untold = self._untold.get(principal)
        if untold is None:
            untold = Untold(principal=principal, rid=rid, tool=tool, digest=digest)
            self._untold[principal] = untold
        untold.last = digest
        untold.count += 1
        untold.dropped += not has_row
        return Kept.ROW if has_row else Kept.COUNT

    def untold(self) -> list[Untold]:
        """Return the denials that are to be told together; they are told then."""
        untold, self._untold = list(self._untold.values()), {}
        return untold


class Budget:
    """So many in a time, all at once if they come so, and as many again as time goes by."""

    __slots__ = ("at", "left", "most", "per_s")

    def __init__(self, most: int, within_s: float, now: float) -> None:
        self.most = most
        self.per_s = most / within_s
        self.left = float(most)
        self.at = now

    def take(self, now: float) -> bool:
        """Take one, if there is one left."""
        self.left = min(self.most, self.left + max(0.0, now - self.at) * self.per_s)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True
