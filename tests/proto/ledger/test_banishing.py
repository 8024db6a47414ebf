"""Principals who are none any more: what they wait for is withdrawn, what has started is not."""

from __future__ import annotations

from tests.proto.ledger_world import World

from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase


def banish(world: World, *known: str) -> None:
    world.ledger.banish(known, world.now)
    world.drain()
    world.sync()


def test_a_waiting_approval_is_withdrawn_and_cannot_be_given() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    world.sync()
    banish(world, "somebody else")
    assert world.waiting == []
    outcome = world.store.rows[rid].outcome
    assert outcome is not None
    assert outcome.status is Status.CANCELLED
    world.approve(rid)
    world.sync()
    assert world.phase(rid) is Phase.DONE


def test_all_who_joined_it_are_withdrawn_with_it() -> None:
    world = World()
    client = world.client()
    rids = [world.receive(client, number, "ask_write", n=1) for number in (1, 2, 3)]
    world.sync()
    banish(world)
    assert world.waiting == []
    assert [client.outcomes[number].status for number in (1, 2, 3)] == [Status.CANCELLED] * 3
    assert [world.phase(rid) for rid in rids] == [Phase.DONE] * 3


def test_an_end_that_is_being_written_stands_for_all() -> None:
    world = World()
    client = world.client()
    rids = [world.receive(client, number, "ask_write", n=1) for number in (1, 2)]
    world.sync()
    world.wait(10_000.0)
    banish(world)
    assert [client.outcomes[number].status for number in (1, 2)] == [Status.EXPIRED] * 2
    for rid in rids:
        outcome = world.store.rows[rid].outcome
        assert outcome is not None
        assert outcome.status is Status.EXPIRED


def test_a_decision_that_could_not_be_stored_leaves_nothing_waiting() -> None:
    world = World()
    client = world.client()
    for number in (1, 2):
        rid = world.receive(client, number, "ask_write", n=1)
    world.sync()
    (rid,) = world.waiting
    world.deny(rid)
    world.ledger.banish((), world.now)
    world.fail()
    world.sync()
    assert world.waiting == []
    assert client.outcomes[1].status is Status.CANCELLED


def test_those_who_would_go_on_for_one_that_is_being_withdrawn_do_not() -> None:
    world = World()
    client = world.client()
    rids = [world.receive(client, number, "ask_write", n=1) for number in (1, 2, 3)]
    world.sync()
    world.cancel(client, 4, 1)
    banish(world)
    world.sync()
    assert world.waiting == []
    assert [client.outcomes[number].status for number in (1, 2, 3)] == [Status.CANCELLED] * 3
    assert [world.phase(rid) for rid in rids] == [Phase.DONE] * 3


def test_who_has_joined_it_and_withdraws_meanwhile_ends_once() -> None:
    world = World()
    client = world.client()
    rids = [world.receive(client, number, "ask_write", n=1) for number in (1, 2)]
    world.sync()
    world.ledger.banish((), world.now)
    world.cancel(client, 4, 2)
    world.sync()
    assert client.cancels == {4: "cancelled"}
    assert [client.outcomes[number].status for number in (1, 2)] == [Status.CANCELLED] * 2
    assert [world.phase(rid) for rid in rids] == [Phase.DONE] * 2


def test_who_is_a_principal_again_is_asked_about_again() -> None:
    world = World()
    client = world.client()
    first, second = (world.receive(client, number, "ask_write", n=1) for number in (1, 2))
    world.sync()
    world.cancel(client, 4, 1)
    world.ledger.banish((), world.now)
    world.ledger.banish(("agent",), world.now)
    world.sync()
    assert world.waiting == [second]
    assert world.phase(first) is Phase.DONE


def test_what_is_approved_and_not_started_does_not_start() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    world.sync()
    world.approve(rid)
    banish(world)
    world.sync()
    assert world.phase(rid) is Phase.DONE
    outcome = world.store.rows[rid].outcome
    assert outcome is not None
    assert outcome.status is Status.CANCELLED


def test_what_runs_goes_on_and_what_is_over_stays() -> None:
    world = World()
    client = world.client()
    runs = world.receive(client, 1, "write")
    over = world.receive(client, 2, "write", n=2)
    world.sync()
    world.finish(over)
    banish(world)
    world.finish(runs)
    world.sync()
    for rid in (runs, over):
        outcome = world.store.rows[rid].outcome
        assert outcome is not None
        assert outcome.status is Status.EXECUTED


def test_who_is_still_known_keeps_what_waits() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    world.sync()
    banish(world, "agent")
    assert world.waiting == [rid]
