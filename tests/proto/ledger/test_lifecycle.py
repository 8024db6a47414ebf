"""The lifecycle: policy, people and time move a request on, each step when it is durable."""

import pytest
from msgspec.structs import replace
from tests.proto.ledger_policy import allow, deny
from tests.proto.ledger_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Answer, AnswerPending, Waiting
from agentgate_proto.ledger.unknowns import MAY_HAVE_RUN
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Status, executed, unknown
from agentgate_proto.records.request import Phase, Relayed

TEN = LedgerLimits(approval_s=10.0)


def waiting_world(limits: LedgerLimits = TEN) -> tuple[World, str]:
    """A world in which a person is asked about request 1 of client c1."""
    world = World(limits)
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    return world, rid


# Policy


def test_an_allowed_read_runs_at_once_and_is_answered_before_it_is_durable() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read")
    assert list(world.running) == [rid]
    outcome = world.finish(rid)
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]
    assert world.phase(rid) is None
    world.sync()
    assert world.store.rows[rid].outcome == outcome


def test_what_a_person_is_asked_elsewhere_runs_and_the_record_says_so() -> None:
    world = World()
    world.policy["write"] = replace(allow(), asks_there=True)
    relayed = Relayed(principal="ann", hops=("first",))
    rid = world.receive(world.client(), 1, "write", relayed=relayed)
    world.sync()
    assert list(world.running) == [rid]
    world.kill()
    assert world.store.rows[rid].relayed == replace(relayed, asks_there=True)


def test_a_denial_says_by_which_doubt_its_rule_matches_and_so_does_the_record() -> None:
    world = World()
    why = ("what script.open_up reaches is not known", "what area attic holds is not known")
    world.policy["write"] = replace(deny(), why=why)
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    (answer,) = client.of(Answer)
    assert answer.outcome.message == f"Denied by policy: not here ({why[0]}; {why[1]})"
    assert (world.store.rows[rid].description, world.store.rows[rid].doubt) == (
        "not here",
        f"{why[0]}; {why[1]}",
    )


def test_an_allowed_write_starts_when_the_intention_is_durable() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    assert not world.running
    world.sync()
    assert list(world.running) == [rid]
    outcome = world.finish(rid)
    assert not client.of(Answer)
    world.sync()
    assert client.of(Answer) == [Answer(client.number, 1, outcome, rid)]


def test_what_policy_denies_is_answered_with_the_words_of_the_rule() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "forbidden_write")
    assert client.outcomes[1].status is Status.DENIED
    assert client.outcomes[1].code == ErrorCode.DENIED_BY_POLICY
    assert client.outcomes[1].message.endswith(": not here")
    world.sync()
    assert world.store.rows[rid].rule == "test:3"


def test_a_person_is_asked_when_the_question_is_durable() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    assert (world.approvals, world.waiting) == ({}, [])
    world.sync()
    assert world.waiting == [rid] == list(world.approvals)
    shown = world.approvals[rid]
    assert (shown.rule, shown.description) == ("test:2", "somebody has to look")
    assert shown.warning == ""


@pytest.mark.parametrize("progress", [True, False])
def test_who_wants_to_know_is_told_that_a_person_is_asked(progress: bool) -> None:
    world = World()
    client = world.client(progress=progress)
    rid = world.receive(client, 1, "ask_write")
    world.sync()
    told = [Waiting(client.number, world.approvals[rid])] if progress else []
    assert client.of(Waiting) == told


def test_a_person_is_asked_though_the_client_is_gone() -> None:
    world = World()
    client = world.client(progress=True)
    rid = world.receive(client, 1, "ask_write")
    world.lose(client)
    world.sync()
    assert world.waiting == [rid]


def test_a_refusal_reaches_nobody_who_is_gone() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "ask_write")
    world.lose(client)
    world.fail()
    assert not client.refusals
    assert world.waiting == []


# A person


def test_an_approval_shows_and_runs_when_it_is_durable() -> None:
    world, rid = waiting_world()
    ticket = world.approve(rid, by="dora", channel="terminal")
    assert ticket not in world.decided
    assert world.approvals[rid].phase is Phase.WAITING
    world.sync()
    assert world.decided[ticket].won
    shown = world.approvals[rid]
    assert (shown.approver, shown.channel, shown.decided_at) == ("dora", "terminal", world.now)
    assert list(world.running) == [rid]


def test_a_denial_is_answered_when_it_is_durable() -> None:
    world, rid = waiting_world()
    client = world.connections[1]
    ticket = world.deny(rid)
    assert not client.of(Answer)
    world.sync()
    assert world.decided[ticket].won
    assert client.outcomes[1].code == ErrorCode.DENIED_BY_PERSON
    assert world.approvals[rid].outcome == client.outcomes[1]
    assert not world.running


def test_of_two_decisions_the_first_wins_and_the_second_is_told_what_was_decided() -> None:
    world, rid = waiting_world()
    first = world.deny(rid, by="dora")
    second = world.approve(rid, by="emil")
    world.sync()
    assert world.decided[first].won
    assert not world.decided[second].won
    assert world.decided[second].record == world.decided[first].record
    assert not world.running


def test_so_many_decide_at_this_moment_that_one_has_to_look_again() -> None:
    world, rid = waiting_world(LedgerLimits(joined_max=2))
    first, second, third = world.approve(rid), world.deny(rid), world.approve(rid)
    assert list(world.decided) == [third]
    assert world.decided[third].problem == "2 people answer it at this moment; look again"
    assert world.decided[third].record == world.approvals[rid]
    world.sync()
    assert (world.decided[first].won, world.decided[second].won) == (True, False)


