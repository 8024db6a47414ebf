"""A model that can be asked: one small interface, whatever is behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from agentgate_proto.models.events import ModelEvent
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded


class Model(Protocol):
    """One model of the configuration.

    Attributes:
        info: what is known of it.
    """

    info: ModelInfo

    def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        """Ask it once, and yield what it says as it comes; the last is ``Ended`` or ``Failed``.

        Whatever goes wrong is a ``Failed``; nothing is raised but cancellation. If the iterator is
        closed, or its task cancelled, the connection is closed at once, so that the model stops.
        No attempt is repeated here, and time-outs are this attempt's own.
        """
        ...

    async def count(self, request: Encoded) -> int | None:
        """Ask how many tokens a request has to be read; None: its vendor does not say, or not now.

        Bounded in time; never raises but for cancellation.
        """
        ...

    def problem(self) -> str:
        """Say why it can't be used at present, in words, or ""; for ``/health`` and ``check``."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and processes."""
        ...
