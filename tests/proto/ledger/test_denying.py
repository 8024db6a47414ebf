"""Denied requests: a few are kept as any other, of a flood there is an answer and nothing more."""

from __future__ import annotations

import pytest
from tests.proto.ledger_policy import allow
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Write
from agentgate_proto.limits import LedgerLimits
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
    (untold,) = world.ledger.denials_untold()
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
