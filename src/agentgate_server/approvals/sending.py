"""Sending: how the calls of a channel to its service go wrong, by what is to be done about it."""

from __future__ import annotations

from typing import Final

from agentgate_server.backends.answer import Answer

PAUSE_S: Final = 60.0
"""After a 429 that does not say for how long."""

PAUSE_S_MAX: Final = 3_600.0
"""However long it says: a wrong header must not silence a phone for a day."""

NEVER: Final = 1_000_000
"""Failures until further calls are refused at once: the outbox has pauses of its own."""


class SendError(Exception):
    """A call did not get through; the text is for everybody: no secrets, no places."""


class LaterError(SendError):
    """The service asks to wait.

    Attributes:
        seconds: how long.
    """

    def __init__(self, service: str, seconds: float) -> None:
        super().__init__(f"{service} asks to wait {seconds:g} s")
        self.seconds = seconds


class UnreachableError(SendError):
    """It may have been done or not; it is worth another try, and so is everything else."""


class RefusedError(SendError):
    """The service does not take this there, and it seems a matter of what it says: others go
    first."""


def pause_of(answer: Answer) -> float:
    """How long to wait: as it says, within reason."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), PAUSE_S_MAX) if said.isdecimal() else PAUSE_S
