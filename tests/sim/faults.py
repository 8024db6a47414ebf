"""What ends a step: the death of a process, and a promise that was broken."""

from __future__ import annotations


class Killed(BaseException):
    """The gateway's process dies here. No ``except Exception`` of its own outlives it."""


class Violation(BaseException):
    """An invariant does not hold; the text says which, and of what."""
