"""What strangers together may take of the event loop.

A turn of one stranger is short, but there may be hundreds of them, and an honest agent's call needs
several rounds of the loop. So their turns are spread over time: each is given a place behind the
turns that were given out before, as far away as those take, and a part of the time is kept free. A
turn is counted before it is known what it takes, and corrected afterwards.
"""

from __future__ import annotations

SHARE = 0.5
"""Of the time, while there is more for strangers to do than that."""

BURST_S = 0.02
"""What strangers may take at once after a while of quiet: nobody waits without a flood."""


class StrangersShare:
    """Gives strangers their turns. Times are seconds on any one clock.

    Args:
        turn_s: how long a turn is meant to be.
    """

    def __init__(self, turn_s: float) -> None:
        self._turn_s = turn_s
        self._done_by = (
            0.0  # when all turns that were given out are over, if they keep to the share
        )

    def next_turn(self, now: float) -> float:
        """Give out a turn: return when it may begin. :meth:`took` must follow it."""
        done_by = max(self._done_by, now)
        self._done_by = done_by + self._turn_s / SHARE
        return max(now, done_by - BURST_S)

    def took(self, seconds: float) -> None:
        """Take note of how long a turn really was."""
        self._done_by += (seconds - self._turn_s) / SHARE
