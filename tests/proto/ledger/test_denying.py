"""Denied requests: a few are kept as any other, of a flood there is an answer and nothing more.

And what the audit only counts, where an agent does much that changes nothing.
"""

from __future__ import annotations

import pytest
from tests.proto.ledger_policy import allow
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Write
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.quotas.denials import Kind
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.storage import Put

DENIED = "forbidden_write"


def flooded(rows: int = 2, entries: int = 1) -> World:
    return World(LedgerLimits(denials_per_minute=rows, denials_told_per_hour=entries))


def puts(world: World) -> list[Put]:
    """What is on its way to the store."""
    changes = [effect.change for effect in world.store.queue if isinstance(effect, Write)]
    return [change for change in changes if isinstance(change, Put)]


def test_all_are_answered_alike_and_what_is_kept_of_them_is_bounded() -> None:
    world = flooded()
    client = world.client()
    for number in range(1, 5):
        world.receive(client, number, DENIED, n=number)

    assert list(client.outcomes) == [1, 2, 3, 4]
    outcome = client.outcomes[1]
    assert all(each == outcome for each in client.outcomes.values())
    assert (outcome.status, outcome.code) == (Status.DENIED, ErrorCode.DENIED_BY_POLICY)
    assert [put.is_told for put in puts(world)] == [True, False]
    assert world.ledger.active == 2, "those that are being written"
    world.sync()
    assert world.ledger.active == 0
    (untold,) = world.ledger.to_tell(world.now)
    assert (untold.count, untold.dropped) == (3, 2)


def test_one_without_a_row_is_judged_again_and_runs_once_if_it_is_allowed_then() -> None:
    world = flooded(rows=1)
    client = world.client(client_id="c1")
    world.receive(client, 1, DENIED, n=1)
    world.receive(client, 2, DENIED, n=2)
    world.sync()
    world.receive(client, 2, DENIED, n=2)
    world.sync()
    assert client.outcomes[2].code == ErrorCode.DENIED_BY_POLICY

    world.policy[DENIED] = allow()
    rid = world.receive(client, 2, DENIED, n=2)
    world.receive(client, 1, DENIED, n=1)
    world.sync()
    assert list(world.running) == [rid], "and the one with a row stays denied"
    outcome = world.finish(rid)
    world.sync()
    world.receive(client, 2, DENIED, n=2)
    world.sync()
    assert client.outcomes[2] == outcome


def test_an_idempotency_key_of_one_without_a_row_is_free() -> None:
    world = flooded(rows=1)
    client = world.client()
    world.receive(client, 1, DENIED, n=1)
    world.receive(client, 2, DENIED, "key", n=2)
    world.sync()
    rid = world.receive(client, 3, "write", "key", n=3)
    world.sync()
    assert list(world.running) == [rid]


@pytest.mark.parametrize("client_id", ["c1", ""], ids=["our client", "an old one"])
def test_one_that_is_cut_off_before_its_answer_asks_again(client_id: str) -> None:
    world = flooded(rows=1)
    client = world.client(client_id=client_id)
    world.receive(client, 1, DENIED, n=1)
    client.reachable = False
    world.receive(client, 2, DENIED, n=2)
    world.lose(client)
    again = world.client(client_id=client_id)
    world.receive(again, 2, DENIED, n=2)
    world.sync()
    assert again.outcomes[2].code == ErrorCode.DENIED_BY_POLICY


def busy(entries: int = 1) -> World:
    return World(LedgerLimits(reads_told_per_hour=entries))


def told(world: World) -> list[tuple[Kind, str, int]]:
    return [(each.kind, each.principal, each.count) for each in world.ledger.to_tell(world.now)]


def test_reads_beyond_the_budget_are_answered_and_stored_and_only_counted() -> None:
    world = busy()
    client = world.client()
    rids = [world.receive(client, number, "read", n=number) for number in range(1, 4)]
    outcomes = [world.finish(rid) for rid in rids]
    assert list(client.outcomes.values()) == outcomes
    assert [put.is_told for put in puts(world)] == [True, False, False]
    world.sync()
    assert told(world) == [(Kind.READ, client.principal, 2)]
    assert told(world) == []


def test_writes_and_what_people_are_asked_have_their_entries_whatever_else_there_was() -> None:
    world = busy()
    client = world.client()
    for number, tool in enumerate(("read", "read", "write", "ask_read", "ask_write"), 1):
        rid = world.receive(client, number, tool, n=number)
        world.sync()
        if tool.startswith("ask"):
            world.decide(rid, approve=True)
            world.sync()
        written = len(puts(world))
        world.finish(rid)
        assert puts(world)[written].is_told is (number != 2), tool
        world.sync()
    assert told(world) == [(Kind.READ, client.principal, 1)]


def test_what_is_withdrawn_before_it_is_stored_and_repeats_are_counted_as_well() -> None:
    world = busy()
    client = world.client()
    for number in (1, 2, 3):
        world.receive(client, number, "write", f"key{number}", n=number)
        world.cancel(client, 10 + number, number)
        world.sync()
    assert told(world) == [(Kind.WITHDRAWN, client.principal, 2)]

    rid = world.receive(client, 21, "write", n=0, join_s=60.0)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.receive(client, 22, "write", n=0, join_s=60.0)
    world.sync()
    assert client.outcomes[22] == outcome
    assert told(world) == [(Kind.REPEATED, client.principal, 1)]


def test_those_that_wait_for_a_read_by_its_key_are_counted_with_it() -> None:
    world = busy()
    client = world.client(client_id="c1")
    world.finish(world.receive(client, 1, "read", n=0))
    rid = world.receive(client, 2, "read", "key", n=1)
    world.sync()
    world.receive(client, 3, "read", "key", n=1)
    outcome = world.finish(rid)
    world.sync()
    assert client.outcomes[3] == outcome
    assert told(world) == [(Kind.READ, client.principal, 2)]
