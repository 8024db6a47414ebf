"""Urgency: a write is urgent exactly when something can't happen before it is durable."""

from __future__ import annotations

from tests.proto.ledger_world import World

from agentgate_proto.ledger.effects import Write


def urgencies(world: World) -> list[bool]:
    """Of the writes that the store has not looked at, in order."""
    return [effect.urgent for effect in world.store.queue if isinstance(effect, Write)]


def test_nobody_waits_for_the_row_of_a_read_that_was_answered() -> None:
    world = World()
    world.finish(world.receive(world.client(), 1, "read"))
    assert urgencies(world) == [False]


def test_nobody_waits_for_the_row_of_a_request_that_policy_denied() -> None:
    world = World()
    world.receive(world.client(), 1, "forbidden_write")
    assert urgencies(world) == [False]


def test_a_tool_waits_for_its_intention_and_a_client_for_its_outcome() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "write")
    assert urgencies(world) == [True]
    world.sync()
    world.finish(rid)
    assert urgencies(world) == [True]


def test_people_wait_for_the_question_and_for_the_decision() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_read")
    assert urgencies(world) == [True]
    world.sync()
    world.approve(rid)
    assert urgencies(world) == [True]
    world.sync()
    world.finish(rid)
    assert urgencies(world) == [True], "an answer that the store could forget would run it again"


def test_nobody_waits_for_a_receipt() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    world.finish(rid)
    world.sync()
    world.ack(client)
    assert urgencies(world) == [False]
