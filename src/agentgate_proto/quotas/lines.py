"""Lines: who waits for what only one can do at a time, each owner in a line of their own.

Where all wait in one line, whoever asks a thousand times has everybody else behind them. Here the
first of each line is served, then the first of each line again; so one waits for as many as there
are owners, and for what one has asked before.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Lines(Generic[Item]):
    """See the module."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Item]] = OrderedDict()  # whose turn is next comes first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, owner: str, item: Item) -> None:
        """Let something wait behind what its owner has waiting."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
        line.append(item)
        self._count += 1

    def put_back(self, owner: str, item: Item) -> None:
        """Let something wait again that was taken and not served: it is next of all. Of several,
        the last that was taken is put back first."""
        line = self._lines.get(owner)
        if line is None:
            line = self._lines[owner] = deque()
        line.appendleft(item)
        self._lines.move_to_end(owner, last=False)
        self._count += 1

    def take(self, most: int) -> list[tuple[str, Item]]:
        """Take so many at the most, of each owner in turn; with whose they are."""
        taken: list[tuple[str, Item]] = []
        while self._lines and len(taken) < most:
            owner, line = self._lines.popitem(last=False)
            taken.append((owner, line.popleft()))
            if line:
                self._lines[owner] = line  # its next turn comes when the others have had theirs
        self._count -= len(taken)
        return taken
