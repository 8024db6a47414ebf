"""One timer for many: what is due is done, and what was put off costs a look."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from agentgate_server.faces.mcp_clock import Clock

pytestmark = pytest.mark.anyio


class Waiter:
    """Has one deadline, and keeps when it was called."""

    def __init__(self, deadline: float | None) -> None:
        self.armed_at = math.inf
        self.deadline = deadline
        self.called: list[float] = []
        self.done = anyio.Event()
        self.fails = False
        self.failed = 0

    def next_deadline(self) -> float | None:
        return self.deadline

    def handle_timer(self, now: float) -> None:
        self.called.append(now)
        self.deadline = None
        self.done.set()
        if self.fails:
            raise RuntimeError("a bug")

    def timer_failed(self) -> None:
        self.failed += 1
        if self.failed > 1:
            raise RuntimeError("another bug")


@asynccontextmanager
async def ticking() -> AsyncIterator[tuple[Clock, list[Any]]]:
    started: list[Any] = []
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            def spawn(function: Any, *args: Any) -> None:
                started.append(function)
                tasks.start_soon(function, *args)

            yield Clock(spawn), started
            tasks.cancel_scope.cancel()


async def test_each_is_called_when_it_is_due_and_in_order() -> None:
    async with ticking() as (clock, started):
        now = anyio.current_time()
        late, early = Waiter(now + 0.05), Waiter(now + 0.01)
        clock.rearm(late)
        clock.rearm(early)
        await late.done.wait()
        assert early.called < late.called
        assert late.called[0] >= now + 0.05
        assert len(started) == 1


async def test_one_that_wakes_up_for_nothing_goes_on() -> None:
    async with ticking() as (clock, _):
        now = anyio.current_time()
        waiter = Waiter(now + 0.01)
        clock.rearm(waiter)
        waiter.deadline = now + 0.05  # put off: the clock finds out
        await waiter.done.wait()
        assert waiter.called[0] >= now + 0.05


async def test_an_earlier_deadline_counts_and_the_later_one_is_forgotten() -> None:
    async with ticking() as (clock, _):
        now = anyio.current_time()
        waiter, last = Waiter(now + 0.03), Waiter(now + 0.06)
        clock.rearm(waiter)
        clock.rearm(last)
        waiter.deadline = now + 0.01
        clock.rearm(waiter)
        await last.done.wait()
        assert len(waiter.called) == 1


async def test_what_wants_nothing_is_left_alone() -> None:
    async with ticking() as (clock, started):
        clock.rearm(Waiter(None))
        assert started == []


async def test_a_bug_in_one_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with ticking() as (clock, _):
        now = anyio.current_time()
        broken, well = Waiter(now), Waiter(now + 0.01)
        broken.fails = True
        clock.rearm(broken)
        clock.rearm(well)
        await well.done.wait()
    assert "a timer failed" in caplog.text
    assert (broken.failed, well.failed) == (1, 0)


async def test_what_can_not_even_be_ended_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with ticking() as (clock, _):
        now = anyio.current_time()
        broken, well = Waiter(now), Waiter(now + 0.01)
        broken.fails, broken.failed = True, 1
        clock.rearm(broken)
        clock.rearm(well)
        await well.done.wait()
    assert "can't be ended" in caplog.text
