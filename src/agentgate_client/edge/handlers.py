"""Local events: what a device does when something happens. A handler that fails harms nobody."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import anyio
import msgspec

log = logging.getLogger("agentgate_client")

HANDLER_S = 60.0
"""How long a handler may take; then it is cancelled, and the next answer has its turn."""

Kind = Literal["answer", "event", "state", "error"]
Handler = Callable[[Any], Awaitable[None] | None]


class HandlerFailed(msgspec.Struct, frozen=True):
    """A handler raised, or took too long.

    Attributes:
        kind: which event it was to handle.
        error: what it raised.
    """

    kind: str
    error: Exception


class Handlers:
    """What is to be done when something happens.

    Args:
        timeout_s: how long each may take.
    """

    def __init__(self, timeout_s: float = HANDLER_S) -> None:
        self._timeout_s = timeout_s
        self._handlers: dict[str, list[Handler]] = {}

    def add(self, kind: Kind, handler: Handler) -> None:
        """Let another one hear of these events; they are called in the order in which they came.

        Raises:
            TypeError: it is no function.
        """
        if not callable(handler):
            raise TypeError(f"the handler of {kind!r} must be a function")
        self._handlers.setdefault(kind, []).append(handler)

    def has(self, kind: Kind) -> bool:
        """Whether anybody wants to hear of these events."""
        return kind in self._handlers

    async def tell(self, kind: Kind, value: Any) -> None:
        """Call all of them, one after the other. What one raises is logged, and told to the
        handlers of "error"."""
        for handler in self._handlers.get(kind, ()):
            try:
                with anyio.fail_after(self._timeout_s):
                    result = handler(value)
                    if inspect.isawaitable(result):
                        await result
            except Exception as error:
                log.exception("a handler of %r failed", kind)
                if kind != "error":
                    await self.tell("error", HandlerFailed(kind, error))
