"""Delivery to clients that name themselves: one connection at a time, nothing before its time."""

import pytest
from msgspec import json
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import (
    Answer,
    AnswerCancel,
    AnswerPending,
    Attached,
    Question,
    Refusal,
    TakenOver,
    TurnedAway,
)
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.storage import HighestId, Undelivered


def done_world(requests: int, size: int = 0) -> tuple[World, list[str]]:
    """A world in which a client is gone and has not got so many outcomes, of so many bytes."""
    world = World()
    client = world.client()
    client.reachable = False
    rids = []
    for request_id in range(1, requests + 1):
        rid = world.receive(client, request_id, "read", n=request_id)
        world.finish(rid, executed(json.encode({"run": rid, "more": "x" * size})))
        rids.append(rid)
    world.sync()
    world.lose(client)
    return world, rids


def collect(world: World, client: Connection, call_id: int) -> AnswerPending:
    """Collect; return the reply."""
    world.collect(client, call_id)
    world.sync()
    reply = client.of(AnswerPending)[-1]
    assert isinstance(reply, AnswerPending)
    return reply


# Connections come and go


def test_nothing_overtakes_the_auth_result() -> None:
    world = World()
    client = world.connect("agent", "c1")
    world.receive(client, 1, "forbidden_write")
    world.cancel(client, 2, "never")
    assert client.sent == []
    world.sync()
    kinds = [type(frame) for frame in client.sent]
    assert kinds == [Attached, AnswerCancel, Answer]


def test_the_store_is_asked_about_a_client_once() -> None:
    world = World()
    first = world.connect("agent", "c1")
    assert [e.query for e in world.store.queue if isinstance(e, Question)] == [
        HighestId("agent", "c1")
    ]
    world.sync()
    assert first.of(Attached) == [Attached(first.number, 0)]
    world.receive(first, 7, "ask_write")
    second = world.connect("agent", "c1")
    assert second.of(Attached) == [Attached(second.number, 7)]


def test_an_id_that_came_before_the_auth_result_counts_in_it() -> None:
    world = World()
    client = world.connect("agent", "c1")
    world.receive(client, 9, "read")
    world.sync()
    assert client.of(Attached) == [Attached(client.number, 9)]


def test_an_old_client_is_attached_at_once() -> None:
    world = World()
    client = world.connect("agent")
    assert client.frames == [Attached(client.number, 0)]


def test_the_newer_connection_takes_over_and_gets_the_outcome() -> None:
    world = World()
    first = world.client()
    rid = world.receive(first, 1, "write")
    world.sync()
    second = world.client()
    assert first.of(TakenOver) == [TakenOver(first.number)]
    outcome = world.finish(rid)
    world.sync()
    assert not first.outcomes
    assert second.outcomes == {1: outcome}
    world.lose(first)  # its socket closes at last
    assert world.ledger._delivery.links.get(second.number) is not None


def test_a_connection_that_is_lost_twice_is_lost_once() -> None:
    world = World()
    client = world.client()
    world.lose(client)
    world.lose(client)
    assert world.client().of(Attached)


def test_who_is_gone_before_the_store_knows_it_is_told_nothing() -> None:
    world = World()
    client = world.connect("agent", "c1")
    world.lose(client)
    world.sync()
    assert client.sent == []


def test_an_outcome_that_was_told_and_not_stored_is_told_again_to_who_is_back() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    outcome = world.finish(rid)
    world.fail()
    assert client.outcomes == {1: outcome}
    world.lose(client)
    back = world.client()
    reply = collect(world, back, 2)
    assert (reply.records, reply.pending) == ([], [1])
    assert back.outcomes == {1: outcome}


# Receipts


def test_an_outcome_is_delivered_with_its_receipt() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read")
    world.finish(rid)
    world.sync()
    assert not world.store.rows[rid].delivered
    world.ack(client)
    world.sync()
    assert world.store.rows[rid].delivered
    assert collect(world, client, 2).records == []


def test_a_receipt_that_names_an_outcome_twice_counts_once() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read")
    world.finish(rid)
    world.sync()
    client.unreceipted.append(rid)
    world.ack(client)
    world.sync()
    assert world.store.rows[rid].delivered


def test_a_receipt_for_what_was_sent_to_somebody_else_counts_nothing() -> None:
    world = World()
    client, other = world.client(), world.client("bob")
    rid = world.receive(client, 1, "read")
    world.finish(rid)
    world.sync()
    world.ledger.received(other.number, (rid, "no such"))
    world.ledger.received(99, (rid,))
    assert world.ledger.next_effect() is None


