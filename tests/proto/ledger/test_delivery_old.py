"""Delivery to old clients: many connections, ids that begin at 1 again, late answers to an heir.

They name no ``client_id`` and take the frame after auth as the reply to ``get_pending_results``.
"""

import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.ledger.effects import Answer, AnswerPending, Attached
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Record


def collect(world: World, client: Connection, call_id: int | str) -> AnswerPending:
    """Collect; return the reply."""
    world.collect(client, call_id)
    world.sync()
    reply = client.of(AnswerPending)[-1]
    assert isinstance(reply, AnswerPending)
    return reply


def finished(world: World, rid: str) -> Outcome:
    """Let a tool that runs end, durably."""
    outcome = world.finish(rid)
    world.sync()
    return outcome


def rids(rows: list[Record]) -> list[str]:
    return [row.rid for row in rows]


# Two connections of one principal


def test_two_connections_of_one_principal_get_their_own_answers_under_the_same_id() -> None:
    world = World()
    one, two = world.connect("agent"), world.connect("agent")
    first = world.receive(one, 1, "write", n=1)
    second = world.receive(two, 1, "write", n=1)
    world.sync()
    assert list(world.running) == [first, second]
    mine, yours = finished(world, first), finished(world, second)
    assert one.of(Answer) == [Answer(one.number, 1, mine, first)]
    assert two.of(Answer) == [Answer(two.number, 1, yours, second)]


def test_an_id_that_was_answered_may_name_a_new_request() -> None:
    world = World()
    client = world.connect("agent")
    first = world.receive(client, 1, "read", n=1)
    world.finish(first)
    second = world.receive(client, 1, "ask_write", n=2)
    world.sync()  # the first is durable only now, and must not take the second's id away
    assert world.waiting == [second]
    world.receive(client, 1, "ask_write", n=2)
    world.sync()
    assert world.waiting == [second], "the id stands for the second"


# The connection is lost, the process goes on


def test_the_late_answer_comes_under_the_original_id_after_the_reply() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.lose(lost)
    back = world.connect("agent")
    assert collect(world, back, 2).pending == [1]
    outcome = finished(world, rid)
    assert [type(frame) for frame in back.sent] == [Attached, AnswerPending, Answer]
    assert back.of(Answer) == [Answer(back.number, 1, outcome, rid)]


def test_nothing_comes_before_the_reply() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.lose(lost)
    back = world.connect("agent")
    world.collect(back, 3)
    world.receive(back, 4, "forbidden_write")
    world.finish(rid)
    assert [type(frame) for frame in back.sent] == [Attached]
    world.sync()
    assert [type(frame) for frame in back.sent] == [Attached, AnswerPending, Answer, Answer]
    assert rids(back.collected) == [rid]
    assert sorted(back.outcomes) == [1, 4]


def test_an_outcome_that_came_meanwhile_is_in_the_reply_and_answers_the_call_after_it() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.lose(lost)
    outcome = finished(world, rid)
    back = world.connect("agent")
    reply = collect(world, back, 2)
    assert (rids(reply.records), reply.pending) == ([rid], [])
    assert back.sent[1:] == [reply, Answer(back.number, 1, outcome, rid)]


def test_an_outcome_that_is_told_and_not_stored_follows_the_reply() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "write")
    world.sync()
    outcome = world.finish(rid)
    world.fail()
    world.lose(lost)
    back = world.connect("agent")
    assert collect(world, back, 2).records == []
    assert back.outcomes == {1: outcome}


def test_who_collects_before_the_dead_connection_is_noticed_inherits_when_it_is() -> None:
    world = World()
    dead = world.connect("agent")
    rid = world.receive(dead, 1, "write")
    world.sync()
    dead.reachable = False
    back = world.connect("agent")
    assert collect(world, back, 2).pending == []
    world.lose(dead)
    outcome = finished(world, rid)
    assert back.of(Answer) == [Answer(back.number, 1, outcome, rid)]


def test_what_a_dead_connection_has_no_receipt_for_is_sent_again_to_its_heir() -> None:
    world = World()
    dead = world.connect("agent")
    dead.reachable = False
    rid = world.receive(dead, 1, "write")
    world.sync()
    outcome = finished(world, rid)
    back = world.connect("agent")
    assert collect(world, back, 2).records == [], "it is on its way elsewhere"
    world.lose(dead)
    world.sync()
    assert back.of(Answer) == [Answer(back.number, 1, outcome, rid)]
    world.ack(back)
    world.sync()
    assert world.store.rows[rid].delivered


def test_what_a_dead_connection_was_told_before_it_was_durable_is_told_to_its_heir() -> None:
    world = World()
    dead = world.connect("agent")
    rid = world.receive(dead, 1, "write")
    world.sync()
    dead.reachable = False
    outcome = world.finish(rid)
    world.fail()
    back = world.connect("agent")
    collect(world, back, 2)
    world.lose(dead)
    assert back.of(Answer) == [Answer(back.number, 1, outcome, rid)]


def test_what_the_heir_collects_at_the_same_moment_is_sent_once() -> None:
    world = World()
    dead = world.connect("agent")
    dead.reachable = False
    rid = world.receive(dead, 1, "write")
    world.sync()
    finished(world, rid)
    back = world.connect("agent")
    collect(world, back, 2)
    world.collect(back, 3)
    world.lose(dead)
    world.sync()
    assert not back.collected
    assert [answer.rid for answer in back.of(Answer)] == [rid]


