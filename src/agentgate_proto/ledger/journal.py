"""The journal: numbers the writes and remembers what may happen once each is durable."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto

import msgspec

from agentgate_proto.ledger.effects import Write
from agentgate_proto.records.request import Record
from agentgate_proto.records.storage import Change, Put


class After(Enum):
    """What a durable write allows. Nothing happens before what it depends on is durable."""

    NOTHING = auto()
    ASK = auto()
    """A person may be asked."""
    ENDORSED = auto()
    """One person's yes, where it takes several, may be shown."""
    DEMANDED = auto()
    """What people are asked may be shown as it is now: more of them, or a code."""
    APPROVED = auto()
    """The approval may be shown as taken, and the tool be prepared."""
    RUN = auto()
    """The tool may start."""
    ANSWER = auto()
    """The outcome may be told."""


class Entry(msgspec.Struct, frozen=True):
    """A write that is under way; ``record`` is None where nothing depends on it."""

    number: int
    record: Record | None
    after: After

    @property
    def rid(self) -> str:
        """The rid of the record, or ""."""
        return self.record.rid if self.record is not None else ""


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

    def write(self, change: Change, after: After = After.NOTHING, *, urgent: bool = True) -> Write:
        """Number a change and remember what it allows."""
        self._last += 1
        record = change.record if isinstance(change, Put) else None
        self._entries.append(Entry(self._last, record, after))
        return Write(self._last, change, urgent)

    def reported(self, upto: int, problem: str = "") -> list[Entry]:
        """Take off the writes up to this number, in order: the store says what became of them.

        Args:
            upto: number of the last one.
            problem: why none of them was committed, or "" if they all were.
        """
        self.problem = problem
        entries = []
        while self._entries and self._entries[0].number <= upto:
            entries.append(self._entries.popleft())
        return entries
