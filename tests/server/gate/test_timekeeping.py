"""Timekeeping: woken when something is due, and when that has changed. On both event loops."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from agentgate_server.gate.timekeeping import Timekeeper

pytestmark = pytest.mark.anyio


class Due:
    """Something is due at a time, and then nothing any more."""

    def __init__(self, at: float | None) -> None:
        self.at = at
        self.woken = anyio.Event()

    def deadline(self) -> float | None:
        return self.at

    def wake(self) -> None:
        self.at = None
        self.woken.set()


async def test_it_wakes_when_something_is_due() -> None:
    due = Due(at=100.0)
    keeper = Timekeeper(due.deadline, due.wake, lambda: 100.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await due.woken.wait()
            tasks.cancel_scope.cancel()


async def test_an_earlier_deadline_is_noticed_when_it_is_told_to_look() -> None:
    due = Due(at=10_000.0)
    keeper = Timekeeper(due.deadline, due.wake, lambda: 100.0)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await anyio.wait_all_tasks_blocked()
            keeper.look()
            await anyio.wait_all_tasks_blocked()
            assert not due.woken.is_set(), "nothing has changed"
            due.at = 99.0
            keeper.look()
            await due.woken.wait()
            tasks.cancel_scope.cancel()


async def test_a_clock_that_was_set_is_logged_and_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clocks = {"utc": 1_800_000_000.0, "monotonic": 5.0}
    looked = anyio.Event()
    due = Due(at=1_900_000_000.0)

    def deadline() -> float | None:
        looked.set()
        return due.at

    keeper = Timekeeper(deadline, lambda: None, lambda: clocks["utc"], lambda: clocks["monotonic"])
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keeper.run)
            await looked.wait()
            assert keeper.clock.problem == ""
            clocks.update(utc=1_700_000_000.0, monotonic=6.0)
            due.at = 1_700_000_000.0
            keeper.look()
            while not keeper.clock.problem:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "went back by 1157d9h46m41s" in record.getMessage()
