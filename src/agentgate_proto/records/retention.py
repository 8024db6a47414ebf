"""Retention: which time it is for what the store keeps, and what goes where there is too much.

What is kept for thirty days must be kept for thirty days, also by a gateway whose clock is wrong: a
home hub without a clock of its own wakes up in 1970, and a minute later the network tells it that
fifty years have passed. If everything went then, a client that was cut off for that minute would
send again what had run (I2), and never hear of what had ended (I6).

So retention has a clock of its own. It is never ahead of the system's, and goes forward by no more
than the time for which a gateway really ran; only where nothing is left that was kept before some
moment does it leap there, for nobody loses by that. After a pause, or a leap of the system's clock,
it is late: things are kept for longer than they must be, for twice as long at the most. And what is
written late, or while the system's clock is behind, sets it back to then: it would be old at once.

Where there are more rows than may be kept, or more bytes in them, some go before their time. Those
go last without which something could run twice (I2), so that no flood of requests that ran nothing
takes them away; and each agent has its share, so that its flood takes away what is its own. Of an
agent's own go first those whose outcome its client has: an agent that collects nothing has no more
room by that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Record
from agentgate_proto.records.storage import Change, Put

RAN_NOTHING = (Status.DENIED, Status.EXPIRED, Status.CANCELLED)


class Rank(IntEnum):
    """What is lost with a row; those that rank low go first."""

    HARMLESS = 0
    """An answer: it ran nothing, or a tool that may run again."""
    RAN = 1
    """A write that may have run. Its client knows how it ended."""
    GUARD = 2
    """What keeps a write from running twice: an idempotency key, or an unknown outcome, of which
    a repeat is not run unasked; a client that does not know how it ended, and may send it again;
    and all that is under way."""


DAY_S = 86_400.0
ASSURED = 0.5
"""Of the room for rows, how much is shared out among all principals, whatever their rows are."""

ROW_BYTES = 1_000
"""What a row takes beside arguments and result, about, with its places in the indexes."""

COLLECTED_WITHIN_S = 600.0
"""What nobody has collected stays for so long, whatever there is too much of: its client may be on
its way back, and a session that was cut off looks it up."""

BEHIND_S = 60.0
"""So much older than the clock shows is what was on its way to the file for a while. What is older
than that was written late, or by a clock that was set back meanwhile."""


@dataclass(slots=True)
class RetentionClock:
    """The clock of what is kept of requests, which those set back that end in its past.

    Attributes:
        shows: UTC seconds; None: nobody has looked at it yet.
        looked_at: when it showed that, by a monotonic clock.
        was_set_back: since then. It stands until the next look.
    """

    shows: float | None = None
    looked_at: float = 0.0
    was_set_back: bool = False

    def look(self, now: float, ran_s: float, utc: float, oldest: float | None) -> float:
        """Look at it, which lets it go forward.

        Args:
            now: by a monotonic clock.
            ran_s, utc, oldest: see :func:`retention_clock`.
        """
        ran_s = 0.0 if self.was_set_back else ran_s
        self.shows = retention_clock(self.shows, ran_s, utc, oldest)
        self.looked_at, self.was_set_back = now, False
        return self.shows

    def is_ahead_of(self, ended: float, now: float) -> bool:
        """Whether what ended then, and is kept from now on, must set it back."""
        if self.shows is None:
            return False
        ran_s = 0.0 if self.was_set_back else now - self.looked_at
        return ended < self.shows + ran_s - BEHIND_S

    def set_back(self, ended: float) -> None:
        """Take it that what ended then is kept from now on; it was ahead of that."""
        assert self.shows is not None, "somebody has looked at it"
        self.shows = min(self.shows, ended)
        self.was_set_back = True


def first_end(changes: Iterable[Change]) -> float:
    """Return when that ended which ended first of what these changes keep; infinity: nothing."""
    ends = (change.record.resolved_at for change in changes if isinstance(change, Put))
    return min((ended for ended in ends if ended), default=math.inf)


def collected_before(now: float) -> float:
    """Return before which time must have ended what nobody has collected, so that it may go.

    Args:
        now: what the clock of retention shows.
    """
    return now - COLLECTED_WITHIN_S - BEHIND_S


def retention_clock(before: float | None, ran_s: float, utc: float, oldest: float | None) -> float:
    """Return what the clock of retention shows.

    Args:
        before: what it showed the last time, UTC seconds; None: it was never looked at.
        ran_s: seconds for which the gateway has run since then, by a monotonic clock.
        utc: what the system's clock shows.
        oldest: the time of the oldest thing that is kept; None: nothing is.
    """
    if oldest is None:
        return utc
    paced = (oldest if before is None else before) + ran_s
    return min(utc, max(paced, oldest))


def days_kept(came: float, within_s: float, most: int) -> float:
    """Return for how many days a cap holds what comes, if it goes on as it came within a time.

    Args:
        came: how much.
        within_s: seconds, positive.
        most: the cap.
    """
    return math.inf if came <= 0 else most * within_s / came / DAY_S


def rank_of(record: Record) -> Rank:
    """Return what is lost with the row of a request."""
    if record.outcome is None:
        return Rank.GUARD
    if record.effects is Effects.READ or record.outcome.status in RAN_NOTHING:
        return Rank.HARMLESS
    guards = record.idempotency_key or record.outcome.status is Status.UNKNOWN
    return Rank.GUARD if guards or not record.delivered else Rank.RAN


def kept_bytes(record: Record) -> int:
    """Return what a row counts for, about: arguments stand in it twice, also as a signature."""
    result = len(bytes(record.outcome.data)) if record.outcome is not None else 0
    return ROW_BYTES + 2 * len(bytes(record.args)) + result


def excess(rows: Mapping[tuple[str, Rank], int], rows_max: int) -> dict[tuple[str, Rank], int]:
    """Say of which rows there are too many, and how many: those that are to go before their time.

    The same goes for their bytes.

    Each principal is assured of its part of one half of the room, whatever its rows are: that no
    other can take from it. The other half, and what of the first is not needed, goes by rank: what
    ranks low has the room that what ranks higher leaves, and of one rank each principal has the
    same share, as far as it needs it. So a flood of what ran nothing takes away no key of anybody,
    and nobody's hoard of keys all that another has. Of its own rows a principal loses the lowest
    first.

    Args:
        rows: how many rows or bytes there are, by principal and rank.
        rows_max: how many may be kept.

    Returns:
        how many are too many, by principal and rank, the lowest rank first.
    """
    principals = dict.fromkeys(principal for principal, _ in rows)
    left = dict.fromkeys(principals, int(rows_max * ASSURED) // max(1, len(principals)))
    room = rows_max
    beyond: dict[Rank, dict[str, int]] = {}
    for rank in sorted(Rank, reverse=True):
        mine = {principal: count for (principal, of), count in rows.items() if of is rank}
        for principal, count in mine.items():
            assured = min(count, left[principal])
            left[principal] -= assured
            room -= assured
            mine[principal] -= assured
        beyond[rank] = mine
    gone: dict[tuple[str, Rank], int] = {}
    for rank, mine in beyond.items():
        share = fair_share(mine.values(), room)
        gone |= {(who, rank): count - share for who, count in mine.items() if count > share}
        room -= sum(min(count, share) for count in mine.values())
    return dict(sorted(gone.items(), key=lambda item: item[0][1]))


def fair_share(counts: Iterable[int], room: int) -> int:
    """Return the most that each may have, so that all together have no more than the room."""
    ordered = sorted(counts)
    for place, count in enumerate(ordered):
        share = room // (len(ordered) - place)
        if count > share:
            return share
        room -= count
    return ordered[-1] if ordered else 0
