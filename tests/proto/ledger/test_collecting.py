"""What an old client missed also answers its calls: to it a row of the reply is no answer."""

from __future__ import annotations

import msgspec
import pytest
from tests.proto.ledger_world import Connection, RequestId, World

from agentgate_proto.ledger.effects import Answer, AnswerPending, Attached
from agentgate_proto.records.outcome import executed, failed


def missed(world: World, *ids: RequestId, **args: int) -> list[str]:
    """Requests of an old client that end after its connection was lost, all durable."""
    lost = world.connect("agent")
    rids = [world.receive(lost, request_id, "write", **args) for request_id in ids]
    world.sync()
    world.lose(lost)
    for rid in rids:
        world.finish(rid)
    world.sync()
    return rids


def collecting(
    world: World, call_id: RequestId | None, client: Connection | None = None
) -> Connection:
    """A client that has asked for what it missed."""
    client = client or world.connect("agent")
    world.collect(client, call_id)
    world.sync()
    return client


def rows(client: Connection) -> list[str]:
    return [row.rid for row in client.collected]


def answers(client: Connection) -> list[str]:
    return [answer.rid for answer in client.of(Answer)]


def test_each_row_below_the_call_is_followed_by_an_answer_under_its_id() -> None:
    world = World()
    rids = missed(world, 1, 2, 3)
    back = collecting(world, 4)
    assert [type(frame) for frame in back.sent] == [Attached, AnswerPending, *[Answer] * 3]
    assert sorted(rows(back)) == sorted(answers(back)) == sorted(rids)
    for answer in back.of(Answer):
        assert answer.outcome == world.store.rows[answer.rid].outcome
        assert answer.request_id == world.store.rows[answer.rid].request_id


@pytest.mark.parametrize("call_id", [1, 2, "9", None])
def test_a_row_that_is_not_below_the_call_is_no_answer(call_id: RequestId | None) -> None:
    world = World()
    (rid,) = missed(world, 2)
    back = collecting(world, call_id)
    assert (rows(back), answers(back)) == ([rid], [])


def test_of_mixed_ids_only_the_numbers_below_the_call_are_answered() -> None:
    world = World()
    rids = missed(world, 1, "1", "a", 7, -3)
    back = collecting(world, 5)
    assert sorted(rows(back)) == sorted(rids)
    assert sorted(answers(back)) == sorted([rids[0], rids[4]])


def test_a_client_that_names_itself_is_told_by_rows_alone() -> None:
    world = World()
    lost = world.client()
    lost.reachable = False
    rid = world.receive(lost, 1, "write")
    world.sync()
    world.finish(rid)
    world.sync()
    world.lose(lost)
    back = world.client()
    collecting(world, 9, back)
    assert (rows(back), answers(back)) == ([rid], [])


def test_an_error_answers_the_call_too() -> None:
    world = World()
    lost = world.connect("agent")
    rid = world.receive(lost, 1, "ask_write")
    world.sync()
    world.lose(lost)
    world.deny(rid)
    world.sync()
    back = collecting(world, 2)
    (answer,) = back.of(Answer)
    assert answer.outcome.message == "Denied by user"


def test_delivered_is_what_has_a_receipt_for_the_answer() -> None:
    world = World()
    rids = missed(world, 1, 2)
    back = collecting(world, 3)
    assert not world.store.rows[rids[0]].delivered
    world.lose(back)
    world.sync()
    third = collecting(world, 4)
    assert sorted(answers(third)) == sorted(rids), "without a receipt all comes again"
    world.ack(third)
    world.sync()
    world.lose(third)
    fourth = collecting(world, 5)
    assert (rows(fourth), answers(fourth)) == ([], [])


def test_asked_twice_at_once_nothing_comes_between_the_replies() -> None:
    world = World()
    (rid,) = missed(world, 1)
    back = world.connect("agent")
    world.collect(back, 2)
    world.collect(back, 3)
    world.sync()
    kinds = [type(frame) for frame in back.sent]
    assert kinds == [Attached, AnswerPending, AnswerPending, Answer]
    assert rows(back) == [rid]


