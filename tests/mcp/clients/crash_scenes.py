"""Scenes in which the client or the gateway is killed, and somebody asks again."""

from __future__ import annotations

import time

from tests.e2e.process import until
from tests.mcp.clients.models import Wish, thinking, wish
from tests.mcp.clients.world import BOUND_S, HEARD_S, Scene, World, scene

EVERY = "claude codex gemini opencode"

RUNS_S = 20.0
"""How long the tool takes that is cut."""


@scene("the client is killed, another one asks", EVERY, wish("asked_write", key="k"))
def client_killed(world: World) -> None:
    world.asked()
    time.sleep(HEARD_S)
    world.kill_client()
    world.approve()
    until(lambda: world.starts("asked_write", "k"), "the tool's start")
    world.start_client()
    (told,) = world.finish()
    assert "wrote k" in told, told
    assert not world.gateway.approvals(), "a person was asked again"
    assert world.starts("asked_write", "k") == 1


@scene(
    "the gateway is killed while the tool runs, the model asks again",
    EVERY,
    wish("slow_write", key="k", seconds=RUNS_S),
    Wish("slow_write", thinking(15, key="k", seconds=RUNS_S)),  # Claude Code hears of it at once
    policy={"defaults": [{"pattern": "*", "action": "allow"}], "rules": []},
)
def tool_cut(world: World) -> None:
    until(lambda: world.starts("slow_write", "k"), "the tool's start", BOUND_S)
    time.sleep(2 * HEARD_S)
    world.gateway.kill()
    time.sleep(2)
    world.gateway.start()
    until(world.gateway.approvals, "a person to be asked", 3 * BOUND_S)
    assert world.starts("slow_write", "k") == 1, "it was started again, and nobody was asked"
    world.decide("deny")
    results = world.finish(2 * BOUND_S)
    assert "wrote k" not in results[-1], results
    assert world.starts("slow_write", "k") == 1


CRASH_SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))
