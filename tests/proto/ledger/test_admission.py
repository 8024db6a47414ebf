"""Admission: what is new, what is the same again, and what is refused."""

import msgspec
import pytest
from tests.proto.ledger_records import record
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.admission import OTHER_CONTENT, Asked
from agentgate_proto.ledger.effects import Answer, Purpose, Question, Token, Waiting
from agentgate_proto.ledger.live import CANCELLED
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Outcome, executed
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.records.storage import FindRequest, Put


def asked_the_store(world: World) -> list[object]:
    return [entry.query for entry in world.store.queue if isinstance(entry, Question)]


# The same id again


def test_a_duplicate_of_a_waiting_request_joins_it() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.receive(client, 1, "ask_write", n=1)
    world.sync()
    assert world.waiting == [rid]
    world.approve(rid)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]


def test_a_duplicate_of_a_running_request_does_not_run_it_again() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, n=1)
    world.sync()
    world.receive(client, 1, n=1)
    world.sync()
    assert list(world.running) == [rid]


def test_a_duplicate_of_what_was_told_but_not_stored_is_told_again() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read", n=1)
    outcome = world.finish(rid)
    world.receive(client, 1, "read", n=1)
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)] * 2
    assert not world.running


@pytest.mark.parametrize("tool", ["ask_write", "write", "read"])
def test_the_id_of_a_request_under_way_is_refused_for_another(tool: str) -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, tool, n=1)
    world.sync()
    world.receive(client, 1, tool, n=2)
    refusal = client.refusals[1]
    assert refusal.code is ErrorCode.INVALID_REQUEST
    assert refusal.message == f"id 1 {OTHER_CONTENT}"
    assert rid in [*world.waiting, *world.running], "the first goes on"


def test_an_id_that_only_the_store_knows_is_answered_from_there() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, n=1)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.kill()
    client = world.client()
    world.receive(client, 1, n=1)
    world.sync()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]
    assert not world.running
    world.ack(client)
    world.sync()
    assert world.store.rows[rid].delivered


def test_an_id_that_only_the_store_knows_is_refused_for_another_request() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, n=1)
    world.sync()
    world.finish(rid)
    world.sync()
    world.receive(client, 1, n=2)
    world.sync()
    assert client.refusals[1].code is ErrorCode.INVALID_REQUEST
    assert client.refusals[1].message == f"id 1 {OTHER_CONTENT}"
    assert not world.running


def test_an_id_that_another_gateway_on_the_same_store_is_busy_with_has_to_wait() -> None:
    world = World()
    busy = record("elsewhere", phase=Phase.RUNNING, principal="agent", client_id="c1")
    world.store.commit([Put(busy)])
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.sync()
    refusal = client.refusals[1]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.INTERNAL_ERROR, 1.0)
    assert "being finished" in refusal.message
    assert not world.running


def test_the_store_is_not_asked_about_ids_that_count_upwards() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "read")
    world.receive(client, 5, "read")
    assert asked_the_store(world) == []
    world.receive(client, 4, "read")
    world.receive(client, "a", "read")
    assert asked_the_store(world) == [
        FindRequest("agent", "c1", 4),
        FindRequest("agent", "c1", "a"),
    ]
    world.sync()
    assert len(world.running) == 4


def test_a_request_on_a_connection_that_is_gone_is_not_taken() -> None:
    world = World()
    client = world.client()
    world.lose(client)
    world.receive(client, 1, "read")
    world.sync()
    assert not world.running


@pytest.mark.parametrize("key", ["", "k"])
def test_nothing_is_taken_while_nobody_can_say_whether_it_is_a_repeat(key: str) -> None:
    world = World()
    client = world.client()
    world.receive(client, 1 if key else "a", "write", key, n=1)
    world.work(unreadable=True)
    world.report()
    (refusal,) = client.refusals.values()
    assert refusal.code is ErrorCode.INTERNAL_ERROR
    assert refusal.message.startswith("the gateway cannot read its store: ")
    assert "; nothing was run now" in refusal.message
    assert not world.running


def test_an_answer_that_comes_for_nobody_changes_nothing() -> None:
    world = World()
    for purpose in (Purpose.REQUEST, Purpose.IDEMPOTENCY):
        world.ledger.answered(Token(purpose, rid="gone"), None, world.now)
        world.ledger.answer_failed(Token(purpose, rid="gone"), "disk gone")
    assert world.ledger.next_effect() is None