# Ids that are used again


@pytest.mark.parametrize("over", [False, True])
def test_an_id_that_this_very_connection_has_used_gets_no_old_answer(over: bool) -> None:
    world = World()
    former = missed(world, 1, 2, n=1)
    fresh = world.connect("agent")
    mine = world.receive(fresh, 1, "write", n=2)
    world.sync()
    if over:
        world.finish(mine)
        world.sync()
        world.ack(fresh)
        world.sync()
    collecting(world, 3, fresh)
    assert answers(fresh) == [*([mine] if over else []), former[1]]
    assert (former[0] in rows(fresh)) is over


def test_an_orphan_under_an_id_that_this_connection_has_used_is_not_inherited() -> None:
    world = World()
    lost = world.connect("agent")
    former = world.receive(lost, 1, "write", n=1)
    world.sync()
    world.lose(lost)
    fresh = world.connect("agent")
    mine = world.receive(fresh, 1, "write", n=2)
    world.sync()
    world.finish(mine)
    world.sync()
    world.ack(fresh)
    world.sync()
    collecting(world, 2, fresh)
    world.finish(former)
    world.sync()
    assert answers(fresh) == [mine]


def test_beyond_the_ids_that_are_remembered_all_above_the_lowest_count_as_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.links.OWN_IDS_MAX", 4)
    world = World()
    rids = missed(world, 3, 5_000, 9_000)
    fresh = world.connect("agent")
    for request_id in (4, 5, 6, 7, 8, 6_000):
        world.receive(fresh, request_id, "forbidden_write")
    world.sync()
    collecting(world, 8_000, fresh)
    assert set(rids) <= set(rows(fresh))
    assert [rid for rid in answers(fresh) if rid in rids] == rids[:1]


def test_of_two_rows_with_one_id_the_newer_answers_the_call() -> None:
    world = World()
    (older,) = missed(world, 1, n=1)
    (newer,) = missed(world, 1, n=2)
    back = collecting(world, 2)
    assert rows(back) == [newer, older]
    assert answers(back) == [newer]


@pytest.mark.parametrize("over", [False, True])
def test_an_older_row_does_not_answer_what_waits_on_a_dead_connection(over: bool) -> None:
    world = World()
    (older,) = missed(world, 1, n=1)
    dead = world.connect("agent")
    dead.reachable = False
    newer = world.receive(dead, 1, "write", n=2)
    world.sync()
    if over:
        world.finish(newer)
        world.sync()
    back = collecting(world, 2)
    assert (rows(back), answers(back)) == ([older], [])
    world.lose(dead)
    world.sync()
    if not over:
        world.finish(newer)
        world.sync()
    assert answers(back) == [newer]


def test_a_newer_row_answers_though_another_process_uses_the_id() -> None:
    world = World()
    other = world.connect("agent")
    world.receive(other, 1, "write", n=1)
    (rid,) = missed(world, 1, n=2)
    assert answers(collecting(world, 2)) == [rid]


def test_what_a_dead_connection_leaves_goes_to_no_process_that_has_used_the_id_since() -> None:
    world = World()
    first = world.connect("agent")
    first.reachable = False
    older = world.receive(first, 1, "write", n=1)
    world.sync()
    world.finish(older)
    world.sync()
    dead = world.connect("agent")
    dead.reachable = False
    newer = world.receive(dead, 1, "write", n=2)
    world.sync()
    back = collecting(world, 2)
    world.lose(first)
    world.sync()
    assert answers(back) == []
    world.lose(dead)
    world.finish(newer)
    world.sync()
    assert answers(back) == [newer]
    assert not world.store.rows[older].delivered


