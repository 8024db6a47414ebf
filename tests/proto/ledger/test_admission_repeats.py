"""Admission: the same act under another id, and the same again after an unknown outcome."""

import pytest
from tests.proto.ledger_policy import deny
from tests.proto.ledger_world import World

from agentgate_proto.errors import ASK_AGAIN, ErrorCode
from agentgate_proto.ledger.admission import OTHER_CONTENT
from agentgate_proto.ledger.effects import Answer, Question
from agentgate_proto.ledger.unknowns import MAY_HAVE_RUN
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Status, failed, unknown
from agentgate_proto.records.storage import FindIdempotencyKey


def asked_the_store(world: World) -> list[object]:
    return [entry.query for entry in world.store.queue if isinstance(entry, Question)]


# The same act under another id


def test_the_same_act_of_two_clients_runs_once_and_answers_both() -> None:
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "write", "k", n=1)
    joined = world.receive(two, 7, "write", "k", n=1)
    world.sync()
    assert list(world.running) == [rid]
    outcome = world.finish(rid)
    world.sync()
    assert one.of(Answer) == [Answer(one.number, 1, outcome, rid)]
    assert two.of(Answer) == [Answer(two.number, 7, outcome, joined)]
    assert world.store.rows[joined].outcome == outcome, "it has a row of its own"


def test_who_comes_when_the_act_was_told_but_not_stored_is_told_at_once() -> None:
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "read", "k", n=1)
    world.sync()
    outcome = world.finish(rid)
    world.receive(two, 7, "read", "k", n=1)
    assert two.of(Answer) == [Answer(two.number, 7, outcome, "")]


def test_an_act_that_is_over_is_answered_again_under_another_id() -> None:
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "write", "k", n=1)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.kill()
    two = world.client(client_id="c2")
    world.receive(two, 1, "write", "k", n=1)
    assert asked_the_store(world) == [FindIdempotencyKey("agent", "k")]
    world.sync()
    assert two.of(Answer) == [Answer(two.number, 1, outcome, "")]
    assert not world.running


@pytest.mark.parametrize("over", [False, True])
def test_an_idempotency_key_is_refused_for_another_request(over: bool) -> None:
    world = World()
    one, two = world.client(client_id="c1"), world.client(client_id="c2")
    rid = world.receive(one, 1, "write", "k", n=1)
    world.sync()
    if over:
        world.finish(rid)
        world.sync()
    world.receive(two, 1, "write", "k", n=2)
    world.sync()
    assert two.refusals[1].code is ErrorCode.INVALID_REQUEST
    assert two.refusals[1].message == f"the idempotency key {OTHER_CONTENT}"


def test_the_key_of_another_principal_is_another_key() -> None:
    world = World()
    mine = world.receive(world.client("ann"), 1, "write", "k", n=1)
    other = world.receive(world.client("bob"), 1, "write", "k", n=1)
    world.sync()
    assert list(world.running) == [mine, other]


def test_only_so_many_may_join_one_request() -> None:
    world = World(LedgerLimits(joined_max=2))
    clients = [world.client(client_id=f"c{n}") for n in range(4)]
    for client in clients:
        world.receive(client, 1, "ask_write", "k", n=1)
    world.sync()
    refusal = clients[3].refusals[1]
    assert (refusal.code, refusal.retry_after_s) == (ErrorCode.LIMIT_EXCEEDED, 1.0)
    assert "2 requests wait for this one already" in refusal.message
    assert not clients[2].refusals


def test_a_key_is_free_again_when_its_request_was_not_taken() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", "k", n=1)
    world.work()
    world.report()
    world.fail()
    assert "nothing was run" in client.refusals[1].message
    world.wait(1.0)
    rid = world.receive(client, 2, "write", "k", n=1)
    world.sync()
    assert list(world.running) == [rid]


# After an unknown outcome


def ended_unknown(world: World, tool: str = "write", *, n: int) -> None:
    """Let a request end as nobody knows how."""
    client = world.client(client_id="before")
    rid = world.receive(client, f"x{n}", tool, n=n)
    world.sync()
    world.finish(rid, unknown("stopped"))
    world.sync()


def test_the_same_request_after_an_unknown_outcome_asks_with_a_warning() -> None:
    world = World()
    ended_unknown(world, n=1)
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    assert world.waiting == [rid]
    assert world.approvals[rid].warning == MAY_HAVE_RUN
    assert not world.running


def test_another_request_after_an_unknown_outcome_is_business_as_usual() -> None:
    world = World()
    ended_unknown(world, n=1)
    rid = world.receive(world.client(), 1, "write", n=2)
    other = world.receive(world.client("bob"), 1, "write", n=1)
    world.sync()
    assert list(world.running) == [rid, other]


def test_a_rule_can_opt_out_of_asking_after_an_unknown_outcome() -> None:
    world = World()
    ended_unknown(world, "carefree_write", n=1)
    rid = world.receive(world.client(), 1, "carefree_write", n=1)
    world.sync()
    assert list(world.running) == [rid]


def test_policy_still_denies_after_an_unknown_outcome() -> None:
    world = World()
    ended_unknown(world, n=1)
    world.policy["write"] = deny()
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.sync()
    assert client.outcomes[1].status is Status.DENIED
    assert client.outcomes[1].code == ErrorCode.DENIED_BY_POLICY


@pytest.mark.parametrize("badly", [False, True])
def test_once_somebody_had_it_run_again_nobody_is_asked_any_more(badly: bool) -> None:
    world = World()
    ended_unknown(world, n=1)
    client = world.client()
    rid = world.receive(client, 1, "write", n=1)
    world.sync()
    world.approve(rid)
    world.sync()
    world.finish(rid, failed("no") if badly else None)
    world.sync()
    third = world.receive(client, 2, "write", n=1)
    world.sync()
    assert list(world.running) == [third]


def test_only_so_many_unknown_outcomes_are_remembered() -> None:
    world = World(LedgerLimits(unknown_max=1))
    ended_unknown(world, n=1)
    ended_unknown(world, n=2)
    client = world.client()
    second = world.receive(client, 1, "write", n=2)
    world.sync()
    assert world.waiting == [second]
    remembered = list(world.ledger._lifecycle._unknowns._found)
    assert remembered == [("agent", world.store.rows[second].digest)]


# A repeat that comes when nothing can be taken


def test_a_repeat_that_is_refused_unseen_is_not_said_to_be_a_request_that_did_not_run() -> None:
    world = World(LedgerLimits(requests_per_minute=1))
    agent = world.client()
    rid = world.receive(agent, 1, "write", n=1)
    world.sync()
    outcome = world.finish(rid)
    world.sync()
    world.receive(agent, 1, "write", n=1)
    world.receive(agent, 2, "write", n=2)
    assert agent.refusals[1].message.endswith(ASK_AGAIN)
    assert ASK_AGAIN not in agent.refusals[2].message
    world.wait(60.0)
    world.receive(agent, 1, "write", n=1)
    world.sync()
    assert agent.of(Answer)[-1] == Answer(agent.number, 1, outcome, rid)
