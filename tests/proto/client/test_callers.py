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
from agentgate_proto.records.outcome import Outcome, Status, failed
from agentgate_proto.rpc.jsonrpc import ErrorObject
from agentgate_proto.rpc.messages import ListTools

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