# Limits and a store that fails


def test_more_than_the_rate_is_refused_until_the_pause_is_over() -> None:
    world = World(LedgerLimits(requests_per_minute=2))
    client = world.client()
    for request_id in (1, 2, 3):
        world.receive(client, request_id, "read")
    refusal = client.refusals[3]
    assert refusal.code is ErrorCode.LIMIT_EXCEEDED
    assert refusal.message == "more than 2 requests a minute"
    pause = refusal.retry_after_s or 0.0
    assert pause == pytest.approx(30.0, abs=0.01)
    world.receive(world.client("bob"), 1, "read")
    assert len(world.running) == 3, "each principal has its own"
    world.now += pause
    world.receive(client, 3, "read")
    world.sync()
    assert len(world.running) == 4


def test_what_a_listing_has_read_counts_against_the_rate_of_its_principal_in_bytes() -> None:
    world = World(LedgerLimits(request_bytes_per_minute=6_000))
    world.ledger.owe("agent", 6_100, world.now)
    objection = world.ledger.objection_to_listing("agent", world.now)
    assert objection is not None
    text, pause = objection
    assert text == "requests of more than 6,000 bytes a minute"
    assert pause == pytest.approx(1.0)
    assert world.ledger.objection_to_listing("another", world.now) is None


def test_listings_count_against_the_rate_of_their_principal() -> None:
    world = World(LedgerLimits(requests_per_minute=2))
    client = world.client()
    assert world.ledger.objection_to_listing("agent", world.now) is None
    world.receive(client, 1, "read")
    objection = world.ledger.objection_to_listing("agent", world.now)
    assert objection is not None
    assert objection[0] == "more than 2 requests a minute"
    assert 0 < objection[1] <= 30
    assert world.ledger.objection_to_listing("another", world.now) is None


def test_the_bytes_of_requests_count_against_a_rate_of_their_own() -> None:
    world = World(LedgerLimits(request_bytes_per_minute=3_000))
    client = world.client()
    admits = world.ledger.admits
    assert admits(client.number, 1, 2_000, world.now)
    assert not admits(client.number, 2, 2_000, world.now)
    world.drain()
    refusal = client.refusals[2]
    assert refusal.code is ErrorCode.LIMIT_EXCEEDED
    assert refusal.message.startswith("requests of more than 3,000 bytes a minute")
    assert refusal.retry_after_s == pytest.approx(20.0, abs=0.1)
    assert admits(client.number, 3, 1_000, world.now), "what was refused has cost nothing"


def test_a_repeat_of_what_is_under_way_does_not_count_against_any_rate() -> None:
    world = World(LedgerLimits(requests_per_minute=1))
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    for _ in range(3):
        world.receive(client, 1, "ask_write", n=1)
    assert not client.refusals
    world.approve(rid)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]


def test_nothing_is_admitted_from_a_link_that_is_gone() -> None:
    world = World()
    client = world.client()
    world.lose(client)
    assert not world.ledger.admits(client.number, 1, 10, world.now)
    assert world.ledger.next_effect() is None


def test_nothing_is_received_from_a_link_that_went_after_it_was_admitted() -> None:
    world = World()
    client = world.client()
    assert world.ledger.admits(client.number, 1, 10, world.now)
    world.lose(client)
    asked = Asked(
        link=client.number,
        rid="r1",
        request_id=1,
        tool="write",
        args={},
        effects=Effects.WRITE,
        signature="write()",
    )
    world.ledger.receive(asked, world.now)
    assert world.ledger.next_effect() is None
    assert world.ledger.record("r1") is None


def test_who_holds_too_much_in_memory_is_told_so_until_it_is_let_go_of() -> None:
    world = World(LedgerLimits(held_bytes_of_principal_max=2_500))
    client, other = world.client(), world.client("bob")
    first = world.receive(client, 1, "write", n=1)
    world.receive(client, 2, "write", n=2)
    world.receive(client, 3, "write", n=3)
    refusal = client.refusals[3]
    assert refusal.code is ErrorCode.LIMIT_EXCEEDED
    assert "wait in memory for you, and 2,500 may" in refusal.message
    world.receive(other, 1, "write", n=1)
    assert not other.refusals
    world.sync()
    world.finish(first)
    world.sync()
    world.receive(client, 4, "write", n=4)
    assert 4 not in client.refusals


