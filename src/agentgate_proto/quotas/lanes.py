"""Lanes: who may have a thread, where some that hang must not take those of all others.

A call that blocks has a thread until it ends. One that runs out of time goes on without its caller:
it is *abandoned*, and its thread can't be taken back. Calls come by lanes: those of one tool, or of
all tools of one backend. Three rules keep a lane that hangs to itself:

- The last quarter of the places, and of the threads, is for lanes that have none. So whatever
  hangs, and however much of it, a lane that is well gets a thread.
- A lane of which half of the places are held by abandoned calls is closed: nothing is asked of it
  until one of them ends, as of a backend whose circuit is open.
- Abandoned calls count against their own lane first, and only all together against all.
"""

from __future__ import annotations

from enum import Enum

RESERVED = 4
"""One part in so many is for lanes that have no thread."""


class Verdict(Enum):
    """What becomes of a call that wants a thread."""

    START = "start"
    WAIT = "wait"
    """Others run; it is asked again whenever one of them ends or is abandoned."""
    REFUSE = "refuse"
    """There are too many threads that hang."""


class Lanes:
    """The threads of all lanes.

    Args:
        running_max: calls that run at once.
        abandoned_max: threads beyond these that abandoned calls may keep.

    Attributes:
        running, abandoned: how many calls there are of either.
    """

    def __init__(self, running_max: int, abandoned_max: int) -> None:
        self.running_max = running_max
        self.threads_max = running_max + abandoned_max
        self.running = self.abandoned = 0
        self._threads: dict[str, int] = {}
        self._abandoned: dict[str, int] = {}

    def verdict(self, lane: str) -> Verdict:
        """Say whether one more call of a lane may have a thread now."""
        places = self.running_max - self.running
        threads = self.threads_max - self.running - self.abandoned
        own = self._threads.get(lane, 0)
        if places <= (self.running_max // RESERVED if own else 0):
            return Verdict.WAIT
        if threads <= (self.threads_max // RESERVED if own else 0):
            return Verdict.REFUSE
        return Verdict.START

    def closed_by(self, lane: str, places: int) -> int:
        """Return how many abandoned calls close a lane of so many places; 0: it is open."""
        abandoned = self._abandoned.get(lane, 0)
        places = min(places, self.running_max - self.running_max // RESERVED)
        return abandoned if 2 * abandoned >= places else 0

    def start(self, lane: str) -> None:
        """A call of a lane has a thread."""
        self.running += 1
        self._threads[lane] = self._threads.get(lane, 0) + 1

    def abandon(self, lane: str) -> None:
        """A call that runs has no caller any more."""
        self.running -= 1
        self.abandoned += 1
        self._abandoned[lane] = self._abandoned.get(lane, 0) + 1

    def end(self, lane: str, *, abandoned: bool) -> None:
        """A call has ended, and its thread is free."""
        if abandoned:
            self.abandoned -= 1
            drop(self._abandoned, lane)
        else:
            self.running -= 1
        drop(self._threads, lane)


def drop(counts: dict[str, int], lane: str) -> None:
    """Count one less; who has none is forgotten."""
    counts[lane] -= 1
    if not counts[lane]:
        del counts[lane]
