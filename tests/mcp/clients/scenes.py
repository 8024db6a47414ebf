"""What happens between a client, the gate and a person, and what must come of it.

Each scene plays in a world of its own. It fails by an ``AssertionError`` that says what was seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tests.e2e.process import until
from tests.mcp.clients.models import Wish, thinking, wish
from tests.mcp.clients.world import BOUND_S, HEARD_S, Scene, World, scene

REQUEST_ID = re.compile(r'request_id"?[:= ]+"?([A-Za-z0-9_-]{16,64})')
"""How the pending text names its request."""

EVERY = "claude codex gemini opencode"


@scene("allowed", EVERY, wish("allowed_write", key="k"))
def allowed(world: World) -> None:
    (told,) = world.finish()
    assert "wrote k" in told, told
    assert world.starts("allowed_write", "k") == 1


@scene("denied", EVERY, wish("allowed_write", key="secret"))
def denied(world: World) -> None:
    (told,) = world.finish()
    assert "never that" in told, told
    assert world.starts("allowed_write", "secret") == 0


@scene("failed", EVERY, wish("broken_write", key="k"))
def failed(world: World) -> None:
    (told,) = world.finish()
    assert "the motor of k is stuck" in told, told
    assert world.starts("broken_write", "k") == 1


def approved_after(seconds: float) -> Callable[[World], None]:
    """A person takes so long."""

    def play(world: World) -> None:
        world.asked()
        time.sleep(seconds)
        world.approve()
        (told,) = world.finish()
        assert "wrote k" in told, told
        assert world.starts("asked_write", "k") == 1

    return play


soon = scene("asked, approved after 5 s", EVERY, wish("asked_write", key="k"))(approved_after(5))
later = scene(
    "asked, approved after 90 s",
    "claude opencode",
    wish("asked_write", key="k"),
    long=True,
    hold_s=600,
)(approved_after(90))
latest = scene(
    "asked, approved after 200 s",
    "claude codex",
    wish("asked_write", key="k"),
    long=True,
    hold_s=280,
)(approved_after(200))
stdio_later = scene(
    "stdio: asked, approved after 90 s",
    "claude codex",
    wish("asked_write", key="k"),
    long=True,
    stdio=True,
)(approved_after(90))


def collecting(results: list[str]) -> dict[str, Any]:
    """The arguments of ``gate_result``, by what the pending text says."""
    found = REQUEST_ID.search(results[0])
    return {"request_id": found[1] if found else "none"}


@scene(
    "never approved in time, collected later",
    EVERY,
    wish("asked_write", key="k"),
    Wish("gate_result", collecting),
    hold_s=20,
)
def pending(world: World) -> None:
    world.asked()
    until(lambda: len(world.script.results) == 1, "the pending text", BOUND_S)
    told = world.script.results[0]
    assert "gate_result" in told, told
    assert REQUEST_ID.search(told), told
    world.approve()
    results = world.finish()
    assert "wrote k" in results[1], results
    assert world.starts("asked_write", "k") == 1


@scene(
    "never approved in time, asked again",
    EVERY,
    wish("asked_write", key="k"),
    wish("asked_write", key="k"),
    hold_s=20,
)
def asked_again(world: World) -> None:
    world.asked()
    until(lambda: len(world.script.results) == 1, "the pending text", BOUND_S)
    world.approve()
    results = world.finish()
    assert "wrote k" in results[1], results
    assert world.starts("asked_write", "k") == 1


def killed_for(seconds: float) -> Callable[[World], None]:
    """The gateway is away for so long, in the midst of a call."""

    def play(world: World) -> None:
        world.asked()
        time.sleep(HEARD_S)
        world.gateway.kill()
        time.sleep(seconds)
        world.gateway.start()
        world.approve()
        results = world.finish(2 * BOUND_S)
        assert "wrote k" in results[0], results
        assert "wrote after" in results[1], results
        assert world.starts("asked_write", "k") == 1

    return play


killed = scene(
    "the gateway is killed while a person is asked",
    "codex gemini opencode",
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    hold_s=280,
)(killed_for(4))
killed_longer = scene(
    "the gateway is away for 12 s while a person is asked",
    "codex gemini opencode",
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    hold_s=280,
)(killed_for(12))


@scene(
    "the gateway is killed, the model asks again",
    "claude",
    wish("asked_write", key="k"),
    Wish("asked_write", thinking(15, key="k")),
    hold_s=280,
)
def killed_and_asked_again(world: World) -> None:
    world.asked()
    time.sleep(HEARD_S)
    world.gateway.kill()
    time.sleep(2)
    world.gateway.start()
    until(lambda: world.script.results, "the end of the first call", 3 * BOUND_S)
    time.sleep(20)
    world.approve()
    results = world.finish(2 * BOUND_S)
    assert "wrote k" in results[-1], results
    assert world.starts("asked_write", "k") == 1


@scene(
    "stdio: the gateway is killed while a person is asked",
    EVERY,
    wish("asked_write", key="k"),
    wish("allowed_write", key="after"),
    stdio=True,
)
def stdio_killed(world: World) -> None:
    world.asked()
    world.gateway.kill()
    time.sleep(4)
    world.gateway.start()
    world.approve()
    results = world.finish()
    assert "wrote k" in results[0], results
    assert "wrote after" in results[1], results
    assert world.starts("asked_write", "k") == 1


@scene("the same act twice", EVERY, wish("allowed_write", key="k"), wish("allowed_write", key="k"))
def twice(world: World) -> None:
    results = world.finish()
    assert all("wrote k" in told for told in results), results
    assert world.starts("allowed_write", "k") == 1


SCENES = tuple(each for each in list(globals().values()) if isinstance(each, Scene))
