"""Pace: a model that has much to say at once leaves time to others in between.

What has come already is read without a wait, so a burst of small pieces would keep the event loop
to itself: a read of a socket may bring ten thousand of them.
"""

from __future__ import annotations

from typing import Final

import anyio
import anyio.lowlevel

TURN_S: Final = 0.002
"""How long one stream goes on before others have their turn."""


class Pace:
    """Knows since when its stream goes on."""

    def __init__(self) -> None:
        self._since = anyio.current_time()

    async def keep(self) -> None:
        """Let others have a turn, if it is time. Call it for each piece."""
        if anyio.current_time() - self._since > TURN_S:
            await anyio.lowlevel.checkpoint()
            self._since = anyio.current_time()