def test_what_has_joined_counts_until_what_it_joined_is_over() -> None:
    world = World()
    client, again = world.client(), world.client(client_id="c2")
    held = world.ledger._lifecycle.held
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    one = held.total
    second = world.receive(again, 1, "ask_write", n=1)
    world.sync()
    assert held.total == 2 * one
    world.cancel(client, 2, 1)
    world.sync()
    assert held.total == one, "the other one goes on by itself"
    assert world.waiting == [second] != [rid]
    world.deny(second)
    world.sync()
    assert held.total == 0


def test_two_at_once_cannot_both_have_the_last_place_among_the_waiting() -> None:
    world = World(LedgerLimits(waiting_max=1))
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.receive(client, 2, "ask_write", n=2)
    refusal = client.refusals[2]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.LIMIT_EXCEEDED, 10.0)
    assert "1 approvals wait for a person already" in refusal.message
    world.sync()
    world.deny(rid)
    world.sync()
    third = world.receive(client, 3, "ask_write", n=3)
    world.sync()
    assert world.waiting == [third]


@pytest.mark.parametrize("limits", [LedgerLimits(active_max=1), LedgerLimits(writes_max=1)])
def test_a_gateway_with_too_much_to_do_takes_nothing(limits: LedgerLimits) -> None:
    world = World(limits)
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.receive(client, 2, "write", n=2)
    refusal = client.refusals[2]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.LIMIT_EXCEEDED, 1.0)
    assert refusal.message == "the gateway has too much to do"
    world.sync()
    world.finish(rid)
    world.sync()
    third = world.receive(client, 3, "write", n=3)
    world.sync()
    assert list(world.running) == [third]


def test_a_client_that_acknowledges_nothing_gets_no_further_requests_in() -> None:
    world = World(LedgerLimits(undelivered_max=1))
    client = world.client()
    world.finish(world.receive(client, 1, "read"))
    world.receive(client, 2, "read")
    refusal = client.refusals[2]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.LIMIT_EXCEEDED, None)
    assert refusal.message == "1 outcomes were sent and not acknowledged"
    world.ack(client)
    world.receive(client, 3, "read")
    assert len(world.running) == 1


def test_while_the_store_fails_one_request_a_second_finds_out() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write")
    world.fail()
    assert "nothing was run" in client.refusals[1].message
    world.receive(client, 2, "read")
    refusal = client.refusals[2]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.INTERNAL_ERROR, 1.0)
    assert refusal.message == "cannot store requests: disk full; nothing was run"
    world.wait(1.0)
    probe = world.receive(client, 3, "write")
    world.receive(client, 4, "write")
    assert 4 in client.refusals
    world.sync()
    assert list(world.running) == [probe]
    world.receive(client, 5, "write")
    world.sync()
    assert len(world.running) == 2


def test_a_clock_that_is_set_back_does_not_put_off_the_next_try() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write")
    world.fail()
    world.wait(-100.0)
    world.receive(client, 2, "write")
    assert 2 not in client.refusals
    world.sync()
    assert len(world.running) == 1


def test_what_was_withdrawn_while_it_was_looked_up_is_not_judged() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, "a", "write", n=1)
    world.cancel(client, 2, "a")
    world.sync()
    assert rid not in world.checker.judgements
    assert client.outcomes == {"a": CANCELLED}
    assert world.store.rows[rid].outcome == CANCELLED


def test_what_was_withdrawn_while_it_was_looked_up_does_not_join() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", "key", n=1)
    world.sync()
    second = world.receive(client, "a", "ask_write", "key", n=1)
    world.cancel(client, 2, "a")
    world.sync()
    assert client.outcomes == {"a": CANCELLED}
    assert second not in world.store.rows
    assert world.waiting == [first]


