"""One by one: between two of them everybody else is served."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from agentgate_server.sessions.one_by_one import OneByOne

pytestmark = pytest.mark.anyio


async def test_others_are_served_between_two_of_them() -> None:
    line, rounds, seen = OneByOne(lambda: None), [0], list[tuple[int, int]]()

    async def count() -> None:
        while True:
            rounds[0] += 1
            await anyio.lowlevel.checkpoint()

    async def come(number: int) -> None:
        await line.do(lambda: seen.append((number, rounds[0])))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        for number in range(20):
            tasks.start_soon(come, number)
        with anyio.fail_after(10):
            while len(seen) < 20:
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert sorted(number for number, _ in seen) == list(range(20))
    assert len({served for _, served in seen}) >= 10, "trio wakes tasks in any order"


async def test_a_bug_in_one_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    line, done = OneByOne(lambda: done.append(0)), list[int]()

    def fail() -> None:
        raise KeyError("a bug")

    async with anyio.create_task_group() as tasks:
        for act in (fail, lambda: done.append(1)):
            tasks.start_soon(line.do, act)
    await line.do(lambda: done.append(2))
    assert done == [1, 0, 2, 0]
    assert "something of a session could not be done" in caplog.text
