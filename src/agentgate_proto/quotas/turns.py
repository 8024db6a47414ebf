"""Turns: who is served next, so that one's flood is not everybody's wait.

Theory of operation. The event loop goes round: it looks which sockets have something, and serves
them. In each round an owner may be served for one turn's time, on as many of its connections as
that is enough for; whatever it has beyond waits for the next round, in which its connections have
their turns one after the other. So a round is as long as the turns of those who are busy, however
many connections they have, and who asks for little finds the loop free after one round at most.

What took longer than a turn (one message may be large, and is not cut into pieces) is a debt, which
is paid with the owner's next turns. Whoever is alone has all the time there is: rounds in which
nobody else has anything to do are over at once.

Strangers, who have not said who they are, are one owner with a shorter turn, and have at most a
part of the time, whether there is anybody else or not: the rest stays free for those to come.
Among the connections of one owner those that have just got something to say and those that have
more to say are served by turns, so that a newcomer does not wait for all the floods before it.

The disk is served in order: what somebody else has left for it is waited for. So an owner that has
left much has no turn until most of it is written.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from agentgate_proto.quotas.owners import STRANGERS

TURN_S = 0.002
"""How long an owner is served in a round."""

TURN_S_MIN = 0.000_5
"""The same where so many wait that a round would take too long. A turn is some messages at least,
or more time would go into taking turns than into what is done in them."""

ROUND_S = 0.005
"""What a round should take at the most: a person does not notice, and a call of an agent that takes
several rounds (a disk in between, a thread) is still quick."""

BUSY_MAX = int(ROUND_S / TURN_S)
"""Owners that can have whole turns in such a round."""

STRANGERS_TURN_S = 0.000_5
"""The turn of all strangers together: what they ask for is small, or refused."""

STRANGERS_SHARE = 0.5
"""Of the time, while there is more for strangers to do than that."""

BURST_S = 0.02
"""What strangers may take at once after a while of quiet: nobody waits without a flood."""

NAMED_MAX = 16
"""Connections of one owner that are told at once to go on, where they do so later in the round:
small turns, of which several are taken in one round. What the first of them leave is shared."""

DEBT_TURNS = 50
"""What took longer than so many turns counts as these: a tenth of a second."""

UNWRITTEN_BYTES_MAX = 524_288
"""What an owner may have waiting for the disk, and still have turns: some milliseconds' writing.
One message may be larger."""

OWNERS_MAX = 1_000
"""Owners that are remembered while they have nothing to wait for; it saves no more than a turn."""

Who = TypeVar("Who", bound=Hashable)


class Account(Generic[Who]):
    """What one owner has taken, and which of its connections wait."""

    __slots__ = (
        "again",
        "fresh",
        "is_in_ring",
        "named",
        "owner",
        "prefers_fresh",
        "round",
        "spent_s",
        "unwritten_bytes",
    )

    def __init__(self, owner: str, round_: int) -> None:
        self.owner = owner
        self.round = round_
        self.spent_s = 0.0
        self.unwritten_bytes = 0
        self.fresh: deque[Who] = deque()
        self.again: deque[Who] = deque()
        self.named: set[Who] = set()
        self.prefers_fresh = True
        self.is_in_ring = False

    @property
    def waits(self) -> bool:
        """Whether any of its connections waits to be named."""
        return bool(self.fresh or self.again)

    @property
    def is_waited_for(self) -> bool:
        """Whether anybody is before a connection that comes now."""
        return bool(self.fresh or self.again or self.named)

    def take(self) -> Who:
        """Take the one that is next."""
        first, second = self.fresh, self.again
        if not self.prefers_fresh:
            first, second = second, first
        self.prefers_fresh = not self.prefers_fresh
        return (first or second).popleft()


class Turns(Generic[Who]):
    """See the module. Times are seconds on any one clock.

    The rule for the adapter: ``begin`` before a connection is served, ``took`` after it. A
    connection that may not begin, or has not ended with its turn (``wait``), waits: then call
    ``next_round`` once in each round of the loop, not before ``next_round_at``, and serve whoever
    ``next`` names until it names nobody; those may ``begin``, at once or later in the round.

    Attributes:
        turn_s, strangers_turn_s: how long turns are; a test may have shorter ones.
    """

    turn_s = TURN_S
    strangers_turn_s = STRANGERS_TURN_S

    def __init__(self) -> None:
        self._round = 0
        self._accounts: dict[str, Account[Who]] = {}
        self._waiting: dict[Who, Account[Who]] = {}
        self._ring: deque[Account[Who]] = deque()  # those that have somebody who waits
        self._strangers_done_by = 0.0  # when they have kept to their share of the time

    @property
    def anybody_waits(self) -> bool:
        """Whether there is reason for another round."""
        return bool(self._waiting)

    def begin(self, owner: str, who: Who, now: float) -> float | None:
        """Return for how long a connection may be served now, or None: it waits, and is named."""
        account = self._accounts.get(owner)
        if account is None:
            account = self._open(owner)
        if account.round != self._round:
            self._bring_up(account)
        is_free = not self._waiting and account.unwritten_bytes <= UNWRITTEN_BYTES_MAX
        if owner and is_free and account.spent_s < self.turn_s:
            return self.turn_s - account.spent_s  # as nearly always
        is_usual = owner and len(self._ring) <= BUSY_MAX
        turn_s = self.turn_s if is_usual else self._turn_s(account)
        waits_at = self._waiting.get(who)
        if waits_at is not None:  # perhaps as another owner than it has now
            if who not in waits_at.named:
                return None
            waits_at.named.remove(who)
            del self._waiting[who]
            if not self._may(account, turn_s, now):  # others named with it took all of the turn
                self._queue(account, account.fresh, who, is_first=True)
                return None
        elif account.is_waited_for or not self._may(account, turn_s, now):
            self._queue(account, account.fresh, who)
            return None
        return max(turn_s - account.spent_s, 0.0)

    def took(self, owner: str, took_s: float, now: float) -> None:
        """Take note of what a turn, or other work for an owner, took until now."""
        account = self._accounts.get(owner)
        if account is None:
            account = self._open(owner)
        if account.round != self._round:
            self._bring_up(account)
        account.spent_s += took_s
        if not owner:  # strangers
            done_by = max(self._strangers_done_by, now - took_s)
            self._strangers_done_by = done_by + took_s / STRANGERS_SHARE

    def introduced(self, owner: str, took_s: float, now: float) -> None:
        """Take note of a stranger's turn in which somebody said who they are. What they asked for
        with that is theirs: other strangers would wait for ten rounds where it took long."""
        strangers_s = min(took_s, self.strangers_turn_s)
        self.took(STRANGERS, strangers_s, now)
        self.took(owner, took_s - strangers_s, now)

    def wait(self, owner: str, who: Who) -> None:
        """A connection has more to be served than its turn was enough for."""
        account = self._accounts.get(owner)
        if account is None:
            account = self._open(owner)
        if who not in self._waiting:
            self._queue(account, account.again, who)

    def left(self, owner: str, size: int) -> None:
        """An owner has left so many bytes for the disk."""
        account = self._accounts.get(owner)
        if account is None:
            account = self._open(owner)
        account.unwritten_bytes += size

    def written(self, owner: str, size: int) -> bool:
        """So many bytes of an owner are written; return whether that lets it have turns again."""
        account = self._accounts.get(owner)
        if account is None:  # it was forgotten meanwhile
            return False
        was_full = account.unwritten_bytes > UNWRITTEN_BYTES_MAX
        account.unwritten_bytes = max(account.unwritten_bytes - size, 0)
        return was_full and account.unwritten_bytes <= UNWRITTEN_BYTES_MAX and account.waits

    def leave(self, who: Who) -> None:
        """A connection is over."""
        account = self._waiting.pop(who, None)
        if account is None:
            return
        account.named.discard(who)
        for queue in (account.fresh, account.again):
            if who in queue:
                queue.remove(who)

    def next_round_at(self, now: float) -> float:
        """Return when the next round has a turn for anybody who waits; ``math.inf``: not before
        something is ``written``."""
        at = math.inf
        for account in self._ring:
            if account.waits and account.unwritten_bytes <= UNWRITTEN_BYTES_MAX:
                if account.owner != STRANGERS:
                    return now
                at = max(now, self._strangers_done_by - BURST_S)
        return at

    def next_round(self) -> None:
        """The loop has looked at everybody's sockets since the last round."""
        self._round += 1
        if len(self._accounts) > OWNERS_MAX:
            self._accounts = {each.owner: each for each in self._waiting.values()}

    def next(self, now: float) -> Who | None:
        """Name a connection that is to be served in this round, or nobody."""
        ring = self._ring
        for _ in range(len(ring)):
            account = ring.popleft()
            if not account.fresh and not account.again:
                account.is_in_ring = False
                continue
            ring.append(account)
            if account.round != self._round:
                self._bring_up(account)
            if len(account.named) >= NAMED_MAX:
                continue
            is_usual = account.owner and len(ring) <= BUSY_MAX
            turn_s = self.turn_s if is_usual else self._turn_s(account)
            if self._may(account, turn_s, now):
                who = account.take()
                account.named.add(who)
                return who
        return None

    def _open(self, owner: str) -> Account[Who]:
        account: Account[Who] = Account(owner, self._round)
        self._accounts[owner] = account
        return account

    def _bring_up(self, account: Account[Who]) -> None:
        """Let an owner have had a turn for each round since it was looked at last."""
        turn_s = self._turn_s(account)
        debt_s = min(account.spent_s, DEBT_TURNS * turn_s)
        account.spent_s = max(debt_s - (self._round - account.round) * turn_s, 0.0)
        account.round = self._round

    def _turn_s(self, account: Account[Who]) -> float:
        if account.owner == STRANGERS:
            return self.strangers_turn_s
        if len(self._ring) <= BUSY_MAX:
            return self.turn_s
        return min(self.turn_s, max(ROUND_S / len(self._ring), TURN_S_MIN))

    def _may(self, account: Account[Who], turn_s: float, now: float) -> bool:
        """Whether an owner has something left of its turn in this round."""
        if account.spent_s >= turn_s and account.spent_s:
            return False
        if account.unwritten_bytes > UNWRITTEN_BYTES_MAX:
            return False
        return account.owner != STRANGERS or now >= self._strangers_done_by - BURST_S

    def _queue(
        self, account: Account[Who], queue: deque[Who], who: Who, *, is_first: bool = False
    ) -> None:
        if is_first:
            queue.appendleft(who)
        else:
            queue.append(who)
        self._waiting[who] = account
        if not account.is_in_ring:
            account.is_in_ring = True
            self._ring.append(account)
