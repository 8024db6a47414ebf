"""Until when callers wait: by handle, the one that is due next first."""

from __future__ import annotations

from collections.abc import Container
from heapq import heapify, heappop, heappush


class Patience:
    """See the module. What is over is not looked for: it goes when it is due, or with ``prune``."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._due)

    def add(self, at: float, handle: int) -> None:
        """Note until when a caller waits."""
        heappush(self._due, (at, handle))

    def next_deadline(self) -> float | None:
        """Return when the next one is due, or None."""
        return self._due[0][0] if self._due else None

    def take(self, now: float) -> int | None:
        """Return, once, the handle of one that is due, or None."""
        return heappop(self._due)[1] if self._due and self._due[0][0] <= now else None

    def prune(self, waiting: Container[int], count: int) -> None:
        """Forget those of callers that do not wait any more, once they are the most.

        Args:
            waiting: the handles of those that do.
            count: how many these are.
        """
        if len(self._due) > 2 * count:
            self._due = [due for due in self._due if due[1] in waiting]
            heapify(self._due)