def test_beyond_the_cap_the_oldest_receipt_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.delivery.UNACKED_MAX", 2)
    world = World()
    client = world.client()
    rids = [world.receive(client, request_id, "read", n=request_id) for request_id in (1, 2, 3)]
    for rid in rids:
        world.finish(rid)
    world.sync()
    world.ack(client)
    world.sync()
    assert [world.store.rows[rid].delivered for rid in rids] == [False, True, True]
    assert [row.rid for row in collect(world, client, 4).records] == rids[:1]


# A client collects


def test_what_was_missed_is_collected_oldest_first() -> None:
    world, rids = done_world(3)
    client = world.client()
    reply = collect(world, client, 4)
    assert [row.rid for row in reply.records] == rids
    assert (reply.call_id, reply.pending, reply.more) == (4, [], False)


def test_what_is_under_way_is_pending() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.receive(client, "b", "ask_write", n=2)
    world.receive(world.client(client_id="c2"), 3, "ask_write", n=3)
    world.sync()
    assert collect(world, client, 4).pending == [1, "b"]


def test_what_is_on_its_way_is_not_collected_again() -> None:
    world, rids = done_world(2)
    client = world.client()
    assert len(collect(world, client, 3).records) == 2
    assert collect(world, client, 4).records == []
    world.ack(client, 1)
    world.lose(client)
    back = world.client()
    assert [row.rid for row in collect(world, back, 3).records] == rids[1:]


def test_an_outcome_that_comes_while_its_client_collects_is_sent_after_the_reply_and_once() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    outcome = world.finish(rid)
    world.collect(client, 2)
    world.sync()
    kinds = [type(frame) for frame in client.sent]
    assert kinds == [Attached, AnswerPending, Answer]
    assert client.of(AnswerPending)[0].records == []
    assert client.outcomes == {1: outcome}


def test_two_collections_at_once_are_both_answered_and_share_the_rows() -> None:
    world, rids = done_world(1)
    client = world.client()
    world.collect(client, 2)
    world.collect(client, 3)
    world.receive(client, 4, "forbidden_write")
    world.sync()
    assert [type(a) for a in client.sent] == [Attached, AnswerPending, AnswerPending, Answer]
    assert [row.rid for row in client.collected] == rids


def test_a_refused_collection_lets_go_what_was_held_for_it() -> None:
    world = World()
    client = world.client()
    world.collect(client, 1)
    world.receive(client, 2, "forbidden_write")
    world.work(unreadable=True)
    world.report()
    assert [type(a) for a in client.sent] == [Attached, Refusal, Answer]


def test_a_page_holds_so_many_rows_and_says_that_there_are_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.collecting.PENDING_ROWS_MAX", 4)
    world, rids = done_world(5)
    client = world.client()
    first = collect(world, client, 300)
    assert ([row.rid for row in first.records], first.more) == (rids[:4], True)
    second = collect(world, client, 301)
    assert ([row.rid for row in second.records], second.more) == (rids[4:], False)


def test_a_page_holds_so_many_bytes_and_says_that_there_are_more() -> None:
    world, rids = done_world(3, size=300_000)
    client = world.client()
    first = collect(world, client, 4)
    assert ([row.rid for row in first.records], first.more) == (rids[:2], True)
    second = collect(world, client, 5)
    assert ([row.rid for row in second.records], second.more) == (rids[2:], False)


def test_a_row_that_is_larger_than_a_page_is_a_page() -> None:
    world, rids = done_world(2, size=900_000)
    client = world.client()
    first = collect(world, client, 3)
    assert ([row.rid for row in first.records], first.more) == (rids[:1], True)


def test_the_store_is_asked_for_one_row_more_than_a_page_and_not_for_what_is_on_its_way() -> None:
    world, rids = done_world(2)
    client = world.client()
    collect(world, client, 3)
    world.collect(client, 4)
    (question,) = world.store.queue
    assert isinstance(question, Question)
    besides = tuple(rids)
    assert question.query == Undelivered("agent", "c1", 256 + 1, False, besides, 4_194_304)


def test_who_is_gone_collects_nothing() -> None:
    world, rids = done_world(1)
    client = world.client()
    world.lose(client)
    world.collect(client, 2)
    assert not world.store.queue
    client = world.client()
    world.collect(client, 2)
    world.lose(client)
    world.sync()
    assert not client.collected
    assert not world.store.rows[rids[0]].delivered


