"""The login throttle: bounds how often tokens can be guessed from one address."""

from __future__ import annotations

from collections import OrderedDict

from agentgate_proto.ledger.rates import TokenBucket

FAILURES_PER_MINUTE = 20
"""Wrong tokens from one address. Nobody mistypes more, and a guesser gets nowhere."""

ADDRESSES_MAX = 10_000
"""Addresses that are remembered; beyond it the one that failed longest ago is forgotten."""


class LoginThrottle:
    """Counts failed logins by address. Times are seconds on any one clock."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def blocked_s(self, address: str, now: float) -> float:
        """Return 0, or for how many seconds the address may not try again."""
        bucket = self._buckets.get(address)
        if bucket is None:
            return 0.0
        pause = bucket.take(now)
        if not pause:
            bucket.level += 1.0
        return pause

    def failed(self, address: str, now: float) -> None:
        """Count a wrong token."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = TokenBucket(FAILURES_PER_MINUTE, now)
        bucket.take(now)
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES_MAX:
            self._buckets.popitem(last=False)
