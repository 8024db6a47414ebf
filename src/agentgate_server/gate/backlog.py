"""The backlog: what waits for the disk, by whose it is, and what else brings it there.

The store writes in order, so what one principal has left for it is waited for by everybody. Who has
left much has no further turn until it is written, see :mod:`agentgate_proto.quotas.turns`, and no
further tool begins for it: such a tool counts with what it has brought the principal before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import anyio

from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.quotas.turns import UNWRITTEN_BYTES_MAX
from agentgate_proto.records.session import PutSession, log_row_bytes
from agentgate_proto.records.storage import Change, Put, record_bytes
from agentgate_server.sockets.rounds import Rounds

COUNTED_BYTES = 4_096
"""What is smaller does not count: a turn is too short to leave much of it."""


class Backlog:
    """See the module. Everything happens on the event loop.

    Args:
        rounds: give no more turns to who has left much.
        ledger: knows what tools bring, and how much of it is too much for a minute.
        utc: the clock of the ledger.
    """

    def __init__(self, rounds: Rounds, ledger: Ledger, utc: Callable[[], float]) -> None:
        self._rounds = rounds
        self._ledger = ledger
        self._utc = utc
        self._open: deque[tuple[int, str, int]] = deque()  # number, owner, bytes
        self._of: dict[str, int] = {}  # owner to bytes, with those to come of tools that run
        self._less: dict[str, anyio.Event] = {}

    def submitted(self, number: int, change: Change) -> None:
        """A change waits."""
        owner, size = weight(change)
        if size >= COUNTED_BYTES:
            self._open.append((number, owner, size))
            self._add(owner, size)
            self._rounds.turns.left(owner, size)

    def reported(self, upto: int) -> None:
        """All changes up to this number are written, or never will be."""
        while self._open and self._open[0][0] <= upto:
            _, owner, size = self._open.popleft()
            self._add(owner, -size)
            if self._rounds.turns.written(owner, size):
                self._rounds.ask()

    async def enter(self, owner: str, tool: str) -> Callable[[], None]:
        """Wait until a tool may begin for an owner.

        Returns:
            what to call when it is over, before its outcome is told.
        """
        while True:
            pause_s = self._ledger.results_pause(owner, self._utc())
            size = self._ledger.held.foreseen(owner, tool)
            if pause_s:
                await anyio.sleep(pause_s)
            elif size and owner in self._of and self._of[owner] + size > UNWRITTEN_BYTES_MAX:
                await self._less.setdefault(owner, anyio.Event()).wait()
            else:
                break
        self._add(owner, size)
        return partial(self._add, owner, -size)

    def _add(self, owner: str, size: int) -> None:
        left = self._of.get(owner, 0) + size
        if left:
            self._of[owner] = left
        else:
            self._of.pop(owner, None)
        if size < 0 and owner in self._less:
            self._less.pop(owner).set()


def weight(change: Change) -> tuple[str, int]:
    """Whose a change is, and how much it has for the disk, about; 0: too little to be looked at."""
    match change:
        case Put(record, joined):
            return record.principal, record_bytes(record) + sum(map(record_bytes, joined))
        case PutSession(session, rows) if rows:
            return session.principal, sum(map(log_row_bytes, rows))
        case _:
            return "", 0
