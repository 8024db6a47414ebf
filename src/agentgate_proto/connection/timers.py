"""Named deadlines in one table: what is due, when and why."""

from __future__ import annotations

from enum import Enum, auto
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

Name = TypeVar("Name", bound=Enum)

MOMENT = itemgetter(1)


class Timer(Enum):
    """Why a connection wants to be woken."""

    OPENING = auto()
    AUTH = auto()
    SILENCE = auto()
    PONG = auto()
    CLOSING = auto()
    STREAM = auto()
    ACK = auto()


class Deadline(NamedTuple, Generic[Name]):
    """A moment on the caller's clock, in seconds, and the timer that set it."""

    at: float
    reason: Name


class Timers(Generic[Name]):
    """A handful of timers, each known by a member of an enum. Setting one again replaces it."""

    __slots__ = ("_next", "deadlines")

    def __init__(self) -> None:
        self.deadlines: dict[Name, float] = {}
        self._next: Deadline[Name] | None = None  # asked for far more often than it changes

    def set(self, name: Name, at: float) -> None:
        """Let the timer be due at ``at``."""
        self.deadlines[name] = at
        self._next = None

    def cancel(self, name: Name) -> None:
        """Forget the timer; one that is not set is ignored."""
        self.deadlines.pop(name, None)
        self._next = None

    def clear(self) -> None:
        """Forget all timers."""
        self.deadlines.clear()
        self._next = None

    def next_deadline(self) -> Deadline[Name] | None:
        """Return the earliest deadline, or None. Changes nothing."""
        if self._next is None and self.deadlines:
            name, at = min(self.deadlines.items(), key=MOMENT)
            self._next = Deadline(at, name)
        return self._next

    def pop_due(self, now: float) -> Name | None:
        """Forget and return the earliest timer that is due at ``now``, or None."""
        deadline = self.next_deadline()
        if deadline is None or deadline.at > now:
            return None
        self.cancel(deadline.reason)
        return deadline.reason