def test_a_link_hears_of_a_request_that_another_client_has_made() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    other = world.client(client_id="c2", progress=True)
    digest = world.store.rows[first].digest
    assert world.ledger.newest("agent", digest) == first
    assert world.ledger.waits_as(first, "c2") == []
    assert hears(world, other, first, 7)
    assert world.ledger.waits_as(first, "c2") == [7]
    waits_for = world.ledger.waits_for(other.number, 7)
    assert waits_for is not None
    assert waits_for.rid == first
    assert [notice.record.request_id for notice in other.of(Waiting)] == [7]
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    assert other.outcomes == {7: outcome}
    assert world.ledger.waits_for(other.number, 7) is None
    assert world.ledger.waits_for(99, 7) is None
    assert world.ledger.waits_as(first, "c2") == []
    assert world.ledger.newest("agent", digest) == ""
    world.receive(other, 8, n=2)
    assert not asked_the_store(world), "8 is above 7, so it is certainly new"


def test_who_only_hears_is_no_reason_to_ask_a_person() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    other = world.client(client_id="c2")
    assert hears(world, other, first, 7)
    assert world.ledger.repeats(first) == 0
    world.cancel(client, 2, 1)
    world.sync()
    assert client.cancels == {2: "cancelled"}
    assert client.outcomes == {1: CANCELLED}
    assert other.outcomes == {7: CANCELLED}
    assert world.waiting == []
    assert not world.ledger.active
    assert list(world.store.rows) == [first], "a look is no request, and has no row"


def test_who_only_hears_is_no_reason_to_let_a_tool_run_on() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, n=1)
    world.sync()
    other = world.client(client_id="c2")
    assert hears(world, other, first, 7)
    world.cancel(client, 2, 1)
    assert client.cancels == {2: "stopping"}
    assert world.stopped == [first]
    outcome = world.finish(first)
    world.sync()
    assert other.outcomes == {7: outcome}


def test_who_has_joined_goes_on_and_who_only_hears_does_not() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    other, looker = world.client(client_id="c2"), world.client(client_id="c3")
    assert hears(world, looker, first, 7)
    second = world.receive(other, 1, "ask_write", n=1)
    world.sync()
    world.cancel(client, 2, 1)
    world.sync()
    assert looker.outcomes == {7: CANCELLED}
    assert world.waiting == [second]


def test_who_only_hears_has_nothing_to_withdraw_and_may_look_away() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    other = world.client(client_id="c2")
    assert hears(world, other, first, 7)
    world.cancel(other, 8, 7)
    assert other.cancels == {8: "too_late"}
    assert world.waiting == [first]
    world.hear_no_more(other, 7)
    assert world.ledger.waits_as(first, "c2") == []
    world.hear_no_more(other, 7)
    world.ledger.hear_no_more(99, 7)
    world.deny(first)
    world.sync()
    assert other.outcomes == {}


def test_who_has_asked_does_not_only_hear() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.hear_no_more(client, 1)
    assert world.ledger.waits_as(first, "c1") == [1]


def test_what_has_its_outcome_is_told_to_who_comes_to_hear() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "read", n=1)
    world.sync()
    outcome = world.finish(first)
    other = world.client(client_id="c2") if not world.store.queue else world.connect("agent", "c2")
    assert hears(world, other, first, 7)
    world.sync()
    assert other.outcomes == {7: outcome}


def test_no_more_may_hear_than_may_join() -> None:
    world = World(LedgerLimits(joined_max=1))
    first = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    others = [world.client(client_id=name) for name in ("c2", "c3")]
    assert all(hears(world, other, first, 7) for other in others)
    assert others[0].refusals == {}
    assert others[1].refusals[7].code is ErrorCode.LIMIT_EXCEEDED


def test_what_is_over_or_another_s_is_not_heard_of() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    stranger = world.client("bob")
    assert not hears(world, stranger, first, 7)
    other = world.client(client_id="c2")
    assert not hears(world, other, "no such request", 7)
    world.lose(other)
    assert not hears(world, other, first, 7)


def hears(world: World, client: Connection, rid: str, request_id: int) -> bool:
    """Let a client hear of a request under an id of its own."""
    return world.hear(client, rid, request_id)


def test_while_the_door_is_closed_nothing_new_is_taken_and_what_runs_is_answered() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.ledger.close_door("the disk is nearly full")
    world.receive(client, 2, "write", n=2)
    world.receive(client, 1, "write", n=1)
    assert list(client.refusals) == [2]
    refusal = client.refusals[2]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.LIMIT_EXCEEDED, 10.0)
    assert refusal.message.startswith("the disk is nearly full")
    outcome = world.finish(rid)
    world.sync()
    assert client.outcomes == {1: outcome}
    world.ledger.close_door("")
    world.receive(client, 3, "write", n=3)
    assert world.ledger.active == 1


