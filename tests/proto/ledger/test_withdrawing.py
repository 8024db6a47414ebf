"""Cancellation in every phase: whichever is durable first wins, and both sides are told so."""

import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.ledger.effects import Answer
from agentgate_proto.ledger.live import CANCELLED
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Status


def waiting_world(tool: str = "ask_write") -> tuple[World, Connection, str]:
    """A world in which a person is asked about request 1."""
    world = World()
    client = world.client()
    rid = world.receive(client, 1, tool, n=1)
    world.sync()
    return world, client, rid


@pytest.mark.parametrize("key", ["", "k"])
def test_a_request_that_is_being_looked_up_is_withdrawn_and_never_judged(key: str) -> None:
    world = World()
    client = world.client()
    request_id = 1 if key else "a"
    rid = world.receive(client, request_id, "write", key, n=1)
    world.cancel(client, 2, request_id)
    assert not client.frames[1:], "the store may know that it ran"
    world.sync()
    assert client.outcomes == {request_id: CANCELLED}
    assert client.cancels == {2: "cancelled"}
    assert not world.running
    assert rid not in world.checker.judgements


def test_a_withdrawn_request_that_turns_out_to_be_over_came_too_late() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.receive(client, 1, "write", n=1)
    world.cancel(client, 2, 1)
    world.sync()
    assert client.of(Answer)[-1] == Answer(client.number, 1, outcome, rid)
    assert client.cancels == {2: "too_late"}


def test_a_withdrawn_request_that_could_not_be_looked_up_is_refused_and_cancelled() -> None:
    world = World()
    client = world.client()
    world.receive(client, "a", "write", n=1)
    world.cancel(client, 2, "a")
    world.work(unreadable=True)
    world.report()
    assert "nothing was run" in client.refusals["a"].message
    assert client.cancels == {2: "cancelled"}


def test_a_withdrawn_request_does_not_join_the_same_act_of_another() -> None:
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "write", "k", n=1)
    world.receive(two, "a", "write", "k", n=1)
    world.cancel(two, 2, "a")
    world.sync()
    assert two.outcomes == {"a": CANCELLED}
    assert two.cancels == {2: "cancelled"}
    assert list(world.running) == [rid]


def test_a_question_that_is_being_written_is_withdrawn() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.cancel(client, 2, 1)
    assert not client.of(Answer), "not durable yet"
    world.sync()
    assert client.outcomes == {1: CANCELLED}
    assert client.cancels == {2: "cancelled"}
    assert world.approvals[rid].outcome == CANCELLED
    assert world.waiting == []


def test_a_question_that_was_withdrawn_and_never_stored_is_refused() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.cancel(client, 2, 1)
    world.fail()
    assert "nothing was run" in client.refusals[1].message
    assert client.cancels == {2: "cancelled"}
    assert not world.approvals


def test_a_withdrawal_that_is_stored_counts_though_the_question_was_not() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.work(1, "disk full")
    world.cancel(client, 2, 1)
    world.report()
    assert not client.refusals, "its end is on its way to the disk"
    world.sync()
    assert client.outcomes == {1: CANCELLED}


def test_a_waiting_request_is_withdrawn_when_that_is_durable() -> None:
    world, client, rid = waiting_world()
    world.cancel(client, 2, 1)
    assert not client.of(Answer)
    world.sync()
    assert client.outcomes == {1: CANCELLED}
    assert client.cancels == {2: "cancelled"}
    assert world.approvals[rid].outcome == CANCELLED


def test_cancelling_twice_is_answered_twice() -> None:
    world, client, _ = waiting_world()
    world.cancel(client, 2, 1)
    world.cancel(client, 3, 1)
    world.sync()
    assert client.cancels == {2: "cancelled", 3: "cancelled"}
    assert len(client.of(Answer)) == 1


def test_a_client_that_is_back_may_cancel_again_and_is_told_once() -> None:
    world, client, _ = waiting_world()
    world.cancel(client, 2, 1)
    world.lose(client)
    back = world.connect("agent", "c1")
    world.cancel(back, 3, 1)
    world.sync()
    assert back.cancels == {3: "cancelled"}


def test_nobody_is_told_of_a_withdrawal_whose_connection_is_gone() -> None:
    world, client, rid = waiting_world()
    world.cancel(client, 2, 1)
    world.lose(client)
    world.sync()
    assert client.cancels == {}
    assert world.store.rows[rid].outcome == CANCELLED


def test_an_approval_that_is_durable_first_beats_the_cancellation_but_nothing_runs() -> None:
    world, client, rid = waiting_world()
    ticket = world.approve(rid)
    world.cancel(client, 2, 1)
    world.sync()
    assert world.decided[ticket].won
    assert client.cancels == {2: "stopping"}
    assert client.outcomes == {1: CANCELLED}
    assert not world.running


def test_a_cancellation_that_came_first_beats_the_approval() -> None:
    world, client, rid = waiting_world()
    world.cancel(client, 2, 1)
    ticket = world.approve(rid)
    assert ticket not in world.decided
    world.sync()
    decided = world.decided[ticket]
    assert not decided.won
    assert decided.record is not None
    assert decided.record.outcome == CANCELLED
    assert client.cancels == {2: "cancelled"}


def test_a_denial_that_came_first_makes_the_cancellation_too_late() -> None:
    world, client, rid = waiting_world()
    ticket = world.deny(rid)
    world.cancel(client, 2, 1)
    world.sync()
    assert world.decided[ticket].won
    assert client.cancels == {2: "too_late"}
    assert client.outcomes[1].status is Status.DENIED


