"""Tools that are not any more what was asked for: what waits for them ends, and nothing of it runs.

That of principals who are none any more is in ``test_banishing``.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.abandoning import CHANGED, GONE
from agentgate_proto.ledger.grants import TOOL_CHANGED
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import Outcome, Status, failed, unknown
from agentgate_proto.records.request import Phase


def void(world: World, definition: str = "new", tool: str = "ask_write") -> None:
    world.ledger.void({tool: definition}, world.now)
    world.drain()


def asked(world: World, client: Connection, number: int = 1, tool: str = "ask_write") -> str:
    return world.receive(client, number, tool, definition="old", n=1)


def outcome_of(world: World, rid: str) -> Outcome | None:
    return world.store.rows[rid].outcome


@pytest.mark.parametrize(("definition", "end"), [("new", CHANGED), ("", GONE)])
def test_a_waiting_approval_ends_on_every_channel_and_cannot_be_given(
    definition: str, end: Outcome
) -> None:
    world = World()
    client = world.client()
    rid = asked(world, client)
    world.sync()
    void(world, definition)
    world.sync()
    assert world.waiting == []
    assert approval_status(world.approvals[rid]) == "expired"
    assert client.outcomes == {1: end}
    assert end.status is Status.EXPIRED
    assert end.code == ErrorCode.APPROVAL_EXPIRED
    ticket = world.approve(rid)
    world.sync()
    assert not world.decided[ticket].won
    assert world.running == {}


def test_what_was_asked_of_the_tool_as_it_is_and_of_other_tools_goes_on() -> None:
    world = World()
    client = world.client()
    same = world.receive(client, 1, "ask_write", definition="new", n=1)
    other = world.receive(client, 2, "ask_read", definition="old", n=1)
    own = world.receive(client, 3, "ask_write", n=2)
    world.sync()
    void(world)
    world.sync()
    assert sorted(world.waiting) == sorted([same, other, own])


def test_all_who_joined_it_end_with_it() -> None:
    world = World()
    client = world.client()
    rids = [asked(world, client, number) for number in (1, 2, 3)]
    world.sync()
    void(world)
    world.sync()
    assert [client.outcomes[number] for number in (1, 2, 3)] == [CHANGED] * 3
    assert [outcome_of(world, rid) for rid in rids] == [CHANGED] * 3


def test_nobody_joins_what_was_asked_of_the_tool_as_it_was() -> None:
    world = World()
    client = world.client()
    first = asked(world, client)
    second = world.receive(client, 2, "ask_write", definition="new", n=1)
    world.sync()
    assert sorted(world.waiting) == sorted([first, second])


def test_a_yes_that_is_being_written_is_taken_and_nothing_starts() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client)
    world.sync()
    ticket = world.approve(rid)
    void(world)
    world.sync()
    assert world.decided[ticket].won
    assert world.running == {}
    assert outcome_of(world, rid) == CHANGED
    assert client.outcomes == {1: CHANGED}


def test_a_yes_that_could_not_be_stored_leaves_nothing_waiting() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client)
    world.sync()
    world.approve(rid)
    void(world)
    world.fail()
    world.sync()
    assert world.waiting == []
    assert client.outcomes == {1: CHANGED}


def test_one_yes_of_several_does_not_keep_it_open() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client, tool="grave_write")
    world.sync()
    world.approve(rid, verified=True)
    void(world, tool="grave_write")
    world.approve(rid, by="bob", verified=True)
    world.sync()
    assert world.waiting == []
    assert client.outcomes == {1: CHANGED}


def test_a_write_whose_intention_is_not_durable_does_not_start() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client, tool="write")
    void(world, tool="write")
    world.sync()
    assert world.running == {}
    assert outcome_of(world, rid) == CHANGED


def test_what_is_looked_up_is_not_even_judged() -> None:
    world = World()
    client = world.client()
    world.receive(client, 5, "read")
    rid = asked(world, client)  # its id is below one that was used: the store is asked
    assert world.phase(rid) is None
    void(world)
    world.sync()
    assert world.waiting == []
    assert client.outcomes[1] == CHANGED
    assert rid not in world.checker.judgements


def test_what_runs_goes_on_and_what_is_over_stays() -> None:
    world = World()
    client = world.client()
    runs = world.receive(client, 1, "write", definition="old")
    over = world.receive(client, 2, "write", definition="old", n=2)
    world.sync()
    done = world.finish(over)
    void(world, tool="write")
    world.finish(runs)
    world.sync()
    assert outcome_of(world, over) == done
    outcome = outcome_of(world, runs)
    assert outcome is not None
    assert outcome.status is Status.EXECUTED


def test_those_who_would_go_on_for_one_that_is_being_withdrawn_do_not() -> None:
    world = World()
    client = world.client()
    rids = [asked(world, client, number) for number in (1, 2)]
    world.sync()
    world.cancel(client, 4, 1)
    void(world)
    world.sync()
    assert world.waiting == []
    assert client.outcomes[1].status is Status.CANCELLED
    assert client.outcomes[2] == CHANGED
    assert outcome_of(world, rids[1]) == CHANGED


def test_a_caller_who_withdraws_it_meanwhile_hears_how_it_ended() -> None:
    world = World()
    client = world.client()
    asked(world, client)
    world.sync()
    world.approve(*world.waiting)
    void(world)
    world.cancel(client, 4, 1)
    world.sync()
    assert client.cancels == {4: "stopping"}
    assert client.outcomes == {1: CHANGED}


def test_what_was_withdrawn_first_stays_cancelled() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client, tool="write")
    world.cancel(client, 4, 1)
    void(world, tool="write")
    world.sync()
    outcome = outcome_of(world, rid)
    assert outcome is not None
    assert outcome.status is Status.CANCELLED


def test_what_a_former_process_left_ends_as_soon_as_the_tool_is_known() -> None:
    world = World()
    asked(world, world.client())
    world.sync()
    world.kill()
    (rid,) = world.waiting
    void(world)
    world.sync()
    assert world.waiting == []
    assert outcome_of(world, rid) == CHANGED


def test_a_run_says_which_tool_was_asked_for() -> None:
    world = World()
    rid = asked(world, world.client(), tool="read")
    assert world.running[rid].definition == "old"


def test_what_ended_void_leaves_an_unknown_outcome_unknown() -> None:
    """The tool may be found to be another one as late as when it is to start."""
    world = World()
    client = world.client()
    first = asked(world, client, tool="write")
    world.sync()
    world.finish(first, unknown("the gateway died while the tool ran"))
    second = asked(world, client, 2, "write")
    world.sync()
    assert world.store.rows[second].warning
    world.approve(second)
    world.sync()
    world.finish(second, CHANGED)
    world.sync()
    third = asked(world, client, 3, "write")
    world.sync()
    assert world.waiting == [third]
    assert world.store.rows[third].warning


def test_what_ran_and_failed_makes_it_known() -> None:
    world = World()
    client = world.client()
    first = asked(world, client, tool="write")
    world.sync()
    world.finish(first, unknown("the gateway died while the tool ran"))
    second = asked(world, client, 2, "write")
    world.sync()
    world.approve(second)
    world.sync()
    world.finish(second, failed("no such lamp"))
    world.sync()
    third = asked(world, client, 3, "write")
    world.sync()
    assert third in world.running


def test_a_grant_covers_the_tool_as_it_was_alone() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client)
    world.sync()
    world.approve(rid, grant=GrantTerms(minutes=10))
    world.sync()
    covered = asked(world, client, 2)
    other = world.receive(client, 3, "ask_write", definition="new", n=1)
    world.sync()
    assert covered in world.running
    assert world.waiting == [other]


def test_a_grant_for_the_tool_as_it_was_ends_and_says_why() -> None:
    world = World()
    client = world.client()
    for number, name in ((1, "ask_write"), (2, "ask_read")):
        rid = asked(world, client, number, name)
        world.sync()
        world.approve(rid, grant=GrantTerms(minutes=10))
        world.sync()
    own = world.receive(client, 3, "grave_write", n=1)
    world.ledger.void({"ask_write": "old", "ask_read": "old", "grave_write": "x"}, world.now)
    world.sync()
    assert [end for _, end in world.ledger.grants(world.now)] == ["", ""]
    void(world)
    world.sync()
    ends = {grant.tool: (end, grant.revoked_by) for grant, end in world.ledger.grants(world.now)}
    assert ends == {"ask_write": ("revoked", TOOL_CHANGED), "ask_read": ("", "")}
    assert [g.revoked_by for g in world.store.grants.values()] == [TOOL_CHANGED, ""]
    assert own in world.waiting
    world.kill()
    third = asked(world, world.client(), 4)
    world.sync()
    assert third in world.waiting


def test_tools_of_which_nothing_waits_are_not_remembered() -> None:
    world = World()
    client = world.client()
    rid = asked(world, client)
    world.sync()
    current: dict[str, Any] = {f"tool{number}": "new" for number in range(100)}
    world.ledger.void(current | {"ask_write": "old"}, world.now)
    abandoning = world.ledger._lifecycle.abandoning
    assert abandoning._current == {"ask_write": ("old", world.now)}
    world.deny(rid)
    world.sync()
    world.ledger.void({}, world.now)
    assert abandoning._current == {}
    assert world.phase(rid) is Phase.DONE
