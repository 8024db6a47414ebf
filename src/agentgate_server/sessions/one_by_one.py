"""One by one: what takes milliseconds, where many come at once and all would be done in one round.

Forty runs that begin together each put a long history into words for their model. That is as much
as a flood of calls; so one is done in each round of the event loop, and everybody else is served in
between.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

import anyio.lowlevel

log = logging.getLogger(__name__)


class OneByOne:
    """See the module. Whoever comes first does what comes meanwhile as well.

    Args:
        after: called after each.
    """

    def __init__(self, after: Callable[[], None]) -> None:
        self._after = after
        self._acts: deque[Callable[[], None]] = deque()
        self._is_busy = False

    async def do(self, act: Callable[[], None]) -> None:
        """Do something in its turn; perhaps after this has returned."""
        self._acts.append(act)
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self._acts:
                try:
                    self._acts.popleft()()
                    self._after()
                except Exception:  # a bug in one must cost nobody else their turn
                    log.exception("something of a session could not be done")
                await anyio.lowlevel.checkpoint()
        finally:
            self._is_busy = False
