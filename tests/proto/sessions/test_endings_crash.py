"""What a restart does about a run: its calls are closed, and nothing runs again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.proto.session_checker import check_rest
from tests.proto.session_models import said
from tests.proto.session_world import World
from tests.proto.sessions.phases import (
    DOWN,
    PHASES,
    called,
    ending,
    held,
    over_budget,
    tools,
    world_in,
)

from agentgate_proto.records.outcome import executed
from agentgate_proto.sessions.limits import SessionLimits

Phase = Callable[[World], None]


def results(world: World) -> dict[str, Any]:
    """What became of each call, by its id."""
    return {data["call"]: data for data in world.data("s", "tool_result") if "late" not in data}


def messages(world: World) -> list[Any]:
    found: list[Any] = msgspec.json.decode(world.called[-1].request.body)["messages"]
    return found[1:]


@pytest.mark.parametrize("phase", PHASES)
def test_a_process_that_dies_in_any_phase_leaves_a_free_session_and_closed_calls(
    phase: Phase,
) -> None:
    world = world_in(phase)
    world.watch("s")
    asked = len(world.gate.asked)
    world.kill()
    world.settle()
    assert len(world.gate.asked) == asked, "nothing runs again"
    if phase in DOWN or phase is ending:
        assert world.last_end("s")["status"] == "interrupted"
    else:
        assert world.data("s", "message") == []
    world.watch("s")
    check_rest(world)
    world.send("s", "hello again")
    world.settle()
    world.watch("s")
    check_rest(world)


def test_a_tool_that_ran_when_the_process_died_is_unknown_and_the_model_is_told() -> None:
    world = world_in(tools)
    world.gate.running.pop(("s", "c1"))
    world.gate.outcomes["s", "c1"] = executed(b'"it was read"')
    world.kill()
    world.settle()
    assert [results(world)[each]["status"] for each in ("c1", "c2")] == ["executed", "unknown"]
    world.send("s", "what now?")
    world.settle()
    assert "it may have taken effect" in messages(world)[-2]["content"]
    assert len(world.gate.asked) == 2


def test_what_waits_when_a_process_comes_back_is_withdrawn() -> None:
    world = world_in(held)
    world.kill()
    world.settle(tools=False)
    assert {data["status"] for data in results(world).values()} == {"cancelled"}
    assert not world.gate.waiting


def test_a_person_who_is_asked_for_money_when_the_process_dies_is_asked_no_more() -> None:
    world = world_in(over_budget)
    world.kill()
    world.settle(tools=False)
    assert not world.gate.waiting
    assert world.last_end("s")["status"] == "interrupted"
    assert world.data("s", "tool_result") == []


def test_a_call_of_which_the_gate_knows_nothing_was_not_run() -> None:
    world = world_in(called)
    world.sync_rows_only()
    world.kill()
    world.settle()
    assert {data["status"] for data in results(world).values()} == {"not_run"}
    assert not world.gate.asked


def test_a_tool_that_still_runs_when_the_session_opens_again_is_heard_of_later() -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle(tools=False)
    running = dict(world.gate.running)
    world.kill()
    world.gate.outcomes.clear()
    world.gate.running.update(running)
    world.send("s", "next")
    world.settle(tools=False)
    assert "s" in world.gate.open_for, "it waits to hear of them"
    world.settle()
    late = [data["call"] for data in world.data("s", "tool_result") if "late" in data]
    assert late == ["c1", "c2"]
    check_rest(world)


def test_a_run_that_closes_when_its_process_dies_is_interrupted_and_its_tools_stay_late() -> None:
    world = world_in(tools)
    world.gate.running_says = ""
    world.cancel("s")
    world.sync()
    world.kill()
    world.settle()
    assert world.last_end("s")["status"] == "interrupted"
    check_rest(world)


def test_a_pending_call_of_an_interrupted_run_that_goes_on_is_closed_and_heard_of_later() -> None:
    world = world_in(tools)
    running = dict(world.gate.running)
    world.kill()
    world.gate.outcomes.clear()
    world.gate.running.update(running)
    world.gate.open_for.clear()
    world.sync()
    world.settle(tools=False)
    assert all(data["still_running"] for data in results(world).values())
    still = [{"call": "c1", "tool": "read"}, {"call": "c2", "tool": "write"}]
    assert world.last_end("s")["still_running"] == still
    world.settle()
    check_rest(world)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("log_events_max", [30, 1_000])
def test_what_an_earlier_run_left_is_told_late_though_the_log_may_have_forgotten_that_it_did(
    waits: bool, log_events_max: int
) -> None:
    world = World(SessionLimits(log_events_max=log_events_max))
    world.create(named="s")
    tools(world)
    world.cancel("s")
    world.settle(tools=False)
    running = dict(world.gate.running)
    world.scripts.append(said(*"a long answer, which the log has no room beside"))
    world.send("s", "next")
    world.settle(tools=False)
    assert world.calls_in_log("s") == ([] if log_events_max == 30 else ["c1", "c2"])
    world.ask("s", "and another")
    world.kill()
    world.gate.outcomes.clear()
    (world.gate.waiting if waits else world.gate.running).update(running)
    world.gate.open_for.clear()
    world.settle()
    late = [data["call"] for data in world.data("s", "tool_result") if "late" in data]
    assert late == ["c1", "c2"]
    assert world.last_end("s")["still_running"] == []
    check_rest(world)


def test_what_a_run_had_closed_when_its_process_died_and_still_runs_is_named_with_its_end() -> None:
    world = world_in(tools)
    running = dict(world.gate.running)
    world.sessions.tool_waiting("s", "c2", {"approval": "a1"}, world.now)
    world.gate.running_says = ""
    world.cancel("s")
    world.gate.running_says = "stopping"
    world.sessions.tool_cancelled("s", "c1", "stopping", world.now)
    world.sessions.save_all(world.now)
    world.drain()
    world.sync()
    assert results(world)["c1"]["still_running"]
    world.kill()
    world.gate.outcomes.clear()
    world.gate.running.update(running)
    world.gate.open_for.clear()
    world.settle(tools=False)
    end = world.last_end("s")
    assert [each["call"] for each in end["still_running"]] == ["c1", "c2"]
    world.settle()
    check_rest(world)
