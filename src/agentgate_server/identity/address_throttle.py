"""The address throttle: bounds how often something may be done from one address.

Two things are bounded by it: wrong tokens, which only guessers send in numbers, and requests
without a token, which cost us work for nobody in particular. A right token is never refused for
what others at the same address do: they may all be behind one proxy.
"""

from __future__ import annotations

from collections import OrderedDict

from agentgate_proto.quotas.addresses import block_of

WRONG_TOKENS_PER_MINUTE = 20
"""Nobody mistypes more, and a guesser gets nowhere."""

STRANGERS_REQUESTS_PER_MINUTE = 1_200
"""Requests without a token: a health check a second of each of twenty monitors."""

ADDRESSES_MAX = 10_000
"""Addresses that are remembered; beyond it the one that was seen longest ago is forgotten."""


class AddressThrottle:
    """Counts by address: a minute's worth at once, then evenly. Times are seconds on any one clock.

    Args:
        per_minute: how often it may be done.
    """

    def __init__(self, per_minute: int) -> None:
        self._each_s = 60.0 / per_minute
        self._done_by: OrderedDict[str, float] = OrderedDict()  # when all was done, if evenly

    def take(self, address: str, now: float) -> float:
        """Do it now: return 0, or for how many seconds it may not be done."""
        return self.queue(address, now, 0.0)

    def give_back(self, address: str) -> None:
        """What was done last does not count after all."""
        key = block_of(address)
        if key in self._done_by:
            self._done_by[key] -= self._each_s

    def queue(self, address: str, now: float, longest_s: float) -> float:
        """Do it when it is its turn: return in how many seconds that is.

        If that is more than ``longest_s`` it may not be done, and does not count.
        """
        key = block_of(address)
        pause = self._pause(key, now)
        if pause <= longest_s:
            self._count(key, now)
        return pause

    def _pause(self, key: str, now: float) -> float:
        done_by = self._done_by.get(key, now)
        return max(0.0, done_by + self._each_s - now - 60.0)

    def _count(self, key: str, now: float) -> None:
        self._done_by[key] = max(self._done_by.get(key, now), now) + self._each_s
        self._done_by.move_to_end(key)
        if len(self._done_by) > ADDRESSES_MAX:
            self._done_by.popitem(last=False)
