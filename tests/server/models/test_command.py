"""What the memory of a command is: as much as there is, or as much as it may have.

All else that a run of a command does is tried by ``test_process.py``.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from agentgate_proto.models.encoding import encode
from agentgate_proto.models.events import Failed, ModelEvent, TextDelta
from agentgate_proto.models.request import ModelRequest, UserTurn
from agentgate_server.models import command
from agentgate_server.models.command import Command, start
from agentgate_server.secrets.masking import Masker

pytestmark = pytest.mark.anyio

TALKER = [sys.executable, str(Path(__file__).with_name("talker.py"))]
ROOM_MB = 256


@asynccontextmanager
async def talker(memory_mb: int | None) -> AsyncIterator[Command]:
    run = await start(
        TALKER, name="own", masker=Masker([]), environment={}, folder=None, memory_mb=memory_mb
    )
    try:
        with anyio.fail_after(30):
            yield run
    finally:
        await run.aclose()


async def said(run: Command, text: str) -> str:
    """Ask, and return the first words of the answer."""
    body = encode("process", ModelRequest(model_id="own", turns=(UserTurn(text),))).body
    call = await run.ask(body)
    events: list[ModelEvent] = []
    while not events:
        events = await run.next_events(call)
    await run.close(call)
    first = events[0]
    assert isinstance(first, TextDelta | Failed)
    return first.text if isinstance(first, TextDelta) else first.message


@pytest.mark.skipif(not command.CAN_LIMIT_MEMORY, reason="this system has no prlimit")
async def test_a_command_and_what_it_starts_get_no_more_memory_than_they_may() -> None:
    async with talker(ROOM_MB) as run:
        assert await said(run, "fill 8") == "True"
        assert await said(run, f"fill {ROOM_MB}") == "no room"
        assert await said(run, "child 8") == "room"
        assert await said(run, f"child {ROOM_MB}") == "MemoryError"


async def test_unless_said_it_gets_what_there_is() -> None:
    async with talker(None) as run:
        assert await said(run, f"fill {ROOM_MB}") == "True"


async def test_where_memory_cant_be_limited_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "CAN_LIMIT_MEMORY", False)
    with pytest.raises(OSError, match="can't be limited on this system"):
        async with talker(ROOM_MB):
            pass
