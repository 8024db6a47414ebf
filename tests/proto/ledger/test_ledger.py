"""The ledger as its adapter sees it: what it shows, and where the store's answers go."""

import pytest
from tests.proto.ledger_policy import allow, deny
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger import collecting
from agentgate_proto.ledger.effects import (
    AnswerPending,
    Attached,
    Purpose,
    Token,
    TurnedAway,
    Write,
)
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.records.decision import Decision
from agentgate_proto.records.request import Phase
from agentgate_proto.records.storage import PutNote


def test_a_new_ledger_wants_nothing() -> None:
    ledger = Ledger(lambda *_: allow())
    assert ledger.next_effect() is None
    assert ledger.next_deadline() is None
    assert (ledger.waiting, ledger.running, ledger.problem) == ([], [], "")
    assert ledger.active == 0


def test_it_shows_what_waits_oldest_first_and_what_runs() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    second = world.receive(client, 2, "ask_write", n=2)
    third = world.receive(client, 3, "read")
    assert world.waiting == []
    world.sync()
    assert world.waiting == [first, second]
    assert [record.rid for record in world.ledger.running] == [third]
    world.approve(first)
    assert world.waiting == [first, second], "not durable yet"
    world.sync()
    assert world.waiting == [second]
    assert [record.rid for record in world.ledger.running] == [first, third]
    assert world.ledger.active == 3
    assert world.ledger.is_active(first)
    assert not world.ledger.is_active("no such request")


def test_a_request_under_way_is_shown_as_it_stands() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "write")
    world.sync()
    record = world.ledger.record(rid)
    assert record is not None
    assert (record.rid, record.phase) == (rid, Phase.RUNNING)
    world.finish(rid)
    world.sync()
    assert world.ledger.record(rid) is None


def test_what_a_request_has_joined_is_shown_for_it() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write")
    world.sync()
    joined = world.receive(world.client(client_id="c2"), 1, "ask_write")
    world.sync()
    for rid in (first, joined):
        record = world.ledger.under_way(rid)
        assert record is not None
        assert (record.rid, record.phase) == (first, Phase.WAITING)
    assert world.ledger.record(joined) is None, "it has no life of its own"
    assert world.ledger.under_way("no such request") is None


def test_another_policy_holds_for_requests_to_come() -> None:
    world = World()
    client = world.client()
    running = world.receive(client, 1, "write", n=1)

    def strict(*_: object) -> Decision:
        return deny()

    former, world.ledger.judge = world.ledger.judge, strict
    assert world.ledger.judge is strict
    world.receive(client, 2, "write", n=2)
    world.sync()
    assert list(world.running) == [running]
    assert client.outcomes[2].code == ErrorCode.DENIED_BY_POLICY
    assert former is not strict


def test_it_says_why_the_store_takes_no_writes() -> None:
    world = World()
    world.receive(world.client(), 1, "write")
    world.fail("no space left on device")
    assert world.ledger.problem == "no space left on device"
    world.wait(1.0)
    world.receive(world.connections[1], 2, "write")
    world.sync()
    assert world.ledger.problem == ""


# Look-ups


def fail_look_ups(world: World) -> None:
    """Let the store answer none of the questions in its queue."""
    world.work(unreadable=True)
    world.report()


def test_a_client_that_nothing_is_known_about_is_turned_away() -> None:
    world = World()
    client = world.connect("agent", "c1")
    fail_look_ups(world)
    assert client.frames == [
        TurnedAway(client.number, "the gateway cannot read its store: the disk is gone")
    ]


def test_who_is_gone_needs_not_be_turned_away() -> None:
    world = World()
    client = world.connect("agent", "c1")
    world.lose(client)
    fail_look_ups(world)
    assert client.sent == []


def test_who_cannot_collect_may_ask_again() -> None:
    world = World()
    client = world.client()
    world.collect(client, 1)
    fail_look_ups(world)
    refusal = client.refusals[1]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.INTERNAL_ERROR, 1.0)
    assert refusal.message == "the gateway cannot read its store: the disk is gone"
    world.collect(client, 2)
    world.sync()
    assert [reply.call_id for reply in client.of(AnswerPending)] == [2]


def test_who_is_gone_needs_not_be_told_that_it_cannot_collect() -> None:
    world = World()
    client = world.client()
    world.collect(client, 1)
    world.lose(client)
    fail_look_ups(world)
    assert not client.refusals


def test_a_decision_that_nobody_can_look_up_is_told_why() -> None:
    world = World()
    ticket = world.approve("long ago")
    fail_look_ups(world)
    decided = world.decided[ticket]
    assert (decided.won, decided.record) == (False, None)
    assert decided.problem == "the gateway cannot read its store: the disk is gone"


def test_a_decision_about_nothing_is_told_so() -> None:
    world = World()
    ticket = world.approve("no such thing")
    world.sync()
    decided = world.decided[ticket]
    assert (decided.won, decided.record, decided.problem) == (False, None, "")


