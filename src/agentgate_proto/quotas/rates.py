"""Rate limits: a token bucket, and the three of each principal: of requests, of their bytes, and of
those of what came of them."""

from __future__ import annotations

ROUNDING = 0.001
"""The part of a token that adding a pause to a clock may cost; who waited as told must get one."""

ROUNDING_S = 1e-5
"""The same as a time, for buckets of so many tokens that it is more: a UTC clock as a double is
exact to half a microsecond until 2100."""

COUNTED_BYTES = 16_384
"""Of a result: as many smaller ones as may be asked for in a minute are less than ten megabytes."""


class TokenBucket:
    """Allows ``per_minute`` events a minute, all at once if they come so.

    Args:
        per_minute: size of the bucket, and what flows in within 60 s.
        now: seconds on a clock that may be set back; then nothing flows in for a while.
    """

    __slots__ = ("at", "level", "per_minute", "rounding")

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self.level = float(per_minute)
        self.at = now
        self.rounding = max(ROUNDING, ROUNDING_S * per_minute / 60.0)

    def take(self, now: float, amount: float = 1.0) -> float:
        """Take one, or another amount; return 0, or the seconds until it can be taken."""
        pause = self.pause(now, amount)
        if not pause:
            self.level -= amount
        return pause

    def pause(self, now: float, amount: float = 1.0) -> float:
        """Return the seconds until an amount can be taken, and take nothing.

        More than the bucket ever holds can be taken when it is full; the rest is owed.
        """
        size = self.per_minute
        if now > self.at:
            level = self.level + (now - self.at) * size / 60.0
            self.level = level if level < size else float(size)
        self.at = now
        missing = min(size, amount) - self.level
        return 0.0 if missing <= self.rounding else missing * 60.0 / size

    def owe(self, now: float, amount: float) -> None:
        """Take an amount that is known only when it was used; what is missing is owed."""
        self.pause(now)
        self.level -= amount


class Allowance:
    """What one principal may ask for in a minute: so many requests, of so many bytes together, with
    results of so many.

    Args:
        requests_per_minute, bytes_per_minute, result_bytes_per_minute: the sizes of its buckets.
        now: as a ``TokenBucket`` takes it.
    """

    __slots__ = ("bytes", "requests", "results")

    def __init__(
        self,
        requests_per_minute: int,
        bytes_per_minute: int,
        result_bytes_per_minute: int,
        now: float,
    ) -> None:
        self.requests = TokenBucket(requests_per_minute, now)
        self.bytes = TokenBucket(bytes_per_minute, now)
        self.results = TokenBucket(result_bytes_per_minute, now)

    def take(self, now: float, size: int) -> tuple[float, str]:
        """Count a request of so many bytes; what is refused costs nothing.

        Returns:
            0.0 and ""; or for how many seconds it is too much, and which cap says so, in words.
        """
        pause = self.requests.pause(now)
        if pause:
            return pause, f"more than {self.requests.per_minute} requests a minute"
        pause = self.bytes.pause(now, size)
        if pause:
            return pause, f"requests of more than {self.bytes.per_minute:,} bytes a minute"
        pause = self.results_pause(now)
        if pause:
            return pause, f"results of more than {self.results.per_minute:,} bytes a minute"
        self.requests.level -= 1.0
        self.bytes.level -= size
        return 0.0, ""

    def owe(self, now: float, size: int) -> None:
        """Count bytes that a request has turned out to cost besides."""
        owe(self.bytes, now, size)

    def brings(self, now: float, size: int) -> None:
        """Count bytes that a request has brought; small results don't count."""
        if size >= COUNTED_BYTES:
            owe(self.results, now, size)

    def results_pause(self, now: float) -> float:
        """Return the seconds until something may be asked for, or begin, that has a result."""
        return self.results.pause(now, 0.0)


class Allowances:
    """Those of all principals.

    Args:
        sizes: of the buckets of each, as ``Allowance`` takes them.
    """

    def __init__(self, sizes: tuple[int, int, int]) -> None:
        self._sizes = sizes
        self._of: dict[str, Allowance] = {}

    def of(self, principal: str, now: float) -> Allowance:
        """Return a principal's; it has had nothing before it is first asked for."""
        allowance = self._of.get(principal)
        if allowance is None:
            allowance = self._of[principal] = Allowance(*self._sizes, now)
        return allowance


def owe(bucket: TokenBucket, now: float, size: int) -> None:
    """Take what is known only when it was used.

    No more is owed than flows in within a minute: who has made a mistake is not shut out for hours
    by it.
    """
    bucket.owe(now, size)
    bucket.level = max(bucket.level, -float(bucket.per_minute))
