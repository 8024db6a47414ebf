"""The circuit of a backend: whether it is worth asking, as a machine without a clock.

Closed, every call goes through. When so many in a row have failed, it opens: calls are refused at
once, instead of each waiting for its time-out. After a pause one call is let through (half-open):
if the backend answers, the circuit closes, else the pause grows, up to a cap.

Failed means that the backend did not answer, or said that it is broken. An answer that the caller
does not like (404) is an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from agentgate_proto.client.backoff import Backoff
from agentgate_server.errors import NotStarted

FAILURES_MAX: Final = 5
"""Failures in a row that open a circuit: more than bad luck, less than an agent's patience."""


class State(Enum):
    """What happens to the next call."""

    CLOSED = "closed"
    """It goes through."""
    OPEN = "open"
    """It is refused until the pause is over, and then goes through alone."""
    HALF_OPEN = "half-open"
    """It is refused: another call is finding out."""


class CircuitOpen(NotStarted):
    """The circuit lets nothing through for now; it says nothing new of the backend."""


@dataclass(frozen=True, slots=True, eq=False)
class Permit:
    """Leave for one call. Give it back by exactly one of ``succeeded``, ``failed``, ``dropped``.

    Attributes:
        opened: how often the circuit had opened when the call began.
    """

    opened: int


class CircuitBreaker:
    """One backend's circuit.

    Attributes:
        state: see :class:`State`.
        failures: how many calls in a row have failed.
        opened: how often it opened.
    """

    def __init__(self, name: str, failures_max: int = FAILURES_MAX) -> None:
        """Start closed.

        Args:
            name: what errors call the backend.
            failures_max: failures in a row that open it.
        """
        self.name = name
        self.failures_max = failures_max
        self.state = State.CLOSED
        self.failures = 0
        self.opened = 0
        self._why = ""
        self._failing_since = 0.0
        self._retry_at = 0.0
        self._probe: Permit | None = None
        self._backoff = Backoff()

    def admit(self, now: float) -> Permit:
        """Let a call through, or not.

        Args:
            now: monotonic seconds.

        Raises:
            CircuitOpen: the text says since when, why, and until when.
        """
        if self.state is State.HALF_OPEN or (self.state is State.OPEN and now < self._retry_at):
            raise CircuitOpen(self.refusal(now))
        permit = Permit(self.opened)
        if self.state is State.OPEN:
            self.state = State.HALF_OPEN
            self._probe = permit
        return permit

    def succeeded(self, permit: Permit) -> None:
        """The backend answered: it is alive, whatever was thought of it."""
        self.state = State.CLOSED
        self.failures = 0
        self._probe = None
        self._backoff.succeeded()

    def failed(self, permit: Permit, now: float, why: str) -> None:
        """The backend did not answer, or is broken.

        A call that began before the circuit last opened says nothing new: it is not counted.

        Args:
            permit: of the call.
            now: monotonic seconds.
            why: what happened, for the text of refusals.
        """
        if permit is not self._probe and permit.opened != self.opened:
            return
        if self.failures == 0:
            self._failing_since = now
        self.failures += 1
        self._why = why
        if permit is self._probe or self.failures >= self.failures_max:
            self._open(now)

    def dropped(self, permit: Permit) -> None:
        """The call ended without telling anything of the backend: it was cancelled, or not sent."""
        if permit is self._probe:
            self.state = State.OPEN
            self._probe = None

    def refusal(self, now: float) -> str:
        """Say why a call is refused now."""
        since = now - self._failing_since
        if self.state is State.HALF_OPEN:
            again = "another call is trying it now"
        else:
            again = f"it is tried again in {max(self._retry_at - now, 0.0):.0f} s"
        return (
            f"{self.name} has failed for {since:.0f} s, {self.failures} times in a row "
            f"({self._why}); nothing is sent to it; {again}"
        )

    def _open(self, now: float) -> None:
        retry_at = self._backoff.failed(now)
        assert retry_at is not None, "its attempts are not limited"
        self.state = State.OPEN
        self.opened += 1
        self._retry_at = retry_at
        self._probe = None
