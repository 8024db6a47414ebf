"""Output: how much may wait for those who do not read it, of one owner and of all.

A connection has a cap of its own; whoever has many connections has one for all of them. Beyond it
the largest of the owner's own connections goes, and beyond what all may have, the largest of the
owner that has most. Agents and strangers can't use up what is kept for people.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from agentgate_proto.quotas.owners import Owner

OF_OWNER_BYTES_MAX = 16_777_216
"""Of one owner, over all its connections: as much as a single connection may have."""

ALL_BYTES_MAX = 67_108_864
"""Of everybody: what a small home hub can spare."""

PEOPLE_BYTES = 8_388_608
"""Of that, what only people can use: an approver's list is there when agents hoard."""

Who = TypeVar("Who", bound=Hashable)


class OutputCap(Enum):
    """What it was too much for; the value is the name in metrics and logs."""

    OWNER = "output_of_owner"
    ALL = "output_in_all"


@dataclass(slots=True)
class Queue(Generic[Who]):
    """What waits for one owner: bytes in all, and by connection."""

    owner: Owner
    total: int = 0
    by_connection: dict[Who, int] = field(default_factory=dict)

    def largest(self) -> Who:
        """The connection that has most."""
        return max(self.by_connection, key=self.by_connection.__getitem__)


@dataclass(frozen=True, slots=True)
class Cut(Generic[Who]):
    """A connection that is to end.

    Attributes:
        who: the connection.
        owner: whose it is.
        cap: what it was too much for.
    """

    who: Who
    owner: Owner
    cap: OutputCap


class Output(Generic[Who]):
    """See the module.

    Args:
        of_owner_max: bytes of one owner.
        all_max: bytes of everybody.
        people_bytes: what only people can use of these.

    Attributes:
        total: bytes that wait now.
    """

    def __init__(
        self,
        of_owner_max: int = OF_OWNER_BYTES_MAX,
        all_max: int = ALL_BYTES_MAX,
        people_bytes: int = PEOPLE_BYTES,
    ) -> None:
        self.total = 0
        self._of_owner_max = of_owner_max
        self._all_max = all_max
        self._others_max = all_max - people_bytes
        self._others = 0  # bytes of those who are no people
        self._queues: dict[Owner, Queue[Who]] = {}
        self._of: dict[Who, Queue[Who]] = {}

    def note(self, who: Who, owner: Owner, waiting: int) -> list[Cut[Who]]:
        """Take note of how many bytes wait on a connection; return which are to end now.

        What waits on those does not count any more. Tell ``0`` of a connection that is over.
        """
        self._put(who, owner, waiting)
        cuts = []
        while (found := self._too_much(owner)) is not None:
            queue, cap = found
            largest = queue.largest()
            cuts.append(Cut(largest, queue.owner, cap))
            self._put(largest, queue.owner, 0)
        return cuts

    def of(self, owner: Owner) -> int:
        """Return how many bytes wait for an owner."""
        queue = self._queues.get(owner)
        return 0 if queue is None else queue.total

    def largest(self, at_least: int) -> Cut[Who] | None:
        """Return the connection of who has most and is no person, or None if it is less than that;
        it counts no more. For whoever must make room."""
        others = [queue for queue in self._queues.values() if not queue.owner.is_person]
        if not others:
            return None
        queue = max(others, key=total_of)
        who = queue.largest()
        if queue.by_connection[who] < at_least:
            return None
        self._put(who, queue.owner, 0)
        return Cut(who, queue.owner, OutputCap.ALL)

    def _too_much(self, owner: Owner) -> tuple[Queue[Who], OutputCap] | None:
        """Say who has too much, and of what."""
        queue = self._queues.get(owner)
        if queue is not None and queue.total > self._of_owner_max:
            return queue, OutputCap.OWNER
        if self._others > self._others_max:
            others = [queue for queue in self._queues.values() if not queue.owner.is_person]
            return max(others, key=total_of), OutputCap.ALL
        if self.total > self._all_max:
            return max(self._queues.values(), key=total_of), OutputCap.ALL
        return None

    def _put(self, who: Who, owner: Owner, waiting: int) -> None:
        queue = self._of.get(who)
        if queue is not None and queue.owner != owner:  # it has said who it is meanwhile
            self._change(queue, who, 0)
            queue = None
        if queue is None:
            if not waiting:
                return
            queue = self._queues.setdefault(owner, Queue(owner))
            self._of[who] = queue
        self._change(queue, who, waiting)

    def _change(self, queue: Queue[Who], who: Who, waiting: int) -> None:
        more = waiting - queue.by_connection.get(who, 0)
        self.total += more
        queue.total += more
        if not queue.owner.is_person:
            self._others += more
        if waiting:
            queue.by_connection[who] = waiting
            return
        del self._of[who]
        queue.by_connection.pop(who, None)
        if not queue.by_connection:
            del self._queues[queue.owner]


def total_of(queue: Queue[Who]) -> int:
    """What waits for an owner."""
    return queue.total
