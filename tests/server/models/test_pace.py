"""A model that has much to say at once leaves time to others in between."""

from __future__ import annotations

import anyio
import pytest

from agentgate_server.models import pace
from agentgate_server.models.pace import ROUND_S, TURN_MIN_S, TURN_S, Pace, turn_s

pytestmark = pytest.mark.anyio


async def turns_beside(pieces: int) -> int:
    """How many turns another task has while a stream takes so many pieces."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        await anyio.lowlevel.checkpoint()
        before = turns
        kept = Pace()
        for _ in range(pieces):
            await kept.keep()
        found = turns - before
        tasks.cancel_scope.cancel()
    return found


async def test_others_have_a_turn_when_it_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TURN_MIN_S", -1.0)
    monkeypatch.setattr(pace, "TURN_S", -1.0)
    assert await turns_beside(10) >= 9


async def test_a_few_pieces_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "TURN_MIN_S", 3600.0)
    assert await turns_beside(10_000) == 0


def test_many_streams_together_keep_nobody_waiting_for_long() -> None:
    assert turn_s(0) == turn_s(1) == turn_s(4) == TURN_S
    assert 20 * turn_s(20) <= ROUND_S + 1e-9
    assert turn_s(1_000) == TURN_MIN_S