def test_a_decision_about_what_runs_already_is_told_who_decided() -> None:
    world, rid = waiting_world()
    world.approve(rid, by="dora")
    world.sync()
    late = world.deny(rid, by="emil")
    decided = world.decided[late]
    assert not decided.won
    assert decided.record is not None
    assert decided.record.approver == "dora"


def test_nobody_can_approve_a_question_that_is_not_durable() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "ask_write")
    ticket = world.approve(rid)
    assert (world.decided[ticket].won, world.decided[ticket].record) == (False, None)
    world.sync()
    assert world.waiting == [rid]


def test_nobody_can_approve_what_nobody_was_asked_about() -> None:
    world = World()
    rid = world.receive(world.client(), 1, "write")
    world.sync()
    ticket = world.approve(rid)
    assert (world.decided[ticket].won, world.decided[ticket].record) == (False, None)
    world.finish(rid)
    world.sync()
    ticket = world.approve(rid)
    world.sync()
    assert (world.decided[ticket].won, world.decided[ticket].record) == (False, None)


# Time


def test_an_approval_expires_at_its_deadline_and_not_before() -> None:
    world, rid = waiting_world()
    client = world.connections[1]
    deadline = world.store.rows[rid].expires_at
    assert world.ledger.next_deadline() == deadline
    world.now = deadline - 0.001
    world.tick()
    assert not world.store.queue
    world.now = deadline
    world.tick()
    world.sync()
    assert client.outcomes[1].code == ErrorCode.APPROVAL_EXPIRED
    assert world.approvals[rid].outcome == client.outcomes[1]
    assert world.ledger.next_deadline() is None


def test_a_decision_just_before_the_deadline_is_taken() -> None:
    world, rid = waiting_world()
    world.now = world.store.rows[rid].expires_at - 0.001
    ticket = world.approve(rid)
    world.wait(1.0)
    world.sync()
    assert world.decided[ticket].won
    assert list(world.running) == [rid]


def test_a_decision_at_the_deadline_is_too_late() -> None:
    world, rid = waiting_world()
    world.now = world.store.rows[rid].expires_at
    ticket = world.approve(rid)
    world.sync()
    decided = world.decided[ticket]
    assert not decided.won
    assert decided.record is not None
    assert decided.record.outcome is not None
    assert decided.record.outcome.status is Status.EXPIRED
    assert not world.running


def test_a_decision_about_what_expired_long_ago_is_told_so() -> None:
    world, rid = waiting_world()
    world.wait(10.0)
    world.sync()
    ticket = world.approve(rid)
    world.sync()
    decided = world.decided[ticket]
    assert not decided.won
    assert decided.record == world.store.rows[rid]


def test_the_deadline_of_what_is_over_wakes_nobody_to_any_effect() -> None:
    world, rid = waiting_world()
    world.deny(rid)
    world.sync()
    world.wait(10.0)
    assert not world.store.queue
    assert world.ledger.next_deadline() is None


def test_deadlines_of_what_is_over_do_not_pile_up() -> None:
    world = World(LedgerLimits(requests_per_minute=1_000))
    client = world.client()
    waits = world.receive(client, 1, "ask_write", n=0)
    for request_id in range(2, 202):
        rid = world.receive(client, request_id, "ask_write", n=request_id)
        world.sync()
        world.deny(rid)
        world.sync()
    assert len(world.ledger._lifecycle.deciding._expiries) < 80
    assert world.ledger.next_deadline() == world.store.rows[waits].expires_at
    world.wait(900.0)
    world.sync()
    assert client.outcomes[1].status is Status.EXPIRED


# Tools


def test_a_tool_that_was_not_started_cannot_finish() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    for each in (rid, "never heard of"):
        world.ledger.finished(each, executed(b"1"), world.now)
    world.drain()
    world.sync()
    assert list(world.running) == [rid]
    assert not client.of(Answer)


def test_a_tool_finishes_once() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    outcome = world.finish(rid)
    world.ledger.finished(rid, executed(b"1"), world.now)
    world.drain()
    world.sync()
    assert client.outcomes == {1: outcome}
    assert world.store.rows[rid].outcome == outcome


def test_a_tool_finishes_though_its_client_is_gone() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "write")
    world.sync()
    world.lose(client)
    outcome = world.finish(rid)
    world.sync()
    back = world.client()
    world.collect(back, 2)
    world.sync()
    (reply,) = back.of(AnswerPending)
    assert [row.outcome for row in reply.records] == [outcome]


def test_an_unknown_outcome_is_remembered_until_somebody_who_knew_had_it_run_again() -> None:
    world = World(LedgerLimits(unknown_max=1))
    client = world.client()

    def request(request_id: int, n: int) -> str:
        rid = world.receive(client, request_id, "write", n=n)
        world.sync()
        return rid

    world.finish(request(1, n=1), unknown("stopped"))
    again = request(2, n=1)
    assert world.waiting == [again]
    assert world.ledger.waiting[0].warning == MAY_HAVE_RUN
    world.approve(again)
    world.sync()
    world.finish(again)
    world.finish(request(3, n=1), unknown("stopped"))
    world.finish(request(4, n=2), unknown("stopped"))
    second = request(5, n=2)
    assert world.waiting == [second]
    thing = ("agent", world.store.rows[second].digest)
    remembered = list(world.ledger._lifecycle._unknowns._found)
    assert remembered == [thing], "beyond the cap the oldest goes"


def test_a_receipt_that_is_durable_leads_to_nothing() -> None:
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "read")
    world.finish(rid)
    world.sync()
    world.ack(client)
    world.work()
    assert world.store.rows[rid].delivered
    frames = list(client.frames)
    world.report()
    assert client.frames == frames
