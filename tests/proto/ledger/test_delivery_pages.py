"""More outcomes than fit one reply: an old client asks once, and the rest follows its receipts."""

import pytest
from tests.proto.ledger_world import Connection, World

from agentgate_proto.ledger.effects import Answer, AnswerPending
from agentgate_proto.records.storage import Undelivered


@pytest.fixture(autouse=True)
def _pages_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentgate_proto.ledger.collecting.PENDING_ROWS_MAX", 2)


def returning(requests: int, call_id: int) -> tuple[World, Connection, list[str]]:
    """A world in which an old client is back, has collected, and missed so many outcomes."""
    world = World()
    lost = world.connect("agent")
    lost.reachable = False
    rids = []
    for request_id in range(1, requests + 1):
        rid = world.receive(lost, request_id, "read", n=request_id)
        world.finish(rid)
        rids.append(rid)
    world.sync()
    world.lose(lost)
    back = world.connect("agent")
    world.collect(back, call_id)
    world.sync()
    return world, back, rids


def late(back: Connection) -> list[str]:
    """What came besides the answers to the rows of the reply."""
    rows = [row.rid for row in back.collected]
    return [answer.rid for answer in back.of(Answer) if answer.rid not in rows]


def acknowledge(world: World, back: Connection, outcomes: int = 1_000) -> None:
    world.ack(back, outcomes)
    world.sync()


def test_a_reply_that_is_full_says_that_there_are_more() -> None:
    _, back, rids = returning(3, 9)
    (reply,) = back.of(AnswerPending)
    assert reply.more
    assert [row.rid for row in reply.records] == [rids[2], rids[1]], "the newest first"
    assert not late(back)


def test_the_rest_follows_when_all_that_was_sent_is_received() -> None:
    world, back, rids = returning(3, 9)
    acknowledge(world, back, 1)
    assert not late(back), "one receipt is missing"
    acknowledge(world, back)
    assert late(back) == rids[:1]
    acknowledge(world, back)
    assert all(world.store.rows[rid].delivered for rid in rids)
    acknowledge(world, back)
    assert len(late(back)) == 1
    assert not world.store.queue


def test_page_after_page_follows() -> None:
    world, back, rids = returning(5, 9)
    acknowledge(world, back)
    assert len(late(back)) == 2
    acknowledge(world, back)
    assert sorted([*late(back), *(row.rid for row in back.collected)]) == sorted(rids)


def test_what_this_process_does_not_wait_for_does_not_follow() -> None:
    world, back, rids = returning(3, 1)
    assert len(back.collected) == 2
    acknowledge(world, back)
    assert not late(back)
    assert not world.store.rows[rids[0]].delivered


def test_all_that_fits_the_reply_is_all() -> None:
    world, back, _ = returning(2, 9)
    (reply,) = back.of(AnswerPending)
    assert not reply.more
    world.ack(back)
    assert not [e for e in world.store.queue if isinstance(getattr(e, "query", None), Undelivered)]


def test_a_client_that_is_gone_again_gets_the_rest_when_it_is_back() -> None:
    world, back, rids = returning(3, 9)
    world.ack(back)
    world.lose(back)
    world.sync()
    assert not late(back)
    third = world.connect("agent")
    world.collect(third, 10)
    world.sync()
    assert [row.rid for row in third.collected] == rids[:1]


def test_a_rest_that_cannot_be_read_stays_undelivered_until_it_is_collected() -> None:
    world, back, rids = returning(3, 9)
    world.ack(back)
    world.work(unreadable=True)
    world.report()
    assert not late(back)
    world.collect(back, 10)
    world.sync()
    assert rids[0] in [row.rid for row in back.collected]


def test_a_client_that_names_itself_collects_the_rest_itself() -> None:
    world = World()
    lost = world.client()
    lost.reachable = False
    for request_id in range(1, 4):
        world.finish(world.receive(lost, request_id, "read", n=request_id))
    world.sync()
    world.lose(lost)
    back = world.client()
    world.collect(back, 9)
    world.sync()
    world.ack(back)
    world.sync()
    assert not late(back)
