"""The model desk: asks models, one task for each request, and hands on what they say."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

import anyio

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    TextDelta,
    ThinkingDelta,
)
from agentgate_proto.sessions.effects import CallModel
from agentgate_server.models.model import Model
from agentgate_server.models.pace import Pace

log = logging.getLogger(__name__)

REST_S = 1.0
"""How long a model that has said its end may still do something: its connection can be used again
if all of the answer was read."""

ENDED = "ended"
STOPPED = "stopped"
"""How a request to a model is over, besides the reasons why there is no end."""

Asked = Callable[[str, str, float | None], None]
"""Hears that a request to a model is over: model, end, seconds until something came."""

Said = Callable[[str, str, Sequence[ModelEvent]], None]
"""Hears what a model says: session, call, events."""


class Asking:
    """How one request to a model goes.

    Attributes:
        end: how it is over.
        first_s: how long it took until something came; None: nothing did.
    """

    def __init__(self, now: float) -> None:
        self.end = STOPPED
        self.first_s: float | None = None
        self._began_at = now

    def hear(self, event: ModelEvent, now: float) -> None:
        """The model says something."""
        match event:
            case Ended():
                self.end = ENDED
            case Failed(failure=failure):
                self.end = failure.value
            case TextDelta() | ThinkingDelta() | CallMade() if self.first_s is None:
                self.first_s = now - self._began_at
            case _:
                pass


class ModelDesk:
    """See the module.

    Args:
        models: by name.
        said: hears what they say.
        asked: hears when a request is over.
        spawn: starts an async function in a task.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        said: Said,
        asked: Asked,
        spawn: Callable[..., None],
    ) -> None:
        self.models = models
        self._said = said
        self._asked = asked
        self._spawn = spawn
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._is_closed = False

    def ask(self, call: CallModel) -> None:
        """Ask a model, after a pause perhaps. After ``close`` it is not asked: the next process
        ends its run as interrupted."""
        if self._is_closed:
            return
        self._scopes[call.call] = anyio.CancelScope()
        self._spawn(self._ask, call)

    def stop(self, call: str) -> None:
        """Stop asking; nothing more is handed on."""
        scope = self._scopes.pop(call, None)
        if scope is not None:
            scope.cancel()

    def close(self) -> None:
        """Stop all that are asked, and ask no more: a tool that ends in the grace of a shutdown
        would have its model want further ones."""
        self._is_closed = True
        for call in list(self._scopes):
            self.stop(call)

    async def _ask(self, call: CallModel) -> None:
        scope = self._scopes.get(call.call)
        if scope is None:
            return  # it was stopped before it began
        with scope:
            await anyio.sleep(call.after_s)
            asking = Asking(anyio.current_time())
            try:
                await self._stream(call, asking)
            finally:
                self._asked(call.model, asking.end, asking.first_s)
        self._scopes.pop(call.call, None)

    def _streams(self) -> int:
        return len(self._scopes)

    async def _stream(self, call: CallModel, asking: Asking) -> None:
        """Hand on what the model says up to its end, whatever else may come of its server."""
        model = self.models.get(call.model)
        try:
            if model is None:
                raise LookupError(f"the model {call.model} is not configured any more")
            # A stream is an async generator, so that its end closes its connection.
            async with aclosing(cast("Any", model.stream(call.request))) as events:
                pace = Pace(self._streams)
                async for event in events:
                    asking.hear(event, anyio.current_time())
                    self._said(call.session, call.call, (event,))
                    if isinstance(event, Ended | Failed):
                        with anyio.move_on_after(REST_S):
                            await anext(events, None)
                        return
                    await pace.keep()
        except Exception as error:
            log.exception("the model %s could not be asked", call.model)
            text = f"{type(error).__name__}: {error}"
            failed = Failed(failure=Failure.FATAL, message=text)
        else:
            failed = Failed(failure=Failure.TRUNCATED, message="the model said no end")
        asking.hear(failed, anyio.current_time())
        self._said(call.session, call.call, (failed,))
