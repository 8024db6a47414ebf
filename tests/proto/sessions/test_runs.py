"""The steps of a run: model → tool calls → gate → results → model."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from tests.proto.session_models import Tariff, call, model, said, wanted
from tests.proto.session_world import World

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import SessionLimits
from agentgate_proto.models.events import (
    Ended,
    Failed,
    Failure,
    Noted,
    Restarted,
    Stop,
    TextDelta,
    ThinkingDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Status, ended, executed, failed, unknown
from agentgate_proto.records.usage import Usage, UsageStatus
from agentgate_proto.sessions.budgets import Budget

BUSY = Failed(failure=Failure.RETRYABLE, message="busy")
CUT = Failed(failure=Failure.TRUNCATED, message="cut")


def talking(world: World, **params: Any) -> str:
    """A session whose model is asked."""
    name = world.create()
    world.ask(name, **params)
    assert len(world.calls) == 1
    return name


def kinds(world: World, session: str) -> list[str]:
    return [row.kind.value for row in world.rows(session)]


def messages(world: World) -> list[Any]:
    """Of the last request, the messages without the system's."""
    found: list[Any] = msgspec.json.decode(world.called[-1].request.body)["messages"]
    return found[1:]


# The way of it


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


# A stream that has no end


def test_before_the_first_delta_a_model_is_asked_again_silently_after_a_pause() -> None:
    world = World()
    name = talking(world)
    world.say(BUSY)
    world.sync()
    world.prepare()
    world.sync()
    assert [each.after_s for each in world.called] == [0.0, 1.0]
    world.say(*said("yes"))
    world.settle()
    assert "reset" not in kinds(world, name)
    assert world.data(name, "retrying")[0] == {
        "run": world.last_end(name)["run"],
        "attempt": 2,
        "wait_s": 1.0,
        "reason": "busy",
    }


def test_after_text_was_shown_another_attempt_begins_with_a_reset() -> None:
    world = World()
    name = talking(world)
    world.say(TextDelta("one, t"))
    world.say(BUSY)
    world.settle()
    (reset,) = world.data(name, "reset")
    first = next(row.first for row in world.rows(name) if row.kind == "model_started")
    assert (reset["first"], reset["attempt"], reset["reason"]) == (first, 1, "busy")
    assert world.data(name, "reply")[0]["text"] == "yes"


def test_pauses_double_and_a_vendor_may_ask_for_others_within_our_cap() -> None:
    world = World(SessionLimits(attempts_max=5, retry_after_max_s=60.0))
    talking(world)
    for failure in (
        BUSY,
        BUSY,
        Failed(failure=Failure.RETRYABLE, message="", retry_after_s=3600.0),
        Failed(failure=Failure.RETRYABLE, message="", retry_after_s=-1.0),
    ):
        world.say(failure)
        world.sync()
        world.prepare()
        world.sync()
    assert [each.after_s for each in world.called] == [0.0, 1.0, 2.0, 60.0, 0.0]


@pytest.mark.parametrize(
    ("deltas", "failure", "status"),
    [
        ([], BUSY, "failed"),
        ([TextDelta("part")], BUSY, "truncated"),
        ([], CUT, "failed"),
        ([TextDelta("part")], Failed(failure=Failure.FATAL, message="no"), "failed"),
    ],
)
def test_after_the_last_attempt_the_run_ends(deltas: Any, failure: Failed, status: str) -> None:
    world = World(SessionLimits(attempts_max=1))
    name = talking(world)
    world.say(*deltas, failure)
    world.settle()
    end = world.last_end(name)
    assert (end["status"], end["reason"]) == (status, failure.message)
    assert [data["text"] for data in world.data(name, "reply")] == [d.text for d in deltas]


def test_a_stream_that_broke_off_after_text_is_truncated_and_its_text_is_kept() -> None:
    world = World()
    name = talking(world)
    world.say(TextDelta("the begin"), CUT)
    world.settle()
    assert world.last_end(name)["status"] == "truncated"
    (reply,) = world.data(name, "reply")
    assert (reply["text"], reply["stop"]) == ("the begin", "cut")
    world.send(name, "go on")
    world.settle()
    assert messages(world)[1] == {"role": "assistant", "content": "the begin"}