def test_nobody_collects_what_belongs_to_another() -> None:
    world, _ = done_world(1)
    for other in (world.client("bob"), world.client(client_id="c2"), world.client(client_id="")):
        assert collect(world, other, 9).records == []


def test_a_request_with_the_id_of_one_that_was_refused_elsewhere_is_its_own() -> None:
    world = World()
    ann, bob = world.client("ann"), world.client("bob")
    world.receive(ann, 1, "forbidden_write")
    rid = world.receive(bob, 1, "read")
    world.finish(rid)
    assert ann.outcomes[1].code == ErrorCode.DENIED_BY_POLICY
    assert bob.outcomes[1].code == 0


def test_what_a_former_gateway_left_is_still_this_clients() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    world.kill()
    client = world.client()
    assert collect(world, client, 2).pending == [1]
    world.deny(rid)
    world.sync()
    assert client.outcomes[1].code == ErrorCode.DENIED_BY_PERSON


@pytest.mark.parametrize("gone", [False, True])
def test_a_client_that_cannot_be_looked_up_is_turned_away_if_it_is_there(gone: bool) -> None:
    world = World()
    client = world.connect("agent", "c1")
    if gone:
        world.lose(client)
    world.work(unreadable=True)
    world.report()
    assert len(client.of(TurnedAway)) == (0 if gone else 1)


def test_a_collection_that_fails_for_who_is_gone_changes_nothing() -> None:
    world = World()
    client = world.client()
    world.collect(client, 1)
    world.lose(client)
    world.work(unreadable=True)
    world.report()
    assert not client.refusals


@pytest.mark.parametrize(
    ("request_id", "status"),
    [
        (1, "stopping"),
        (2, "unknown_request"),
        ("a", "unknown_request"),
        (0, "too_late"),
        (2**53, "too_late"),
    ],
)
def test_a_request_is_found_by_its_id_and_a_past_one_is_known_by_its_number(
    request_id: int | str, status: str
) -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "read")
    world.cancel(client, 9, request_id)
    assert client.cancels == {9: status}
    old = world.connect("agent")
    world.cancel(old, 9, request_id)
    assert old.cancels == {9: "unknown_request"}, "it may be another process's"


def test_a_request_that_is_refused_while_its_client_collects_is_not_said_to_be_unknown() -> None:
    world = World()
    lost = world.client()
    world.receive(lost, 1, "write")
    world.lose(lost)
    back = world.connect("agent", "c1")
    world.collect(back, 2)
    world.fail()
    (reply,) = back.of(AnswerPending)
    assert reply.pending == [1]
    assert "nothing was run" in back.refusals[1].message
    assert back.frames.index(reply) < back.frames.index(back.refusals[1])


def test_an_outcome_that_nobody_was_there_to_take_is_kept_and_counts_no_more() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.finish(rid)
    world.sync()
    link = world.ledger._delivery.links.get(client.number)
    assert link is not None
    assert list(link.sent) == [rid]
    world.ledger.untold(client.number, rid)
    world.ledger.untold(client.number, rid)
    world.ledger.untold(99, rid)
    assert not link.sent
    client.in_flight.clear()
    client.unreceipted.clear()
    world.collect(client, 2)
    world.sync()
    assert [row.rid for row in client.collected] == [rid]


def test_an_outcome_that_was_not_taken_can_be_told_again_before_it_is_durable() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read", n=1)
    outcome = world.finish(rid)
    assert client.outcomes == {1: outcome}
    world.ledger.untold(client.number, rid)
    world.ledger.tell_again(client.number, 1)
    world.ledger.tell_again(99, 1)
    world.drain()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)] * 2
    world.sync()
    world.ledger.tell_again(client.number, 1)
    world.drain()
    assert len(client.of(Answer)) == 2, "it is over; the store has it"


def test_what_is_not_over_is_not_told_again() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.ledger.tell_again(client.number, 1)
    world.drain()
    assert not client.outcomes


def test_who_has_an_outcome_from_the_store_acknowledges_it_like_any_other() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.lose(client)
    world.finish(rid)
    world.sync()
    back = world.client()
    world.ledger.told(back.number, world.store.rows[rid])
    world.ledger.told(99, world.store.rows[rid])
    back.unreceipted.append(rid)
    world.ack(back)
    world.sync()
    assert world.store.rows[rid].delivered
