"""Dialogue: what a tool may want to know of whoever asked for it, while it runs."""

from __future__ import annotations

from typing import Protocol

import msgspec


class NotAnswered(Exception):
    """A question was not answered: the client can't, did not want to, or is gone."""


class Asker(Protocol):
    """The client's end of a call."""

    @property
    def can(self) -> frozenset[str]:
        """What it answers: "elicitation.form", "elicitation.url", "sampling", "sampling.tools",
        "roots"."""
        ...

    async def ask(self, method: str, params: msgspec.Raw, timeout_s: float) -> msgspec.Raw:
        """Ask it, and return its answer.

        Raises:
            NotAnswered: there is none, or none in time.
        """
        ...

    def tell(self, method: str, params: msgspec.Raw) -> None:
        """Tell it something that wants no answer; without waiting."""
        ...
