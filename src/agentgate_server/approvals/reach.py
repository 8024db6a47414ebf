"""Reach: whether anybody can see what waits for a person, so that no approval expires unseen."""

from __future__ import annotations

import logging
from collections.abc import Callable

import anyio

log = logging.getLogger(__name__)

UNREACHED_S = 60.0
"""After so long the operator is told that an approval has reached nobody."""

LOOK_EVERY_S = 10.0


class Reach:
    """Knows of each approval that waits whether somebody was shown it: by a terminal that watches,
    by a list that somebody asked for, or by a message with buttons.

    Args:
        utc: the ledger's clock, UTC seconds.
    """

    def __init__(self, utc: Callable[[], float]) -> None:
        self.utc = utc
        self._unseen: dict[str, float] = {}
        self._told: set[str] = set()

    def opened(self, rid: str) -> None:
        """An approval waits, and nobody was shown it yet."""
        self._unseen[rid] = self.utc()

    def reached(self, rid: str) -> None:
        """Somebody was shown it, or nobody need be any more."""
        self._unseen.pop(rid, None)
        self._told.discard(rid)

    @property
    def overdue(self) -> int:
        """How many approvals have reached nobody for too long."""
        limit = self.utc() - UNREACHED_S
        return sum(since <= limit for since in self._unseen.values())

    async def watch(self) -> None:
        """Tell the operator, until cancelled."""
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Log what has become overdue since the last look."""
        limit = self.utc() - UNREACHED_S
        late = [rid for rid, since in self._unseen.items() if since <= limit]
        new = [rid for rid in late if rid not in self._told]
        if new:
            self._told.update(new)
            text = (
                "approvals that have reached nobody for %g s: %d (one is %s);"
                " no terminal watches, and no message went out"
            )
            log.warning(text, UNREACHED_S, len(late), new[0])
