"""Numbering: the changes of several machines in one row, in front of one writer.

Each machine numbers its changes when it wants them made. Which of two machines gets its way first
is known only when an adapter does what they want, and what one of them wants meanwhile may have a
higher number than what the other still waits for. So the writer has numbers of its own, and what it
reports is translated back.
"""

from __future__ import annotations

from collections import deque


class Numbering:
    """See the module."""

    def __init__(self) -> None:
        self._last = 0
        self._open: deque[tuple[int, str, int]] = deque()

    def next(self, whose: str, number: int) -> int:
        """Return the writer's number of a change that is being submitted.

        Args:
            whose: names the machine.
            number: its own of the change; higher than its last.
        """
        self._last += 1
        self._open.append((self._last, whose, number))
        return self._last

    def take(self, upto: int) -> dict[str, int]:
        """Return what the changes up to a writer's number are to their machines, and forget them.

        Returns:
            Of each machine that has some, its own number of the last.
        """
        found: dict[str, int] = {}
        while self._open and self._open[0][0] <= upto:
            _, whose, number = self._open.popleft()
            found[whose] = number
        return found
