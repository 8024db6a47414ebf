"""Retention: which time it is for what the store keeps.

What is kept for thirty days must be kept for thirty days, also by a gateway whose clock is wrong: a
home hub without a clock of its own wakes up in 1970, and a minute later the network tells it that
fifty years have passed. If everything went then, a client that was cut off for that minute would
send again what had run (I2), and never hear of what had ended (I6).

So retention has a clock of its own. It is never ahead of the system's, and goes forward by no more
than the time for which a gateway really ran; only where nothing is left that was kept before some
moment does it leap there, for nobody loses by that. After a pause, or a leap of the system's clock,
it is late: things are kept for longer than they must be, for twice as long at the most.
"""

from __future__ import annotations


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
