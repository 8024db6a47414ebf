"""Several people, one-time codes, and people who answer at the same moment."""

from __future__ import annotations

import pytest
from tests.proto.ledger_policy import ask
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Waiting
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.approval import approval_view
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.request import Phase


def two_needed(limits: LedgerLimits | None = None) -> tuple[World, str]:
    """A world in which two people must say yes."""
    world = World(limits)
    world.policy["ask_write"] = ask(approvers=2)
    client = world.client(progress=True)
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    return world, rid


def coded() -> tuple[World, str]:
    world = World()
    world.policy["ask_write"] = ask(code=True)
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    return world, rid


def test_one_of_two_is_not_enough_and_is_shown_when_it_is_durable() -> None:
    world, rid = two_needed()
    ticket = world.approve(rid, by="ann")
    assert ticket not in world.decided, "it is not durable yet"
    assert not world.approvals[rid].endorsements
    world.sync()
    assert world.decided[ticket].won
    view = approval_view(world.approvals[rid])
    assert (view.status, view.approvers_needed, view.approved_by) == ("waiting", 2, ("ann",))
    assert world.waiting == [rid]
    assert not world.running


def test_the_second_different_person_lets_it_run() -> None:
    world, rid = two_needed()
    world.approve(rid, by="ann")
    world.sync()
    ticket = world.approve(rid, by="bea")
    world.sync()
    assert world.decided[ticket].won
    row = world.store.rows[rid]
    assert [said.approver for said in row.endorsements] == ["ann", "bea"]
    assert (row.approver, list(world.running)) == ("bea", [rid])


def test_the_same_person_counts_once_and_is_told_so() -> None:
    world, rid = two_needed()
    world.approve(rid, by="ann")
    world.sync()
    ticket = world.approve(rid, by="ann", channel="telegram")
    told = world.decided[ticket]
    assert (told.won, told.code) == (False, ErrorCode.ALREADY_SETTLED)
    assert "you have said yes already; 1 more must" in told.problem
    assert told.record is not None
    assert world.waiting == [rid]


def test_two_at_the_same_moment_both_count() -> None:
    world, rid = two_needed()
    one, two = world.approve(rid, by="ann"), world.approve(rid, by="bea")
    assert not world.decided
    world.sync()
    assert world.decided[one].won
    assert world.decided[two].won
    assert list(world.running) == [rid]


def test_the_same_person_twice_at_the_same_moment_counts_once() -> None:
    world, rid = two_needed()
    world.approve(rid, by="ann")
    again = world.approve(rid, by="ann")
    world.sync()
    assert world.decided[again].code is ErrorCode.ALREADY_SETTLED
    assert world.waiting == [rid]


def test_any_no_ends_it() -> None:
    world, rid = two_needed()
    world.approve(rid, by="ann")
    ticket = world.deny(rid, by="bea")
    late = world.approve(rid, by="cid")
    world.sync()
    assert world.decided[ticket].won
    assert not world.decided[late].won
    assert world.phase(rid) is Phase.DONE
    assert not world.running


def test_a_yes_outlives_the_process_and_counts_once_then_too() -> None:
    world, rid = two_needed()
    world.approve(rid, by="ann")
    world.sync()
    world.kill()
    assert [said.approver for said in world.approvals[rid].endorsements] == ["ann"]
    assert world.decided[world.approve(rid, by="ann")].code is ErrorCode.ALREADY_SETTLED
    world.approve(rid, by="bea")
    world.sync()
    assert list(world.running) == [rid]


def test_a_yes_that_was_not_stored_does_not_count_and_the_next_one_does() -> None:
    world, rid = two_needed()
    one, two = world.approve(rid, by="ann"), world.approve(rid, by="bea")
    world.fail()
    assert "could not be stored" in world.decided[one].problem
    world.sync()
    assert world.decided[two].won
    assert [said.approver for said in world.store.rows[rid].endorsements] == ["bea"]
    assert world.waiting == [rid]


@pytest.mark.parametrize("stored", [True, False])
def test_time_runs_out_while_one_of_two_is_written(stored: bool) -> None:
    world, rid = two_needed()
    one, two = world.approve(rid, by="ann"), world.approve(rid, by="bea")
    world.wait(900)
    if not stored:
        world.report()
        world.work(1, "disk full")
    world.sync()
    assert world.decided[one].won is stored
    assert not world.decided[two].won
    assert approval_view(world.approvals[rid]).status == "expired"
    assert not world.running


def test_its_caller_withdraws_while_one_of_two_is_written() -> None:
    world, rid = two_needed()
    (client,) = world.connections.values()
    world.approve(rid, by="ann")
    world.cancel(client, 2, 1)
    world.sync()
    assert client.cancels == {2: "cancelled"}
    assert world.phase(rid) is Phase.DONE


def test_a_yes_that_comes_too_late_expires_it() -> None:
    world, rid = two_needed()
    world.now += 900
    ticket = world.approve(rid, by="ann")
    world.sync()
    assert not world.decided[ticket].won
    assert approval_view(world.approvals[rid]).status == "expired"


def test_so_many_people_at_the_same_moment_are_held_and_no_more() -> None:
    world, rid = two_needed(LedgerLimits(joined_max=2))
    world.approve(rid, by="ann")
    held = [world.approve(rid, by=name) for name in ("bea", "cid", "dan")]
    assert "2 people answer it" in world.decided[held[-1]].problem
    world.sync()
    assert [world.decided[ticket].won for ticket in held] == [True, False, False]


def test_saying_yes_takes_a_code_and_saying_no_does_not() -> None:
    world, rid = coded()
    ticket = world.approve(rid)
    assert world.decided[ticket].code is ErrorCode.CODE_NEEDED
    assert approval_view(world.approvals[rid]).needs_code
    world.approve(rid, verified=True)
    world.sync()
    assert list(world.running) == [rid]
    world, rid = coded()
    ticket = world.deny(rid)
    world.sync()
    assert world.decided[ticket].won


@pytest.mark.parametrize("decision", [ask(approvers=2), ask(code=True)])
def test_no_grant_where_each_yes_must_be_more_than_a_tap(decision: Decision) -> None:
    world = World()
    world.policy["ask_write"] = decision
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    ticket = world.approve(rid, verified=True, grant=GrantTerms(minutes=10))
    assert world.decided[ticket].code is ErrorCode.INVALID_PARAMS
    assert world.waiting == [rid]


def test_what_asks_the_same_with_other_demands_is_asked_by_itself() -> None:
    world, rid = two_needed()
    world.policy["ask_write"] = ask()
    (client,) = world.connections.values()
    other = world.receive(client, 2, "ask_write", n=1)
    world.sync()
    assert world.waiting == [rid, other]
    assert [notice.record.rid for notice in client.of(Waiting)] == [rid, other]


def test_who_may_be_somebody_who_has_said_yes_already_is_not_one_of_several() -> None:
    world = World()
    world.policy["ask_write"] = ask(approvers=2)
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    ticket = world.approve(rid, by="telegram:5", nameless=True)
    assert world.decided[ticket].code is ErrorCode.FORBIDDEN
    world.deny(rid, by="telegram:5")
    world.sync()
    assert world.waiting == []


def test_one_person_needs_no_name() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    world.approve(rid, by="telegram:5", nameless=True)
    world.sync()
    assert list(world.running) == [rid]
