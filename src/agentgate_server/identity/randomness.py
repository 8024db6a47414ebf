"""Randomness for what nobody may guess and every call needs, asked of the system in larger pieces.

A call of the system lets go of the interpreter for some microseconds: too short for another thread
to take it, and often enough under a flood that the store's thread, woken each time in vain, waited
for half a second.
"""

from __future__ import annotations

import secrets

POOL_BYTES = 1_536
"""Asked for at once: for 128 ids."""


class Randomness:
    """Random bytes, each of them given to one only; on one thread."""

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def take(self, size: int) -> bytes:
        """Take so many; at most ``POOL_BYTES``."""
        first, self._used = self._used, self._used + size
        if self._used > len(self._pool):
            self._pool = secrets.token_bytes(POOL_BYTES)
            first, self._used = 0, size
        return self._pool[first : self._used]
