"""Local events: what one handler does harms no other."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from agentgate_client.edge.handlers import HandlerFailed, Handlers

pytestmark = pytest.mark.anyio


async def test_handlers_are_called_in_order_plain_or_async() -> None:
    told: list[Any] = []

    async def later(value: Any) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(("later", value))

    handlers = Handlers()
    assert not handlers.has("answer")
    handlers.add("answer", later)
    handlers.add("answer", lambda value: told.append(("plain", value)))
    assert handlers.has("answer")
    await handlers.tell("answer", 1)
    await handlers.tell("event", 2)
    assert told == [("later", 1), ("plain", 1)]


async def test_what_one_raises_is_told_and_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Any] = []
    failure = ValueError("no screen")

    def bad(value: Any) -> None:
        raise failure

    handlers = Handlers()
    handlers.add("answer", bad)
    handlers.add("answer", told.append)
    handlers.add("error", bad)
    handlers.add("error", told.append)
    await handlers.tell("answer", 1)
    assert told == [HandlerFailed("answer", failure), 1]
    assert "a handler of 'answer' failed" in caplog.text


async def test_one_that_takes_too_long_is_ended() -> None:
    told: list[Any] = []
    handlers = Handlers(timeout_s=0.01)
    handlers.add("answer", lambda _: anyio.sleep_forever())
    handlers.add("error", told.append)
    await handlers.tell("answer", 1)
    assert isinstance(told[0].error, TimeoutError)


async def test_a_handler_is_a_function() -> None:
    with pytest.raises(TypeError, match="the handler of 'answer' must be a function"):
        Handlers().add("answer", 5)  # type: ignore[arg-type]
