"""What is known of a model before it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agentgate_proto.records.usage import Usage


class Pricing(Protocol):
    """Knows what a model request costs. Pure: the same usage costs the same."""

    @property
    def version(self) -> str:
        """Which table knows it: a date, "config", or "" if none does."""
        ...

    def cost(self, usage: Usage, model_id: str) -> int | None:
        """Return what one request costs, in micro-dollars, rounded up; None: nobody knows.

        Args:
            usage: of this one request: prices may depend on how large it is.
            model_id: which model answered, if not the one that was asked; "".
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model of the configuration.

    Attributes:
        name: what it is called there.
        model_id: what its vendor calls it.
        backend: in whose form it is asked: "anthropic", "openai", "process" or "rehearsal".
        max_tokens: that it may write at a time, unless a message says otherwise.
        context_tokens: that it is given to read at the most.
        pricing: what it costs.
    """

    name: str
    model_id: str
    backend: str
    max_tokens: int
    context_tokens: int
    pricing: Pricing
