"""A store that fails, at each write that something depends on, and one that comes back."""

import pytest
from msgspec.structs import replace
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Answer
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase


def waiting_world(limits: LedgerLimits | None = None) -> tuple[World, Connection, str]:
    """A world in which a person is asked about request 1."""
    world = World(limits)
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    return world, client, rid


def retry(world: World) -> None:
    """Let time pass until the ledger wants to try again, and let the store work."""
    deadline = world.ledger.next_deadline()
    assert deadline is not None
    world.wait(deadline - world.now)
    world.sync()


# What is not durable does not happen


@pytest.mark.parametrize("tool", ["ask_write", "ask_read", "write"])
def test_a_request_that_could_not_be_stored_is_refused_and_nothing_was_run(tool: str) -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, tool, n=1)
    world.fail()
    refusal = client.refusals[1]
    assert refusal.code is ErrorCode.INTERNAL_ERROR
    assert refusal.message == "cannot store the request: disk full; nothing was run"
    assert world.ledger.problem == "disk full"
    assert not world.running
    assert not world.approvals


@pytest.mark.parametrize("tool", ["ask_write", "write"])
def test_what_was_refused_may_be_sent_again_under_its_id(tool: str) -> None:
    world = World(LedgerLimits(waiting_max=1))
    client = world.client()
    world.receive(client, 1, tool, n=1)
    world.fail()
    world.wait(1.0)
    rid = world.receive(client, 1, tool, n=1)
    world.sync()
    assert world.ledger.problem == ""
    assert [*world.waiting, *world.running] == [rid]


@pytest.mark.parametrize("approve", [True, False])
def test_a_decision_that_could_not_be_stored_is_not_taken(approve: bool) -> None:
    world, client, rid = waiting_world()
    ticket = world.decide(rid, approve=approve)
    world.fail()
    decided = world.decided[ticket]
    assert not decided.won
    assert (
        decided.problem == "the decision could not be stored (disk full); the approval still waits"
    )
    assert decided.record == world.approvals[rid]
    assert world.waiting == [rid]
    second = world.decide(rid, approve=not approve)
    world.sync()
    assert world.decided[second].won
    assert bool(world.running) is not approve
    assert bool(client.of(Answer)) is approve


def test_all_who_decided_hear_that_nothing_could_be_stored() -> None:
    world, _, rid = waiting_world()
    tickets = [world.approve(rid, by="dora"), world.deny(rid, by="emil")]
    world.fail()
    assert all(world.decided[ticket].problem for ticket in tickets)
    assert not any(world.decided[ticket].won for ticket in tickets)


def test_an_approval_whose_decision_could_not_be_stored_still_expires() -> None:
    world, client, rid = waiting_world()
    world.approve(rid)
    world.wait(900.0)
    world.fail()
    world.tick()
    world.sync()
    assert client.outcomes[1].status is Status.EXPIRED


def test_an_approved_tool_runs_once_its_intention_could_be_written() -> None:
    world, client, rid = waiting_world()
    ticket = world.approve(rid)
    world.work()
    world.report()
    assert world.decided[ticket].won
    world.fail()
    assert not world.running
    assert not client.refusals, "it was approved, durably"
    retry(world)
    assert list(world.running) == [rid]
    outcome = world.finish(rid)
    world.sync()
    assert client.outcomes == {1: outcome}


# What did happen is told, and written until it holds


def test_an_outcome_that_cannot_be_stored_is_told_live_and_written_again() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    outcome = world.finish(rid)
    assert not client.of(Answer)
    world.fail()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]
    retry(world)
    assert world.store.rows[rid].outcome == outcome
    assert len(client.of(Answer)) == 1
    assert world.ledger.next_deadline() is None


def test_a_receipt_that_came_before_the_outcome_was_durable_is_kept_with_it() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.finish(rid)
    world.fail()
    world.ack(client)
    world.fail()
    retry(world)
    assert world.store.rows[rid].delivered


def test_a_receipt_that_could_not_be_stored_has_the_outcome_sent_again() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.finish(rid)
    world.sync()
    world.ack(client)
    world.fail()
    world.collect(client, 2)
    world.sync()
    assert [row.rid for row in client.collected] == [rid]


def test_a_denial_by_policy_is_told_at_once_whether_it_can_be_stored_or_not() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "forbidden_write")
    assert client.outcomes[1].code == ErrorCode.DENIED_BY_POLICY
    world.fail()
    retry(world)
    assert world.phase(rid) is Phase.DONE
    assert len(client.of(Answer)) == 1


def test_an_expiry_that_cannot_be_stored_is_tried_again_and_told_then() -> None:
    world, client, rid = waiting_world()
    world.wait(900.0)
    ticket = world.approve(rid)
    world.fail()
    assert "still waits" in world.decided[ticket].problem
    assert not client.of(Answer)
    assert world.approvals[rid].phase is Phase.WAITING
    late = world.approve(rid)
    retry(world)
    assert client.outcomes[1].status is Status.EXPIRED
    assert world.approvals[rid].outcome == client.outcomes[1]
    assert not world.decided[late].won
    assert not world.running