@pytest.mark.parametrize("call_id", [1, "a"])
def test_nothing_is_sent_late_to_who_does_not_continue_the_process(call_id: int | str) -> None:
    world = World()
    dead = world.connect("agent")
    rid = world.receive(dead, 1, "write")
    other = world.receive(dead, 2, "write")
    world.sync()
    finished(world, rid)
    fresh = world.connect("agent")
    collect(world, fresh, call_id)
    world.lose(dead)
    world.sync()
    finished(world, other)
    assert not fresh.of(Answer)
    assert not world.store.rows[rid].delivered


def test_the_answer_to_the_collection_itself_is_no_answer_to_another_principal() -> None:
    world = World()
    lost = world.connect("ann")
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.lose(lost)
    other = world.connect("bob")
    assert collect(world, other, 9).pending == []
    finished(world, rid)
    assert not other.of(Answer)


def test_who_joined_keeps_waiting_where_it_is_when_the_first_is_lost() -> None:
    world = World()
    lost, named = world.connect("agent"), world.client()
    rid = world.receive(lost, 1, "write", "k")
    joined = world.receive(named, 1, "write", "k")
    world.sync()
    world.lose(lost)
    outcome = finished(world, rid)
    assert named.of(Answer) == [Answer(named.number, 1, outcome, joined)]
    back = world.connect("agent")
    assert rids(collect(world, back, 2).records) == [rid]


# A new process begins with id 1 again


def test_a_reused_id_on_a_new_connection_is_a_new_request() -> None:
    world = World()
    lost = world.connect("agent")
    former = world.receive(lost, 1, "ask_write", n=1)
    world.sync()
    world.lose(lost)
    fresh = world.connect("agent")
    rid = world.receive(fresh, 1, "write", n=2)
    world.sync()
    assert list(world.running) == [rid]
    outcome = finished(world, rid)
    assert fresh.of(Answer) == [Answer(fresh.number, 1, outcome, rid)]
    world.approve(former)
    world.sync()
    finished(world, former)
    assert len(fresh.of(Answer)) == 1, "the other is the former process's"


def test_a_row_under_an_id_in_use_on_this_connection_is_withheld() -> None:
    world = World()
    lost = world.connect("agent")
    former = world.receive(lost, 1, "write", n=1)
    world.sync()
    world.lose(lost)
    finished(world, former)
    fresh = world.connect("agent")
    rid = world.receive(fresh, 1, "write", n=2)
    world.sync()
    reply = collect(world, fresh, 2)
    assert (reply.records, reply.pending) == ([], [1])
    finished(world, rid)
    assert rids(collect(world, fresh, 3).records) == [former]


def test_of_two_rows_with_one_id_the_newer_comes_first() -> None:
    world = World()
    made = []
    for n in (1, 2):
        lost = world.connect("agent")
        rid = world.receive(lost, 1, "write", n=n)
        made.append(rid)
        world.sync()
        world.lose(lost)
        finished(world, rid)
    reply = collect(world, world.connect("agent"), 2)
    assert rids(reply.records) == made[::-1]


def test_of_two_requests_with_one_id_the_newer_is_inherited() -> None:
    world = World()
    made = []
    for n in (1, 2):
        lost = world.connect("agent")
        made.append(world.receive(lost, 1, "write", n=n))
        world.sync()
        world.lose(lost)
    back = world.connect("agent")
    collect(world, back, 2)
    for rid in made:
        finished(world, rid)
    assert [answer.rid for answer in back.of(Answer)] == made[1:]


def test_an_older_request_with_the_id_of_a_newer_outcome_is_not_inherited() -> None:
    world = World()
    first = world.connect("agent")
    older = world.receive(first, 1, "write", n=1)
    world.sync()
    world.lose(first)
    second = world.connect("agent")
    newer = world.receive(second, 1, "write", n=2)
    world.sync()
    world.lose(second)
    finished(world, newer)
    back = world.connect("agent")
    reply = collect(world, back, 2)
    assert (rids(reply.records), reply.pending) == ([newer], [1])
    finished(world, older)
    assert [answer.rid for answer in back.of(Answer)] == [newer]


# Restart


def test_what_a_former_gateway_left_is_inherited_too() -> None:
    world = World()
    rid = world.receive(world.connect("agent"), 1, "ask_write")
    world.sync()
    world.kill()
    back = world.connect("agent")
    assert collect(world, back, 2).pending == [1]
    world.approve(rid)
    world.sync()
    outcome = finished(world, rid)
    assert back.of(Answer) == [Answer(back.number, 1, outcome, rid)]


def test_a_request_of_nobody_ends_in_the_store() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.lose(lost)
    assert world.ledger._delivery.orphans
    outcome = finished(world, rid)
    assert world.store.rows[rid].outcome == outcome
    assert not world.ledger._delivery.orphans


def test_of_many_requests_of_nobody_each_is_forgotten_when_it_ends() -> None:
    world = World()
    lost = world.connect("agent")
    made = [world.receive(lost, n, "write", n=n) for n in (1, 2)]
    world.sync()
    world.lose(lost)
    finished(world, made[0])
    assert collect(world, world.connect("agent"), 9).pending == [2]


@pytest.mark.parametrize("restarts", [False, True])
def test_the_newest_of_two_requests_with_one_id_is_told_though_the_clock_was_set_back(
    restarts: bool,
) -> None:
    world = World()
    former = world.connect("agent")
    finished_before = world.receive(former, 1, "write", n=1)
    world.sync()
    world.lose(former)
    finished(world, finished_before)
    world.wait(-3_600.0)
    if restarts:
        world.kill()
    process = world.connect("agent")
    rid = world.receive(process, 1, "write", n=2)
    world.sync()
    world.lose(process)
    finished(world, rid)
    back = world.connect("agent")
    assert rids(collect(world, back, 2).records)[0] == rid
