"""Models are asked one task for each request; what they say is handed on up to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
from tests.server.embedded import until

from agentgate_proto.models.events import (
    CallMade,
    Ended,
    Failed,
    Failure,
    ModelEvent,
    Noted,
    Stop,
    TextDelta,
    ThinkingDelta,
)
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.models.request import Encoded
from agentgate_proto.sessions.effects import CallModel
from agentgate_proto.sessions.settings import Unpriced
from agentgate_server.sessions import model_desk
from agentgate_server.sessions.model_desk import ModelDesk

pytestmark = pytest.mark.anyio

INFO = ModelInfo(
    name="m", model_id="m", backend="x", max_tokens=1, context_tokens=1, pricing=Unpriced()
)
END = Ended(stop=Stop.END)


class Talker:
    """A model that says what it is told to, and knows whether it was left."""

    info = INFO

    def __init__(self, *says: ModelEvent | Exception, stays: bool = False) -> None:
        self.says = says
        self.stays = stays
        self.left = False

    async def stream(self, request: Encoded) -> AsyncIterator[ModelEvent]:
        try:
            for one in self.says:
                await anyio.lowlevel.checkpoint()
                if isinstance(one, Exception):
                    raise one
                yield one
            if self.stays:
                await anyio.sleep_forever()
        finally:
            self.left = True

    async def count(self, request: Encoded) -> int | None:
        return None

    def problem(self) -> str:
        return ""

    async def aclose(self) -> None:
        return


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str, ModelEvent]] = []
        self.asked: list[tuple[str, str, float | None]] = []

    def __call__(self, session: str, call: str, events: Sequence[ModelEvent]) -> None:
        self.heard += [(session, call, event) for event in events]

    def over(self, model: str, end: str, first_s: float | None) -> None:
        self.asked.append((model, end, first_s))

    @property
    def events(self) -> list[ModelEvent]:
        return [event for _, _, event in self.heard]


@asynccontextmanager
async def desk_of(talker: Talker | None) -> AsyncIterator[tuple[ModelDesk, Listener]]:
    listener = Listener()
    models: dict[str, Any] = {} if talker is None else {"m": talker}
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            yield ModelDesk(models, listener, listener.over, tasks.start_soon), listener


def call(after_s: float = 0.0, name: str = "c") -> CallModel:
    request = Encoded(body=b"{}", spans=())
    return CallModel(call=name, session="s", model="m", request=request, after_s=after_s)


async def test_what_a_model_says_is_handed_on_as_it_comes() -> None:
    talker = Talker(TextDelta("a"), TextDelta("b"), END)
    async with desk_of(talker) as (desk, listener):
        desk.ask(call())
    assert listener.heard == [
        ("s", "c", TextDelta("a")),
        ("s", "c", TextDelta("b")),
        ("s", "c", END),
    ]


async def test_nothing_is_waited_for_long_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_desk, "REST_S", 0.01)
    talker = Talker(TextDelta("a"), END, stays=True)
    async with desk_of(talker) as (desk, listener):
        desk.ask(call())
        await until(lambda: talker.left, "the model to be left")
    assert listener.events == [TextDelta("a"), END]


async def test_a_model_that_is_stopped_is_left_and_says_nothing_more() -> None:
    talker = Talker(TextDelta("a"), stays=True)
    async with desk_of(talker) as (desk, listener):
        desk.ask(call())
        await until(lambda: listener.heard, "its first word")
        desk.stop("c")
        desk.stop("c")
    assert talker.left
    assert listener.events == [TextDelta("a")]


@pytest.mark.parametrize(
    ("says", "end", "came"),
    [
        ((Noted("x"), TextDelta("a"), TextDelta("b"), END), "ended", True),
        ((CallMade(id="c", name="t", args=msgspec.Raw(b"{}")), END), "ended", True),
        ((ThinkingDelta("a"), Failed(failure=Failure.TRUNCATED, message="cut")), "truncated", True),
        ((TextDelta("a"),), "truncated", True),
        ((Failed(failure=Failure.RETRYABLE, message="busy"),), "retryable", False),
        ((RuntimeError("no key"),), "fatal", False),
    ],
)
async def test_how_each_request_is_over_is_told_once(
    says: tuple[ModelEvent | Exception, ...], end: str, came: bool
) -> None:
    async with desk_of(Talker(*says)) as (desk, listener):
        desk.ask(call())
    ((model, told, first_s),) = listener.asked
    assert (model, told, first_s is not None) == ("m", end, came)
    assert first_s is None or 0 <= first_s < 5


async def test_one_that_was_stopped_is_told_as_such_if_it_was_asked() -> None:
    async with desk_of(Talker(stays=True)) as (desk, listener):
        desk.ask(call(name="asked"))
        desk.ask(call(after_s=1_000.0, name="later"))
        await anyio.wait_all_tasks_blocked()
        desk.close()
    assert listener.asked == [("m", "stopped", None)]


async def test_one_that_is_stopped_before_it_was_asked_is_not_asked() -> None:
    talker = Talker(END)
    async with desk_of(talker) as (desk, listener):
        desk.ask(call())
        desk.stop("c")
        desk.ask(call(after_s=60.0, name="d"))
        await anyio.lowlevel.checkpoint()
        desk.close()
    assert (talker.left, listener.heard) == (False, [])


async def test_after_the_end_nothing_is_asked() -> None:
    talker = Talker(END)
    async with desk_of(talker) as (desk, listener):
        desk.close()
        desk.ask(call())
    assert (talker.left, listener.heard, listener.asked) == (False, [], [])


async def test_a_stream_without_an_end_is_truncated() -> None:
    async with desk_of(Talker(TextDelta("a"))) as (desk, listener):
        desk.ask(call())
    last = listener.events[-1]
    assert isinstance(last, Failed)
    assert last.failure is Failure.TRUNCATED


async def test_a_bug_in_a_backend_ends_the_attempt_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with desk_of(Talker(TextDelta("a"), RuntimeError("oops"))) as (desk, listener):
        desk.ask(call())
    last = listener.events[-1]
    assert isinstance(last, Failed)
    assert last.failure is Failure.FATAL
    assert "the model m could not be asked" in caplog.text


async def test_a_model_that_is_not_configured_any_more_fails() -> None:
    async with desk_of(None) as (desk, listener):
        desk.ask(call())
    (last,) = listener.events
    assert isinstance(last, Failed)
    assert "not configured any more" in last.message
