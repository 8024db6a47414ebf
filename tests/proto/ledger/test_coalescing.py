"""Identical asks that wait join the first: one approval, the same outcome, a row for each."""

from __future__ import annotations

import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Answer, Waiting
from agentgate_proto.ledger.live import CANCELLED
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Phase, Relayed


def joined(
    limits: LedgerLimits | None = None, key: str = "", other_key: str = ""
) -> tuple[World, Connection, str, str]:
    """A client that has asked the same thing twice, of a person who has not answered."""
    world = World(limits)
    client = world.client(progress=True)
    first = world.receive(client, 1, "ask_write", key, n=1)
    world.sync()
    second = world.receive(client, 2, "ask_write", other_key, n=1)
    world.sync()
    return world, client, first, second


def finish(world: World, rid: str) -> None:
    world.approve(rid)
    world.sync()
    world.finish(rid)
    world.sync()


def test_an_identical_ask_joins_and_both_get_the_outcome_with_rows_of_their_own() -> None:
    world, client, first, second = joined()
    assert world.waiting == [first]
    assert world.ledger.repeats(first) == 1
    assert second not in world.store.rows, "until the outcome it is in memory only"
    finish(world, first)
    rows = world.store.rows
    assert rows[first].outcome == rows[second].outcome
    assert (rows[second].request_id, rows[second].approver) == (2, "ann")
    assert [answer.rid for answer in client.of(Answer)] == [first, second]
    world.ack(client)
    world.sync()
    assert rows[first].delivered
    assert rows[second].delivered
    assert world.ledger.repeats(first) == 0


def test_an_old_client_is_asked_about_by_itself_because_it_never_sends_again() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write", n=1)
    second = world.receive(world.connect("agent"), 1, "ask_write", n=1)
    world.sync()
    assert world.waiting == [first, second]


def test_both_callers_hear_that_a_person_is_asked() -> None:
    _, client, first, second = joined()
    notices = [(notice.record.rid, notice.record.request_id) for notice in client.of(Waiting)]
    assert notices == [(first, 1), (second, 2)]


def test_an_ask_that_is_not_durable_yet_is_joined_too() -> None:
    world = World()
    client = world.client(progress=True)
    first = world.receive(client, 1, "ask_write", n=1)
    second = world.receive(client, 2, "ask_write", n=1)
    assert not client.of(Waiting)
    world.sync()
    assert world.waiting == [first]
    assert [notice.record.rid for notice in client.of(Waiting)] == [first, second]


def test_an_ask_that_could_not_be_stored_is_refused_to_all() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.receive(client, 2, "ask_write", n=1)
    world.fail()
    assert {a: refusal.code for a, refusal in client.refusals.items()} == {
        1: ErrorCode.INTERNAL_ERROR,
        2: ErrorCode.INTERNAL_ERROR,
    }


def test_after_a_crash_who_joined_asks_again_and_joins_again() -> None:
    world, _, first, _ = joined()
    world.kill()
    client = world.client()
    again = world.receive(client, 2, "ask_write", n=1)
    world.sync()
    assert world.waiting == [first]
    assert world.ledger.repeats(first) == 1
    finish(world, first)
    assert world.store.rows[again].outcome == world.store.rows[first].outcome


def test_a_repeat_of_who_joined_is_answered_from_the_store() -> None:
    world, client, first, second = joined()
    finish(world, first)
    world.receive(client, 2, "ask_write", n=1)
    world.sync()
    assert client.of(Answer)[-1].rid == second
    assert not world.running


def test_different_content_or_agent_or_key_does_not_join() -> None:
    world, client, first, second = joined(key="k1", other_key="k2")
    third = world.receive(client, 3, "ask_write", n=2)
    fourth = world.receive(world.client("other"), 1, "ask_write", n=1)
    world.sync()
    assert world.waiting == [first, second, third, fourth]


@pytest.mark.parametrize(("key", "other_key"), [("k", ""), ("", "k")])
def test_who_gives_no_key_joins_whatever_the_key_and_the_key_stands_for_both(
    key: str, other_key: str
) -> None:
    world, client, first, _ = joined(key=key, other_key=other_key)
    third = world.receive(client, 3, "ask_write", "k", n=1)
    fourth = world.receive(client, 4, "ask_write", "other", n=1)
    world.sync()
    assert world.waiting == [first, fourth]
    assert world.ledger.repeats(first) == 2
    finish(world, first)
    assert world.store.rows[third].outcome == world.store.rows[first].outcome


def test_so_many_join_and_no_more() -> None:
    world, client, first, _ = joined(LedgerLimits(joined_max=1))
    world.receive(client, 3, "ask_write", n=1)
    assert client.refusals[3].code is ErrorCode.LIMIT_EXCEEDED
    assert world.waiting == [first]


def test_joining_takes_no_place_among_the_waiting() -> None:
    world, client, first, _ = joined(LedgerLimits(waiting_max=1))
    assert not client.refusals
    assert world.waiting == [first]


def test_if_the_first_is_withdrawn_the_others_go_on_with_an_approval_of_their_own() -> None:
    world, client, first, second = joined()
    third = world.receive(client, 3, "ask_write", "k", n=1)
    world.sync()
    world.cancel(client, 4, 1)
    world.sync()
    assert client.cancels == {4: "cancelled"}
    assert client.outcomes == {1: CANCELLED}
    assert world.waiting == [second]
    asked = world.approvals[second]
    assert asked.expires_at == world.store.rows[first].expires_at
    assert world.ledger.repeats(second) == 1
    late = world.receive(client, 5, "ask_write", "k", n=1)
    finish(world, second)
    rows = world.store.rows
    assert rows[second].outcome == rows[third].outcome == rows[late].outcome
    assert rows[second].outcome is not None
    assert rows[second].outcome.status is Status.EXECUTED


