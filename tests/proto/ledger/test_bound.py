"""What the tool gets and what was written: which of the two counts for what."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import unknown
from agentgate_proto.records.request import Phase, Record

BOUND = {"n": 1, "where": "prod"}
WINDOW_S = 600.0


def short(world: World, client: Connection, number: int, tool: str, **more: Any) -> str:
    """A request in which a default is left out."""
    return world.receive(client, number, tool, bound=BOUND, n=1, **more)


def spelled(world: World, client: Connection, number: int, tool: str, **more: Any) -> str:
    """The same, with it."""
    return world.receive(client, number, tool, **BOUND, **more)


def digest(tool: str, args: dict[str, Any]) -> str:
    return digest_of(tool, canonical_args(args))


def row(world: World, rid: str) -> Record:
    world.sync()
    return world.store.rows[rid]


def test_a_record_has_what_the_tool_gets_and_knows_what_was_written() -> None:
    world = World()
    found = row(world, short(world, world.client(), 1, "ask_write"))
    assert msgspec.json.decode(found.args) == BOUND
    assert found.digest == digest("ask_write", BOUND)
    assert found.written == found.identity == digest("ask_write", {"n": 1})
    assert found.filled == ("/where",)


def test_what_is_written_as_the_tool_gets_it_has_one_digest() -> None:
    world = World()
    client = world.client()
    for number, make in enumerate((spelled, short)):
        found = row(world, make(world, client, number + 1, "write"))
        assert (found.written == "") is (make is spelled)
        assert found.filled == (() if make is spelled else ("/where",))
    same = row(world, world.receive(client, 3, "write", bound={"n": 1}, n=1))
    assert (same.written, same.filled, same.identity) == ("", (), same.digest)


def test_the_tool_runs_with_what_the_person_saw() -> None:
    world = World()
    rid = short(world, world.client(), 1, "ask_write")
    world.sync()
    shown = world.approvals[rid]
    world.approve(rid)
    world.sync()
    assert world.running[rid].args == bytes(shown.args) == canonical_args(BOUND)


def test_a_repeat_of_an_id_is_told_by_what_was_written() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "write")
    world.sync()
    world.receive(client, 1, "write", bound={"n": 1, "where": "dev"}, n=1)
    assert client.refusals == {}, "the default is another by now, the request is the same"
    spelled(world, client, 1, "write")
    assert client.refusals[1].code is ErrorCode.INVALID_REQUEST
    world.finish(rid)
    world.sync()
    assert client.outcomes[1] == row(world, rid).outcome
    world.receive(client, 1, "write", bound={"n": 1, "where": "dev"}, n=1)
    world.sync()
    assert len(client.refusals) == 1
    assert world.running == {}


def test_so_is_one_of_an_idempotency_key() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "write", key="k")
    world.sync()
    world.receive(client, 2, "write", "k", bound={"n": 1, "where": "dev"}, n=1)
    spelled(world, client, 3, "write", key="k")
    world.sync()
    assert client.refusals[3].code is ErrorCode.INVALID_REQUEST
    world.finish(rid)
    world.sync()
    assert client.outcomes[1] == client.outcomes[2]


def test_one_question_is_asked_for_both_spellings_and_each_is_a_repeat_of_itself() -> None:
    world = World()
    client = world.client()
    first, second = short(world, client, 1, "ask_write"), spelled(world, client, 2, "ask_write")
    world.sync()
    assert world.waiting == [first]
    assert world.ledger.identity(client.number, 1) == digest("ask_write", {"n": 1})
    assert world.ledger.identity(client.number, 2) == digest("ask_write", BOUND)
    assert world.ledger.identity(client.number, 3) == ""
    assert world.ledger.identity(99, 1) == ""
    world.approve(first)
    world.sync()
    world.finish(first)
    world.sync()
    assert client.outcomes[1] == client.outcomes[2]
    own = world.store.rows[second]
    assert (own.identity, own.filled) == (digest("ask_write", BOUND), ())
    world.ack(client)
    spelled(world, client, 2, "ask_write")
    world.sync()
    assert client.refusals == {}


def test_what_joined_by_its_key_is_known_by_what_it_wrote() -> None:
    world = World()
    client = world.client()
    first = short(world, client, 1, "write", key="k")
    world.sync()
    other = world.receive(client, 2, "write", "k", bound={"n": 1, "where": "dev"}, n=1)
    world.sync()
    world.finish(first)
    world.sync()
    own, found = world.store.rows[other], world.store.rows[first]
    assert (own.digest, own.identity) == (found.digest, found.identity)
    assert own.filled == ("/where",)


def test_a_repeat_after_an_unknown_end_is_one_whatever_its_spelling() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "write")
    world.sync()
    world.finish(rid, unknown("the network"))
    world.sync()
    again = spelled(world, client, 2, "write")
    world.sync()
    assert world.waiting == [again]
    assert "may already have run" in world.approvals[again].warning


def test_an_ask_that_is_called_a_repeat_is_one_whatever_its_spelling() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "write")
    world.sync()
    spelled(world, client, 2, "write", join_s=WINDOW_S)
    world.sync()
    assert list(world.running) == [rid]
    assert world.ledger.newest("agent", digest("write", {"n": 1})) == rid
    assert world.ledger.newest("agent", digest("write", BOUND)) == ""
    world.finish(rid)
    world.sync()
    assert client.outcomes[1] == client.outcomes[2]
    assert world.ledger.newest("agent", digest("write", {"n": 1})) == ""


def test_a_grant_is_for_what_the_tool_gets() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "ask_write")
    world.sync()
    world.approve(rid, grant=GrantTerms(uses=5, any_args=("where",)))
    world.sync()
    world.finish(rid)
    covered = spelled(world, client, 2, "ask_write")
    other = world.receive(client, 3, "ask_write", bound={"n": 1, "where": "dev"}, n=1)
    asked = world.receive(client, 4, "ask_write", bound={"n": 2, "where": "prod"}, n=2)
    world.sync()
    assert list(world.running) == [covered, other]
    assert world.waiting == [asked]


# After a restart


@pytest.mark.parametrize("tool", ["ask_write", "ask_read"])
def test_what_would_bind_otherwise_by_now_ends_as_if_the_tool_had_changed(tool: str) -> None:
    world = World()
    client = world.client()
    rid, same = short(world, client, 1, tool), world.receive(client, 2, tool, n=2)
    world.sync()
    world.kill(changed=[rid])
    world.sync()
    assert world.waiting == [same]
    assert world.store.rows[rid].outcome == CHANGED
    assert world.approvals[rid].phase is Phase.DONE
    client = world.client()
    world.collect(client, "all")
    world.sync()
    assert [found.outcome for found in client.collected] == [CHANGED]


def test_a_yes_that_was_given_is_none_for_another_default() -> None:
    world = World()
    client = world.client()
    rid = short(world, client, 1, "ask_write")
    world.sync()
    world.approve(rid)
    world.work()  # the yes is durable, and the tool has not started
    world.kill(changed=[rid])
    world.sync()
    assert world.running == {}
    assert world.store.rows[rid].outcome == CHANGED


def test_a_read_that_ran_is_not_run_again_with_what_nobody_has_seen() -> None:
    world = World()
    rid = short(world, world.client(), 1, "ask_read")
    world.sync()
    world.approve(rid)
    world.sync()
    assert world.phase(rid) in (Phase.APPROVED, Phase.RUNNING)
    world.kill(changed=[rid])
    world.sync()
    assert world.running == {}
    assert world.store.rows[rid].outcome == CHANGED


def test_a_write_that_may_have_run_stays_unknown() -> None:
    world = World()
    rid = short(world, world.client(), 1, "write")
    world.sync()
    assert world.phase(rid) is Phase.RUNNING
    world.kill(changed=[rid])
    world.sync()
    found = world.store.rows[rid].outcome
    assert found == unknown("the gateway died while the tool ran")


def test_an_end_that_cannot_be_written_is_made_again() -> None:
    world = World()
    rid = short(world, world.client(), 1, "ask_write")
    world.sync()
    world.kill(changed=[rid])
    world.fail()
    assert world.store.rows[rid].outcome is None
    world.wait(3_600.0)
    world.sync()
    assert world.store.rows[rid].outcome == CHANGED
    assert world.running == {}
