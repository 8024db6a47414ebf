"""Request ids of the gateway's own: unguessable, and in the order of time for the store's index."""

from __future__ import annotations

import secrets

RANDOM_HEX = 24
"""96 bits."""

POOL_BYTES = 1_536
"""Random bytes that are asked of the system at once, for 128 ids. A call for each would let go of
the interpreter for some microseconds: too short for another thread to take it, and often enough
under a flood that the store's thread, woken each time in vain, waited for half a second."""


class Rids:
    """Makes ids; on one thread."""

    def __init__(self) -> None:
        self._pool = ""
        self._used = 0

    def new(self, now: float) -> str:
        """Make a fresh id of a request and of its approval.

        Args:
            now: UTC seconds. Ids that follow each other lie side by side in the store, which writes
                them at twice the speed of random ones.

        Returns:
            36 hexadecimal digits: milliseconds, then 96 random bits.
        """
        if self._used >= len(self._pool):
            self._pool, self._used = secrets.token_hex(POOL_BYTES), 0
        first = self._used
        self._used += RANDOM_HEX
        return f"{int(now * 1000):012x}{self._pool[first : self._used]}"
