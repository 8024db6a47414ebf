"""Reconnect pauses: 1 s, 2 s, 4 s … capped at 30 s (seed 001, FR4)."""

from __future__ import annotations

from random import Random

FIRST_S = 1.0
CAP_S = 30.0


class Backoff:
    """Counts failed attempts and says when the next one is due.

    The pause is added to the ``now`` of the failure, so a suspended machine does not race through
    attempts that it slept over.

    Args:
        attempts_max: how often to try again in a row; None: no limit (seed 001's default).
        jitter: draw each pause evenly from 0 to its full length, so that many clients do not come
            back at once. Off by default, because seed 001 fixes the schedule.
        rng: the source of chance for ``jitter``.
    """

    def __init__(
        self, *, attempts_max: int | None = None, jitter: bool = False, rng: Random | None = None
    ) -> None:
        if jitter and rng is None:
            raise ValueError("jitter needs a source of chance: pass rng")
        self.attempts_max = attempts_max
        self.failures = 0
        self._rng = rng if jitter else None

    def failed(self, now: float) -> float | None:
        """Count a failed attempt.

        Args:
            now: monotonic seconds.

        Returns:
            When to try again, or None: the attempts are used up.
        """
        pause = min(FIRST_S * 2.0 ** min(self.failures, 16), CAP_S)
        self.failures += 1
        if self.attempts_max is not None and self.failures > self.attempts_max:
            return None
        return now + (self._rng.uniform(0.0, pause) if self._rng else pause)

    def succeeded(self) -> None:
        """Start over: a connection stands and is authenticated."""
        self.failures = 0
