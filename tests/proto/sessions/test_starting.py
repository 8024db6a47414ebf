"""How a message begins a run (I12)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.proto.session_checker import check_rest
from tests.proto.session_models import call, model, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import (
    calling,
    claiming,
    ending,
    held,
    idle,
    world_in,
)

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import TextDelta
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    GetSession,
    MetadataSet,
    SetMetadata,
)
from agentgate_proto.sessions.limits import SessionLimits

Phase = Callable[[World], None]


def test_a_message_is_taken_when_it_is_durable() -> None:
    world = world_in(idle)
    ticket = world.send("s")
    assert ticket not in world.told
    world.sync()
    taken = world.result(ticket)
    assert (taken.offset, taken.joined, taken.ended) == (0, False, False)


def test_a_message_that_comes_again_while_it_is_being_written_joins_its_run() -> None:
    world = world_in(claiming)
    ticket = world.send("s", message_id="first")
    world.sync()
    assert world.result(ticket).joined
    assert len(world.data("s", "message")) == 1


@pytest.mark.parametrize("phase", [calling, held])
def test_a_message_that_comes_again_while_its_run_is_under_way_joins_it(phase: Phase) -> None:
    world = world_in(phase)
    taken = world.result(world.send("s", message_id="first"))
    assert (taken.joined, taken.ended, taken.offset) == (True, False, 0)


@pytest.mark.parametrize("dies", [False, True])
def test_a_message_that_comes_again_after_its_run_joins_its_end(dies: bool) -> None:
    world = world_in(ending)
    world.settle()
    if dies:
        world.kill()
    ticket = world.send("s", message_id="first")
    world.settle()
    taken = world.result(ticket)
    assert (taken.run, taken.joined, taken.ended) == (world.last_end("s")["run"], True, True)
    assert len(world.called) == 1


def test_a_message_that_the_log_has_no_more_is_known_if_it_was_the_last() -> None:
    world = World(SessionLimits(log_events_max=20))
    world.create(named="s")
    world.send("s", message_id="long")
    world.scripts.append(said(*"abcdefghijklmnopqrstuvwxyz"))
    world.settle()
    world.kill()
    ticket = world.send("s", message_id="long")
    world.settle()
    assert world.result(ticket).ended
    assert world.result(ticket).offset > 0
    assert len(world.called) == 1


def test_a_second_message_is_refused_with_the_run_and_the_approval_that_it_waits_for() -> None:
    world = world_in(held)
    approval = {"approval": "a1", "rule": "r", "signature": "s", "expires_at": "later"}
    world.sessions.tool_waiting("s", "c1", approval, world.now)
    world.drain()
    ticket = world.send("s", "and another thing")
    (refused,) = world.told[ticket]
    assert world.refusal(ticket)[0] is ErrorCode.RUN_IN_PROGRESS
    run = world.store.sessions["s"].run
    assert run is not None
    assert getattr(refused, "data") == {"run": run.id, "approvals": ["a1"]}  # noqa: B009
    world.cancel("s")
    world.settle()
    world.send("s", "and now")
    world.settle()
    assert world.last_end("s")["status"] == "completed"


def test_a_message_that_can_not_be_written_leaves_nothing() -> None:
    world = world_in(claiming)
    joined = world.send("s", message_id="first")
    cancel = world.cancel("s")
    world.fail()
    code, text = world.refusal(joined)
    assert (code, text) == (
        ErrorCode.INTERNAL_ERROR,
        "cannot store messages: disk full; nothing was sent to a model",
    )
    assert world.result(cancel).status == "no_run"
    assert world.rows("s") == []
    ticket = world.request(GetSession(session="s"))
    assert (world.result(ticket).messages, world.result(ticket).next) == (0, 0)
    world.send("s", message_id="first")
    world.settle()
    assert world.watch("s")[0].offset == 0
    assert len(world.data("s", "message")) == 1
    check_rest(world)


def test_a_message_behind_a_write_that_fails_waits_for_the_next() -> None:
    world = world_in(idle)
    other = world.create("bob")
    ending(world)
    ticket = world.send("s", "next")
    world.fail()
    assert ticket not in world.told
    code, text = world.refusal(world.send(other))
    assert (code, text.startswith("cannot store messages: disk full")) == (
        ErrorCode.INTERNAL_ERROR,
        True,
    )
    world.settle()
    assert not world.result(ticket).joined
    assert len(world.ends_of("s")) == 2
    check_rest(world)


def test_a_run_keeps_the_model_and_the_cap_of_its_message() -> None:
    world = World(models=[model("a"), model("b", backend="anthropic")])
    name = world.create()
    world.ask(name, model="b", max_tokens=7)
    (asked,) = world.calls.values()
    assert asked.model == "b"
    assert b'"max_tokens":7' in asked.request.body
    code, _ = world.refusal(world.send(world.create(), model="c"))
    assert code is ErrorCode.MODEL_FAILED


def test_only_so_many_runs_are_under_way() -> None:
    world = World(SessionLimits(runs_max=2, runs_of_principal_max=1))
    world.send(world.create())
    assert "ann has 1 runs" in world.refusal(world.send(world.create()))[1]
    world.send(world.create("bob"))
    code, text = world.refusal(world.send(world.create("carl")))
    assert (code, "too many runs" in text) == (ErrorCode.LIMIT_EXCEEDED, True)


def test_while_the_door_is_closed_nothing_new_is_said_and_what_runs_goes_on() -> None:
    world = world_in(claiming)
    world.sessions.close_door("the disk is nearly full")
    world.settle()
    assert world.last_end("s")["status"] == "completed"
    refused = world.send("s", "more")
    assert world.refusal(refused) == (ErrorCode.LIMIT_EXCEEDED, "the disk is nearly full")
    world.sessions.close_door("")
    world.send("s", "and now")
    world.settle()
    assert world.last_end("s")["status"] == "completed"


# What its principal's sessions keep, and take


def full(size: int) -> World:
    """A world in which ann's sessions keep about as much as they may."""
    world = World(SessionLimits(log_bytes_of_principal_max=10_000, answer_bytes_max=1_000))
    world.create(named="s")
    world.ask("s", "x" * size)
    return world


