"""Calls as their callers see them: requests, answers, and the end of patience."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.client_gateway import GONE, done
from tests.proto.client_world import World, connected

from agentgate_proto.client.calls import NOT_ANSWERED, NOT_SENT, NOT_SETTLED, WITHDRAWN, LooseRow
from agentgate_proto.errors import (
    ERRORS,
    AgentGateTimeout,
    ErrorCode,
)
from agentgate_proto.limits import CANCEL_GRACE_S
from agentgate_proto.principal import Role
from agentgate_proto.records.outcome import Outcome, Status, failed
from agentgate_proto.rpc.jsonrpc import ErrorObject
from agentgate_proto.rpc.messages import DecideApproval, ListTools

GRACE = CANCEL_GRACE_S


# Asking


@pytest.mark.seed001("FR2-AC1")
def test_requests_are_sent_to_the_letter_with_ids_that_count_up() -> None:
    world = connected()
    for _ in range(3):
        world.ask("ha_get_state", entity_id="sensor.temp")
    assert world.heard[1] == {
        "jsonrpc": "2.0",
        "method": "tool_request",
        "params": {"tool": "ha_get_state", "args": {"entity_id": "sensor.temp"}},
        "id": 1,
    }
    assert [message["id"] for message in world.heard[1:]] == [1, 2, 3]


@pytest.mark.seed001("FR2-AC2", "FR2-AC6")
def test_many_calls_at_once_each_get_their_own_answer() -> None:
    world = connected()
    handles = [world.ask(n=n) for n in range(5)]
    for request_id in (4, 1, 5, 2, 3):
        world.gateway.resolve(request_id, done({"n": request_id}))
    world.pump()
    assert [world.result(handle) for handle in handles] == [{"n": n} for n in range(1, 6)]
    assert world.leftovers() == {}


@pytest.mark.seed001("FR2-AC3", "FR2-AC4", "FR2-AC5")
@pytest.mark.parametrize("code", ERRORS)
def test_an_error_answer_becomes_the_exception_of_its_code(code: int) -> None:
    world = connected()
    handle = world.ask()
    outcome = Outcome(status=Status.FAILED, code=code, message="the gateway's own words")
    world.gateway.resolve(1, outcome)
    world.pump()
    error = world.error(handle)
    assert type(error) is ERRORS[code].exception
    assert (error.code, error.message, error.data) == (code, "the gateway's own words", None)


# Patience


def test_a_call_that_times_out_is_withdrawn_and_says_so() -> None:
    world = connected()
    handle = world.ask(timeout_s=3.0)
    world.wait(2.9)
    assert world.settled == {}
    world.wait(0.1)
    error = world.error(handle)
    assert isinstance(error, AgentGateTimeout)
    assert error.message == f"no answer in 3 s: {WITHDRAWN}"
    assert world.gateway.cancelled == [1]
    assert world.leftovers() == {}


def test_a_result_that_comes_in_the_grace_after_the_time_out_is_the_result() -> None:
    world = connected()
    handle = world.ask("stubborn", timeout_s=3.0)
    world.wait(3.0 + GRACE / 2)
    world.gateway.resolve(1, done("just in time"))
    world.pump()
    assert world.result(handle) == "just in time"
    assert world.leftovers() == {}


def test_a_call_that_cannot_be_withdrawn_in_time_says_where_to_look() -> None:
    world = connected()
    request_id = world.late()
    collected = world.rows(world.collect())
    assert collected == [LooseRow(request_id, "stubborn", "executed", data=1)]
    assert world.rows(world.collect()) == []
    assert world.leftovers() == {}


def test_a_call_whose_caller_was_told_to_look_later_is_found_there_if_it_was_withdrawn() -> None:
    world = connected()
    handle = world.ask("stubborn", timeout_s=1.0)
    world.wait(1.0 + GRACE)
    world.gateway.resolve(1, GONE)
    world.pump()
    assert NOT_SETTLED in world.error(handle).message
    assert [(row.tool, row.status) for row in world.rows(world.collect())] == [
        ("stubborn", "cancelled")
    ]


def test_a_time_out_of_another_method_says_that_it_was_sent() -> None:
    world = connected()
    world.gateway.silent |= {"list_tools", "get_pending_results"}
    tools = world.call("list_tools", ListTools(), 1.0)
    collecting = world.collect(timeout_s=1.0)
    world.wait(1.0)
    assert NOT_ANSWERED in world.error(tools).message
    assert NOT_ANSWERED in world.error(collecting).message
    assert world.gateway.cancelled == []
    world.wait(GRACE)
    assert set(world.leftovers()) == {"_internal"}


def test_the_outcome_of_a_call_that_nobody_waits_for_is_kept() -> None:
    world = connected()
    handle = world.ask("stubborn", timeout_s=1.0)
    world.abandon(handle)
    world.wait(1.0)
    world.gateway.resolve(1, failed("it broke"))
    world.pump()
    error = ErrorObject(ErrorCode.TOOL_FAILED, "it broke")
    expected = LooseRow(1, "stubborn", "failed", error=error)
    assert world.rows(world.collect()) == [expected]
    assert world.settled.keys() == {2}


def test_a_queued_call_that_times_out_was_not_sent() -> None:
    world = World()
    world.reachable = None
    world.open()
    handle = world.ask(timeout_s=1.0)
    world.wait(1.0)
    assert world.error(handle).message == f"no answer in 1 s: {NOT_SENT}"
    assert world.leftovers() == {}
    world.dialed()
    assert world.gateway.arrivals == []


@pytest.mark.parametrize("lie", [{"results": [], "more": True}, {"results": [1], "pending": []}])
def test_a_reply_that_makes_no_sense_does_not_keep_the_caller_waiting(lie: Any) -> None:
    world = connected()
    world.gateway.lies["get_pending_results"] = lie
    assert world.rows(world.collect()) == []


@pytest.mark.parametrize("code", [ErrorCode.METHOD_NOT_FOUND, ErrorCode.FORBIDDEN])
def test_a_gateway_that_withdraws_nothing_is_not_waited_for(code: ErrorCode) -> None:
    world = connected()
    world.gateway.errors["cancel_request"] = code
    handle = world.ask(timeout_s=1.0)
    world.wait(1.0)
    assert NOT_SETTLED in world.error(handle).message
    world.gateway.resolve(1, done("late"))
    world.pump()
    assert [row.data for row in world.rows(world.collect())] == ["late"]
    assert world.leftovers() == {}


def test_an_error_about_a_withdrawal_is_told_to_nobody_who_has_left() -> None:
    world = connected()
    world.gateway.errors["cancel_request"] = ErrorCode.FORBIDDEN
    handle = world.ask()
    world.abandon(handle)
    assert world.settled == {}


def test_a_withdrawal_that_worked_is_told_at_once_and_its_outcome_to_nobody() -> None:
    world = connected()
    world.gateway.lies["cancel_request"] = {"status": "cancelled"}
    handle = world.ask(timeout_s=1.0)
    world.wait(1.0)
    assert WITHDRAWN in world.error(handle).message
    world.gateway.resolve(1, GONE)
    world.wait(1.0)
    assert world.gateway.requests[1].delivered
    assert world.rows(world.collect()) == []
    assert world.leftovers() == {}


def test_a_withdrawal_that_worked_late_is_told_by_its_outcome_as_was_promised() -> None:
    world = connected()
    world.gateway.silent.add("cancel_request")
    handle = world.ask(timeout_s=1.0)
    world.wait(1.0 + GRACE)
    assert NOT_SETTLED in world.error(handle).message
    world.gateway.say('{"jsonrpc":"2.0","result":{"status":"cancelled"},"id":2}')
    world.pump()
    world.gateway.resolve(1, GONE)
    world.pump()
    assert [row.status for row in world.rows(world.collect())] == ["cancelled"]


# Made again


def test_what_runs_no_tool_is_made_again_under_a_new_id_before_what_waits() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    handle = world.call("list_tools", ListTools())
    world.drop(reachable=False)
    world.ask()
    world.gateway.silent.clear()
    world.reachable = True
    world.wait(2.0)
    assert [(each["method"], each["id"]) for each in world.heard[1:]] == [
        ("get_pending_results", 2),
        ("list_tools", 3),
        ("tool_request", 4),
    ]
    assert world.result(handle) == {"tools": []}


def test_what_is_made_again_was_sent_if_nobody_waits_for_it_any_more() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    handle = world.call("list_tools", ListTools(), timeout_s=1.5)
    world.drop(reachable=False)
    world.wait(2.0)
    assert NOT_ANSWERED in world.error(handle).message


APPROVAL = {"status": "approved", "decided_by": "hub"}


@pytest.mark.parametrize(
    ("facts", "taken"), [(APPROVAL, True), ({**APPROVAL, "decided_by": "ann"}, False)]
)
def test_a_decision_that_was_made_again_and_had_been_taken_is_a_success(
    facts: dict[str, Any], taken: bool
) -> None:
    world = World()
    world.gateway.role = Role.APPROVER
    world.gateway.silent.add("decide_approval")
    world.open()
    handle = world.call("decide_approval", DecideApproval(id="a1", decision="approve"))
    world.gateway.errors["decide_approval"] = ErrorCode.ALREADY_SETTLED
    world.gateway.facts = facts
    world.drop()
    if taken:
        assert world.result(handle) == facts
    else:
        assert (world.error(handle).code, world.error(handle).data) == (-32009, facts)


def test_ids_are_texts_where_integers_end_and_their_answers_are_found_after_a_reconnect() -> None:
    world = World()
    world.gateway.highest_id = 2**53 - 2
    world.open()
    handles = [world.ask(n=n) for n in range(3)]
    assert world.gateway.arrivals == [2**53 - 1, "p1-1", "p1-2"]
    world.drop(reachable=None)
    world.wait(1.0)
    world.dialed()
    world.gateway.say('{"jsonrpc":"2.0","result":{"status":"executed","data":1},"id":"p1-1"}')
    world.pump()
    assert world.result(handles[1]) == 1
    assert set(world.settled) == {handles[1]}