@pytest.mark.parametrize("approve", [True, False])
def test_a_decision_that_cannot_be_stored_gives_way_to_the_cancellation(approve: bool) -> None:
    world, client, rid = waiting_world()
    ticket = world.decide(rid, approve=approve)
    world.cancel(client, 2, 1)
    world.fail()
    assert "could not be stored" in world.decided[ticket].problem
    world.sync()
    assert client.cancels == {2: "cancelled"}
    assert client.outcomes == {1: CANCELLED}
    assert not world.running


def test_a_tool_whose_intention_is_being_written_is_not_started() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.cancel(client, 2, 1)
    assert client.cancels == {2: "stopping"}
    world.sync()
    assert client.outcomes == {1: CANCELLED}
    assert not world.running
    assert not world.stopped


def test_an_approved_tool_whose_intention_could_not_be_written_is_not_started_later() -> None:
    world, client, rid = waiting_world()
    world.approve(rid)
    world.work()
    world.report()
    world.cancel(client, 2, 1)
    world.fail()
    world.wait(1.0)
    world.sync()
    assert client.cancels == {2: "stopping"}
    assert client.outcomes == {1: CANCELLED}
    assert not world.checker.starts


@pytest.mark.parametrize("tool", ["read", "write"])
def test_a_tool_that_runs_is_asked_to_stop(tool: str) -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, tool, n=1)
    world.sync()
    world.cancel(client, 2, 1)
    assert client.cancels == {2: "stopping"}
    assert world.stopped == [rid]
    outcome = world.finish(rid)
    world.sync()
    assert client.outcomes == {1: outcome}, "it ran to its end all the same"


def test_it_is_too_late_while_the_outcome_is_being_written() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.finish(rid)
    world.cancel(client, 2, 1)
    assert client.cancels == {2: "too_late"}


def test_it_is_too_late_when_the_request_is_over() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "forbidden_write")
    world.sync()
    world.cancel(client, 2, 1)
    assert client.cancels == {2: "too_late"}


@pytest.mark.parametrize(("client_id", "request_id"), [("c1", 9), ("c1", "a"), ("", 9)])
def test_nobody_can_cancel_what_was_never_asked(client_id: str, request_id: int | str) -> None:
    world = World()
    client = world.client(client_id=client_id)
    world.cancel(client, 2, request_id)
    assert client.cancels == {2: "unknown_request"}


def test_nobody_can_cancel_the_request_of_another_client() -> None:
    world, _, rid = waiting_world()
    for other in (world.client(client_id="c2"), world.client("bob"), world.client(client_id="")):
        world.cancel(other, 2, 1)
        assert other.cancels == {2: "unknown_request"}
    assert world.waiting == [rid]


def test_a_connection_that_is_gone_cancels_nothing() -> None:
    world, client, rid = waiting_world()
    world.lose(client)
    world.cancel(client, 2, 1)
    world.sync()
    assert world.waiting == [rid]


# Requests that joined


def joined_world() -> tuple[World, Connection, Connection, str]:
    """A world in which a person is asked for two clients at once."""
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "ask_write", "k", n=1)
    world.receive(two, 7, "ask_write", "k", n=1)
    world.sync()
    return world, one, two, rid


def test_who_joined_leaves_alone() -> None:
    world, one, two, rid = joined_world()
    world.cancel(two, 8, 7)
    assert two.cancels == {8: "cancelled"}
    assert two.outcomes == {7: CANCELLED}
    world.approve(rid)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    assert one.outcomes == {1: outcome}
    assert two.outcomes == {7: CANCELLED}


def test_what_others_joined_is_not_withdrawn_by_the_first() -> None:
    world, one, two, rid = joined_world()
    world.cancel(one, 2, 1)
    assert one.cancels == {2: "too_late"}
    assert world.waiting == [rid]
    world.cancel(two, 8, 7)
    world.cancel(one, 3, 1)
    world.sync()
    assert one.cancels[3] == "cancelled", "it is alone again"


def test_who_joined_cannot_leave_any_more_when_the_tool_runs() -> None:
    world, one, two, rid = joined_world()
    world.approve(rid)
    world.sync()
    world.cancel(two, 8, 7)
    assert two.cancels == {8: "too_late"}
    outcome = world.finish(rid)
    world.sync()
    assert one.outcomes == {1: outcome}
    assert two.outcomes == {7: outcome}


def test_who_withdraws_ask_after_ask_is_let_to_ask_no_more_for_a_while() -> None:
    world = World(LedgerLimits(withdrawals_per_hour=2))
    client, other = world.client(), world.client("other")
    for number in (1, 2):
        world.receive(client, number, "ask_write", n=number)
        world.sync()
        world.cancel(client, 10 + number, number)
        world.sync()
    world.receive(client, 3, "ask_write", n=3)
    assert "of your asks an hour were withdrawn" in client.refusals[3].message
    assert client.refusals[3].retry_after_s == pytest.approx(1_800.0, abs=1.0)
    rid = world.receive(client, 4, "write", n=4)
    asked = world.receive(other, 1, "ask_write", n=1)
    world.sync()
    assert list(world.running) == [rid], "what needs nobody goes on"
    assert world.ledger.approval(asked) is not None, "and so do others"
    world.wait(1_801.0)
    again = world.receive(client, 5, "ask_write", n=3)
    world.sync()
    assert world.ledger.approval(again) is not None