def test_who_joined_and_is_away_is_answered_when_it_is_back() -> None:
    world = World()
    named, lost = world.client(), world.connect("agent")
    first = world.receive(named, 1, "write", "k")
    joined = world.receive(lost, 1, "write", "k")
    world.sync()
    dead = world.connect("agent")
    world.receive(dead, 3, "write", "k")
    world.lose(lost)
    world.finish(first)
    world.sync()
    back = collecting(world, 2)
    assert answers(back) == [joined]


# What is too much for one reply


def test_page_after_page_is_answered_each_after_the_receipts_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.collecting.PENDING_ROWS_MAX", 2)
    world = World()
    rids = missed(world, 1, 2, 3, 4, 5)
    back = collecting(world, 9)
    seen = [len(answers(back))]
    for _ in range(3):
        world.ack(back)
        world.sync()
        seen.append(len(answers(back)))
    assert seen == [2, 4, 5, 5]
    assert len(rows(back)) == 2
    assert sorted(answers(back)) == sorted(rids)
    assert all(world.store.rows[rid].delivered for rid in rids)


def test_of_what_follows_the_page_an_older_row_of_the_same_id_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.collecting.PENDING_ROWS_MAX", 1)
    world = World()
    (older,) = missed(world, 1, n=1)
    (newer,) = missed(world, 1, n=2)
    missed(world, 2)
    back = collecting(world, 3)
    world.ack(back)
    world.sync()
    assert newer in answers(back)
    assert older not in answers(back)


@pytest.mark.parametrize("fails", [False, True])
def test_a_page_ends_before_it_is_too_large(fails: bool) -> None:
    world = World()
    lost = world.connect("agent")
    rids = [world.receive(lost, n, "write") for n in (1, 2)]
    world.sync()
    world.lose(lost)
    for rid in rids:
        data = msgspec.json.encode({"run": rid, "much": "x" * 500_000})
        world.finish(rid, failed("x" * 500_000) if fails else executed(data))
    world.sync()
    back = collecting(world, 3)
    assert (len(rows(back)), len(answers(back))) == (1, 1)
    world.ack(back)
    world.sync()
    assert sorted(answers(back)) == sorted(rids)


@pytest.fixture
def _reading_a_row_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.collecting.PENDING_READ_BYTES_MAX", 0)


@pytest.mark.usefixtures("_reading_a_row_at_a_time")
def test_rows_that_are_not_for_this_connection_stand_before_no_others() -> None:
    world = World()
    rids = missed(world, 1, 2, 3, 4)
    fresh = world.connect("agent")
    for request_id in (3, 4):
        world.receive(fresh, request_id, "ask_write", n=2)
    world.sync()
    collecting(world, 9, fresh)
    assert answers(fresh) == [rids[1]]
    for _ in range(3):
        world.ack(fresh)
        world.sync()
    assert answers(fresh) == [rids[1], rids[0]]


@pytest.mark.usefixtures("_reading_a_row_at_a_time")
def test_what_follows_the_page_is_found_behind_what_nobody_waits_for() -> None:
    world = World()
    rids = missed(world, 1, "a", "b", 2)
    back = collecting(world, 9)
    for _ in range(3):
        world.ack(back)
        world.sync()
    assert answers(back) == [rids[3], rids[0]]
    assert rows(back) == [rids[3]]
    assert rows(collecting(world, 10, back))[1:] == [rids[2]], "whoever asks gets the others"


@pytest.mark.usefixtures("_reading_a_row_at_a_time")
def test_a_client_that_names_itself_reads_on_until_there_is_nothing_more() -> None:
    world = World()
    lost = world.client()
    lost.reachable = False
    rids = [world.receive(lost, n, "write", n=n) for n in (1, 2, 3)]
    world.sync()
    for rid in rids:
        world.finish(rid)
    world.sync()
    world.lose(lost)
    back = world.client()
    for call_id in (4, 5, 6, 7):
        collecting(world, call_id, back)
    assert rows(back) == rids
    assert [reply.more for reply in back.of(AnswerPending)] == [True, True, True, False]
