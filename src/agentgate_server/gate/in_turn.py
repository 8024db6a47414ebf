"""In turn: what is read of the store for one owner, one thing at a time.

A list of requests is megabytes, looked through for secrets row by row. Where an owner asks for a
hundred, each of them would have a row in every round of the event loop, and all that was read would
be in memory at the same time. So the store is asked for the next when the last is made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class InTurn:
    """See the module. Everything happens on the event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Callable[[], None]]] = {}  # of owners who have one under way

    def ask(self, owner: str, begin: Callable[[], None]) -> None:
        """Begin with something, now or when all that its owner asked for before is over.

        Args:
            owner: whose it is, by name.
            begin: asks for it; must not raise, and :meth:`over` is called once after it.
        """
        waiting = self._waiting.get(owner)
        if waiting is not None:
            waiting.append(begin)
            return
        self._waiting[owner] = deque()
        begin()

    def over(self, owner: str) -> None:
        """What was begun for an owner is over, well or not."""
        waiting = self._waiting[owner]
        if waiting:
            waiting.popleft()()
        else:
            del self._waiting[owner]