def test_a_decision_about_what_is_over_is_shown_what_became_of_it() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    world.sync()
    world.deny(rid)
    world.sync()
    ticket = world.approve(rid)
    world.sync()
    assert not world.decided[ticket].won
    assert world.decided[ticket].record == world.store.rows[rid]


@pytest.mark.parametrize("readable", [True, False])
def test_an_outcome_that_the_store_has_lost_is_not_sent_late(readable: bool) -> None:
    world = World()
    first, second = world.connect("agent"), world.connect("agent")
    rid = world.receive(first, 1, "read")
    world.finish(rid)
    world.sync()
    world.collect(second, 9)
    world.sync()
    world.lose(first)
    if readable:
        del world.store.rows[rid]  # its retention is over
        world.sync()
    else:
        fail_look_ups(world)
    assert not second.outcomes
    assert world.ledger.next_effect() is None


def test_an_answer_for_a_connection_that_is_gone_changes_nothing() -> None:
    world = World()
    client = world.connect("agent", "c1")
    world.collect(client, 1)
    world.lose(client)
    world.sync()
    assert client.sent == []
    world.ledger.answered(Token(Purpose.COLLECT, link=99), [], world.now)
    assert world.ledger.next_effect() is None


def test_what_the_store_knows_is_told_with_the_auth_result() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 41, "read")
    world.finish(rid)
    world.sync()
    assert world.phase(rid) is Phase.DONE
    world.kill()
    assert world.client().of(Attached)[0].highest_id == 41
    assert world.client(client_id="c2").of(Attached)[0].highest_id == 0


def test_an_outcome_without_a_receipt_goes_to_the_heir_when_the_store_has_found_it() -> None:
    world = World()
    first, second = world.connect("agent"), world.connect("agent")
    rid = world.receive(first, 1, "read")
    outcome = world.finish(rid)
    world.sync()
    world.collect(second, 9)
    world.sync()
    world.lose(first)
    world.sync()
    assert second.outcomes == {1: outcome}
    world.ack(second)
    world.sync()
    assert world.store.rows[rid].delivered


def test_an_old_client_gets_the_rest_when_the_store_has_listed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collecting, "PENDING_ROWS_MAX", 1)
    world = World()
    client = world.connect("agent")
    rids = [world.receive(client, request_id, "read") for request_id in (1, 2)]
    world.lose(client)
    outcomes = [world.finish(rid) for rid in rids]
    world.sync()
    back = world.connect("agent")
    world.collect(back, 3)
    world.sync()
    assert [row.rid for row in back.collected] == rids[1:]
    world.ack(back)
    world.sync()
    assert back.outcomes == {2: outcomes[1], 1: outcomes[0]}


def test_a_receipt_of_nothing_is_not_written_down() -> None:
    world = World()
    client = world.client()
    world.ledger.received(client.number, ("never sent",))
    world.ledger.received(99, ("never sent",))
    world.drain()
    assert not world.store.queue


def test_a_repeat_is_known_by_its_id_and_by_its_key() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write", "key", n=1)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.receive(client, 1, "write", "key", n=1)
    world.receive(client, 2, "write", "key", n=1)
    world.sync()
    assert client.outcomes == {1: outcome, 2: outcome}
    assert world.checker.starts[rid] == 1


def test_a_repeat_that_cannot_be_looked_up_is_not_taken() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", "key", n=1)
    fail_look_ups(world)
    refusal = client.refusals[1]
    assert refusal.message == (
        "the gateway cannot read its store: the disk is gone; "
        "nothing was run now, ask again under the same id and key"
    )
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.INTERNAL_ERROR, 1.0)


def test_a_withdrawal_is_answered_whatever_it_is_about() -> None:
    world = World()
    client = world.client()
    world.receive(client, 5, "ask_write", "key", n=1)
    world.receive(client, 6, "ask_write", "key", n=1)
    world.sync()
    world.cancel(client, 7, 6)
    world.cancel(client, 8, 5)
    world.cancel(client, 9, 4)
    world.cancel(client, 10, 400)
    world.sync()
    assert client.cancels == {7: "cancelled", 8: "cancelled", 9: "too_late", 10: "unknown_request"}
    world.lose(client)
    world.cancel(client, 11, 5)
    assert 11 not in client.cancels


def test_time_and_failures_reach_what_waits_for_them() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.wait(world.limits.approval_s)
    world.fail()
    assert not client.outcomes
    deadline = world.ledger.next_deadline()
    assert deadline is not None
    world.wait(deadline - world.now)
    world.sync()
    assert client.outcomes[1].code == ErrorCode.APPROVAL_EXPIRED


def test_a_note_is_a_write_like_any_other_and_changes_no_request() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    note = PutNote("telegram", rid, "message 7")
    world.ledger.note(note)
    world.drain()
    (write,) = world.store.queue
    assert isinstance(write, Write)
    assert write.change is note
    world.sync()
    assert world.waiting == [rid]
