"""A session in each phase of a run, for tables of what happens then."""

from __future__ import annotations

from collections.abc import Callable

from tests.proto.session_models import call, model, wanted
from tests.proto.session_world import World

from agentgate_proto.models.events import Failed, Failure, TextDelta
from agentgate_proto.sessions.budgets import Budget

BUDGET = Budget(name="team", limit_micros=10, over="ask")


def idle(world: World) -> None:
    """No run."""


def claiming(world: World) -> None:
    """The message is being written."""
    world.send("s", message_id="first")


def preparing(world: World) -> None:
    """The context is being prepared."""
    claiming(world)
    world.sync()


def reserving(world: World) -> None:
    """The money is being reserved on disk; the model is not asked yet."""
    preparing(world)
    world.prepare()


def over_budget(world: World) -> None:
    """A person is asked for money."""
    preparing(world)
    world.prepare()
    world.sync()


def calling(world: World) -> None:
    """The model is asked."""
    reserving(world)
    world.sync()


def speaking(world: World) -> None:
    """The model has said something."""
    calling(world)
    world.say(TextDelta("part of it"))


def pausing(world: World) -> None:
    """The model is asked again after a pause."""
    calling(world)
    world.say(Failed(failure=Failure.RETRYABLE, message="busy"))
    world.sync()
    world.prepare()
    world.sync()


def called(world: World) -> None:
    """Tool calls are being written; no tool is asked for yet."""
    calling(world)
    world.say(*wanted(call("c1"), call("c2", "write")))


def tools(world: World) -> None:
    """Tools run."""
    called(world)
    world.sync()


def held(world: World) -> None:
    """A tool waits for a person."""
    world.gate.holds |= {"read", "write"}
    tools(world)


def returning(world: World) -> None:
    """The last result is being written."""
    tools(world)
    world.finish("s", "c1")
    world.finish("s", "c2")


def again(world: World) -> None:
    """The next context is being prepared."""
    returning(world)
    world.sync()
    world.sync()


def ending(world: World) -> None:
    """The end is being written."""
    calling(world)
    world.say(*wanted())


PHASES: list[Callable[[World], None]] = [
    *(idle, claiming, preparing, reserving, over_budget, calling, speaking, pausing, called, tools),
    *(held, returning, again, ending),
]

DOWN: list[Callable[[World], None]] = [
    phase for phase in PHASES if phase not in (idle, claiming, ending)
]
"""Those in which there is a run, durably."""


def world_in(phase: Callable[[World], None]) -> World:
    """A world with a session ``s`` in this phase."""
    budgets = [BUDGET] if phase is over_budget else []
    world = World(budgets=budgets, models=[model()])
    world.create(named="s")
    phase(world)
    return world