def test_a_stream_that_broke_off_before_text_is_begun_again() -> None:
    world = World()
    name = talking(world)
    world.say(CUT)
    world.settle()
    assert world.last_end(name)["status"] == "completed"


def test_a_stream_that_broke_off_after_a_call_is_truncated_and_the_call_is_not_run() -> None:
    world = World()
    name = talking(world)
    world.say(call("c1"), CUT)
    world.settle()
    assert not world.gate.asked
    assert world.last_end(name)["status"] == "failed"
    assert world.calls_in_log(name) == []


def test_a_vendor_that_begins_anew_withdraws_text_and_calls() -> None:
    world = World()
    name = talking(world)
    world.say(TextDelta("old"), call("c1"), Restarted("once more"), *said("new"))
    world.settle()
    (reset,) = world.data(name, "reset")
    assert reset["reason"] == "once more"
    assert world.data(name, "reply")[0]["text"] == "new"
    assert not world.gate.asked


def test_what_was_withdrawn_is_not_withdrawn_twice() -> None:
    world = World()
    name = talking(world)
    world.say(TextDelta("old"), Restarted("once more"), BUSY)
    world.settle()
    assert len(world.data(name, "reset")) == 1


def test_the_late_words_of_an_attempt_that_is_over_count_for_nothing() -> None:
    world = World()
    name = talking(world)
    world.say(TextDelta("old"), BUSY)
    world.sync()
    world.prepare()
    world.sync()
    first, second = world.called
    world.sessions.model_said(name, first.call, said("ghost"), world.now)
    world.drain()
    world.say(*said("new"), which=second.call)
    world.sessions.model_said(name, second.call, said("ghost"), world.now)
    world.settle()
    assert [data["text"] for data in world.data(name, "reply")] == ["new"]


def test_what_comes_after_the_end_in_one_breath_counts_for_nothing() -> None:
    world = World()
    name = talking(world)
    world.sessions.model_said(
        name, world.called[0].call, [*said("yes"), TextDelta("ghost")], world.now
    )
    world.drain()
    world.settle(answer=False)
    assert world.data(name, "text") == [{"run": world.last_end(name)["run"], "text": "yes"}]


# Caps


def test_an_answer_that_is_too_long_is_cut_off() -> None:
    world = World(SessionLimits(answer_bytes_max=10))
    name = talking(world)
    world.say(TextDelta("x" * 11))
    assert not world.calls, "the model is stopped"
    world.settle()
    assert world.last_end(name)["reason"] == "the answer is too long"
    assert world.last_end(name)["status"] == "truncated"


def test_calls_count_as_a_part_of_an_answer() -> None:
    world = World(SessionLimits(answer_bytes_max=10))
    name = talking(world)
    world.say(call("c1", args=b'{"text":"' + b"x" * 20 + b'"}'))
    world.settle()
    assert world.last_end(name)["status"] == "truncated"


@pytest.mark.parametrize(("fails", "why"), [(True, "disk full"), (False, "does not keep pace")])
def test_a_model_is_stopped_when_the_disk_takes_no_more(fails: bool, why: str) -> None:
    world = World(SessionLimits(unwritten_bytes_max=2_000))
    name = talking(world)
    world.say(TextDelta("x"))
    world.wait(0.2)
    if fails:
        world.fail()
    for _ in range(40):
        if world.calls:
            world.say(TextDelta("x" * 100))
    assert not world.calls
    world.settle()
    assert why in world.last_end(name)["reason"]


# Money

ASK = Budget(name="team", limit_micros=3_000, over="ask")


def test_without_the_money_a_run_ends_before_its_model_is_asked() -> None:
    world = World(budgets=[Budget(name="team", limit_micros=10)])
    name = world.create()
    world.send(name)
    world.settle()
    end = world.last_end(name)
    assert (end["status"], end["iterations"]) == ("budget", 0)
    assert "budget team" in end["reason"]
    assert not world.called


