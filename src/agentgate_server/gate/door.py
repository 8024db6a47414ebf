"""The gate's door: closed to what is new while any part of the gateway says why."""

from __future__ import annotations

from collections.abc import Callable


class Door:
    """See the module. What is under way goes on, whatever is closed.

    Args:
        close: each is told why nothing new is to be taken, or "": it is.
    """

    def __init__(self, *close: Callable[[str], None]) -> None:
        self._close = close
        self._why: dict[str, str] = {}

    @property
    def why(self) -> str:
        """Why it is closed, in the words of the first part that says so; "": it is open."""
        return next((each for each in self._why.values() if each), "")

    def close(self, part: str, why: str) -> None:
        """Close it for a part's reason; "": that part has none any more."""
        before = self.why
        self._why[part] = why
        if self.why != before:
            for close in self._close:
                close(self.why)
