"""How sessions go."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.proto.session_checker import check, check_rest
from tests.proto.session_world import NOON, World
from tests.proto.sessions.phases import (
    PHASES,
    idle,
    tools,
    world_in,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import SessionLimits
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.session import DropSession
from agentgate_proto.rpc.session_methods import CreateSession, GetSession
from agentgate_proto.sessions.effects import Write

Phase = Callable[[World], None]


@pytest.mark.parametrize("phase", PHASES)
def test_a_session_is_deleted_in_every_phase_after_what_it_has_cost_is_written(
    phase: Phase,
) -> None:
    world = world_in(phase)
    ticket = world.delete("s")
    assert world.refusal(world.request(GetSession(session="s")))[0] is ErrorCode.SESSION_NOT_FOUND
    world.settle(answer=False)
    assert world.result(ticket).deleted
    assert world.gone == ["s"]
    assert world.store.sessions == {}
    assert not world.calls
    check_rest(world)
    ticket = world.delete("s")
    world.settle()
    assert world.refusal(ticket)[0] is ErrorCode.SESSION_NOT_FOUND


@pytest.mark.parametrize("phase", PHASES)
def test_a_deletion_while_the_disk_fails_is_done_later_or_refused(phase: Phase) -> None:
    world = world_in(phase)
    ticket = world.delete("s")
    world.fail()
    check(world)
    world.settle(answer=False)
    if "s" in world.store.sessions:
        code, text = world.refusal(ticket)
        assert (code, text) == (
            ErrorCode.INTERNAL_ERROR,
            "cannot delete the session now: disk full",
        )
        world.send("s", "still here")
        world.settle()
    else:
        assert world.result(ticket).deleted
    check_rest(world)


def test_a_session_that_waits_for_its_tools_is_not_written_again_and_again() -> None:
    world = world_in(tools)
    world.gate.running_says = ""
    world.delete("s")
    writes = len(world.store.changes)
    for _ in range(5):
        world.sync()
        world.wait(1.0)
    assert len(world.store.changes) <= writes + 1
    world.settle()
    assert world.gone == ["s"]


def test_what_comes_after_its_deletion_does_not_bring_a_session_back() -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle(tools=False)
    world.delete("s")
    world.finish("s", "c1")
    world.settle()
    assert world.store.sessions == {}
    assert world.gone == ["s"]


def test_an_outcome_that_came_while_a_deletion_failed_is_recorded() -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle(tools=False)
    world.delete("s")
    world.finish("s", "c1", executed(b'"late"'))
    world.fail()
    world.settle()
    late = [data["call"] for data in world.data("s", "tool_result") if "late" in data]
    assert late == ["c1", "c2"]
    check_rest(world)


def test_room_for_a_session_is_there_again_when_one_was_deleted() -> None:
    world = World(SessionLimits(sessions_of_principal_max=1))
    name = world.create()
    world.delete(name)
    world.settle()
    world.create()


def test_counts_survive_the_process() -> None:
    world = World(SessionLimits(sessions_of_principal_max=1))
    world.create()
    world.kill()
    assert world.refusal(world.request(CreateSession()))[0] is ErrorCode.LIMIT_EXCEEDED


# Retention

LATER = NOON + 1.0


@pytest.mark.parametrize("loaded", [True, False])
def test_a_session_that_is_kept_no_longer_goes_and_its_principal_may_have_another(
    loaded: bool,
) -> None:
    world = World(SessionLimits(sessions_of_principal_max=1))
    name = world.create()
    world.send(name)
    world.settle()
    if not loaded:
        world.kill()
    world.expire(LATER)
    world.expire(LATER)
    code, _ = world.refusal(world.request(CreateSession()))
    assert code is ErrorCode.LIMIT_EXCEEDED, "it is not deleted yet"
    ticket = world.request(GetSession(session=name))
    world.sync()
    assert world.refusal(ticket)[0] is ErrorCode.SESSION_NOT_FOUND
    assert DropSession(name, "ann", is_old=True) in world.store.changes
    assert (world.store.sessions, world.gone) == ({}, [name])
    world.create()
    code, _ = world.refusal(world.request(CreateSession()))
    assert code is ErrorCode.LIMIT_EXCEEDED, "it was counted once"
    check_rest(world)


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase is not idle])
def test_a_session_stays_in_which_something_has_begun_since_the_store_looked(phase: Phase) -> None:
    world = world_in(phase)
    world.sessions.expire("s", "ann", LATER, world.now)
    world.gate.holds.clear()
    world.settle()
    assert world.gone == []
    assert len(world.ends_of("s")) == 1
    check_rest(world)


def test_a_session_stays_that_has_changed_or_is_wanted_since_the_store_looked() -> None:
    world = world_in(idle)
    world.sessions.expire("s", "ann", NOON, world.now)
    world.settle()
    assert list(world.store.sessions) == ["s"]

    world.kill()
    ticket = world.send("s")
    world.expire(LATER)
    world.settle()
    assert (world.gone, world.last_end("s")["status"]) == ([], "completed")
    assert world.result(ticket)


@pytest.mark.parametrize("loaded", [True, False])
def test_a_session_that_can_not_be_deleted_for_its_age_stays_and_is_found_again(
    loaded: bool,
) -> None:
    world = world_in(idle)
    if not loaded:
        world.kill()
    world.expire(LATER)
    world.fail()
    assert world.gone == []
    world.send("s")
    world.settle()
    assert world.last_end("s")["status"] == "completed"
    check_rest(world)

    world.expire(LATER)
    world.sync()
    assert (world.store.sessions, world.gone) == ({}, ["s"])


def test_who_watches_a_session_that_is_kept_no_longer_is_told_and_its_tools_are_closed() -> None:
    world = world_in(tools)
    world.cancel("s")
    world.settle(tools=False)
    assert world.gate.open_for
    world.attach("s")
    world.expire(LATER)
    world.sync()
    assert world.gone == ["s"]
    assert not world.gate.open_for


def test_a_session_that_is_in_the_store_and_not_yet_known_to_be_there_stays() -> None:
    world = World()
    ticket = world.request(CreateSession())
    world.make_workspaces()
    (write,) = world.queue
    assert isinstance(write, Write)
    world.store.commit([write.change])
    world.expire(LATER)
    assert world.queue == [write]
    world.sync()
    world.send(world.result(ticket).id)
    world.settle()
    check_rest(world)
