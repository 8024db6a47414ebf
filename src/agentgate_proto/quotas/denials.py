"""Denials, and what else of an agent the audit counts where there is much of it.

A request that is denied costs its agent nothing. If each made a row and an entry of the audit, an
agent that asks for nothing but what it may not have would fill the disk, and push out of the audit
what others did. So each agent has a budget for either. Beyond that for entries, its denials are
counted, and told in one entry now and then; beyond that for rows, they are answered and forgotten.

What is allowed can push out as much: reads, requests that are withdrawn before anything came of
them, and repeats of what has ended. Nothing has changed by them, so these, too, have a budget of
entries (:class:`Idle`). Beyond it they are counted, and have their rows. What was changed, and what
people were asked and have answered, is in no budget: it has its entries, always.

What is little for an hour is too much for a year, which an audit is to last. So all that is in
budgets has, beside them, its agent's share of the audit (:class:`Shares`): what some agents put
there in that year, whatever they do, leaves most of it to deeds.

An answer without a row is no promise: if the same id comes again, it is judged again. That runs
nothing twice, for nothing has run, and a client that has the answer does not ask again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TypeVar

Key = TypeVar("Key")

MINUTE_S = 60.0
HOUR_S = 3_600.0

ENTRY_BYTES = 1_024
"""Of arguments: for each so many an entry counts once more."""

ENTRY_BYTES_MAX = 8_192
"""Of arguments, that an entry may have: what is longer is cut there."""

USUAL_BYTES = 512
"""An entry with usual arguments, about. In an agent's share longer ones count by that."""

SHARED = 1 / 3
"""Of the audit, what is for entries that are in budgets: the rest is for deeds."""

SHARERS = 8
"""Agents among whom that is divided. A home has fewer; of more, few do all that they can."""

AT_ONCE = 0.1
"""Of an agent's part, what it may use whenever it likes; the rest comes as time goes by."""

DAY_S = 86_400.0


class Kept(IntEnum):
    """What is kept of a denial; each is less than the one before."""

    WHOLE = 0
    """A row, and an entry of the audit."""
    ROW = 1
    """A row; the audit counts it."""
    COUNT = 2
    """Nothing but that it was; the audit counts it."""


class Kind(StrEnum):
    """What is told together; the event of the entry that tells it."""

    DENIED = "requests.denied"
    READ = "requests.read"
    """Reads about which nobody was asked, however they ended."""
    WITHDRAWN = "requests.withdrawn"
    """Withdrawn by who asked, before they were stored."""
    REPEATED = "requests.repeated"
    """Ended as an earlier request, which they are a repeat of."""


@dataclass(slots=True, kw_only=True)
class Untold:
    """Requests of one agent that have no entry of their own.

    Attributes:
        principal: the agent.
        kind: of which kind they are.
        rid, tool, digest: of the first of them.
        since: when that was.
        last: the digest of the last.
        count: how many there are.
        dropped: how many of them have no row either.
    """

    principal: str
    rid: str
    tool: str
    digest: str
    since: float
    kind: Kind = Kind.DENIED
    last: str = ""
    count: int = 0
    dropped: int = 0


class Denials:
    """The budgets of all agents. Times are seconds on a clock that may be set back.

    Args:
        rows_per_minute: denials of one agent that have a row.
        entries_per_hour: denials of one agent that have an entry of the audit.
        shares: of the audit.
    """

    def __init__(self, rows_per_minute: int, entries_per_hour: int, shares: Shares) -> None:
        self.rows_per_minute = rows_per_minute
        self.entries_per_hour = entries_per_hour
        self.shares = shares
        self._rows: dict[str, Budget] = {}
        self._entries: dict[str, Budget] = {}
        self._untold: dict[str, Untold] = {}

    def denied(
        self, principal: str, rid: str, tool: str, digest: str, size: int, now: float
    ) -> Kept:
        """Count a denial with so many bytes of arguments; returns what is to be kept of it."""
        if principal not in self._rows:
            self._rows[principal] = Budget(self.rows_per_minute, MINUTE_S, now)
            self._entries[principal] = Budget(self.entries_per_hour, HOUR_S, now)
        has_row = self._rows[principal].take(now)
        has_entry = has_row and self._entries[principal].take(now)
        if has_entry and self.shares.take(principal, size, now):
            return Kept.WHOLE
        untold = self._untold.get(principal)
        if untold is None:
            untold = Untold(principal=principal, rid=rid, tool=tool, digest=digest, since=now)
            self._untold[principal] = untold
        untold.last = digest
        untold.count += 1
        untold.dropped += not has_row
        return Kept.ROW if has_row else Kept.COUNT

    def untold(self, now: float) -> list[Untold]:
        """Return the denials that are to be told together; they are told then.

        Args:
            now: seconds; infinity: tell all, nothing comes any more.
        """
        return self.shares.due(self._untold, now)


