"""A prompt in the hands of who asked it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from agentgate_client.session_streams import EventStream
from agentgate_proto.client.prompts import Answer
from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for

Follow = Callable[[Cursor | None], EventStream]
"""Opens another stream of a run's events: from a cursor on, or from its message."""


class Asked:
    """What becomes of a prompt: ``async for event in edge.prompt("…")``, or ``await …text()``.

    The prompt is kept when the first event is asked for, or by ``kept``. It is the device's from
    then on: it is answered, and the handlers hear of it, whatever becomes of this object.

    Args:
        name: of the prompt.
        keep: keeps it.
    """

    def __init__(self, name: str, keep: Callable[[Asked], Awaitable[None]]) -> None:
        self._name = name
        self._keep = keep
        self._keeping = anyio.Lock()
        self._is_kept = False
        self._follow: Follow | None = None
        self._stream: EventStream | None = None
        self._cursor: Cursor | None = None  # after the last event that was read
        self._answer: Answer | None = None
        self._moved = anyio.Event()

    @property
    def id(self) -> str:
        """The prompt's id."""
        return self._name

    @property
    def answer(self) -> Answer | None:
        """What came of it, once that is known."""
        return self._answer

    async def kept(self) -> Self:
        """Return when the prompt is kept: in the spool, if there is one.

        Raises:
            AgentGateError: it is not: no room (-32006), too long (-32602), the disk (-32603).
        """
        async with self._keeping:
            if not self._is_kept:
                await self._keep(self)
                self._is_kept = True
        return self

    async def text(self) -> str:
        """Wait for the answer.

        Raises:
            AgentGateError: there is none, or no whole one; ``data["text"]`` is what there is.
        """
        await self.kept()
        while self._answer is None:
            await self._move()
        return text_of(self._answer)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        await self.kept()
        while True:
            if self._stream is not None:
                try:
                    event = await self._stream.__anext__()
                    self._cursor = self._stream.cursor
                    return event
                except (StopAsyncIteration, AgentGateError):  # the answer tells, and may yet come
                    self._stream = None
            elif self._follow is not None:
                self._stream = self._follow(self._cursor)
                self._follow = None
            elif self._answer is not None:
                await checkpoint()
                text_of(self._answer)
                raise StopAsyncIteration
            else:
                await self._move()

    async def _move(self) -> None:
        if self._moved.is_set():
            self._moved = anyio.Event()
        await self._moved.wait()

    # What the client tells

    def started(self, follow: Follow) -> None:
        """Its run has begun, or goes on."""
        self._follow = None if self._stream is not None else follow
        self._moved.set()

    def settled(self, answer: Answer) -> None:
        """There is an answer, or there will be none."""
        self._answer = answer
        self._moved.set()


def text_of(answer: Answer) -> str:
    """Return the text of an answer.

    Raises:
        AgentGateError: it says what went wrong.
    """
    if answer.error:
        data = {"status": answer.status, "text": answer.text}
        raise exception_for(answer.code or ErrorCode.MODEL_FAILED, answer.error, data)
    return answer.text
