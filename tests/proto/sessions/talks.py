"""Talks for tests of runs: up to where a model is asked, and what it was asked."""

from __future__ import annotations

from typing import Any

import msgspec
from tests.proto.session_world import World

from agentgate_proto.models.events import (
    Failed,
    Failure,
)

BUSY = Failed(failure=Failure.RETRYABLE, message="busy")
CUT = Failed(failure=Failure.TRUNCATED, message="cut")


def talking(world: World, **params: Any) -> str:
    """A session whose model is asked."""
    name = world.create()
    world.ask(name, **params)
    assert len(world.calls) == 1
    return name


def kinds(world: World, session: str) -> list[str]:
    return [row.kind.value for row in world.rows(session)]


def messages(world: World) -> list[Any]:
    """Of the last request, the messages without the system's."""
    found: list[Any] = msgspec.json.decode(world.called[-1].request.body)["messages"]
    return found[1:]