def test_the_withdrawal_is_said_once_even_if_it_is_asked_for_twice() -> None:
    world, client, first, second = joined()
    world.cancel(client, 4, 1)
    world.cancel(client, 5, 1)
    world.sync()
    assert client.cancels == {4: "cancelled", 5: "cancelled"}
    assert world.waiting == [second]
    assert world.phase(first) is Phase.DONE


def test_who_joined_may_leave_while_the_first_is_being_withdrawn() -> None:
    world, client, _, second = joined()
    world.cancel(client, 4, 1)
    world.cancel(client, 5, 2)
    world.sync()
    assert client.cancels == {4: "cancelled", 5: "cancelled"}
    assert world.store.rows[second].outcome == CANCELLED
    assert not world.waiting


def test_who_leaves_has_a_row_that_says_so() -> None:
    world, client, first, second = joined(other_key="k")
    world.cancel(client, 4, 2)
    world.sync()
    assert client.cancels == {4: "cancelled"}
    assert world.store.rows[second].outcome == CANCELLED
    assert world.waiting == [first]
    assert world.ledger.repeats(first) == 0
    finish(world, first)
    world.receive(client, 2, "ask_write", "k", n=1)
    world.sync()
    assert client.of(Answer)[-1].outcome == CANCELLED


def test_who_leaves_an_act_that_goes_on_does_not_take_its_key_along() -> None:
    world, client, first, _ = joined(key="k", other_key="k")
    world.cancel(client, 4, 2)
    world.sync()
    finish(world, first)
    world.receive(client, 5, "ask_write", "k", n=1)
    world.sync()
    assert client.outcomes[5] == world.store.rows[first].outcome


def test_a_receipt_that_comes_before_the_row_is_kept_for_it() -> None:
    world, client, first, second = joined()
    world.approve(first)
    world.sync()
    world.finish(first)
    world.fail()  # so it is told live
    assert [answer.rid for answer in client.of(Answer)] == [first, second]
    world.ack(client)
    world.wait(1)
    world.sync()
    assert world.store.rows[first].delivered
    assert world.store.rows[second].delivered


def test_what_a_dead_connection_left_without_a_receipt_is_collected() -> None:
    world, client, first, second = joined()
    finish(world, first)
    world.lose(client)
    back = world.client()
    world.collect(back, 9)
    world.sync()
    assert [row.rid for row in back.collected] == [first, second]


def test_an_act_looked_up_for_two_joins_with_both() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    second = world.receive(client, 2, "ask_write", "k", n=1)
    third = world.receive(client, 3, "ask_write", "k", n=1)
    world.sync()
    assert world.waiting == [first]
    assert world.ledger.repeats(first) == 2
    finish(world, first)
    assert {first, second, third} <= set(world.store.rows)


def test_an_old_client_that_was_lost_joins_with_its_place_kept() -> None:
    world = World()
    old = world.connect("agent")
    first = world.receive(world.client(), 1, "ask_write", "k", n=1)
    world.sync()
    second = world.receive(old, 1, "ask_write", "k", n=1)
    world.lose(old)
    world.sync()
    assert world.waiting == [first]
    back = world.connect("agent")
    world.collect(back, 2)
    world.sync()
    finish(world, first)
    assert [answer.rid for answer in back.of(Answer)] == [second]


def test_an_old_client_that_was_lost_goes_over_to_who_goes_on() -> None:
    world = World()
    client, old = world.client(), world.connect("agent")
    world.receive(client, 1, "ask_write", n=1)
    second = world.receive(client, 2, "ask_write", "k", n=1)
    third = world.receive(old, 1, "ask_write", "k", n=1)
    world.sync()
    world.lose(old)
    world.cancel(client, 4, 1)
    world.sync()
    assert world.waiting == [second]
    finish(world, second)
    assert world.store.rows[third].outcome == world.store.rows[second].outcome
    assert not world.store.rows[third].delivered


def test_who_comes_with_the_key_of_what_is_being_withdrawn_is_told_that() -> None:
    world, client, first, _ = joined(key="k")
    world.cancel(client, 4, 1)
    late = world.receive(client, 5, "ask_write", "k", n=1)
    world.sync()
    assert client.outcomes[5] == CANCELLED
    assert late not in world.store.rows, "it is found again by its key"
    assert world.phase(first) is Phase.DONE


def test_what_a_relay_asks_for_one_is_not_answered_with_what_it_asks_for_another() -> None:
    world = World()
    client = world.client("relay")
    ann, bob = (Relayed(principal=name, hops=("front",)) for name in ("ann", "bob"))
    first = world.receive(client, 1, "ask_write", relayed=ann, n=1)
    other = world.receive(client, 2, "ask_write", relayed=bob, n=1)
    own = world.receive(client, 3, "ask_write", n=1)
    again = world.receive(client, 4, "ask_write", relayed=ann, n=1)
    world.sync()
    assert world.waiting == [first, other, own]
    assert (world.ledger.repeats(first), world.ledger.repeats(other)) == (1, 0)
    finish(world, first)
    assert world.store.rows[again].outcome == world.store.rows[first].outcome
    assert world.waiting == [other, own]
