"""Places: how many calls may use one thing at once, and how many may wait for it, by owner.

Where the first who come have all places, and all room to wait, one agent that asks for what takes
its time has a tool for itself. So here:

- The last quarter of the places is for owners that have none.
- Who waits has a turn after each other owner that waits.
- Where as many wait as may, and somebody comes who has fewer of them than another, the newest call
  of whoever has most gives way. It has not started.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Call = TypeVar("Call", bound=Hashable)

RESERVED = 4
"""One part in so many of the places is for owners that have none."""


class Places(Generic[Call]):
    """See the module.

    Args:
        running_max: calls that have a place at once, at least 1.
        waiting_max: calls that wait for one.

    Attributes:
        running, waiting: how many calls there are of either.
    """

    def __init__(self, running_max: int, waiting_max: int) -> None:
        self.running_max = running_max
        self.waiting_max = waiting_max
        self.running = self.waiting = 0
        self._held: dict[str, int] = {}
        self._lines: dict[str, dict[Call, None]] = {}  # that whose turn is next comes first

    def enter(self, owner: str) -> bool:
        """Take a place, if one is free for this owner; return whether it is."""
        if not self._is_room(owner):
            return False
        self._hold(owner)
        return True

    def wait(self, owner: str, call: Call) -> Call | None:
        """Let a call wait; return the one that may not wait any more, perhaps itself."""
        line = self._lines.get(owner, {})
        if self.waiting < self.waiting_max:
            self._put(owner, call)
            return None
        longest = max(self._lines.values(), key=len, default=line)
        if len(longest) <= len(line) + 1:  # to change the two would help nobody
            return call
        newest = next(reversed(longest))
        self.leave(next(name for name, each in self._lines.items() if each is longest), newest)
        self._put(owner, call)
        return newest

    def leave(self, owner: str, call: Call) -> None:
        """A call does not wait any more; without effect if it does not."""
        line = self._lines.get(owner, {})
        if call in line:
            del line[call]
            self.waiting -= 1
            if not line:
                del self._lines[owner]

    def end(self, owner: str) -> None:
        """A call gives its place back. Then ``admit``."""
        self.running -= 1
        drop(self._held, owner)

    def admit(self) -> list[Call]:
        """Give the places that are free to those who wait, and return these."""
        admitted: list[Call] = []
        while (owner := next(filter(self._is_room, self._lines), None)) is not None:
            line = self._lines.pop(owner)
            call = next(iter(line))
            del line[call]
            if line:
                self._lines[owner] = line  # its next turn comes when the others have had theirs
            self.waiting -= 1
            self._hold(owner)
            admitted.append(call)
        return admitted

    def _is_room(self, owner: str) -> bool:
        reserved = self.running_max // RESERVED if owner in self._held else 0
        return self.running_max - self.running > reserved

    def _hold(self, owner: str) -> None:
        self.running += 1
        add(self._held, owner)

    def _put(self, owner: str, call: Call) -> None:
        self._lines.setdefault(owner, {})[call] = None
        self.waiting += 1


def add(counts: dict[str, int], name: str) -> None:
    """Count one more."""
    counts[name] = counts.get(name, 0) + 1


def drop(counts: dict[str, int], name: str) -> None:
    """Count one less; who has none is forgotten."""
    counts[name] -= 1
    if not counts[name]:
        del counts[name]