def large(rid: str) -> Outcome:
    """Of a tool that brings much."""
    return executed(msgspec.json.encode({"run": rid, "text": "x" * 100_000}))


def test_a_request_counts_with_what_its_tool_brought_before_until_its_outcome_is_there() -> None:
    world = World(LedgerLimits(held_bytes_of_principal_max=350_000))
    client, other = world.client(), world.client("other")
    held = world.ledger._lifecycle.held

    rid = world.receive(client, 1, "read", n=1)
    world.finish(rid, large(rid))
    world.sync()
    assert held.total == 0
    rids = [world.receive(client, number, "read", n=number) for number in range(2, 8)]
    assert list(client.refusals) == [6, 7], "three, and one that may begin while there is room"
    assert "wait in memory for you" in client.refusals[6].message
    world.receive(other, 1, "read", n=1)
    assert not other.refusals
    assert held.of("other") < 10_000, "it brought nothing to that one yet"

    for rid in rids[:4]:
        world.finish(rid)  # this time it is small
    world.sync()
    assert held.of("agent") == 0


def test_what_was_foreseen_goes_with_a_request_that_ends_otherwise() -> None:
    world = World()
    client = world.client()
    held = world.ledger._lifecycle.held
    rid = world.receive(client, 1, "ask_read", n=1)
    world.sync()
    world.decide(rid, approve=True)
    world.sync()
    world.finish(rid, large(rid))
    world.sync()

    world.receive(client, 2, "ask_read", n=2)
    world.sync()
    assert held.total > 100_000
    one = held.total
    world.receive(client, 3, "ask_read", n=2)
    world.sync()
    assert held.total < one + 10_000, "it waits for the same outcome"
    world.cancel(client, 12, 2)
    world.sync()
    world.cancel(client, 13, 3)
    world.sync()
    assert held.total == 0


def test_what_requests_have_brought_counts_against_a_rate_of_its_own() -> None:
    world = World(LedgerLimits(result_bytes_per_minute=150_000))
    client = world.client()
    for number in (1, 2):
        rid = world.receive(client, number, "read", n=number)
        world.finish(rid, large(rid))
        world.sync()
    assert world.ledger.results_pause("agent", world.now) == pytest.approx(20.0, rel=0.01)
    assert world.ledger.results_pause("other", world.now) == 0.0
    world.receive(client, 3, "read", n=3)
    refusal = client.refusals[3]
    assert refusal.code is ErrorCode.LIMIT_EXCEEDED
    assert refusal.message == "results of more than 150,000 bytes a minute"
    world.now += refusal.retry_after_s or 0.0
    world.receive(client, 3, "read", n=3)
    assert len(world.running) == 1


def test_what_many_are_told_counts_for_each_row_that_has_it() -> None:
    world = World(LedgerLimits(result_bytes_per_minute=350_000))
    first = world.client()
    rid = world.receive(first, 1, "write", join_s=60.0, n=1)
    world.sync()
    for number in (2, 3):  # wait for it
        world.receive(first, number, "write", join_s=60.0, n=1)
    world.sync()
    world.finish(rid, large(rid))
    world.sync()
    assert sorted(first.outcomes) == [1, 2, 3]
    assert world.ledger.results_pause("agent", world.now) == 0.0
    world.receive(first, 4, "write", join_s=60.0, n=1)  # comes when it is over
    world.sync()
    assert 4 in first.outcomes
    assert world.ledger.results_pause("agent", world.now) > 0.0


def test_few_may_wait_for_one_that_is_likely_to_bring_much() -> None:
    world = World()
    client = world.client()
    world.ledger.held.learn("agent", "write", 900_000)
    world.receive(client, 1, "write", join_s=60.0, n=1)
    world.sync()
    for number in (2, 3, 4):
        world.receive(client, number, "write", join_s=60.0, n=1)
    world.sync()
    assert list(client.refusals) == [4]
    assert client.refusals[4].message == "2 requests wait for this one already"