def test_whose_sessions_keep_too_much_says_nothing_new_until_some_are_deleted() -> None:
    world = full(9_000)
    world.scripts.append(said("ok"))
    world.settle()
    code, text = world.refusal(world.send("s", "y" * 2_000))
    assert code == ErrorCode.LIMIT_EXCEEDED
    assert text.endswith("and may 10,000 (sessions.log_bytes_of_principal_max): delete some")
    code, _ = world.refusal(world.request(CreateSession()))
    assert code == ErrorCode.LIMIT_EXCEEDED
    metadata = {"a": "b" * 500}
    raw = msgspec.Raw(msgspec.json.encode(metadata))
    code, _ = world.refusal(world.request(SetMetadata(session="s", metadata=raw)))
    assert code == ErrorCode.LIMIT_EXCEEDED
    ticket = world.request(SetMetadata(session="s", metadata=msgspec.Raw(b"{}")))
    world.settle()
    assert world.result(ticket) == MetadataSet(), "what grows by nothing is taken"
    assert set(world.capped) == {"session_logs"}
    world.create("bob")
    world.delete("s")
    world.settle()
    world.create(named="t")
    world.ask("t")


def test_what_sessions_keep_counts_after_a_restart() -> None:
    world = full(9_000)
    world.scripts.append(said("ok"))
    world.settle()
    world.kill()
    ticket = world.send("s", "y" * 2_000)
    world.settle()
    assert world.refusal(ticket)[0] == ErrorCode.LIMIT_EXCEEDED


def test_a_run_ends_before_its_model_is_asked_again_when_there_is_too_much() -> None:
    world = full(8_500)
    world.say(*wanted(call("c1"), text="x" * 700))
    world.settle()
    end = world.last_end("s")
    assert (end["status"], end["iterations"]) == ("failed", 1)
    assert "log_bytes_of_principal_max" in end["reason"]
    check_rest(world)


def test_answers_that_go_on_beyond_what_is_kept_are_cut_off() -> None:
    world = World(SessionLimits(log_bytes_of_principal_max=10_000, answer_bytes_max=5_000))
    for name in ("s", "t"):
        world.create(named=name)
        world.ask(name, "x" * 3_000)
    for which in [*world.calls] * 4:
        if which in world.calls:
            world.say(TextDelta("x" * 1_200), which=which)
            world.wait(0.2)
            world.sync()
    world.scripts.extend([said("so"), said("so")])
    world.settle()
    ends = [world.last_end(name) for name in ("s", "t")]
    assert {end["status"] for end in ends} >= {"truncated"}
    assert any("log_bytes_of_principal_max" in end["reason"] for end in ends)
    check_rest(world)


def test_of_runs_that_take_too_much_memory_the_larger_go_on_no_more() -> None:
    limits = SessionLimits(runs_bytes_of_principal_max=100_000, runs_of_principal_max=8)
    world = World(limits)
    for name in ("one", "two", "small"):
        world.create(named=name)
        world.send(name, "x" * (10 if name == "small" else 20_000))
        world.scripts.append(said("ok"))
        world.settle()
    world.ask("one", "x" * 20_000)
    world.ask("small")
    code, text = world.refusal(world.send("two"))
    assert code == ErrorCode.LIMIT_EXCEEDED
    assert "and may 100,000: wait for some to end" in text
    assert world.capped == ["session_memory"]
    world.create("bob", named="his")
    world.ask("his", "x" * 20_000)
    assert {each.session for each in world.calls.values()} == {"one", "small", "his"}

    first = next(name for name, each in world.calls.items() if each.session == "one")
    world.create(named="more")
    world.ask("more", "x" * 12_000)
    world.say(*wanted(call("c1")), which=first)
    world.sync()
    world.finish("one", "c1")
    world.settle(answer=False)
    assert world.last_end("one")["status"] == "failed"
    assert "take" in world.last_end("one")["reason"]
    assert {each.session for each in world.calls.values()} == {"small", "his", "more"}


def test_a_run_alone_is_never_too_large() -> None:
    world = World(SessionLimits(runs_bytes_of_principal_max=1_000))
    world.create(named="s")
    world.ask("s", "x" * 20_000)
    assert len(world.calls) == 1
