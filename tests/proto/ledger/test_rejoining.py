"""An ask that its client calls a repeat: which request it joins, and which outcome answers it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.proto.ledger_policy import allow, ask, deny
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.effects import Answer, Purpose, Question, Token
from agentgate_proto.limits import LedgerLimits
from agentgate_proto.records.outcome import Outcome, Status, failed, unknown
from agentgate_proto.records.request import Phase, Relayed
from agentgate_proto.records.storage import FindTwin

WINDOW_S = 600.0


def again(
    world: World, client: Connection, request_id: int, tool: str = "write", **more: object
) -> str:
    """Have a repeat arrive, and let the store answer."""
    rid = world.receive(client, request_id, tool, join_s=WINDOW_S, n=1, **more)
    world.sync()
    return rid


def ended(world: World, client: Connection, tool: str, outcome: Outcome | None = None) -> str:
    """A request that runs, with a yes if it takes one, and ends."""
    rid = world.receive(client, 1, tool, n=1)
    world.sync()
    if rid in world.waiting:
        world.approve(rid)
        world.sync()
    world.finish(rid, outcome)
    world.sync()
    return rid


# What is under way


@pytest.mark.parametrize("other", ["c1", "c2"])
def test_a_repeat_joins_what_runs_whatever_client_asked(other: str) -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "write", n=1)
    world.sync()
    second = client if other == "c1" else world.client(client_id=other)
    joined = again(world, second, 2)
    assert list(world.running) == [first]
    outcome = world.finish(first)
    world.sync()
    assert second.of(Answer)[-1] == Answer(second.number, 2, outcome, joined)
    assert client.outcomes[1] == outcome
    assert world.store.rows[joined].joined == "", "it had not ended when this came"


def test_an_allowed_read_that_runs_is_joined_and_costs_the_store_no_question() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "read", n=1)
    world.receive(client, 2, "read", join_s=WINDOW_S, n=1)
    assert list(world.running) == [first]
    assert not [entry for entry in world.store.queue if isinstance(entry, Question)]
    outcome = world.finish(first)
    assert client.outcomes == {1: outcome, 2: outcome}


@pytest.mark.parametrize("tool", ["ask_write", "ask_read"])
def test_a_repeat_joins_what_waits_for_a_person_and_is_told_so(tool: str) -> None:
    world = World()
    first = world.receive(world.client(), 1, tool, n=1)
    world.sync()
    other = world.client(client_id="c2", progress=True)
    again(world, other, 1, tool)
    assert world.waiting == [first]
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    assert other.outcomes == {1: outcome}


def test_a_repeat_joins_one_that_waits_even_if_the_policy_has_changed() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.policy["ask_write"] = allow()
    again(world, client, 2, "ask_write")
    assert not world.running, "it would be done twice if a person says yes"
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    assert client.outcomes == {1: outcome, 2: outcome}


def test_what_the_policy_denies_joins_nothing() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.policy["write"] = deny()
    world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.sync()
    assert client.outcomes[2].code == ErrorCode.DENIED_BY_POLICY


def test_two_repeats_at_once_are_one_request() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "write", join_s=WINDOW_S, n=1)
    world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.sync()
    assert list(world.running) == [first]
    outcome = world.finish(first)
    world.sync()
    assert client.outcomes == {1: outcome, 2: outcome}


def test_what_joined_one_that_could_not_be_looked_up_is_refused_with_it() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", join_s=WINDOW_S, n=1)
    world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.work(unreadable=True)
    world.report()
    assert client.refusals.keys() == {1, 2}
    assert all(each.retry_after_s for each in client.refusals.values())


def test_other_arguments_are_another_act() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.receive(client, 2, "write", join_s=WINDOW_S, n=2)
    world.sync()
    assert len(world.running) == 2


def test_what_is_being_withdrawn_is_not_joined() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.cancel(client, 2, 1)
    second = world.receive(client, 3, "ask_write", join_s=WINDOW_S, n=1)
    world.sync()
    assert client.outcomes[1].status is Status.CANCELLED
    assert world.waiting == [second]
    assert first not in world.waiting


def test_what_was_withdrawn_before_it_started_is_not_joined() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", n=1)
    world.cancel(client, 2, 1)
    world.receive(client, 3, "write", n=1, join_s=WINDOW_S)
    world.sync()
    assert client.outcomes[1].status is Status.CANCELLED
    assert len(world.running) == 1, "the repeat is still wanted"


def test_a_repeat_that_is_withdrawn_while_it_is_looked_up_ends_so() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", join_s=WINDOW_S, n=1)
    world.cancel(client, 2, 1)
    world.sync()
    assert client.outcomes[1].status is Status.CANCELLED
    assert client.cancels == {2: "cancelled"}
    assert not world.running


def test_a_repeat_leaves_what_it_joined_and_that_goes_on() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    again(world, client, 2, "ask_write")
    world.cancel(client, 3, 2)
    world.sync()
    assert client.cancels == {3: "cancelled"}
    assert world.waiting == [first]


def test_the_heirs_of_a_withdrawn_approval_are_joined_in_its_place() -> None:
    world = World()
    one, two = world.client(), world.client(client_id="c2")
    world.receive(one, 1, "ask_write", n=1)
    world.sync()
    heir = again(world, two, 1, "ask_write")
    world.cancel(one, 2, 1)
    world.sync()
    assert world.waiting == [heir]
    again(world, one, 3, "ask_write")
    assert world.waiting == [heir]
    world.approve(heir)
    world.sync()
    outcome = world.finish(heir)
    world.sync()
    assert (one.outcomes[3], two.outcomes[1]) == (outcome, outcome)


def test_a_no_that_is_being_written_answers_a_repeat_when_it_is_written() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.deny(first)
    world.receive(client, 2, "ask_write", join_s=WINDOW_S, n=1)
    assert not client.outcomes
    world.sync()
    assert {each.code for each in client.outcomes.values()} == {ErrorCode.DENIED_BY_PERSON}
    assert client.outcomes.keys() == {1, 2}


def test_a_no_that_cannot_be_written_lets_both_wait_on() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.deny(first)
    world.receive(client, 2, "ask_write", join_s=WINDOW_S, n=1)
    world.fail()
    assert world.waiting == [first]
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    assert client.outcomes == {1: outcome, 2: outcome}


def test_an_outcome_that_is_being_written_answers_a_repeat_that_has_a_row_of_its_own() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "write", n=1)
    world.sync()
    outcome = world.finish(first)
    second = world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    assert not client.outcomes, "it is not durable"
    world.sync()
    at = world.store.rows[first].resolved_at
    assert client.of(Answer)[-1] == Answer(client.number, 2, outcome, second, at)
    assert world.store.rows[second].joined == first
    assert not world.running


def test_an_end_that_does_not_count_is_not_waited_for() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "write", n=1)
    world.sync()
    world.finish(first, failed("no"))
    second = world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.sync()
    assert list(world.running) == [second]


# What has ended


def test_a_write_that_was_executed_is_not_run_again() -> None:
    world = World()
    client = world.client()
    first = ended(world, client, "write")
    world.wait(WINDOW_S - 1.0)
    second = again(world, client, 2)
    row = world.store.rows[first]
    assert client.of(Answer)[-1] == Answer(client.number, 2, row.outcome, second, row.resolved_at)
    assert not world.running
    mine = world.store.rows[second]
    assert (mine.phase, mine.joined, mine.resolved_at) == (Phase.DONE, first, row.resolved_at)
    assert (mine.expires_at, mine.approver) == (0.0, ""), "nobody was asked about this one"


def test_beyond_its_window_it_is_a_request_of_its_own() -> None:
    world = World()
    client = world.client()
    ended(world, client, "write")
    world.wait(WINDOW_S + 1.0)
    rid = again(world, client, 2)
    assert list(world.running) == [rid]


def test_a_repeat_of_a_repeat_does_not_make_the_window_longer() -> None:
    world = World()
    client = world.client()
    first = ended(world, client, "write")
    world.wait(WINDOW_S / 2)
    again(world, client, 2)
    third = again(world, client, 3)
    assert world.store.rows[third].joined == first
    world.wait(WINDOW_S / 2 + 1.0)
    fourth = again(world, client, 4)
    assert list(world.running) == [fourth]


def test_the_answer_of_a_repeat_is_given_again_under_its_id() -> None:
    world = World()
    client = world.client()
    ended(world, client, "write")
    second = again(world, client, 2)
    answer = client.of(Answer)[-1]
    world.wait(10 * WINDOW_S)
    world.receive(client, 2, "write", n=1)
    world.sync()
    assert client.of(Answer)[-1] == answer
    assert answer.rid == second


def test_the_store_is_asked_with_the_window_of_the_ask() -> None:
    world = World()
    client = world.client()
    world.receive(client, 1, "write", join_s=WINDOW_S, n=1)
    (question,) = [entry for entry in world.store.queue if isinstance(entry, Question)]
    assert isinstance(question.query, FindTwin)
    assert question.query.since == world.now - WINDOW_S


def test_a_read_that_somebody_was_asked_about_is_given_once() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_read", n=1)
    world.sync()
    client.reachable = False
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    back = world.client()
    again(world, back, 2, "ask_read")
    assert back.outcomes == {2: outcome}
    world.ack(back)
    world.sync()
    assert world.store.rows[first].delivered, "its client has it by the repeat"
    third = again(world, back, 3, "ask_read")
    assert world.waiting == [third]


def test_the_outcome_of_a_read_of_another_client_is_kept_for_that_one() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_read", n=1)
    world.sync()
    world.lose(client)
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    other = world.client(client_id="c2")
    again(world, other, 1, "ask_read")
    assert other.outcomes == {1: outcome}
    assert not world.store.rows[first].delivered


def test_a_read_that_is_delivered_is_asked_about_anew() -> None:
    world = World()
    client = world.client()
    ended(world, client, "ask_read")
    world.ack(client)
    world.sync()
    second = again(world, client, 2, "ask_read")
    assert world.waiting == [second]


def test_an_allowed_read_runs_again() -> None:
    world = World()
    client = world.client()
    ended(world, client, "read")
    rid = again(world, client, 2, "read")
    assert list(world.running) == [rid]


def test_a_read_that_was_asked_about_at_the_gateway_behind_counts_as_asked() -> None:
    world = World()
    world.policy["read"] = replace(allow(), asks_there=True)
    client = world.client()
    first = world.receive(client, 1, "read", n=1)
    client.reachable = False
    outcome = world.finish(first)
    world.sync()
    back = world.client()
    again(world, back, 2, "read")
    assert back.outcomes == {2: outcome}


def test_a_person_s_no_is_not_asked_for_again_while_the_policy_asks() -> None:
    world = World()
    client = world.client()
    first = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.deny(first)
    world.sync()
    again(world, client, 2, "ask_write")
    assert client.outcomes[2].code == ErrorCode.DENIED_BY_PERSON
    assert not world.waiting
    world.policy["ask_write"] = allow()
    third = again(world, client, 3, "ask_write")
    assert list(world.running) == [third], "the operator has decided otherwise since"


def test_what_has_failed_expired_or_was_withdrawn_is_asked_for_anew() -> None:
    for how in ("failed", "expired", "withdrawn"):
        world = World()
        client = world.client()
        first = world.receive(client, 1, "ask_write", n=1)
        world.sync()
        if how == "failed":
            world.approve(first)
            world.sync()
            world.finish(first, failed("no"))
        elif how == "expired":
            world.wait(LedgerLimits().approval_s + 1.0)
        else:
            world.cancel(client, 9, 1)
        world.sync()
        second = again(world, client, 2, "ask_write")
        assert world.waiting == [second], how


def test_what_ended_as_unknown_has_its_own_way() -> None:
    world = World()
    client = world.client()
    ended(world, client, "write", unknown("cut off"))
    second = again(world, client, 2)
    assert world.waiting == [second], "a person is told that it may have run"
    assert "may already have run" in world.approvals[second].warning


def test_what_a_repeat_rests_on_is_of_its_principal() -> None:
    world = World()
    ended(world, world.client(), "write")
    other = world.client("bob")
    rid = again(world, other, 1)
    assert list(world.running) == [rid]


@pytest.mark.parametrize(
    "more",
    [
        {"key": "anew"},
        {"relayed": Relayed(principal="garden")},
        {"definition": "another"},
    ],
)
def test_a_key_a_gateway_in_front_and_another_tool_say_that_it_is_another_act(
    more: dict[str, object],
) -> None:
    world = World()
    client = world.client()
    ended(world, client, "write")
    second = again(world, client, 2, **more)
    assert list(world.running) == [second]
    third = again(world, client, 3, **more)
    if "definition" in more:
        assert list(world.running) == [second]
    elif "relayed" in more:
        assert list(world.running) == [second, third]


def test_an_old_client_has_requests_of_its_own() -> None:
    world = World()
    client = world.connect("agent")
    first = again(world, client, 1)
    second = again(world, client, 2)
    assert list(world.running) == [first, second]


def test_nothing_but_a_repeat_looks_back() -> None:
    world = World()
    client = world.client()
    ended(world, client, "write")
    world.receive(client, 2, "write", n=1)
    assert not [entry for entry in world.store.queue if isinstance(entry, Question)]


# Restarts


def test_what_a_former_process_left_waiting_is_joined() -> None:
    world = World()
    first = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    world.kill()
    client = world.client(client_id="c2")
    again(world, client, 1, "ask_write")
    assert world.waiting == [first]
    world.approve(first)
    world.sync()
    outcome = world.finish(first)
    world.sync()
    assert client.outcomes == {1: outcome}


def test_a_repeat_that_a_crash_has_wiped_is_the_same_when_it_comes_again() -> None:
    world = World()
    client = world.client()
    first = ended(world, client, "write")
    world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.kill()
    back = world.client()
    second = again(world, back, 2)
    assert back.outcomes[2] == world.store.rows[first].outcome
    assert world.store.rows[second].joined == first
    assert not world.running


def test_a_repeat_that_cannot_be_stored_is_answered_and_stored_later() -> None:
    world = World()
    client = world.client()
    first = ended(world, client, "write")
    world.receive(client, 2, "write", join_s=WINDOW_S, n=1)
    world.work()
    world.report()
    world.fail()
    assert client.outcomes[2] == world.store.rows[first].outcome
    world.wait(2.0)
    world.sync()
    assert len(world.store.rows) == 2


def test_a_repeat_of_a_write_under_a_policy_that_asks_is_answered_without_asking() -> None:
    world = World()
    client = world.client()
    first = ended(world, client, "write")
    world.policy["write"] = ask()
    again(world, client, 2)
    assert client.outcomes[2] == world.store.rows[first].outcome
    assert not world.waiting


def test_an_answer_about_what_is_not_there_changes_nothing() -> None:
    world = World()
    world.ledger.answered(Token(Purpose.TWIN, rid="gone"), None, world.now)
    world.drain()
    assert not world.store.queue
