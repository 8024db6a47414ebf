"""What one server may take of the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.server.tools.mcp.behind import called, serving, stub, stub_over_http, up

from agentgate_server.tools.mcp import driver
from agentgate_server.tools.mcp.turns import PIECE_BYTES, TURN_S, Turns, pieces

pytestmark = pytest.mark.anyio


def test_what_came_is_cut_and_nothing_is_lost() -> None:
    assert pieces(b"") == [b""]
    assert pieces(b"x" * PIECE_BYTES) == [b"x" * PIECE_BYTES]
    data = bytes(range(256)) * PIECE_BYTES
    found = pieces(data + b"end")
    assert b"".join(found) == data + b"end"
    assert {len(each) for each in found} == {PIECE_BYTES, 3}


async def test_a_server_rests_for_as_long_as_it_took() -> None:
    clock = 0.0
    turns = Turns(lambda: clock)
    began = anyio.current_time()
    for _ in range(20):
        async with turns.turn():
            clock += 0.011 if clock else TURN_S / 2
    # 19 turns of 11 ms, and at the first of them the half turn before
    assert anyio.current_time() - began >= 19 * 0.011 + TURN_S / 2


async def test_quick_turns_do_not_rest() -> None:
    turns = Turns(lambda: 1.0)
    others: list[int] = []

    async def other() -> None:
        others.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(1_000):
            async with turns.turn():
                pass
        assert others == []  # had one rested, they would have had their turn


async def test_all_streams_of_a_server_rest_together() -> None:
    clock, ended = 0.0, []
    turns = Turns(lambda: clock)

    async def stream(number: int) -> None:
        nonlocal clock
        async with turns.turn():
            clock += 0.03
        ended.append((number, anyio.current_time()))

    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for number in range(3):
            tasks.start_soon(stream, number)
    assert [at - began >= 0.03 * place for place, (_, at) in enumerate(ended, 1)] == [True] * 3


@pytest.mark.parametrize("carrier", ["stdio", "http"])
async def test_links_read_in_turns(carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    class Counting(Turns):
        @asynccontextmanager
        async def turn(self) -> AsyncIterator[None]:
            taken.append(1)
            async with super().turn():
                yield

    monkeypatch.setattr(driver, "Turns", Counting)
    async with stub_over_http("legacy") as over_http:
        config = stub("legacy") if carrier == "stdio" else over_http
        async with serving(s=config) as servers:
            await up(servers)
            before = len(taken)
            await called(servers, "s.big")
    assert len(taken) - before >= 100_000 // PIECE_BYTES
