"""Tickets for answers: whoever has one may give one person's answer to one approval, once.

A notification can carry no token: it passes through servers of others, and lies on lock screens. So
each of its buttons carries a ticket, which says yes or no to this approval and does nothing else.

A ticket is kept as a hash, as long as its approval waits. It is spent when it is taken, and given
back only if nothing came of the answer; its approval's end, its person's next notification and time
spend it as well. Of spent ones it is remembered for a while which approval they were for, so that
who comes too late is told what happened, and not that they guess.

Finding one takes the hash of what was sent as the key of a table: how long that takes says nothing
about which tickets there are, since nobody can choose a text by its hash.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from hashlib import sha256

import msgspec

TICKET_CHARS_MAX = 256
"""Longer texts are not looked at."""

LIVE_MAX = 100_000
"""Tickets that are good: two for each of fifty places of a thousand approvals. No more are made."""

SPENT_MAX = 20_000
"""Spent tickets that are remembered; beyond it the oldest are forgotten."""


class AnswerTicket(msgspec.Struct, frozen=True):
    """What a ticket says.

    Attributes:
        rid: the approval's id.
        approve: yes or no.
        approver: whose answer it is.
        channel: what has brought it to them.
        expires_at: UTC seconds; the approval's own end.
    """

    rid: str
    approve: bool
    approver: str
    channel: str
    expires_at: float


class Found(msgspec.Struct, frozen=True):
    """A ticket that was found.

    Attributes:
        ticket: what it says.
        is_good: it may be used; if not, what it says is only good for telling what happened.
    """

    ticket: AnswerTicket
    is_good: bool


class AnswerTickets:
    """See the module."""

    def __init__(self) -> None:
        self._live: dict[str, AnswerTicket] = {}
        self._of_approval: dict[str, set[str]] = {}
        self._spent: OrderedDict[str, AnswerTicket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def has_room(self, count: int) -> bool:
        """Whether so many more can be made."""
        return len(self._live) + count <= LIVE_MAX

    def add(self, key: str, ticket: AnswerTicket) -> None:
        """Let a ticket count from now on; its text is known to nobody but who is to have it.

        Args:
            key: of its text, see :func:`key_of`.
            ticket: what it says.
        """
        self._live[key] = ticket
        self._of_approval.setdefault(ticket.rid, set()).add(key)

    def take(self, secret: str, now: float, channels: Collection[str]) -> Found | None:
        """Use a ticket up; None: it is none, or of another channel.

        Args:
            secret: its text, of anybody.
            now: UTC seconds.
            channels: the ones whose tickets are taken here.
        """
        if len(secret) > TICKET_CHARS_MAX:
            return None
        key = key_of(secret)
        ticket = self._live.get(key)
        if ticket is None:
            spent = self._spent.get(key)
            return None if spent is None or spent.channel not in channels else Found(spent, False)
        if ticket.channel not in channels:
            return None
        self.spend([key])
        return Found(ticket, now < ticket.expires_at)

    def give_back(self, secret: str) -> None:
        """Nothing came of the answer: the ticket is good again."""
        key = key_of(secret)
        ticket = self._spent.pop(key, None)
        if ticket is not None:
            self.add(key, ticket)

    def spend(self, keys: Iterable[str]) -> None:
        """These tickets are good no more."""
        for key in keys:
            ticket = self._live.pop(key, None)
            if ticket is None:
                continue
            of_approval = self._of_approval[ticket.rid]
            of_approval.discard(key)
            if not of_approval:
                del self._of_approval[ticket.rid]
            self._spent[key] = ticket
            if len(self._spent) > SPENT_MAX:
                self._spent.popitem(last=False)

    def over(self, rid: str) -> None:
        """An approval waits no more, and nor do its tickets."""
        self.spend(tuple(self._of_approval.get(rid, ())))


def key_of(secret: str) -> str:
    """What is kept of a ticket: 256 random bits need no salt."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
