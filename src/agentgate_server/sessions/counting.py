"""Counting: tells observers what the sessions have done and spent, once, when it is durable.

A write that fails is made again, with all that was in it and more; so nothing is told before its
write has succeeded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

import msgspec

from agentgate_proto.records.session import DropSession, EventKind, PutSession
from agentgate_proto.records.usage import UsageStatus
from agentgate_server.observing.observers import Observers


class EndData(msgspec.Struct, frozen=True):
    """What of a ``run_ended`` event is counted."""

    status: str


class Counting:
    """See the module.

    Args:
        observers: hear it.
    """

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._pending: deque[tuple[int, list[Callable[[], None]]]] = deque()

    def written(self, number: int, change: PutSession | DropSession) -> None:
        """A change is on its way to the store, under a number higher than all before."""
        if isinstance(change, DropSession):
            return
        told: list[Callable[[], None]] = [
            partial(self._observers.spent, row)
            for row in change.usage
            if row.status is UsageStatus.SETTLED
        ]
        for row in change.rows:
            if row.kind is EventKind.RUN_ENDED:
                status = msgspec.json.decode(row.data, type=EndData).status
                told.append(partial(self._observers.run_ended, status))
        if told:
            self._pending.append((number, told))

    def durable(self, upto: int) -> None:
        """All up to this number are stored."""
        while self._pending and self._pending[0][0] <= upto:
            for tell in self._pending.popleft()[1]:
                tell()

    def failed(self, upto: int) -> None:
        """Those up to this number that are not durable were not stored."""
        while self._pending and self._pending[0][0] <= upto:
            self._pending.popleft()
