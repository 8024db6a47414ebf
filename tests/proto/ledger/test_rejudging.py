"""What waits for people meets the policy that is in force when they answer; only what is stricter
counts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.proto.ledger_policy import allow, ask, deny
from tests.proto.ledger_world import World

from agentgate_proto.audit.events import entry_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.approval import approval_view
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase

DOUBT = ("what area hall holds is not known",)
DENIED = "Denied by policy: not here"


def asked(policy: Decision | None = None) -> tuple[World, str]:
    """A world in which people are asked about request 1 of client c1."""
    world = World()
    world.policy["ask_write"] = policy or ask()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    return world, rid


def reload(world: World, decision: Decision) -> None:
    """Put another policy in force."""
    world.policy["ask_write"] = decision
    world.ledger.judge_again(world.now)
    world.drain()


def test_what_a_new_policy_denies_ends_and_everybody_is_told() -> None:
    world, rid = asked()
    reload(world, deny())
    world.sync()
    assert world.waiting == []
    (client,) = world.connections.values()
    outcome = client.outcomes[1]
    assert (outcome.status, outcome.code) == (Status.DENIED, ErrorCode.DENIED_BY_POLICY)
    assert outcome.message == DENIED
    view = approval_view(world.approvals[rid])
    assert (view.status, view.reason, view.rule) == ("denied", DENIED, "test:3")
    entry = entry_of(world.store.rows[rid])
    assert (entry.event, entry.decision, entry.rule) == ("request.ended", "deny", "test:3")
    assert (entry.status, entry.message) == ("denied", DENIED)
    late = world.approve(rid)
    world.sync()
    assert not world.decided[late].won
    assert not world.running


def test_all_who_joined_it_are_denied_with_it() -> None:
    world = World()
    client = world.client()
    rids = [world.receive(client, number, "ask_write", n=1) for number in (1, 2)]
    world.sync()
    reload(world, deny())
    world.sync()
    assert [client.outcomes[number].message for number in (1, 2)] == [DENIED] * 2
    assert [world.phase(rid) for rid in rids] == [Phase.DONE] * 2


def test_more_people_and_a_code_are_demanded_from_now_on() -> None:
    world, rid = asked()
    reload(world, replace(ask(approvers=2, code=True), rule="test:9"))
    world.sync()
    shown = world.approvals[rid]
    assert (shown.approvers_needed, shown.needs_code, shown.rule) == (2, True, "test:9")
    assert entry_of(world.store.rows[rid]).event == "request.asked"
    unverified = world.approve(rid)
    assert world.decided[unverified].code is ErrorCode.CODE_NEEDED
    world.approve(rid, by="ann", verified=True)
    world.sync()
    assert not world.running
    world.approve(rid, by="bob", verified=True)
    world.sync()
    assert list(world.running) == [rid]


def test_who_has_said_yes_to_less_is_asked_again() -> None:
    world, rid = asked(ask(approvers=2))
    world.approve(rid, by="ann")
    world.sync()
    reload(world, ask(approvers=2, code=True))
    world.sync()
    assert world.approvals[rid].endorsements == ()
    world.approve(rid, by="ann", verified=True)
    world.approve(rid, by="bob", verified=True)
    world.sync()
    assert list(world.running) == [rid]


@pytest.mark.parametrize("laxer", [allow(), ask(), ask(approvers=2)])
def test_a_laxer_policy_changes_nothing(laxer: Decision) -> None:
    world, rid = asked(ask(approvers=2, code=True))
    before = world.store.rows[rid]
    reload(world, laxer)
    world.sync()
    assert world.store.rows[rid] == before
    assert world.waiting == [rid]


def test_the_policy_is_asked_again_at_each_yes() -> None:
    world, rid = asked()
    world.policy["ask_write"] = deny()  # it is after hours: nobody has said a word of it
    ticket = world.approve(rid)
    world.sync()
    told = world.decided[ticket]
    assert not told.won
    assert told.record is not None
    assert approval_view(told.record).reason == DENIED
    assert not world.running
    assert world.phase(rid) is Phase.DONE


def test_a_demand_that_is_new_at_the_yes_counts_for_it() -> None:
    world, rid = asked()
    world.policy["ask_write"] = ask(code=True)
    assert world.decided[world.approve(rid)].code is ErrorCode.CODE_NEEDED
    world.sync()
    assert world.approvals[rid].needs_code


@pytest.mark.parametrize("doubtful", [deny(), ask(approvers=2)])
def test_a_doubt_holds_a_yes_back_and_ends_nothing(doubtful: Decision) -> None:
    world, rid = asked()
    before = world.store.rows[rid]
    reload(world, replace(doubtful, why=DOUBT))
    world.sync()
    ticket = world.approve(rid)
    world.sync()
    told = world.decided[ticket]
    assert (told.won, told.code) == (False, ErrorCode.DENIED_BY_POLICY)
    assert DOUBT[0] in told.problem
    assert "it still waits" in told.problem
    assert world.store.rows[rid] == before
    reload(world, ask())
    world.approve(rid)
    world.sync()
    assert list(world.running) == [rid]


def test_a_no_needs_no_policy() -> None:
    world, rid = asked()
    world.policy["ask_write"] = replace(deny(), why=DOUBT)
    world.deny(rid)
    world.sync()
    assert world.store.rows[rid].approver == "ann"


def test_what_is_not_asked_durably_yet_is_asked_as_the_new_policy_says() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    reload(world, ask(approvers=2))
    world.sync()
    assert world.approvals[rid].approvers_needed == 2
    other = world.receive(world.client("c2"), 1, "ask_write", n=2)
    reload(world, deny())
    world.sync()
    assert world.phase(other) is Phase.DONE
    assert world.waiting == []


def test_a_yes_of_several_that_is_being_written_is_asked_for_again() -> None:
    world, rid = asked(ask(approvers=2))
    world.approve(rid, by="ann")
    held = world.approve(rid, by="bob", verified=False)
    reload(world, ask(approvers=2, code=True))
    world.sync()
    assert world.decided[held].code is ErrorCode.CODE_NEEDED
    assert world.approvals[rid].endorsements == ()


def test_a_yes_of_several_that_could_not_be_written_leaves_the_new_demands() -> None:
    world, rid = asked(ask(approvers=2))
    world.approve(rid, by="ann")
    reload(world, ask(approvers=2, code=True))
    world.fail()
    world.sync()
    assert world.approvals[rid].needs_code
    assert world.waiting == [rid]


def test_what_was_demanded_while_the_waiting_ended_counts_no_more() -> None:
    world, rid = asked(ask(approvers=2))
    world.approve(rid, by="ann")
    reload(world, ask(approvers=3))
    world.deny(rid, by="bob")
    reload(world, deny())
    world.sync()
    assert world.phase(rid) is Phase.DONE
    assert world.waiting == []


def test_a_demand_that_could_not_be_stored_holds_all_the_same() -> None:
    world, rid = asked()
    reload(world, ask(code=True))
    world.fail()
    assert not world.approvals[rid].needs_code
    assert world.decided[world.approve(rid)].code is ErrorCode.CODE_NEEDED
    world.approve(rid, verified=True)
    world.sync()
    assert list(world.running) == [rid]


def test_a_yes_that_is_being_written_stands_and_one_that_can_t_be_meets_the_policy_again() -> None:
    world, rid = asked()
    world.approve(rid)
    reload(world, deny())
    world.sync()
    assert list(world.running) == [rid]
    world, rid = asked()
    world.approve(rid)
    reload(world, deny())
    world.fail()
    assert world.waiting == [rid]
    world.approve(rid)
    world.sync()
    assert not world.running
    assert world.phase(rid) is Phase.DONE


def test_after_a_restart_what_waits_meets_the_policy_that_was_started_with() -> None:
    world, rid = asked()
    world.policy["ask_write"] = deny()
    world.kill()
    world.sync()
    assert world.waiting == []
    assert world.store.rows[rid].outcome is not None
    assert world.store.rows[rid].outcome.message == DENIED
