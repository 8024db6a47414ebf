"""How sessions are made, and how they go."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.proto.session_checker import check, check_rest
from tests.proto.session_models import model
from tests.proto.session_world import NOON, World
from tests.proto.sessions.phases import (
    PHASES,
    calling,
    ending,
    idle,
    tools,
    world_in,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.outcome import executed
from agentgate_proto.records.session import DropSession
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    DeleteSession,
    GetSession,
    MetadataSet,
    SessionDeleted,
    SetMetadata,
)
from agentgate_proto.sessions.effects import Write
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.settings import NamedAgent

Phase = Callable[[World], None]


# How they come


def test_a_session_is_told_of_when_its_folder_is_there_and_it_is_durable() -> None:
    world = World()
    ticket = world.request(CreateSession(user_id="u", metadata={"a": 1}))
    (wanted,) = world.making
    assert (wanted.principal, wanted.wanted) == ("ann", "")
    world.make_workspaces()
    assert ticket not in world.told
    world.sync()
    view = world.result(ticket)
    assert (view.principal, view.model, view.user_id, bytes(view.metadata)) == (
        *("ann", "m", "u"),
        b'{"a":1}',
    )
    assert view.workspace == f"/w/{view.id}"
    assert view.key == f"agent:ann:{view.id}"


def test_a_client_keeps_only_so_much_with_a_session() -> None:
    world = World(SessionLimits(metadata_bytes_max=10, sessions_of_principal_max=1))
    ticket = world.request(CreateSession(metadata={"a": 12345}))
    assert world.refusal(ticket) == (ErrorCode.INVALID_PARAMS, "metadata has more than 10 bytes")
    assert not world.making
    world.create(metadata={"a": 1234})  # the other counts for nothing


@pytest.mark.parametrize("phase", [idle, calling, ending])
def test_metadata_are_replaced_and_that_is_told_when_it_is_durable(phase: Phase) -> None:
    world = world_in(phase)
    session = next(iter(world.store.sessions))
    ticket = world.request(SetMetadata(session=session, metadata=msgspec.Raw(b'{"b":2}')))
    assert ticket not in world.told
    world.sync()
    world.sync()  # where something was being written, it goes with the next
    assert world.result(ticket) == MetadataSet()
    assert bytes(world.store.sessions[session].metadata) == b'{"b":2}'


def test_a_session_whose_folder_is_refused_is_none_and_counts_for_nothing() -> None:
    world = World(SessionLimits(sessions_of_principal_max=1))
    ticket = world.request(CreateSession(workspace="/etc"))
    token = world.making.pop().token
    world.sessions.workspace_refused(token, ErrorCode.FORBIDDEN, "not under the roots")
    world.drain()
    assert world.refusal(ticket) == (ErrorCode.FORBIDDEN, "not under the roots")
    world.create()


def test_a_session_that_can_not_be_written_is_none_and_counts_for_nothing() -> None:
    world = World(SessionLimits(sessions_of_principal_max=1))
    ticket = world.request(CreateSession())
    world.make_workspaces()
    world.fail()
    assert world.refusal(ticket) == (
        ErrorCode.INTERNAL_ERROR,
        "cannot store sessions: disk full",
    )
    world.create()


def test_a_principal_has_only_so_many_sessions_and_those_that_are_being_made_count() -> None:
    world = World(SessionLimits(sessions_of_principal_max=2))
    world.create()
    world.request(CreateSession())
    code, text = world.refusal(world.request(CreateSession()))
    assert (code, "delete some" in text) == (ErrorCode.LIMIT_EXCEEDED, True)
    world.create("bob")


def test_a_session_of_a_model_that_is_not_configured_is_refused() -> None:
    world = World(models=[model("a"), model("b")])
    code, text = world.refusal(world.request(CreateSession(model="c")))
    assert (code, text) == (ErrorCode.MODEL_FAILED, "there is no model 'c'; there are: a, b")
    world.models = {}
    world.sessions.configure({}, "", "")
    assert world.refusal(world.request(CreateSession()))[1].endswith("there are: none")


# The session of a named agent


def test_an_operator_deletes_an_agent_s_session_when_that_is_no_more() -> None:
    world = World()
    world.sessions.configure_agents({"house": NamedAgent()})
    names = [world.open("house"), world.create(named="s")]
    for name in names:
        ticket = world.request(DeleteSession(session=name), whose=None)
        assert world.refusal(ticket)[0] == ErrorCode.FORBIDDEN
    world.send(names[0])
    world.sessions.configure_agents({})
    ticket = world.request(DeleteSession(session=names[0]), whose=None)
    world.settle()
    assert world.result(ticket) == SessionDeleted()
    assert list(world.store.sessions) == ["s"]


def test_an_agent_s_session_is_made_when_it_is_wanted_first() -> None:
    world = World()
    name = world.open("house")
    assert name == "agent:house"
    first = world.store.sessions[name]
    assert (first.principal, first.model, first.workspace) == ("house", "m", "/w/agent:house")
    world.send(name)
    world.settle()
    assert world.open("house") == name
    world.kill()
    assert world.open("house") == name
    assert world.store.sessions[name].epoch == first.epoch
    assert world.sessions.loaded == 1


@pytest.mark.parametrize("steps", range(5))
def test_who_wants_an_agent_s_session_while_it_is_being_made_gets_the_same(steps: int) -> None:
    world = World()
    tickets = [world.wish("house")]
    for step in (world.sync, world.make_workspaces, world.sync, world.sync)[:steps]:
        step()
    tickets.append(world.wish("house"))
    world.settle()
    tickets.append(world.wish("house"))
    world.settle()
    assert len({world.result(ticket).epoch for ticket in tickets}) == 1
    (record,) = world.store.sessions.values()
    assert record.epoch == world.result(tickets[0]).epoch
    assert world.sessions.loaded == 1


def test_the_store_may_tell_of_an_agent_s_session_late_or_early() -> None:
    world = World()
    first = world.wish("house")
    world.sync()
    late = world.wish("house")
    question, *rest = world.queue
    assert not rest
    world.queue = []
    world.make_workspaces()
    world.sync()  # it is made, and the store has not looked yet
    world.sessions.answered(question.token, None, world.now)
    world.drain()
    assert world.result(late).epoch == world.result(first).epoch
    world = World()
    first = world.wish("house")
    world.sync()
    world.make_workspaces()
    early = world.wish("house")
    (write, question) = world.queue
    world.store.commit([write.change])  # it is stored, and that is heard last
    world.queue = [question]
    world.sync()
    world.sync()
    loaded = world.sessions._book.get("agent:house")
    world.sessions.durable(write.number, world.now)
    world.drain()
    assert world.result(early).epoch == world.result(first).epoch
    assert world.sessions._book.get("agent:house") is loaded
    world = World()
    first, second = world.wish("house"), world.wish("house")
    (question,) = world.queue
    world.sync()
    world.make_workspaces()
    world.sync()
    made = world.sessions._book.get("agent:house")
    assert world.result(second).epoch == world.result(first).epoch
    assert world.sessions._book.get("agent:house") is made


def test_an_agent_s_session_that_can_not_be_had_is_refused_to_all_who_want_it() -> None:
    world = World()
    tickets = [world.wish("house"), world.wish("house")]
    world.fail()
    for ticket in tickets:
        code, text = world.refusal(ticket)
        assert (code, "cannot read its store" in text) == (ErrorCode.INTERNAL_ERROR, True)
    tickets = [world.wish("house"), world.wish("house")]
    world.sync()
    world.make_workspaces()
    world.fail()
    for ticket in tickets:
        code, text = world.refusal(ticket)
        assert (code, "disk full" in text) == (ErrorCode.INTERNAL_ERROR, True)
    world.open("house")


def test_no_age_ends_an_agent_s_session() -> None:
    world = World()
    name = world.open("house")
    world.now += 10 * 365 * 86_400
    world.sessions.expire(name, "house", world.now, 0, world.now)
    world.kill()
    world.sessions.expire(name, "house", world.now, 0, world.now)
    world.settle()
    assert name in world.store.sessions
    assert world.gone == []


# How they go


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
    world.sessions.expire("s", "ann", LATER, 0, world.now)
    world.gate.holds.clear()
    world.settle()
    assert world.gone == []
    assert len(world.ends_of("s")) == 1
    check_rest(world)


def test_a_session_stays_that_has_changed_or_is_wanted_since_the_store_looked() -> None:
    world = world_in(idle)
    world.sessions.expire("s", "ann", NOON, 0, world.now)
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


def test_while_the_door_is_closed_no_session_is_made_and_those_there_are_stay() -> None:
    world = World()
    session = world.create()
    world.sessions.close_door("the disk is nearly full")
    ticket = world.request(CreateSession())
    assert world.refusal(ticket) == (ErrorCode.LIMIT_EXCEEDED, "the disk is nearly full")
    world.sessions.close_door("")
    assert world.create() != session
