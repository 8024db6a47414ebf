"""Looking at a request that is not ours: its gateway is asked how it stands, now and then.

To look must never run anything. Asking for the same again would hear of the end sooner, but it is
an ask: if the request fails in that very moment, it is run again for somebody who only looked.
"""

from __future__ import annotations

from typing import Final

LOOK_S: Final = 1.0
"""From the first look to the second; each pause is twice as long as the one before."""

LOOK_MAX_S: Final = 15.0
"""The longest pause: looks count against the rate of requests, and a person needs longer."""


class Look:
    """See the module.

    Args:
        rid: the gateway's own id of the request.

    Attributes:
        number: of the question that is open; 0: none is.
        at: when to look again, monotonic seconds; None: the answer to a question decides that.
    """

    __slots__ = ("_pause_s", "at", "number", "rid")

    def __init__(self, rid: str) -> None:
        self.rid = rid
        self.number = 0
        self.at: float | None = None
        self._pause_s = LOOK_S

    def begins(self, number: int) -> None:
        """A question of this number is asked."""
        self.number, self.at = number, None

    def is_due(self, now: float) -> bool:
        """Whether to look again."""
        return self.at is not None and self.at <= now

    def goes_on(self, now: float, pause_s: float | None = None) -> None:
        """It is not over, or nobody could say; ``pause_s``: how long to wait at least."""
        self.number = 0
        self.at = now + max(self._pause_s, min(pause_s or 0.0, LOOK_MAX_S))
        self._pause_s = min(2 * self._pause_s, LOOK_MAX_S)
