"""Rate limits: a token bucket for each principal."""

from __future__ import annotations

ROUNDING = 0.001
"""The part of a token that adding a pause to a clock may cost; who waited as told must get one."""


class TokenBucket:
    """Allows ``per_minute`` events a minute, all at once if they come so.

    Args:
        per_minute: size of the bucket, and what flows in within 60 s.
        now: seconds on a clock that may be set back; then nothing flows in for a while.
    """

    __slots__ = ("at", "level", "per_minute")

    def __init__(self, per_minute: int, now: float) -> None:
        self.per_minute = per_minute
        self.level = float(per_minute)
        self.at = now

    def take(self, now: float) -> float:
        """Take one; return 0, or the seconds until one can be taken."""
        inflow = max(0.0, now - self.at) * self.per_minute / 60.0
        self.level = min(float(self.per_minute), self.level + inflow)
        self.at = now
        if self.level >= 1.0 - ROUNDING:
            self.level -= 1.0
            return 0.0
        return (1.0 - self.level) * 60.0 / self.per_minute
