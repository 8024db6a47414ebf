"""Sending: how the calls of a channel to its service go wrong, by what is to be done about it."""

from __future__ import annotations


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