class Idle:
    """The budget of entries for what has changed nothing. Times as in ``Denials``.

    Args:
        entries_per_hour: of one agent, of all kinds together.
        shares: of the audit.
    """

    def __init__(self, entries_per_hour: int, shares: Shares) -> None:
        self.entries_per_hour = entries_per_hour
        self.shares = shares
        self._entries: dict[str, Budget] = {}
        self._untold: dict[tuple[str, Kind], Untold] = {}

    def has_entry(self, principal: str, size: int, now: float) -> bool:
        """Say whether a request has an entry of its own, and count that.

        Args:
            principal: whose it is.
            size: bytes of its arguments: an entry with long ones takes the room of several.
            now: seconds.
        """
        budget = self._entries.get(principal)
        if budget is None:
            budget = self._entries[principal] = Budget(self.entries_per_hour, HOUR_S, now)
        amount = 1.0 if size < ENTRY_BYTES else 1.0 + min(size, ENTRY_BYTES_MAX) / ENTRY_BYTES
        return budget.take(now, amount) and self.shares.take(principal, size, now)

    def count(
        self, kind: Kind, principal: str, rid: str, tool: str, digest: str, now: float
    ) -> None:
        """Count a request that has no entry of its own."""
        untold = self._untold.get((principal, kind))
        if untold is None:
            untold = Untold(
                principal=principal, kind=kind, rid=rid, tool=tool, digest=digest, since=now
            )
            self._untold[principal, kind] = untold
        untold.last = digest
        untold.count += 1

    def untold(self, now: float) -> list[Untold]:
        """Return what is to be told together, likewise."""
        return self.shares.due(self._untold, now)


class Shares:
    """What each agent may put into the audit beside its deeds, of all kinds together.

    What is told together is paid from it as well: as often as it is asked while there is room, and
    then once an hour. Times as in ``Denials``. A start gives everybody all there is at once.

    Args:
        at_once: entries of one agent whenever it likes.
        per_day: entries that come to that as time goes by.
    """

    def __init__(self, at_once: int, per_day: int) -> None:
        self.at_once = at_once
        self.per_day = per_day
        self._budgets: dict[str, Budget] = {}

    def take(self, principal: str, size: int, now: float) -> bool:
        """Say whether there is room for an entry with so many bytes of arguments, and use it."""
        budget = self._budgets.get(principal) or self._open(principal, now)
        if size > ENTRY_BYTES_MAX:
            size = ENTRY_BYTES_MAX
        return budget.take(now, 1.0 + size / USUAL_BYTES)

    def due(self, untold: dict[Key, Untold], now: float) -> list[Untold]:
        """Take out what is to be told together by now."""
        due = [key for key, each in untold.items() if self._is_due(each, now)]
        return [untold.pop(key) for key in due]

    def _is_due(self, untold: Untold, now: float) -> bool:
        budget = self._budgets.get(untold.principal) or self._open(untold.principal, now)
        if 0.0 <= now - untold.since < HOUR_S:
            return budget.take(now)
        budget.owe(now)
        return True

    def _open(self, principal: str, now: float) -> Budget:
        within_s = self.at_once / self.per_day * DAY_S
        budget = self._budgets[principal] = Budget(self.at_once, within_s, now)
        return budget


def share_of_audit(entries_max: int, bytes_max: int, keep_days: float) -> tuple[int, int]:
    """Return an agent's share of an audit that is to last so long: see :class:`Shares`.

    Args:
        entries_max, bytes_max: what is kept of it at most.
        keep_days: for how long.

    Returns:
        entries at once, and a day. So many agents as may be expected, that use it up all the
        time, fill no more than the part that is for it before an entry is to go anyway.
    """
    part = min(entries_max, bytes_max // USUAL_BYTES) * SHARED / SHARERS
    return max(1, int(part * AT_ONCE)), max(1, int(part * (1.0 - AT_ONCE) / keep_days))


class Budget:
    """So many in a time, all at once if they come so, and as many again as time goes by."""

    __slots__ = ("at", "left", "most", "per_s")

    def __init__(self, most: int, within_s: float, now: float) -> None:
        self.most = most
        self.per_s = most / within_s
        self.left = float(most)
        self.at = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take one, or another amount, if it is left; of more than there ever is, all that is."""
        self._flow(now)
        if amount > self.most:
            amount = self.most
        if self.left < amount:
            return False
        self.left -= amount
        return True

    def owe(self, now: float) -> None:
        """Take one, whether it is there or not."""
        self._flow(now)
        self.left -= 1.0

    def pause_s(self, now: float) -> float:
        """Return for how many seconds there is none, and take nothing."""
        self._flow(now)
        return max(0.0, 1.0 - self.left) / self.per_s

    def _flow(self, now: float) -> None:
        if now > self.at:
            self.left += (now - self.at) * self.per_s
            if self.left > self.most:
                self.left = self.most
        self.at = now
