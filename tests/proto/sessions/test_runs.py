"""The steps of a run: model → tool calls → gate → results → model."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from tests.proto.session_models import call, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.talks import BUSY, kinds, messages, talking

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import (
    Ended,
    Noted,
    Stop,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Status, ended, executed, failed, unknown
from agentgate_proto.records.usage import Usage
from agentgate_proto.sessions.limits import SessionLimits


def test_a_model_is_asked_when_its_message_and_the_money_for_it_are_durable() -> None:
    world = World()
    name = world.create()
    world.send(name)
    assert not world.preparing
    world.sync()
    assert len(world.preparing) == 1
    world.prepare()
    assert not world.calls
    world.sync()
    (asked,) = world.calls.values()
    assert (asked.session, asked.model, asked.after_s) == (name, "m", 0.0)
    assert messages(world) == [{"role": "user", "content": "hi"}]


def test_an_answer_of_text_completes_the_run() -> None:
    world = World()
    name = talking(world)
    world.say(*said("he", "llo"))
    world.settle()
    assert world.data(name, "reply")[0]["text"] == "hello"
    end = world.last_end(name)
    assert (end["status"], end["iterations"], end["cost_micros"]) == ("completed", 1, 12)


def test_tools_run_when_their_calls_are_durable_and_the_model_gets_their_results() -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1", args=b'{"n":1}'), text="let me look"))
    assert not world.gate.asked
    world.sync()
    (asked,) = world.gate.asked
    assert (asked.call, asked.tool, bytes(asked.args)) == ("c1", "read", b'{"n":1}')
    world.finish(name, "c1", executed(b'{"found":2}'))
    world.settle()
    result = {"role": "tool", "tool_call_id": "c1", "content": '{"found":2}'}
    assert messages(world)[-1] == result
    assert world.last_end(name)["iterations"] == 2
    assert world.gate.acknowledged == [(name, "c1")]


def test_the_next_context_is_prepared_in_the_write_of_the_last_result() -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1")))
    world.sync()
    world.finish(name, "c1")
    world.sync()
    assert len(world.preparing) == 1, "nothing has to wait for a timer"


@pytest.mark.parametrize("order", [("c1", "c2"), ("c2", "c1")])
def test_parallel_calls_are_answered_in_any_order_each_tied_to_its_own(
    order: tuple[str, str],
) -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1"), call("c2", "write")))
    world.sync()
    for each in order:
        assert not world.preparing, "it waits for both"
        world.finish(name, each, executed(f'"of {each}"'.encode()))
        world.sync()
    world.settle()
    assert [(m["tool_call_id"], m["content"]) for m in messages(world)[-2:]] == [
        ("c1", "of c1"),
        ("c2", "of c2"),
    ]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (failed("no such lamp"), "no such lamp"),
        (ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON), "denied"),
        (ended(Status.EXPIRED, ErrorCode.APPROVAL_EXPIRED), "timed out"),
        (unknown("the power went"), "without looking first"),
        (executed(b"null"), "null"),
        (executed(b'"plain text"'), "plain text"),
    ],
)
def test_a_model_is_told_how_its_call_ended_and_the_run_goes_on(outcome: Any, text: str) -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1")))
    world.sync()
    world.finish(name, "c1", outcome)
    world.settle()
    assert text in messages(world)[-1]["content"].lower()
    assert world.last_end(name)["status"] == "completed"


def test_a_model_is_asked_no_more_often_than_its_message_allows() -> None:
    world = World()
    name = world.create()
    world.scripts.extend([wanted(call("c1")), wanted(call("c2")), said("never")])
    world.send(name, max_iterations=2)
    world.settle()
    end = world.last_end(name)
    assert (end["status"], end["iterations"]) == ("max_iterations", 2)
    assert len(world.called) == 2
    assert world.gate.acknowledged == [(name, "c1"), (name, "c2")]


def test_a_model_that_calls_for_ever_is_asked_no_faster_than_it_may_be() -> None:
    world = World(SessionLimits(asks_per_minute=3))
    name = world.create()
    world.scripts.extend([wanted(call(f"c{number}")) for number in range(4)])
    world.send(name)
    world.settle()
    assert [each.after_s for each in world.called] == [0.0, 0.0, 0.0, 20.0, 20.0]
    assert world.last_end(name)["status"] == "completed"


def test_what_a_model_does_not_take_is_left_out_and_said_once() -> None:
    world = World()
    name = talking(world, params={"best_of": 3})
    world.say(BUSY)
    world.settle()
    (note,) = world.data(name, "note")
    assert "best_of" in note["text"]


def test_a_note_and_thinking_are_shown_and_thinking_is_not_kept_as_text() -> None:
    world = World()
    name = talking(world)
    world.say(Noted("another model goes on"), ThinkingDelta("hm"), *said("yes"))
    world.settle()
    assert kinds(world, name)[3:6] == ["note", "thinking", "text"]
    assert world.data(name, "reply")[0]["text"] == "yes"


def test_a_note_alone_is_written_soon() -> None:
    world = World()
    name = talking(world)
    world.say(Noted("please wait"))
    world.wait(0.2)
    world.sync()
    assert world.data(name, "note")


# How a model stops


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (Stop.MAX_TOKENS, "max_tokens"),
        (Stop.REFUSAL, "refusal"),
        (Stop.TOOLS, "completed"),
        (Stop.END, "completed"),
    ],
)
def test_a_run_ends_as_its_model_stopped(stop: Stop, status: str) -> None:
    world = World()
    name = talking(world)
    world.say(*said("well", stop=stop))
    world.settle()
    assert world.last_end(name)["status"] == status


@pytest.mark.parametrize("stop", [Stop.MAX_TOKENS, Stop.REFUSAL])
def test_no_tool_runs_of_an_answer_that_was_cut_off(stop: Stop) -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1"), stop=stop))
    world.settle()
    assert not world.gate.asked
    assert world.data(name, "tool_result")[0]["status"] == "not_run"


def test_a_tool_runs_although_its_model_says_that_it_has_ended() -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1"), stop=Stop.END))
    world.settle()
    assert world.data(name, "tool_result")[0]["status"] == "executed"


def test_calls_that_can_not_run_are_closed_and_the_others_run() -> None:
    world = World(SessionLimits(calls_max=3))
    name = talking(world)
    world.say(*wanted(call("c1"), call("c2", "nothing"), call("c3", problem="bad"), call("c4")))
    world.settle()
    results = {data["call"]: data for data in world.data(name, "tool_result")}
    assert [each.call for each in world.gate.asked] == ["c1"]
    assert results["c2"]["error"] == "there is no tool nothing"
    assert results["c3"]["error"] == "bad"
    assert "more than 3" in results["c4"]["error"]
    assert world.last_end(name)["iterations"] == 2


def test_if_no_call_can_run_the_model_is_told_at_once() -> None:
    world = World()
    name = talking(world)
    world.say(*wanted(call("c1", "nothing")))
    world.settle()
    assert messages(world)[-1]["content"] == "there is no tool nothing"
    assert world.last_end(name)["status"] == "completed"


def test_a_call_of_an_id_that_was_used_before_gets_another_and_its_blocks_are_dropped() -> None:
    world = World()
    name = world.create()
    blocks = b'{"role":"assistant","tool_calls":[{"id":"c1"}]}'
    answer = [
        call("c1"),
        UsageSeen(Usage(input=1, output=1)),
        Ended(stop=Stop.TOOLS, blocks=blocks),
    ]
    world.scripts.extend([answer, answer, wanted(call("c2"), call("c2")), wanted(call(""))])
    world.send(name)
    world.settle()
    ids = world.calls_in_log(name)
    assert ids[0] == "c1"
    assert ids[1].startswith("c1_")
    assert ids[2] == "c2"
    assert ids[3].startswith("c2_")
    assert ids[4].startswith("call_")
    assert len(set(ids)) == 5
    kept = [row.blocks for row in world.rows(name) if row.kind == "reply"]
    assert kept[:2] == [blocks, b""]


@pytest.mark.parametrize("name", ["", "light.turn_on", "läuft", "ping\x1b[2J\n", "x" * 1_000_000])
def test_a_tool_that_no_vendor_could_hear_of_again_is_called_otherwise(name: str) -> None:
    world = World()
    session = talking(world)
    kept = Ended(stop=Stop.TOOLS, blocks=b'{"role":"assistant","tool_calls":[{"id":"c1"}]}')
    world.say(call("c1", name), kept)
    world.settle()
    (made,) = world.data(session, "tool_call")
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", made["tool"])
    assert world.data(session, "tool_result")[0]["error"] == f"there is no tool {made['tool']}"
    assert {row.blocks for row in world.rows(session)} == {b""}


@pytest.mark.parametrize("name", ["a\n\x1b[2J", "c\x00", "ä", "exceed_budget-1"])
def test_an_id_that_people_can_t_read_or_that_is_ours_is_another(name: str) -> None:
    world = World()
    session = talking(world)
    world.say(*wanted(call(name)))
    world.settle()
    (made,) = world.calls_in_log(session)
    assert re.fullmatch("call_[0-9]+", made)


def test_all_calls_of_an_answer_stand_before_the_first_result_of_them() -> None:
    world = World()
    name = talking(world)
    blocks = b'{"role":"assistant","tool_calls":[{"id":"c1"},{"id":"c2"}],"own":1}'
    world.say(call("c1", "nothing"), call("c2"), Ended(stop=Stop.TOOLS, blocks=blocks))
    world.sync()
    world.finish(name, "c2", executed(b"2"))
    world.settle()
    assert [kind for kind in kinds(world, name) if kind.startswith("tool")] == [
        *("tool_call", "tool_call", "tool_result", "tool_result")
    ]
    answer, *results = messages(world)[-3:]
    assert answer == msgspec.json.decode(blocks)  # as the vendor said it
    assert [each["tool_call_id"] for each in results] == ["c1", "c2"]


def test_an_id_that_the_log_has_forgotten_is_not_given_again() -> None:
    world = World(SessionLimits(log_events_max=12))
    name = world.create()
    for text in ("one", "two", "three", "four"):
        world.scripts.append(wanted(call("c1")))
        world.send(name, text)
        world.settle()
    assert world.store.sessions[name].oldest > 0
    assert len({each.call for each in world.gate.asked}) == 4


def test_an_id_that_is_taken_even_with_its_offset_counts_on() -> None:
    world = World()
    name = world.create()
    world.scripts.append(wanted(call("c1"), call("c1_4"), call("c1")))
    world.send(name)
    world.settle()
    ids = world.calls_in_log(name)
    assert len(set(ids)) == 3
    assert len({ids[0], "c1"}) == 1
