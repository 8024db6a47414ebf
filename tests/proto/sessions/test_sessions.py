"""The sessions as one: who may do what with which, and what comes for nobody."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.proto.session_checker import check_rest
from tests.proto.session_models import MATERIAL, call, model, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import (
    DOWN,
    calling,
    held,
    idle,
    over_budget,
    preparing,
    speaking,
    world_in,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import TextDelta
from agentgate_proto.records.outcome import executed
from agentgate_proto.rpc.session_methods import (
    AttachSession,
    CancelRun,
    DeleteSession,
    DetachSession,
    GetSession,
    InspectSession,
    SendMessage,
)
from agentgate_proto.rpc.usage_methods import ListModels
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.sessions import Sessions

METHODS: list[msgspec.Struct] = [
    GetSession(session="s"),
    DeleteSession(session="s"),
    SendMessage(session="s", text="hi", message_id="m"),
    CancelRun(session="s"),
    InspectSession(session="s"),
    AttachSession(session="s"),
]
APPROVAL = {"approval": "a1", "rule": "r", "signature": "s", "expires_at": "later"}


@pytest.mark.parametrize("params", METHODS)
def test_anothers_session_does_not_exist(params: msgspec.Struct) -> None:
    world = world_in(idle)
    assert world.refusal(world.request(params, "bob")) == (
        ErrorCode.SESSION_NOT_FOUND,
        "Session not found",
    )
    assert world.refusal(world.request(params, ""))[0] is ErrorCode.SESSION_NOT_FOUND


def test_an_operator_may_look_at_everybodys() -> None:
    world = world_in(idle)
    assert world.result(world.request(GetSession(session="s"), None)).principal == "ann"


def test_a_method_that_is_not_about_sessions_is_unknown() -> None:
    world = world_in(idle)
    ticket = world.request(DetachSession(session="s"))
    assert world.refusal(ticket)[0] is ErrorCode.METHOD_NOT_FOUND


def test_models_that_are_configured_anew_are_those_that_are_offered() -> None:
    world = world_in(calling)
    world.sessions.configure({"n": model("n")}, "n", "be brief")
    (row,) = world.result(world.request(ListModels())).models
    assert (row.name, row.is_default) == ("n", True)
    world.settle()
    assert world.last_end("s")["status"] == "completed", "a run keeps its model"


def test_what_comes_for_a_session_that_is_not_there_changes_nothing() -> None:
    world = World()
    sessions = world.sessions
    sessions.model_said("s", "c", said("yes"), world.now)
    sessions.tools_open("s", {}, [], world.now)
    sessions.tool_waiting("s", "c", APPROVAL, world.now)
    sessions.tool_ended("s", "c", executed(b"1"), world.now)
    sessions.tool_cancelled("s", "c", "cancelled", world.now)
    sessions.prepared("s", "r", MATERIAL, world.now)
    sessions.not_prepared("s", "r", "no", world.now)
    assert sessions.read("s", 3, 100) == (None, 3)
    assert sessions.next_effect() is None


def test_what_was_prepared_for_a_run_that_is_over_changes_nothing() -> None:
    world = world_in(preparing)
    (old,) = world.preparing
    world.cancel("s")
    world.settle()
    world.send("s", "next")
    world.sync()
    world.sessions.prepared("s", old.token, MATERIAL, world.now)
    world.sessions.not_prepared("s", old.token, "no such folder", world.now)
    world.sessions.prepared("s", (old.token, 1.0), MATERIAL, world.now)
    world.drain()
    world.settle()
    assert [end["status"] for end in world.ends_of("s").values()] == ["cancelled", "completed"]


def test_what_is_prepared_twice_asks_the_model_once() -> None:
    world = world_in(preparing)
    (effect,) = world.preparing
    world.prepare()
    world.sessions.prepared("s", effect.token, MATERIAL, world.now)
    world.drain()
    world.settle()
    assert len(world.called) == 1


def test_a_context_that_can_not_be_made_fails_the_run() -> None:
    world = world_in(preparing)
    world.not_prepared("no such folder")
    world.settle()
    end = world.last_end("s")
    assert (end["status"], end["reason"]) == ("failed", "no such folder")


def test_an_approval_is_shown_at_once_and_named_with_its_call() -> None:
    world = world_in(held)
    world.sessions.tool_waiting("s", "c2", APPROVAL, world.now)
    world.sessions.tool_waiting("s", "unheard of", APPROVAL, world.now)
    world.drain()
    event = world.watch("s")[-1]
    run = world.store.sessions["s"].run
    assert run is not None
    assert msgspec.json.decode(event.data) == {
        "run": run.id,
        "call": "c2",
        "tool": "write",
        **APPROVAL,
    }
    assert world.grown[-1] == "s"
    world.settle()
    assert len(world.data("s", "approval")) == 1


def test_the_approval_of_money_names_the_tool_that_stands_for_it() -> None:
    world = world_in(over_budget)
    (asked,) = world.gate.asked
    world.sessions.tool_waiting("s", asked.call, APPROVAL, world.now)
    world.drain()
    world.settle()
    assert world.data("s", "approval")[0]["tool"] == "exceed_budget"


# Watching


def test_whoever_watches_reads_all_from_memory_and_from_the_store_in_order() -> None:
    world = World(SessionLimits(tail_bytes_max=2_000))
    world.create(named="s")
    for number in range(5):
        world.scripts.append([*said(*f"answer {number}")])
        world.send("s", f"message {number}")
        world.settle()
    events = world.watch("s")
    assert world.sessions.read("s", 0, 10)[0] is None, "the store has the beginning"
    assert events[0].offset == 0
    texts = [msgspec.json.decode(event.data)["text"] for event in events if event.kind == "text"]
    assert "".join(texts) == "".join(f"answer {number}" for number in range(5))
    whole = world.seen["s"].events
    for offset in range(len(whole)):
        world.watch("s", offset)
    world.kill()
    world.attach("s")
    world.settle()
    for offset in range(len(whole)):
        world.watch("s", offset)
    assert world.seen["s"].events == whole


@pytest.mark.parametrize("phase", DOWN)
def test_who_attaches_without_a_cursor_begins_with_the_run_that_is_under_way(
    phase: Callable[[World], None],
) -> None:
    world = world_in(phase)
    attached = world.result(world.attach("s"))
    run = world.store.sessions["s"].run
    assert run is not None
    assert (attached.offset, attached.run, attached.gap) == (0, run.id, "")


def test_or_with_the_oldest_of_it_that_is_kept() -> None:
    world = World(SessionLimits(log_events_max=20))
    world.create(named="s")
    calling(world)
    world.say(*(TextDelta(letter) for letter in "abcdefghijklmnopqrstuvwxyz"))
    world.wait(0.2)
    world.sync()
    attached = world.result(world.attach("s"))
    assert attached.offset == world.store.sessions["s"].oldest == 2
    assert world.watch("s", attached.offset)[0].kind == "model_started"


def test_if_no_run_is_under_way_with_what_comes_from_now_on() -> None:
    world = world_in(calling)
    world.settle()
    attached = world.result(world.attach("s"))
    assert (attached.offset, attached.run) == (attached.next, "")
    assert attached.next == world.store.sessions["s"].next


def test_a_cursor_that_the_log_has_is_taken_even_between_two_deltas() -> None:
    world = world_in(speaking)
    world.say(TextDelta("!"))
    epoch = world.store.sessions["s"].epoch
    attached = world.result(world.attach("s", 4, epoch))
    assert (attached.offset, attached.gap, attached.next) == (4, "", 5)
    assert b'"!"' in bytes(world.watch("s", 4)[0].data)


@pytest.mark.parametrize(
    ("offset", "epoch", "gap"),
    [(3, "another", "epoch"), (99, "", "ahead"), (1, "", "retention")],
)
def test_a_cursor_that_the_log_has_not_gets_a_gap_and_where_it_begins(
    offset: int, epoch: str, gap: str
) -> None:
    world = World(SessionLimits(log_events_max=20))
    world.create(named="s")
    world.scripts.append(said(*"abcdefghijklmnopq"))
    world.send("s")
    world.settle()
    epoch = epoch or world.store.sessions["s"].epoch
    attached = world.result(world.attach("s", offset, epoch))
    oldest = world.store.sessions["s"].oldest
    assert oldest > 1
    assert (attached.gap, attached.offset, attached.oldest) == (gap, oldest, oldest)


def test_a_cursor_from_before_a_crash_is_good_and_shows_a_gap_never_other_text() -> None:
    world = world_in(speaking)
    offset = 4
    world.say(TextDelta(", lost"))
    world.watch("s")
    epoch = world.store.sessions["s"].epoch
    world.kill()
    world.settle()
    attached = world.result(world.attach("s", offset, epoch))
    assert (attached.gap, attached.offset) == ("", offset)
    assert world.watch("s", offset)[0].kind == "gap"
    world.send("s", "again")
    world.settle()
    world.watch("s")


def test_text_beyond_what_is_reserved_is_shown_when_more_is() -> None:
    world = World(SessionLimits(ahead=4))
    world.create(named="s")
    calling(world)
    for letter in "abcdefgh":
        world.say(TextDelta(letter))
    shown = world.watch("s")
    world.wait(0.2)
    world.sync()
    assert sum(event.count for event in world.watch("s")) > sum(event.count for event in shown)
    world.settle()
    check_rest(world)


# Together


def test_two_sessions_run_beside_each_other_and_know_nothing_of_each_other() -> None:
    world = World()
    one, other = world.create(), world.create("bob")
    world.ask(one, "a secret")
    world.ask(other, "hello")
    first, second = list(world.calls.values())
    world.say(*wanted(call("c1")), which=first.call)
    world.say(*wanted(call("c1")), which=second.call)
    world.settle()
    assert all(b"secret" not in each.request.body for each in world.called if each.session == other)
    assert world.last_end(one)["status"] == world.last_end(other)["status"] == "completed"
    assert world.gate.acknowledged == [(one, "c1"), (other, "c1")]


def test_limits_have_defaults() -> None:
    sessions = Sessions()
    assert (sessions.active, sessions.problem, sessions.is_settled) == (0, "", True)
    assert sessions.next_deadline() is None
