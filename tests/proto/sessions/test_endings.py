"""How runs end: a cancel ends one in whatever phase, and each end closes every open call (I12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.proto.session_checker import check, check_rest
from tests.proto.session_models import call, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import (
    DOWN,
    PHASES,
    again,
    called,
    calling,
    claiming,
    ending,
    held,
    idle,
    over_budget,
    pausing,
    preparing,
    reserving,
    speaking,
    tools,
    world_in,
)

from agentgate_proto.records.outcome import executed, unknown
from agentgate_proto.records.usage import UsageStatus
from agentgate_proto.rpc.session_methods import CancelRun

Phase = Callable[[World], None]


def results(world: World) -> dict[str, Any]:
    """What became of each call, by its id."""
    return {data["call"]: data for data in world.data("s", "tool_result") if "late" not in data}


def messages(world: World) -> list[Any]:
    found: list[Any] = msgspec.json.decode(world.called[-1].request.body)["messages"]
    return found[1:]


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_ends_the_run_in_every_phase_and_the_session_is_free(phase: Phase) -> None:
    world = world_in(phase)
    ticket = world.cancel("s")
    check(world)
    world.settle(answer=False, tools=False)
    expected = "no_run" if phase in (idle, ending) else "cancelled"
    assert world.result(ticket).status == expected
    assert not world.calls, "the model is asked no more"
    if phase is not idle:
        status = "completed" if phase is ending else "cancelled"
        assert world.last_end("s")["status"] == status
    world.send("s", "and now?")
    world.settle(tools=False)
    if phase is not over_budget:
        assert world.last_end("s")["status"] == "completed"
    world.settle()
    check_rest(world)


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in (idle, ending)])
def test_a_cancel_that_comes_twice_is_answered_twice_and_ends_one_run(phase: Phase) -> None:
    world = world_in(phase)
    tickets = [world.cancel("s"), world.cancel("s")]
    world.settle(answer=False)
    tickets.append(world.cancel("s"))
    statuses = [world.result(ticket).status for ticket in tickets]
    assert statuses[0] == "cancelled"
    assert statuses[2] == "no_run"
    assert len(world.ends_of("s")) == 1
    check_rest(world)


@pytest.mark.parametrize("phase", PHASES)
def test_a_cancel_while_the_disk_fails_is_made_good_when_it_works_again(phase: Phase) -> None:
    world = world_in(phase)
    ticket = world.cancel("s")
    world.fail()
    check(world)
    world.settle(answer=False)
    assert world.result(ticket).status in ("cancelled", "no_run")
    check_rest(world)


def test_a_cancel_names_one_run_or_whichever_there_is() -> None:
    world = world_in(calling)
    ticket = world.request(CancelRun(session="s", run="another"))
    assert world.result(ticket).status == "no_run"
    assert world.calls


def test_a_model_whose_request_is_not_durable_is_not_asked_after_a_cancel() -> None:
    world = world_in(reserving)
    world.cancel("s")
    world.settle()
    assert not world.called
    (row,) = world.store.usage.values()
    assert (row.status, row.cost_micros) == (UsageStatus.SETTLED, 0)


def test_a_request_that_was_not_sent_yet_costs_nothing() -> None:
    world = world_in(pausing)
    world.cancel("s")
    world.settle()
    assert [row.cost_micros for row in world.store.usage.values()] == [0, 0]


@pytest.mark.parametrize("phase", [calling, speaking])
def test_a_request_that_was_sent_costs_an_estimate(phase: Phase) -> None:
    world = world_in(phase)
    world.cancel("s")
    world.settle()
    (row,) = world.store.usage.values()
    assert row.usage.is_estimate
    assert row.usage.output == (3 if phase is speaking else 0)
    assert row.cost_micros


def test_what_a_model_had_said_is_kept_as_cut_off() -> None:
    world = world_in(speaking)
    world.cancel("s")
    world.settle()
    (reply,) = world.data("s", "reply")
    assert (reply["text"], reply["stop"]) == ("part of it", "cut")


def test_calls_that_were_not_asked_for_are_closed_as_not_run() -> None:
    world = world_in(called)
    world.cancel("s")
    world.settle()
    assert not world.gate.asked
    assert {data["status"] for data in results(world).values()} == {"not_run"}


def test_calls_that_wait_for_a_person_are_withdrawn() -> None:
    world = world_in(held)
    world.cancel("s")
    world.settle()
    assert {data["status"] for data in results(world).values()} == {"cancelled"}
    assert not world.gate.waiting


def test_a_tool_that_may_still_run_is_named_and_its_late_outcome_is_recorded_and_told() -> None:
    world = world_in(tools)
    ticket = world.cancel("s")
    world.settle(tools=False)
    still = {(each.call, each.tool) for each in world.result(ticket).still_running}
    assert still == {("c1", "read"), ("c2", "write")}
    assert {data["status"] for data in results(world).values()} == {"unknown"}
    assert all(data["still_running"] for data in results(world).values())
    world.finish("s", "c2", executed(b'"written"'))
    world.settle(tools=False)
    (late,) = [data for data in world.data("s", "tool_result") if "late" in data]
    assert (late["call"], late["tool"], late["result"]) == ("c2", "write", "written")
    world.send("s", "and?")
    world.settle(tools=False)
    assert (
        messages(world)[-1]["content"] == "[write, call c2, has ended meanwhile: written]\n\nand?"
    )
    world.settle()
    check_rest(world)


@pytest.mark.parametrize("status", ["stopping", "too_late"])
def test_nobody_waits_for_a_tool_that_may_take_long(status: str) -> None:
    world = world_in(held)
    for each in ("c1", "c2"):
        world.gate.approve("s", each)
    world.gate.running_says = status
    ticket = world.cancel("s")
    world.settle(tools=False)
    assert len(world.result(ticket).still_running) == 2


def test_a_call_that_the_gate_has_not_heard_of_was_not_run() -> None:
    world = world_in(tools)
    world.gate.running_says = "unknown_request"
    world.cancel("s")
    world.settle(tools=False)
    assert {data["status"] for data in results(world).values()} == {"not_run"}


def test_a_yes_to_more_money_that_comes_too_late_is_no_call_of_the_model() -> None:
    world = world_in(over_budget)
    (asked,) = world.gate.asked
    world.gate.approve("s", asked.call)
    ticket = world.cancel("s")
    world.settle()
    assert world.result(ticket).status == "cancelled"
    assert world.data("s", "tool_result") == []
    assert ("s", asked.call) in world.gate.acknowledged
    check_rest(world)


def test_an_outcome_that_comes_while_a_run_is_closing_closes_its_call() -> None:
    world = world_in(tools)
    world.gate.running_says = ""
    world.cancel("s")
    assert "run_ended" not in [row.kind for row in world.rows("s")]
    world.finish("s", "c1")
    world.finish("s", "c2", unknown("it was stopped"))
    world.settle()
    assert [data["status"] for data in results(world).values()] == ["executed", "unknown"]
    assert world.last_end("s")["still_running"] == []
    check_rest(world)


def test_what_came_of_a_withdrawal_counts_only_for_what_was_withdrawn() -> None:
    world = world_in(tools)
    world.sessions.tool_cancelled("s", "c1", "stopping", world.now)
    world.sessions.tool_cancelled("s", "unheard of", "stopping", world.now)
    world.sessions.tool_cancelled("nobody", "c1", "stopping", world.now)
    world.drain()
    assert results(world) == {}
    world.settle()
    world.sessions.tool_cancelled("s", "c1", "stopping", world.now)
    check_rest(world)


def test_a_run_that_has_ended_of_itself_is_not_cancelled() -> None:
    world = world_in(ending)
    ticket = world.cancel("s")
    world.settle()
    assert world.result(ticket).status == "no_run"
    assert world.last_end("s")["status"] == "completed"


def test_an_outcome_that_is_told_again_is_acknowledged_and_logged_no_more() -> None:
    world = world_in(again)
    rows = len(world.data("s", "tool_result"))
    world.gate.outcomes["s", "c1"] = executed(b"1")
    world.sessions.tool_ended("s", "c1", executed(b"1"), world.now)
    world.settle()
    assert len(world.data("s", "tool_result")) == rows
    assert not world.gate.outcomes


def test_the_outcome_of_a_call_of_which_the_log_knows_nothing_is_logged() -> None:
    world = world_in(idle)
    world.gate.outcomes["s", "old"] = executed(b'"done"')
    world.send("s")
    world.settle()
    (late,) = world.data("s", "tool_result")
    assert (late["call"], late["tool"], late["late"]) == ("old", "old", True)


def test_the_answer_about_a_budget_that_nobody_waits_for_any_more_is_only_acknowledged() -> None:
    world = world_in(idle)
    world.gate.outcomes["s", "exceed_budget-r-1"] = executed(b"true")
    world.send("s")
    world.settle()
    assert world.data("s", "tool_result") == []
    assert not world.gate.outcomes


@pytest.mark.parametrize("fails", [False, True])
def test_an_outcome_that_comes_while_a_message_is_being_written_is_appended_after_it(
    fails: bool,
) -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle(tools=False)
    world.send("s", "next")
    world.finish("s", "c1")
    if fails:
        world.fail()
    world.settle(tools=False)
    (late,) = [data for data in world.data("s", "tool_result") if "late" in data]
    assert late["call"] == "c1"
    assert len(world.data("s", "message")) == (1 if fails else 2)
    world.settle()
    check_rest(world)


@pytest.mark.parametrize("phase", DOWN)
def test_whoever_is_a_principal_no_more_has_no_run(phase: Phase) -> None:
    world = world_in(phase)
    world.sessions.banish(["bob"], world.now)
    world.drain()
    world.settle(answer=False)
    end = world.last_end("s")
    assert (end["status"], "may not ask" in end["reason"]) == ("cancelled", True)


def test_the_runs_of_those_who_still_are_principals_go_on() -> None:
    world = world_in(calling)
    world.sessions.banish(["ann"], world.now)
    world.settle()
    assert world.last_end("s")["status"] == "completed"


def test_a_run_is_ended_by_the_first_reason() -> None:
    world = world_in(claiming)
    world.sessions.banish([], world.now)
    ticket = world.cancel("s")
    world.settle()
    assert world.result(ticket).status == "cancelled"
    assert "may not ask" in world.last_end("s")["reason"]


def test_the_gate_forgets_a_session_between_runs_but_not_if_the_next_has_begun() -> None:
    world = world_in(preparing)
    assert "s" in world.gate.open_for
    world.prepare()
    world.sync()
    world.say(*said("yes"))
    world.send("s", "at once")
    world.sync()
    assert "s" in world.gate.open_for
    world.settle()
    assert "s" not in world.gate.open_for


def test_the_gate_forgets_a_session_whose_next_message_can_not_be_written() -> None:
    world = world_in(ending)
    ticket = world.send("s", "next")
    world.sync()
    assert "s" in world.gate.open_for
    world.fail()
    assert world.refusal(ticket)
    assert "s" not in world.gate.open_for
    world.settle()
    check_rest(world)


def test_a_tool_may_be_asked_for_again_under_another_id_after_a_cancel() -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle()
    world.scripts.append(wanted(call("c1")))
    world.send("s", "again")
    world.settle()
    assert len({each.call for each in world.gate.asked}) == 3


def test_a_closed_call_that_ends_before_its_run_does_is_not_named_as_still_running() -> None:
    world = world_in(tools)
    world.gate.running_says = ""
    world.cancel("s")
    world.sessions.tool_cancelled("s", "c1", "stopping", world.now)
    world.finish("s", "c1")
    world.sessions.tool_cancelled("s", "c2", "stopping", world.now)
    world.settle(tools=False)
    assert world.last_end("s")["still_running"] == [{"call": "c2", "tool": "write"}]
    world.settle()
    check_rest(world)
