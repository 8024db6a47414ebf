"""How long a call may be held open until its client gets an answer, whatever that is.

What a client can bear it does not say, and its name is no good sign of it. So it is configured for
a principal, or else there is a default, and what has been seen counts more than both: a client that
hung up after so long gets its answer earlier the next time. That is forgotten after a day, for
people change time-outs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, NamedTuple

HOLD_S: Final = 50.0
"""The default: the shortest fixed time-outs that are about are 60 s."""

HOLD_WITH_PROGRESS_S: Final = 600.0
"""The default where the client wants to hear of progress, and so may wait as long as it does."""

HOLD_MIN_S: Final = 20.0
"""A hold is never made shorter than this by what was seen: somebody who presses Escape says nothing
about a time-out, and a person needs some time."""

HOLD_MAX_S: Final = 86_400.0

SHARE: Final = 0.8
"""Of the time after which a client hung up: what a hold may take the next time."""

SEEN_COUNTS_S: Final = 86_400.0
SEEN_MAX: Final = 4_096
"""Hang-ups that are remembered; beyond it the oldest are forgotten. A principal has two of them."""

TIMED_OUT: Final = ("timed out", "timeout", "time-out", "time out", "-32001")
"""In the reason of a cancellation: the client's own time has run out. Others say nothing of that:
somebody pressed a key."""


class Seen(NamedTuple):
    """After how many seconds a client hung up, and when that was (any one clock)."""

    held_s: float
    at: float


class Holds:
    """See the module.

    Args:
        default_s: without a wish for progress.
        configured: seconds by name of the principal.
    """

    def __init__(
        self, default_s: float = HOLD_S, configured: Mapping[str, float] | None = None
    ) -> None:
        self._default_s = default_s
        self._configured = dict(configured or {})
        self._seen: OrderedDict[tuple[str, bool], Seen] = OrderedDict()

    def hold_s(self, principal: str, *, progress: bool, now: float) -> float:
        """Return for how many seconds to hold a call.

        Args:
            principal: the name of who calls.
            progress: the client wants to hear of progress.
            now: seconds on any one clock.
        """
        usual = max(self._default_s, HOLD_WITH_PROGRESS_S) if progress else self._default_s
        wanted = self._configured.get(principal, usual)
        seen = self._seen.get((principal, progress))
        if seen is None or now - seen.at > SEEN_COUNTS_S:
            return wanted
        return min(wanted, max(HOLD_MIN_S, SHARE * seen.held_s))

    def hung_up(self, principal: str, *, progress: bool, held_s: float, now: float) -> None:
        """Take note that a client did not wait for its answer.

        Args: as for ``hold_s``;
            held_s: for how many seconds it had waited.
        """
        if held_s < HOLD_MIN_S:
            return
        key = principal, progress
        self._seen.pop(key, None)
        self._seen[key] = Seen(held_s, now)
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)


def is_timeout(reason: str) -> bool:
    """Whether a client that cancels says that it has run out of time."""
    lowered = reason.lower()
    return any(each in lowered for each in TIMED_OUT)
