"""What one server may take of the event loop by what it says.

To read what comes costs little, and a server may send without end: on one stream or on hundreds, as
many as there are calls. Others must be served beside it. So one piece is read after another, of all
streams of the server, and when that has taken a while, for as long nothing is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

PIECE_BYTES: Final = 16_384
"""What is read in one turn: some hundred messages, or thousands of empty lines."""

TURN_S: Final = 0.005
"""After so much of work others have their time. A server that says what servers say takes less in a
second, and never waits."""


class Turns:
    """See the module.

    Args:
        now: the time, in seconds on any one clock.
    """

    def __init__(self, now: Callable[[], float] = anyio.current_time) -> None:
        self._now = now
        self._lock = anyio.Lock(fast_acquire=True)
        self._spent_s = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Read one piece in the block, which must not wait for anything."""
        async with self._lock:
            began = self._now()
            yield
            self._spent_s += self._now() - began
            if self._spent_s >= TURN_S:
                rest_s, self._spent_s = self._spent_s, 0.0
                await anyio.sleep(rest_s)


def pieces(data: bytes) -> list[bytes]:
    """Cut what came into what is read in one turn."""
    if len(data) <= PIECE_BYTES:
        return [data]
    return [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
