"""Pace: a model that has much to say at once leaves time to others in between.

What has come already is read without a wait, so a burst of small pieces would keep the event loop
to itself: a read of a socket may bring ten thousand of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import anyio
import anyio.lowlevel

TURN_S: Final = 0.002
"""How long one stream goes on before others have their turn."""

ROUND_S: Final = 0.01
"""How long all streams together keep others waiting, if each has its turn: nobody notices."""

TURN_MIN_S: Final = 0.0002
"""The shortest turn of a stream, however many there are: some pieces, each dearer than to yield."""


def alone() -> int:
    """There is one stream, or nobody knows of others."""
    return 1


class Pace:
    """Knows since when its stream goes on.

    Args:
        streams: says how many there are that may all have something at once.
    """

    def __init__(self, streams: Callable[[], int] = alone) -> None:
        self._streams = streams
        self._since = anyio.current_time()

    async def keep(self) -> None:
        """Let others have a turn, if it is time. Call it for each piece."""
        if anyio.current_time() - self._since > turn_s(self._streams()):
            await anyio.lowlevel.checkpoint()
            self._since = anyio.current_time()


def turn_s(streams: int) -> float:
    """Return how long one of so many streams goes on at a time."""
    return max(TURN_MIN_S, min(TURN_S, ROUND_S / max(streams, 1)))
