"""Timekeeping: woken when something is due, and when that has changed. On both event loops."""

from __future__ import annotations

import anyio
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
