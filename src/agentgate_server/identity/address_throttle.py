"""The address throttle: bounds how often something may be done from one address.

Two things are bounded by it: wrong tokens, which only guessers send in numbers, and requests
without a token, which cost us work for nobody in particular. A right token is never refused for
what others at the same address do: they may all be behind one proxy.
"""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address

from agentgate_proto.ledger.rates import TokenBucket

WRONG_TOKENS_PER_MINUTE = 20
"""Nobody mistypes more, and a guesser gets nowhere."""

STRANGERS_REQUESTS_PER_MINUTE = 1_200
"""Requests without a token: a hundred health checks a minute of each of a dozen monitors."""

ADDRESSES_MAX = 10_000
"""Addresses that are remembered; beyond it the one that was seen longest ago is forgotten."""

IPV6_BITS = 64
"""Of an IPv6 address: whoever has one has all that share these (RFC 6177)."""


class AddressThrottle:
    """Counts by address. Times are seconds on any one clock.

    Args:
        per_minute: how often it may be done, and how often at once.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def count(self, address: str, now: float) -> float:
        """Count once more; return 0, or for how many seconds it may not be done."""
        key = owner_of(address)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._per_minute, now)
            if len(self._buckets) > ADDRESSES_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket.take(now)


def owner_of(address: str) -> str:
    """Return what stands for all addresses that one client may have."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(int(parsed) >> (128 - IPV6_BITS))