def test_a_withdrawal_that_cannot_be_stored_is_tried_again() -> None:
    world, client, _ = waiting_world()
    world.cancel(client, 2, 1)
    world.fail()
    assert client.cancels == {}
    retry(world)
    assert client.cancels == {2: "cancelled"}
    assert client.outcomes[1].status is Status.CANCELLED


# When it is tried again


def failing_world() -> tuple[World, str]:
    """A world in which a tool ran and its outcome could not be stored."""
    world = World()
    rid = world.receive(world.client(), 1, "write", n=1)
    world.sync()
    world.finish(rid)
    world.fail()
    return world, rid


def pauses(world: World, tries: int) -> list[float]:
    """Let this many tries fail; return how long the ledger waited before each."""
    found = []
    for _ in range(tries):
        deadline = world.ledger.next_deadline()
        assert deadline is not None
        found.append(round(deadline - world.now, 3))
        world.wait(deadline - world.now)
        world.fail()
    return found


def test_the_pause_doubles_up_to_half_a_minute() -> None:
    world, _ = failing_world()
    assert pauses(world, 7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_the_pause_is_short_again_after_a_write_that_held() -> None:
    world, _ = failing_world()
    pauses(world, 4)
    retry(world)
    rid = world.receive(world.connections[1], 2, "write", n=2)
    world.sync()
    world.finish(rid)
    world.fail()
    assert pauses(world, 2) == [1.0, 2.0]


def test_another_failure_does_not_put_off_the_next_try() -> None:
    world, _ = failing_world()
    deadline = world.ledger.next_deadline()
    world.wait(0.9)
    world.receive(world.connections[1], 2, "forbidden_write")
    world.fail()
    assert world.ledger.next_deadline() == deadline


def test_a_clock_that_is_set_back_does_not_put_off_the_next_try() -> None:
    world, rid = failing_world()
    world.wait(-86_400.0)
    world.tick()
    world.sync()
    assert world.phase(rid) is Phase.DONE


def test_a_timer_that_fires_early_does_nothing() -> None:
    world, _ = failing_world()
    world.tick()
    assert not world.store.queue


# The process dies in between


def test_what_was_approved_durably_runs_once_after_a_restart() -> None:
    world, _, rid = waiting_world()
    world.approve(rid)
    world.work()
    world.kill()
    assert not world.running, "the intention has to be written first"
    world.sync()
    assert list(world.running) == [rid]
    outcome = world.finish(rid)
    world.sync()
    world.kill()
    world.sync()
    assert not world.running
    client = world.client()
    world.collect(client, 2)
    world.sync()
    assert [row.outcome for row in client.collected] == [outcome]


def test_an_approval_that_was_not_durable_has_to_be_given_again() -> None:
    world, _, rid = waiting_world()
    world.approve(rid)
    world.kill()
    assert world.waiting == [rid]
    assert not world.running


def test_a_write_tool_that_ran_when_the_process_died_ended_as_nobody_knows() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "write", n=1)
    world.sync()
    assert list(world.running) == [rid]
    world.kill()
    world.sync()
    assert not world.running
    client = world.client()
    world.collect(client, 2)
    world.sync()
    (row,) = client.collected
    assert row.outcome is not None
    assert row.outcome.status is Status.UNKNOWN
    assert row.outcome.message.endswith("the gateway died while the tool ran")


def test_a_read_tool_that_ran_when_the_process_died_runs_again() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_read", n=1)
    world.sync()
    world.approve(rid)
    world.sync()
    assert list(world.running) == [rid]
    world.kill()
    assert list(world.running) == [rid]


def test_an_outcome_that_was_told_and_not_stored_is_unknown_after_a_restart() -> None:
    world, rid = failing_world()
    world.kill()
    world.sync()
    outcome = world.store.rows[rid].outcome
    assert outcome is not None
    assert outcome.status is Status.UNKNOWN


def test_after_a_restart_an_unknown_outcome_still_makes_the_same_request_ask() -> None:
    world = World()
    world.receive(world.client(), 1, "write", n=1)
    world.sync()
    for _ in range(2):  # once it is what the former process left, once it is remembered
        world.kill()
        world.sync()
    rid = world.receive(world.client(), 2, "write", n=1)
    world.sync()
    assert world.waiting == [rid]


def test_restored_approvals_are_announced_and_answerable_and_count_and_expire() -> None:
    world, _, rid = waiting_world(LedgerLimits(waiting_max=1))
    world.kill()
    assert world.approvals == {rid: world.store.rows[rid]}
    client = world.client()
    world.receive(client, 2, "ask_write", n=2)
    assert client.refusals[2].code is ErrorCode.LIMIT_EXCEEDED
    assert world.ledger.next_deadline() == world.store.rows[rid].expires_at
    ticket = world.approve(rid)
    world.sync()
    assert world.decided[ticket].won
    assert list(world.running) == [rid]


def test_a_restored_request_is_joined_by_the_same_act() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", "k", n=1)
    world.sync()
    world.kill()
    other = world.client(client_id="c2")
    world.receive(other, 1, "ask_write", "k", n=1)
    world.sync()
    world.approve(rid)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    assert other.outcomes == {1: outcome}


def test_what_is_stored_after_a_failure_is_what_was_told() -> None:
    world, rid = failing_world()
    told = world.connections[1].outcomes[1]
    retry(world)
    row = world.store.rows[rid]
    assert replace(row, outcome=told) == row