def test_a_person_may_let_a_run_go_on_beyond_its_budget() -> None:
    world = World(budgets=[Budget(name="team", limit_micros=10, over="ask")])
    name = world.create()
    world.scripts.extend([[BUSY], wanted(call("c1")), said("done")])
    world.send(name)
    world.settle(tools=False)
    (asked,) = world.gate.asked
    assert asked.tool == "exceed_budget"
    assert msgspec.json.decode(asked.args)["limit"] == "$0.00001"
    assert not world.called
    world.finish(name, asked.call)
    world.settle()
    assert world.last_end(name)["status"] == "completed"
    assert len(world.gate.asked) == 2, "a person is asked once for a run"
    assert world.calls_in_log(name) == ["c1"], "the model did not ask for money itself"
    assert (name, asked.call) in world.gate.acknowledged


def test_a_person_may_also_refuse() -> None:
    world = World(budgets=[Budget(name="team", limit_micros=10, over="ask")])
    name = world.create()
    world.send(name)
    world.settle(tools=False)
    (asked,) = world.gate.asked
    world.finish(name, asked.call, ended(Status.DENIED, ErrorCode.DENIED_BY_PERSON))
    world.settle()
    end = world.last_end(name)
    assert (end["status"], end["iterations"]) == ("budget", 0)
    assert not world.called


def test_money_that_is_gone_between_two_attempts_is_asked_for_and_no_name_comes_twice() -> None:
    world = World(budgets=[ASK], models=[model(max_tokens=100)])
    name = talking(world)
    world.say(TextDelta("x" * 20_000), BUSY)
    world.sync()
    world.prepare()
    world.sync()
    (asked,) = world.gate.asked
    assert asked.tool == "exceed_budget"
    world.finish(name, asked.call)
    world.settle()
    assert world.last_end(name)["status"] == "completed"
    assert [each.call.partition(".")[2] for each in world.called] == ["1.1", "1.2"]


@pytest.mark.parametrize("over", ["deny", "ask"])
def test_a_price_that_nobody_knows_is_over_every_budget(over: Any) -> None:
    budget = Budget(name="team", limit_micros=10**9, over=over)
    world = World(budgets=[budget], models=[model(pricing=Tariff(None))])
    name = world.create()
    world.send(name)
    world.settle(tools=False)
    assert not world.called
    if over == "deny":
        assert "nobody knows" in world.last_end(name)["reason"]
        return
    world.finish(name, world.gate.asked[0].call)
    world.settle()
    assert world.last_end(name)["cost_micros"] is None


def test_a_hundred_runs_at_once_on_a_budget_for_five_make_five() -> None:
    alone = World()
    talking(alone)
    (row,) = alone.store.usage.values()
    each = row.reserved_micros or 0
    assert each > 1_000, "what it may write, and what it has to read"
    world = World(budgets=[Budget(name="team", principal="", limit_micros=5 * each)])
    names = [world.create(f"agent{number}") for number in range(100)]
    for name in names:
        world.send(name)
    world.sync()
    world.prepare()
    world.sync()
    asked = len(world.called)
    reserved = sum(row.reserved_micros or 0 for row in world.store.usage.values())
    world.settle()
    ends = [world.last_end(name)["status"] for name in names]
    assert reserved <= 5 * each
    assert (asked, ends.count("completed"), ends.count("budget")) == (5, 5, 95)


def test_usage_is_what_the_vendor_counted_last_or_an_estimate() -> None:
    world = World()
    name = talking(world)
    world.say(
        UsageSeen(Usage(input=1, output=0)), TextDelta("yes"), UsageSeen(Usage(input=9, output=4))
    )
    world.say(Ended(stop=Stop.END, model_id="m-1-of-today"))
    world.settle()
    (row,) = world.store.usage.values()
    assert (row.status, row.usage, row.cost_micros, row.model_id) == (
        UsageStatus.SETTLED,
        Usage(input=9, output=4),
        13,
        "m-1-of-today",
    )
    world.send(name)
    world.scripts.append([TextDelta("yes, yes"), Ended(stop=Stop.END)])
    world.settle()
    assert world.data(name, "usage")[1]["usage"]["is_estimate"] is True
    assert world.data(name, "usage")[1]["usage"]["output"] == 2
