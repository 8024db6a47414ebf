"""Scenes of Claude Code at its screen, which knows tasks: its model works on meanwhile."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.process import until
from tests.mcp.clients.models import Wish, wish
from tests.mcp.clients.programs import claude_at_screen
from tests.mcp.clients.screen import Screen
from tests.mcp.clients.world import BOUND_S, HEARD_S, Scene, World, scene

READY = "\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}"
"""Is shown where somebody may type."""

SETTLE_S = 2.0
"""What is typed while it still starts, it loses."""

TASK_ID = re.compile(r'task_id "(\w+)"')
ESCAPE_KEY = "\x1b"


@contextmanager
def at_screen(world: World) -> Iterator[Screen]:
    """Somebody who has told the program to go."""
    command, environment = claude_at_screen(world.place)
    with Screen(command, environment, world.place.work) as screen:
        until(lambda: READY in screen.said(), "the prompt", BOUND_S)
        time.sleep(SETTLE_S)
        screen.type("go")
        time.sleep(HEARD_S)
        screen.type("\r")
        yield screen


def task_told(world: World) -> str:
    """Wait until the model is told that its call goes on in the background; return how."""
    until(lambda: world.script.results, "the task", BOUND_S)
    told = world.script.results[0]
    assert "server-side task" in told, told
    return told


@scene(
    "at the screen: a task, approved after 5 s",
    "claude",
    wish("asked_write", key="k"),
    starts=False,
)
def task(world: World) -> None:
    with at_screen(world) as screen:
        world.asked()
        task_told(world)
        time.sleep(5)
        world.approve()
        until(lambda: "wrote k" in world.script.heard, "the outcome", BOUND_S)
        until(lambda: "completed" in screen.said(), "what the screen says of it")
    assert world.starts("asked_write", "k") == 1


@scene(
    "at the screen: a task, the gateway is killed for 8 s",
    "claude",
    wish("asked_write", key="k"),
    starts=False,
)
def task_killed(world: World) -> None:
    with at_screen(world):
        world.asked()
        task_told(world)
        world.gateway.kill()
        time.sleep(8)
        world.gateway.start()
        world.approve()
        until(lambda: "wrote k" in world.script.heard, "the outcome", BOUND_S)
    assert world.starts("asked_write", "k") == 1


def stopping(results: list[str]) -> dict[str, Any]:
    """The arguments of ``TaskStop``, by what the model was told."""
    found = TASK_ID.search(results[0])
    return {"task_id": found[1] if found else "none"}


@scene(
    "at the screen: the model stops the task",
    "claude",
    wish("asked_write", key="k"),
    Wish("TaskStop", stopping),
    starts=False,
)
def task_stopped(world: World) -> None:
    with at_screen(world):
        until(lambda: len(world.script.results) == 2, "the end of the task", BOUND_S)
        until(lambda: not world.gateway.approvals(), "the withdrawal")
    assert world.starts("asked_write", "k") == 0


@scene(
    "at the screen: Escape while the tool runs",
    "claude",
    wish("stubborn_write", key="k"),
    starts=False,
    policy={"defaults": [{"pattern": "*", "action": "allow"}], "rules": []},
)
def escape(world: World) -> None:
    with at_screen(world) as screen:
        until(lambda: world.starts("stubborn_write", "k"), "the start", BOUND_S)
        time.sleep(HEARD_S)
        screen.type(ESCAPE_KEY)
        until(lambda: "nterrupted" in screen.said(), "what the screen says of it", BOUND_S)
        world.gateway.journal_path.with_name("go").touch()
        # What it has done is kept for who asks again
        world.script.wishes.append(wish("stubborn_write", key="k"))
        screen.type("again")
        time.sleep(HEARD_S)
        screen.type("\r")
        until(lambda: "wrote k" in world.script.heard, "the outcome", BOUND_S)
    assert world.starts("stubborn_write", "k") == 1


SCREEN_SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))
