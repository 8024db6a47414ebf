"""Edit then approve: what runs is what was approved last, and its agent hears of it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from tests.proto.ledger_policy import ask, deny
from tests.proto.ledger_records import edit_of
from tests.proto.ledger_world import Connection, World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.unknowns import MAY_HAVE_RUN
from agentgate_proto.records.approval import approval_view
from agentgate_proto.records.edit import Edit
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.outcome import Status, unknown
from agentgate_proto.records.request import Phase

EDIT = edit_of({"n": 1}, "ask_write", n=7)


def asked(**kw: Any) -> tuple[World, Connection, str]:
    """A world in which one request waits for a person."""
    world = World()
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1, **kw)
    world.sync()
    return world, client, rid


def args_of(run: Any) -> Any:
    return json.loads(run.args)


def test_what_runs_is_what_the_person_made_of_it_and_its_agent_is_told() -> None:
    world, client, rid = asked()
    ticket = world.approve(rid, edit=EDIT, word="less of it")
    world.sync()
    assert world.decided[ticket].won
    assert args_of(world.running[rid]) == {"n": 7}
    world.finish(rid)
    world.sync()
    outcome = client.outcomes[1]
    assert (outcome.status, outcome.word) == (Status.EXECUTED, "less of it")
    assert outcome.edited is not UNSET
    assert json.loads(bytes(outcome.edited)) == {"n": 7}
    view = approval_view(world.store.rows[rid])
    assert json.loads(bytes(view.args)) == {"n": 1}, "what was asked is kept"
    assert (view.changes, view.word) == (("n: 1 → 7",), "less of it")
    assert view.edited == EDIT.args


def test_nothing_of_an_edit_is_shown_or_run_before_it_is_durable() -> None:
    world, _, rid = asked()
    world.approve(rid, edit=EDIT)
    assert world.approvals[rid].edit is None
    assert not world.running
    world.sync()
    assert world.approvals[rid].edit == EDIT


def test_an_edit_that_can_not_be_stored_leaves_the_request_as_it_was_asked() -> None:
    world, _, rid = asked()
    ticket = world.approve(rid, edit=EDIT)
    world.fail()
    assert not world.decided[ticket].won
    assert world.waiting == [rid]
    world.approve(rid)
    world.sync()
    assert args_of(world.running[rid]) == {"n": 1}


def test_an_approved_edit_outlives_the_process() -> None:
    world, _, rid = asked()
    world.approve(rid, edit=EDIT, word="so")
    world.work()
    world.kill()
    world.sync()
    assert args_of(world.running[rid]) == {"n": 7}
    world.finish(rid)
    world.sync()
    client = world.client()
    world.collect(client, 2)
    world.sync()
    (row,) = client.collected
    assert row.outcome is not None
    assert (row.outcome.word, row.outcome.edited) == ("so", EDIT.args)


def test_what_the_policy_denies_as_edited_goes_on_waiting() -> None:
    world, _, rid = asked()
    world.edit_policy = deny()
    ticket = world.approve(rid, edit=EDIT)
    told = world.decided[ticket]
    assert (told.won, told.code) == (False, ErrorCode.DENIED_BY_POLICY)
    assert "not as it is edited: Denied by policy: not here; it still waits" in told.problem
    assert world.waiting == [rid]
    world.approve(rid)
    world.sync()
    assert args_of(world.running[rid]) == {"n": 1}, "as it was asked it may run"


@pytest.mark.parametrize("stricter", [ask(approvers=2), ask(code=True)])
def test_what_takes_more_as_edited_can_not_be_approved_by_one(stricter: Any) -> None:
    world, _, rid = asked()
    world.edit_policy = stricter
    ticket = world.approve(rid, edit=EDIT)
    assert "so it takes more people, or a code" in world.decided[ticket].problem
    assert world.waiting == [rid]


def test_what_takes_several_people_is_not_edited() -> None:
    world = World()
    world.policy["ask_write"] = ask(approvers=2)
    rid = world.receive(world.client(), 1, "ask_write", n=1)
    world.sync()
    ticket = world.approve(rid, edit=EDIT)
    told = world.decided[ticket]
    assert (told.won, told.code) == (False, ErrorCode.INVALID_PARAMS)
    assert "deny it with a word" in told.problem


def test_a_grant_with_an_edit_covers_what_was_edited_and_not_what_was_asked() -> None:
    world, client, rid = asked()
    world.approve(rid, edit=EDIT, grant=GrantTerms(uses=3))
    world.sync()
    world.finish(rid)
    world.sync()
    same = world.receive(client, 2, "ask_write", n=1)
    edited = world.receive(client, 3, "ask_write", n=7)
    world.sync()
    assert world.waiting == [same]
    assert list(world.running) == [edited]


def test_the_words_of_a_grant_may_only_name_what_the_edit_has() -> None:
    world, _, rid = asked()
    edit = edit_of({"n": 1}, "ask_write", m=7)
    ticket = world.approve(rid, edit=edit, grant=GrantTerms(uses=3, any_args=("n",)))
    assert "no argument 'n'" in world.decided[ticket].problem


def test_the_first_answer_wins_over_an_edit_and_an_edit_over_the_next() -> None:
    world, _, rid = asked()
    no, late = world.decide(rid, approve=False), world.approve(rid, edit=EDIT, by="bea")
    world.sync()
    assert world.decided[no].won
    assert not world.decided[late].won
    assert not world.running
    world, _, rid = asked()
    edited, late = world.approve(rid, edit=EDIT), world.approve(rid, by="bea")
    world.sync()
    assert world.decided[edited].won
    assert not world.decided[late].won
    assert args_of(world.running[rid]) == {"n": 7}


def test_an_edit_after_its_time_or_its_withdrawal_makes_nothing() -> None:
    world, _, rid = asked()
    world.now += world.limits.approval_s
    ticket = world.approve(rid, edit=EDIT)
    world.sync()
    assert not world.decided[ticket].won
    assert world.store.rows[rid].edit is None
    world, client, rid = asked()
    world.cancel(client, 2, 1)
    ticket = world.approve(rid, edit=EDIT)
    world.sync()
    assert not world.decided[ticket].won
    assert client.outcomes[1].edited is UNSET


def test_a_withdrawal_after_an_edit_ends_it_without_its_words() -> None:
    world, client, rid = asked()
    world.approve(rid, edit=EDIT, word="so")
    world.cancel(client, 2, 1)
    world.sync()
    outcome = client.outcomes[1]
    assert (outcome.status, outcome.word, outcome.edited) == (Status.CANCELLED, "", UNSET)


def test_a_repeat_of_what_was_asked_gets_what_the_edit_came_to() -> None:
    world, client, rid = asked()
    world.approve(rid, edit=EDIT)
    world.sync()
    world.finish(rid)
    world.sync()
    world.receive(client, 1, "ask_write", n=1)
    other = world.client(client_id="c2")
    world.receive(other, 1, "ask_write", join_s=60.0, n=1)
    world.sync()
    assert not world.running
    assert not world.waiting
    assert client.outcomes[1] == other.outcomes[1]
    assert other.outcomes[1].edited == EDIT.args


def test_what_has_joined_gets_what_the_edit_came_to() -> None:
    world, client, rid = asked()
    other = world.client(client_id="c2")
    world.receive(other, 1, "ask_write", n=1, why="so do I")
    world.sync()
    world.approve(rid, edit=EDIT, word="once")
    world.sync()
    world.finish(rid)
    world.sync()
    assert client.outcomes[1] == other.outcomes[1]
    (own,) = [row for row in world.store.rows.values() if row.client_id == "c2"]
    assert (own.edit, own.word, own.why, own.digest) == (EDIT, "once", "so do I", own.identity)


def test_what_may_have_run_is_what_was_edited_and_to_be_sure_what_was_asked() -> None:
    world, client, rid = asked()
    world.approve(rid, edit=EDIT)
    world.sync()
    world.kill()
    world.sync()
    client = world.client()
    world.policy["ask_write"] = world.policy["write"]
    for number, n in ((11, 1), (12, 7), (13, 8)):
        world.receive(client, number, "ask_write", n=n)
    world.sync()
    warned = {json.loads(bytes(a.args))["n"]: a.warning for a in world.ledger.waiting}
    assert warned == {1: MAY_HAVE_RUN, 7: MAY_HAVE_RUN}
    assert [args_of(run) for run in world.running.values()] == [{"n": 8}]


def test_an_edited_run_that_ends_settles_that_it_may_have_run() -> None:
    world, client, rid = asked()
    first = world.receive(client, 2, "write", n=7)
    world.sync()
    world.finish(first, unknown("stopped"))
    second = world.receive(client, 3, "write", n=7)
    world.sync()
    assert world.store.rows[second].warning == MAY_HAVE_RUN
    edit = edit_of({"n": 7}, "write", n=9)
    third = world.receive(client, 4, "write", n=9)
    world.sync()
    world.finish(third, unknown("stopped"))
    world.approve(second, edit=edit)
    world.sync()
    world.finish(second)
    world.sync()
    assert world.receive(client, 5, "write", n=9) in world.running or world.store.queue
    world.sync()
    assert world.waiting == [rid], "what was run again, by a person's edit, is known"


def test_an_agent_is_not_told_what_a_person_put_in_that_is_not_for_it() -> None:
    world, client, rid = asked()
    edit = msgspec.structs.replace(EDIT, told=msgspec.Raw(b'{"n":"..."}'))
    world.approve(rid, edit=edit)
    world.sync()
    assert args_of(world.running[rid]) == {"n": 7}
    world.finish(rid)
    world.sync()
    assert client.outcomes[1].edited == msgspec.Raw(b'{"n":"..."}')


def test_a_preview_changes_nothing() -> None:
    world, _, rid = asked()
    world.edits[EDIT.digest] = EDIT
    assert world.ledger.objection_to_edit(rid, EDIT, world.now) is None
    world.edit_policy = deny()
    objection = world.ledger.objection_to_edit(rid, EDIT, world.now)
    assert objection is not None
    assert objection[0] is ErrorCode.DENIED_BY_POLICY
    assert world.ledger.next_effect() is None
    assert world.store.rows[rid].phase is Phase.WAITING


def test_a_person_says_a_word_with_a_no_and_the_error_has_it() -> None:
    world, client, rid = asked(why="the plants are dry")
    world.decide(rid, approve=False, word="it rains tonight")
    world.sync()
    row, outcome = world.store.rows[rid], client.outcomes[1]
    assert (row.why, row.word) == ("the plants are dry", "it rains tonight")
    assert (outcome.word, outcome.message) == (
        "it rains tonight",
        "Denied by user: it rains tonight",
    )


def test_all_words_of_several_people_reach_the_agent() -> None:
    world = World()
    world.policy["ask_write"] = ask(approvers=2)
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.approve(rid, by="ann", word="fine")
    world.sync()
    assert approval_view(world.approvals[rid]).word == "fine"
    world.approve(rid, by="bea", word="be quick")
    world.sync()
    world.finish(rid)
    world.sync()
    assert client.outcomes[1].word == "fine\nbe quick"


def test_a_word_before_a_policy_denies_is_not_told() -> None:
    world = World()
    world.policy["ask_write"] = ask(approvers=2)
    client = world.client()
    rid = world.receive(client, 1, "ask_write", n=1)
    world.sync()
    world.approve(rid, by="ann", word="fine")
    world.sync()
    world.policy["ask_write"] = deny()
    world.ledger.judge_again(world.now)
    world.drain()
    world.sync()
    assert client.outcomes[1].word == ""


def test_another_reason_makes_no_other_request() -> None:
    world, client, rid = asked(why="the plants are dry")
    world.receive(client, 1, "ask_write", n=1, why="please")
    world.sync()
    assert not client.refusals
    assert world.waiting == [rid]
    assert world.store.rows[rid].why == "the plants are dry"


def test_an_edit_has_a_digest_of_its_own() -> None:
    assert isinstance(EDIT, Edit)
    assert EDIT.for_agent == EDIT.args
