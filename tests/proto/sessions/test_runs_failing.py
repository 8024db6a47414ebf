"""Runs whose streams have no end, or too much in them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.proto.session_models import call, said
from tests.proto.session_world import World
from tests.proto.sessions.talks import BUSY, CUT, kinds, messages, talking

from agentgate_proto.models.events import (
    Failed,
    Failure,
    Restarted,
    TextDelta,
)
from agentgate_proto.sessions.limits import SessionLimits


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
