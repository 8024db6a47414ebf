"""Tools that run: none starts once the gateway has begun to stop, nor one that nobody asked for."""

from __future__ import annotations

import dataclasses
import threading

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.ledger.effects import Run
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Effects
from agentgate_server.gate.running import Running
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.python import python_tool
from agentgate_server.tools.runner import Runner

BOUND_S = 10.0


def test_what_comes_after_the_end_is_not_started_and_says_so() -> None:
    started: list[int] = []
    ended: dict[str, Outcome] = {}

    def act(n: int) -> int:
        started.append(n)
        return n

    running = Running(
        Catalogue([python_tool(act, effects="write", inline=True)]), Runner(), ended.__setitem__
    )
    running.start(Run("early", "act", b'{"n":1}'))
    running.close()
    running.start(Run("late", "act", b'{"n":2}'))
    assert started == [1]
    assert ended["early"].status is Status.EXECUTED
    assert ended["late"].status is Status.FAILED
    assert ended["late"].message == "it was not started: the gateway is shutting down"


@pytest.mark.parametrize(("asked", "now"), [("old", "new"), ("old", ""), ("", "new")])
def test_what_was_asked_of_a_tool_does_not_run_another_one_of_its_name(
    asked: str, now: str
) -> None:
    started: list[int] = []
    ended: dict[str, Outcome] = {}

    def act(n: int) -> None:
        started.append(n)

    tool = python_tool(act, effects="write", inline=True)
    running = Running(
        Catalogue([dataclasses.replace(tool, definition=now)]), Runner(), ended.__setitem__
    )
    running.start(Run("r1", "act", b'{"n":1}', Effects.WRITE, asked))
    assert ended == {"r1": CHANGED}
    assert started == []


def test_what_was_asked_of_a_tool_runs_it_while_it_is_the_same() -> None:
    started: list[int] = []
    ended: dict[str, Outcome] = {}

    def act(n: int) -> None:
        started.append(n)

    tool = python_tool(act, effects="write", inline=True)
    running = Running(
        Catalogue([dataclasses.replace(tool, definition="old")]), Runner(), ended.__setitem__
    )
    running.start(Run("r1", "act", b'{"n":1}', Effects.WRITE, "old"))
    assert ended["r1"].status is Status.EXECUTED
    assert started == [1]


@pytest.mark.anyio
async def test_a_thread_that_has_begun_is_not_stopped_and_what_it_came_to_is_told() -> None:
    began, go_on = threading.Event(), threading.Event()
    ended: dict[str, Outcome] = {}

    def act() -> str:
        began.set()
        go_on.wait(BOUND_S)
        return "done"

    running = Running(
        Catalogue([python_tool(act, effects="write")]), Runner(threads_max=1), ended.__setitem__
    )
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as running.tasks:
            running.start(Run("begun", "act", b"{}"))
            await anyio.to_thread.run_sync(began.wait)
            running.start(Run("waiting", "act", b"{}"))
            await anyio.wait_all_tasks_blocked()
            running.stop("begun")
            running.stop("waiting")
            running.stop("over")
            while "waiting" not in ended:
                await anyio.lowlevel.checkpoint()
            assert list(ended) == ["waiting"]
            go_on.set()
            await running.wait_idle()
    assert ended["begun"].status is Status.EXECUTED


@pytest.mark.anyio
async def test_a_task_is_stopped_when_that_is_wanted() -> None:
    ended: dict[str, Outcome] = {}

    async def act() -> None:
        await anyio.sleep_forever()

    running = Running(Catalogue([python_tool(act, effects="write")]), Runner(), ended.__setitem__)
    with anyio.fail_after(BOUND_S):
        async with anyio.create_task_group() as running.tasks:
            running.start(Run("r", "act", b"{}"))
            await anyio.wait_all_tasks_blocked()
            running.stop("r")
            await running.wait_idle()
    assert ended["r"].status is Status.UNKNOWN
