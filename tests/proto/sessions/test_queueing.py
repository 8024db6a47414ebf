"""Messages that wait for their turn: in the log at once, each run in its own time (I12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.session_checker import check, check_rest
from tests.proto.session_models import model, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import (
    DOWN,
    PHASES,
    calling,
    claiming,
    ending,
    idle,
    speaking,
    tools,
    world_in,
)
from tests.proto.sessions.talks import messages

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import Ended, Stop
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    CreateSession,
    GetSession,
    SendMessage,
)
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.limits import SessionLimits

Phase = Callable[[World], None]


def waiting(world: World) -> list[str]:
    """The messages that wait, as they are stored."""
    return [each.message_id for each in world.store.sessions["s"].queue]


def begun(world: World) -> list[str]:
    """The messages whose runs have begun, in that order."""
    return [data["message_id"] for data in world.data("s", "run_started")]


def ends(world: World) -> list[tuple[str, str]]:
    """How runs have ended: their messages, and how."""
    names = {data["run"]: data["message_id"] for data in world.data("s", "message")}
    return [(names[data["run"]], data["status"]) for data in world.data("s", "run_ended")]


def queue(world: World, name: str, text: str = "", **params: Any) -> str:
    """Say something that may wait; return the ticket."""
    return world.send("s", text or f"text of {name}", message_id=name, queue=True, **params)


def run_of(world: World, name: str) -> str:
    """The run of a message."""
    return str({data["message_id"]: data for data in world.data("s", "message")}[name]["run"])


@pytest.mark.parametrize("phase", DOWN)
def test_a_message_waits_for_the_end_of_the_run_before_it(phase: Phase) -> None:
    world = world_in(phase)
    ticket = queue(world, "second")
    assert ticket not in world.told, "it is not durable"
    world.sync()
    world.sync()  # where something was being written, it goes with the next
    result = world.result(ticket)
    assert (result.waits, result.joined, result.ended) == (True, False, False)
    assert world.store.logs["s"][result.offset].kind == "message"
    assert waiting(world) == ["second"]
    assert begun(world) == ["first"]
    view = world.request(GetSession(session="s"))
    assert world.result(view).waiting == [result.run]
    world.settle()
    assert begun(world) == ["first", "second"]
    assert waiting(world) == []
    assert world.data("s", "run_started")[1]["run"] == result.run
    check_rest(world)


def test_where_no_run_is_under_way_nobody_waits() -> None:
    world = world_in(idle)
    ticket = queue(world, "first")
    world.sync()
    assert not world.result(ticket).waits
    world.settle()
    assert ends(world) == [("first", "completed")]


def test_runs_begin_in_the_order_in_which_their_messages_came() -> None:
    world = world_in(calling)
    for name in ("b", "a", "c"):
        queue(world, name)
    world.settle()
    assert begun(world) == ["first", "b", "a", "c"]
    assert [status for _, status in ends(world)] == ["completed"] * 4
    check_rest(world)


def test_who_does_not_want_to_wait_is_refused_as_before() -> None:
    world = world_in(calling)
    queue(world, "second")
    code, _ = world.refusal(world.send("s", message_id="third"))
    assert code is ErrorCode.RUN_IN_PROGRESS


# What a model is shown


def test_what_waits_is_no_part_of_what_the_model_reads_before_its_turn() -> None:
    world = world_in(tools)
    queue(world, "second", "and the garden?")
    world.sync()
    world.finish("s", "c1")
    world.finish("s", "c2")
    for step in (world.sync, world.sync, world.prepare, world.sync):
        step()
    assert b"garden" not in world.called[-1].request.body, "the run before goes on without it"
    world.say(*said("the house is fine"))
    for step in (world.sync, world.prepare, world.sync):
        step()
    roles = [(each["role"], each.get("content")) for each in messages(world)]
    assert roles[0] == ("user", "hi")
    assert roles[-2:] == [("assistant", "the house is fine"), ("user", "and the garden?")]
    world.settle()
    world.kill()
    world.ask("s", "third")
    contents = [each.get("content") for each in messages(world)]
    assert contents.index("the house is fine") < contents.index("and the garden?"), "nor after"


def test_what_a_tool_came_to_late_is_told_with_the_run_that_begins_next() -> None:
    world = world_in(tools)
    queue(world, "second")
    world.sync()
    world.cancel("s")
    world.settle(answer=False, tools=False)
    world.finish("s", "c2")
    world.settle()
    again = world.ask("s", "third")
    assert world.result(again)
    texts = [str(each.get("content")) for each in messages(world) if each["role"] == "user"]
    assert ["has ended meanwhile" in text for text in texts] == [False, False, True]
    world.kill()
    world.settle()
    check_rest(world)


# Repeats


@pytest.mark.parametrize("dies", [False, True])
def test_a_message_that_comes_again_joins_whatever_has_become_of_it(dies: bool) -> None:
    world = world_in(calling)
    first = world.result(ticket) if (ticket := queue(world, "second")) in world.told else None
    assert first is None
    early = queue(world, "second")
    assert early not in world.told, "it is being written"
    world.sync()
    world.sync()
    run = world.result(ticket).run
    assert world.result(early) == world.result(queue(world, "second"))
    assert (world.result(early).joined, world.result(early).waits) == (True, True)
    if dies:
        world.kill()
        world.sync()
    world.say(*said("yes")) if not dies else world.settle(answer=False)
    world.sync()
    under_way = world.result(queue(world, "second"))
    assert (under_way.run, under_way.waits, under_way.ended) == (run, False, False)
    world.settle()
    over = world.result(queue(world, "second"))
    assert (over.run, over.joined, over.ended) == (run, True, True)
    assert begun(world) == ["first", "second"]


# The first message may not be written


def test_what_comes_while_a_run_is_being_claimed_waits_for_that() -> None:
    world = world_in(claiming)
    tickets = [queue(world, "second"), queue(world, "second"), queue(world, "third")]
    assert not any(ticket in world.told for ticket in tickets)
    world.settle()
    results = [world.result(ticket) for ticket in tickets]
    assert [result.joined for result in results] == [False, True, False]
    assert begun(world) == ["first", "second", "third"]
    check_rest(world)


def test_what_was_held_begins_by_itself_if_the_message_before_can_not_be_written() -> None:
    world = world_in(claiming)
    tickets = [queue(world, "second"), queue(world, "third")]
    world.fail()
    world.settle()
    assert begun(world) == ["second", "third"]
    assert [world.result(ticket).waits for ticket in tickets] == [False, True]
    check_rest(world)


def test_a_message_that_waits_and_can_not_be_written_is_written_later() -> None:
    world = world_in(calling)
    ticket = queue(world, "second")
    world.fail()
    assert ticket not in world.told
    code, text = world.refusal(queue(world, "third"))
    assert (code, "cannot store messages" in text) == (ErrorCode.INTERNAL_ERROR, True)
    world.say(*said("yes"))
    world.settle()
    assert world.result(ticket).waits
    assert ends(world) == [("first", "completed"), ("second", "completed")]
    check_rest(world)


def test_a_beginning_that_can_not_be_written_is_written_later() -> None:
    world = world_in(calling)
    queue(world, "second")
    world.sync()
    world.say(*said("yes"))
    assert world.preparing == []
    world.fail()
    assert (len(world.called), world.preparing) == (1, [])
    again = queue(world, "second")
    world.settle()
    assert world.result(again).joined
    assert ends(world) == [("first", "completed"), ("second", "completed")]
    check_rest(world)


# Caps


def test_only_so_many_wait() -> None:
    world = World(SessionLimits(queued_messages_max=2, runs_of_principal_max=1))
    world.create(named="s")
    world.ask("s", message_id="first")
    queue(world, "a")
    queue(world, "b")
    code, text = world.refusal(queue(world, "c"))
    assert (code, "2 messages wait already" in text) == (ErrorCode.LIMIT_EXCEEDED, True)
    assert queue(world, "a") not in world.told, "it had come before"
    world.say(*said("yes"))
    world.sync()
    queue(world, "c")
    world.settle()
    assert begun(world) == ["first", "a", "b", "c"]


def test_those_that_are_held_count() -> None:
    world = World(SessionLimits(queued_messages_max=2))
    world.create(named="s")
    for name in ("first", "a", "b"):
        queue(world, name)
    assert world.refusal(queue(world, "c"))[0] is ErrorCode.LIMIT_EXCEEDED
    world.settle()
    assert begun(world) == ["first", "a", "b"]


def test_what_waits_has_only_so_many_bytes() -> None:
    world = World(SessionLimits(queued_bytes_max=20))
    world.create(named="s")
    world.ask("s", message_id="first")
    code, text = world.refusal(queue(world, "a", "ü" * 11))
    assert (code, "at most 20 bytes" in text) == (ErrorCode.LIMIT_EXCEEDED, True)
    queue(world, "b", "ü" * 4, params={"top_p": 1})
    assert world.refusal(queue(world, "c", "xy"))[0] is ErrorCode.LIMIT_EXCEEDED
    world.settle()
    assert begun(world) == ["first", "b"]


def test_a_model_that_there_is_not_is_refused_at_once() -> None:
    world = world_in(calling)
    assert world.refusal(queue(world, "a", model="n"))[0] is ErrorCode.MODEL_FAILED


# Ends


def test_a_message_that_waits_may_be_taken_out() -> None:
    world = world_in(calling)
    for name in ("a", "b"):
        queue(world, name)
    world.sync()
    world.sync()
    run = run_of(world, "a")
    ticket = world.request(CancelRun(session="s", run=run))
    world.sync()
    assert (world.result(ticket).status, world.result(ticket).run) == ("cancelled", run)
    assert waiting(world) == ["b"]
    assert ends(world) == [("a", "cancelled")]
    assert world.ends_of("s")[run]["reason"] == "it had not begun"
    again = world.result(queue(world, "a"))
    assert (again.run, again.ended) == (run, True)
    over = world.request(CancelRun(session="s", run=run))
    assert world.result(over).status == "no_run"
    world.settle()
    assert begun(world) == ["first", "b"]
    world.kill()
    world.ask("s", "c")
    assert "text of a" not in str(messages(world))
    world.settle()
    check_rest(world)


def test_without_a_name_only_the_run_under_way_is_ended() -> None:
    world = world_in(speaking)
    queue(world, "second")
    ticket = world.cancel("s")
    world.settle()
    assert world.result(ticket).run == run_of(world, "first")
    assert ends(world) == [("first", "cancelled"), ("second", "completed")]


def test_a_run_may_be_ended_while_its_beginning_is_being_written() -> None:
    world = world_in(calling)
    for name in ("second", "third"):
        queue(world, name)
    world.sync()
    world.say(*said("yes"))
    ticket = world.request(CancelRun(session="s", run=run_of(world, "second")))
    world.settle()
    assert world.result(ticket).status == "cancelled"
    assert ends(world) == [
        ("first", "completed"),
        ("second", "cancelled"),
        ("third", "completed"),
    ]
    assert len(world.called) == 2, "the model is not asked for nothing"
    check_rest(world)


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("synced", [False, True])
def test_a_crash_loses_no_message_that_waits_and_runs_none_twice(
    phase: Phase, synced: bool
) -> None:
    world = world_in(phase)
    tickets = [queue(world, "second"), queue(world, "third")]
    if synced:
        world.sync()
        world.sync()
    known = [
        name
        for name, ticket in zip(("second", "third"), tickets, strict=True)
        if ticket in world.told
    ]
    world.kill()
    world.settle()
    found = begun(world)
    assert len(found) == len(set(found))
    assert [name for name in found if name in known] == known
    check_rest(world)


def test_a_run_that_began_after_others_is_ended_by_what_it_said_itself() -> None:
    world = world_in(speaking)
    queue(world, "second")
    world.sync()
    world.say(*said(" and more"))
    for step in (world.sync, world.prepare, world.sync):
        step()
    world.kill()
    world.settle()
    replies = [data["text"] for data in world.data("s", "reply")]
    assert replies == ["part of it and more"], "nothing was said in the second"
    assert ends(world)[1] == ("second", "interrupted")
    assert world.ends_of("s")[run_of(world, "second")]["iterations"] == 1
    check_rest(world)


def test_what_is_not_paid_for_ends_each_by_itself() -> None:
    budget = Budget(name="day", per="day", limit_micros=1)
    world = World(budgets=[budget])
    world.create(named="s")
    for name in ("first", "second"):
        queue(world, name)
    world.settle()
    assert ends(world) == [("first", "budget"), ("second", "budget")]


def test_a_model_that_is_none_any_more_ends_each_that_waits_for_it() -> None:
    world = World(models=[model("m"), model("n")])
    world.create(named="s")
    world.ask("s", message_id="first")
    for name in ("second", "third"):
        queue(world, name, model="n")
    queue(world, "fourth")
    world.sync()
    world.sync()
    del world.models["n"]
    world.kill()
    world.settle()
    assert ends(world) == [
        ("first", "interrupted"),
        ("second", "failed"),
        ("third", "failed"),
        ("fourth", "completed"),
    ]
    assert "there is no model 'n'" in world.ends_of("s")[run_of(world, "third")]["reason"]
    check_rest(world)


@pytest.mark.parametrize("phase", [claiming, calling, ending])
def test_whoever_is_banished_says_nothing_more(phase: Phase) -> None:
    world = world_in(phase)
    ticket = queue(world, "second")
    asked = len(world.called)
    world.sessions.banish(["bob"], world.now)
    world.drain()
    world.settle()
    assert len(world.called) == asked
    if phase is claiming:
        assert world.refusal(ticket)[0] is ErrorCode.FORBIDDEN
    else:
        assert ends(world)[-1] in (("first", "cancelled"), ("second", "cancelled"))
        assert ("second", "cancelled") in ends(world)
    check_rest(world)


@pytest.mark.parametrize("phase", [claiming, calling, ending])
def test_with_a_session_goes_what_waits_in_it(phase: Phase) -> None:
    world = world_in(phase)
    waits = queue(world, "second")
    ticket = world.delete("s")
    world.settle()
    assert world.result(ticket).deleted
    assert waits in world.told
    assert world.store.sessions == {}
    check_rest(world)


def test_a_deletion_that_fails_leaves_a_session_in_which_nothing_waits() -> None:
    world = world_in(calling)
    queue(world, "second")
    world.sync()
    ticket = world.delete("s")
    world.sync()
    world.fail()
    assert world.refusal(ticket)[0] is ErrorCode.INTERNAL_ERROR
    world.settle()
    assert begun(world) == ["first"]
    assert ("second", "cancelled") in ends(world)
    check_rest(world)


# What its run is


def test_its_run_is_as_its_message_wanted_it_and_says_who_spoke() -> None:
    world = World(models=[model("m"), model("n")])
    world.create(named="s")
    world.ask("s", message_id="first")
    behalf = OnBehalf(principal="ann", hops=("e1", "e2"))
    params = SendMessage(
        session="s",
        text="go",
        message_id="second",
        model="n",
        max_iterations=1,
        max_tokens=7,
        params={"seed": 3},
        queue=True,
        on_behalf_of=behalf,
    )
    world.unanswered.append("t")
    world.sessions.call("t", "ann", params, world.now, ["run2", "x"], "front")
    world.drain()
    world.sync()
    world.kill()
    world.settle(answer=False)
    who = {"by": "front", "on_behalf_of": {"principal": "ann", "hops": ["e1", "e2"]}}
    for kind in ("message", "run_started"):
        said_by = world.data("s", kind)[1]
        assert {key: said_by[key] for key in who} == who
    asked = world.called[-1]
    assert asked.model == "n"
    assert b'"seed":3' in asked.request.body
    assert b":7" in asked.request.body
    world.say(Ended(stop=Stop.END))
    world.settle()
    assert world.data("s", "run_started")[1]["max_iterations"] == 1


def test_who_attaches_without_a_cursor_sees_the_message_of_the_run_under_way() -> None:
    world = world_in(calling)
    queue(world, "second")
    world.sync()
    world.say(*said("yes"))
    world.sync()
    attached = world.result(world.attach("s"))
    assert attached.run == run_of(world, "second")
    assert world.store.logs["s"][attached.offset].kind == "message"


@pytest.mark.parametrize("dies", [False, True])
def test_a_log_that_forgets_a_message_that_waits_loses_nothing_of_it(dies: bool) -> None:
    world = World(SessionLimits(log_events_max=10))
    world.create(named="s")
    world.ask("s", message_id="first")
    queue(world, "second", "and the garden?")
    world.sync()
    for _ in range(3):
        world.say(*wanted(text="more", stop=Stop.END)[:-2])
        world.sync()
    for _ in range(20):
        world.say(*said("more")[:1])
        world.wait(0.2)
        world.sync()
    world.say(*said("done"))
    if dies:
        world.sync()
        world.kill()
        world.sync()
    world.sync()
    for step in (world.sync, world.prepare, world.sync):
        step()
    if not dies:
        assert "and the garden?" in str(messages(world))
    world.settle()
    check(world)


def test_a_session_of_nobody_has_no_queue() -> None:
    world = World()
    world.request(CreateSession(), "ann", "s")
    world.make_workspaces()
    world.sync()
    assert world.result(world.request(AttachSession(session="s"))).run == ""
    assert waiting(world) == []
