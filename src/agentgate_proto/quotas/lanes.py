"""Lanes: who may have a thread, where some that hang must not take those of all others.

A call that blocks has a thread until it ends. One that runs out of time goes on without its caller:
it is *abandoned*, and its thread can't be taken back. Calls come by lanes: those of one tool, or of
all tools of one backend. Three rules keep a lane that hangs to itself, and to whoever lets it:

- The last quarter of the places, and of the threads, is for lanes and for owners that have none. So
  whatever hangs, and however much of it, a lane that is well gets a thread, and so does an agent
  that has none.
- A lane of which half of the places are held by abandoned calls is closed: nothing is asked of it
  until one of them ends, as of a backend whose circuit is open. Where all of them are of one owner
  it is closed for that owner: what one agent asks for may take long, and not the tool.
- Abandoned calls count against their own lane first, and only all together against all.
"""

from __future__ import annotations

from enum import Enum

from agentgate_proto.quotas.places import RESERVED, add, drop


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
        self._owners: dict[str, int] = {}
        self._abandoned: dict[str, dict[str, int]] = {}

    def verdict(self, lane: str, owner: str) -> Verdict:
        """Say whether one more call of a lane, by an owner, may have a thread now."""
        places = self.running_max - self.running
        threads = self.threads_max - self.running - self.abandoned
        own = lane in self._threads and owner in self._owners
        if places <= (self.running_max // RESERVED if own else 0):
            return Verdict.WAIT
        if threads <= (self.threads_max // RESERVED if own else 0):
            return Verdict.REFUSE
        return Verdict.START

    def closed_by(self, lane: str, owner: str, places: int) -> int:
        """Return how many abandoned calls close a lane of so many places for an owner; 0: it is
        open."""
        of = self._abandoned.get(lane, {})
        abandoned = sum(of.values())
        places = min(places, self.running_max - self.running_max // RESERVED)
        if 2 * abandoned < places or (len(of) == 1 and owner not in of and abandoned < places):
            return 0
        return abandoned

    def start(self, lane: str, owner: str) -> None:
        """A call of a lane has a thread."""
        self.running += 1
        add(self._threads, lane)
        add(self._owners, owner)

    def abandon(self, lane: str, owner: str) -> None:
        """A call that runs has no caller any more."""
        self.running -= 1
        self.abandoned += 1
        add(self._abandoned.setdefault(lane, {}), owner)

    def end(self, lane: str, owner: str, *, abandoned: bool) -> None:
        """A call has ended, and its thread is free."""
        if abandoned:
            self.abandoned -= 1
            drop(self._abandoned[lane], owner)
            if not self._abandoned[lane]:
                del self._abandoned[lane]
        else:
            self.running -= 1
        drop(self._threads, lane)
        drop(self._owners, owner)
