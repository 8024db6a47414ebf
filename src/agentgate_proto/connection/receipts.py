"""Receipts: which outcomes the peer has for certain (I6).

Every outcome gets the next sequence number at the moment when it is sent. Our SDK returns the
highest number that it has seen (``ack``). For a client that never does, a WebSocket ping carries
the number: frames are ordered, so its pong proves that the peer's socket layer took everything
before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from agentgate_proto.limits import UNACKED_MAX

PING_PREFIX = b"seq:"


class Receipts:
    """The outcomes that were sent on one connection and are not acknowledged yet, in order.

    An outcome that is sent again keeps its first number, which proves as much, unless the peer has
    no use for what was sent first. Of more than ``UNACKED_MAX`` the oldest are forgotten: they
    count as not delivered.
    """

    def __init__(self) -> None:
        self.last_seq = 0
        self._unacked: dict[str, int] = {}
        self._pinged = 0
        self._ping_out = False

    def sent(self, rids: Sequence[str], *, anew: bool = False) -> int:
        """Note that these outcomes are being sent in one message; return its sequence number.

        Args:
            rids: the outcomes.
            anew: what was sent of them before proves nothing any more.
        """
        self.last_seq += 1
        for rid in rids:
            if anew:
                self._unacked.pop(rid, None)
            self._unacked.setdefault(rid, self.last_seq)
        while len(self._unacked) > UNACKED_MAX:
            del self._unacked[next(iter(self._unacked))]
        return self.last_seq

    def acked(self, seq: int) -> tuple[str, ...]:
        """Return the rids up to and including ``seq``; numbers not sent yet prove nothing."""
        if seq > self.last_seq:
            return ()
        rids = tuple(takewhile(lambda rid: self._unacked[rid] <= seq, self._unacked))
        for rid in rids:
            del self._unacked[rid]
        return rids

    def ping_due(self) -> bytes | None:
        """Return the payload of a ping that should follow what was sent, or None.

        One ping is out at a time: the round trip paces them, so a busy old client costs one ping
        for many outcomes and an idle one a single ping.
        """
        if self._ping_out or self._pinged == self.last_seq or not self._unacked:
            return None
        self._ping_out = True
        self._pinged = self.last_seq
        return PING_PREFIX + b"%d" % self.last_seq

    def ponged(self, payload: bytes) -> tuple[str, ...]:
        """Return the rids that this pong proves; a foreign or invented payload proves nothing."""
        if payload != PING_PREFIX + b"%d" % self._pinged or not self._ping_out:
            return ()
        self._ping_out = False
        return self.acked(self._pinged)
