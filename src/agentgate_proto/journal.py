"""The journal: numbers the writes and remembers what may happen once each is durable."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from agentgate_proto.effects import Write
from agentgate_proto.storage import Change


class After(Enum):
    """What a durable write allows. Nothing happens before what it depends on is durable."""

    NOTHING = auto()
    ASK = auto()
    """A person may be asked."""
    APPROVED = auto()
    """The approval may be shown as taken, and the tool be prepared."""
    RUN = auto()
    """The tool may start."""
    ANSWER = auto()
    """The outcome may be told."""


class Entry(msgspec.Struct, frozen=True):
    """A write that is under way."""

    number: int
    change: Change
    rid: str
    after: After


class Journal:
    """Writes under way, in order.

    Attributes:
        problem: why the last write failed, or "" if it did not.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._last = 0
        self._entries: deque[Entry] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def write(self, change: Change, rid: str = "", after: After = After.NOTHING) -> Write:
        """Number a change and remember what it allows."""
        self._last += 1
        self._entries.append(Entry(self._last, change, rid, after))
        return Write(self._last, change)

    def durable(self, upto: int) -> Iterator[Entry]:
        """Yield what has become durable, in order."""
        self.problem = ""
        yield from self._take(upto)

    def failed(self, upto: int, reason: str) -> list[Entry]:
        """Return the writes up to this number; none of them was committed."""
        self.problem = reason
        return list(self._take(upto))

    def _take(self, upto: int) -> Iterator[Entry]:
        while self._entries and self._entries[0].number <= upto:
            yield self._entries.popleft()
