"""What a run that a dead process has left had come to, read from its log."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace
from tests.proto.session_checker import check_rest
from tests.proto.session_models import Tariff, call, model, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import again, calling, speaking, tools, world_in

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import (
    Failed,
    Failure,
    Restarted,
    TextDelta,
    ThinkingDelta,
)
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import EventKind, PutSession
from agentgate_proto.records.usage import UsageStatus
from agentgate_proto.rpc.session_methods import AttachSession, GetSession
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.limits import SessionLimits


def killed_and_being_read(world: World) -> None:
    """The process dies, and the next one is about to read what it has left of a run."""
    world.kill()
    while "Recover" not in str(world.queue):
        world.sync()


def test_the_text_of_a_run_that_died_is_what_was_durable_and_the_rest_is_a_gap() -> None:
    world = world_in(calling)
    world.say(TextDelta("durable "), ThinkingDelta("hm"), TextDelta("text"))
    world.wait(0.2)
    world.sync()
    world.say(TextDelta(", seen"))
    seen = world.watch("s")
    assert b"seen" in bytes(seen[-1].data)
    world.kill()
    world.settle()
    (reply,) = world.data("s", "reply")
    assert (reply["text"], reply["stop"]) == ("durable text", "cut")
    gap = next(event for event in world.watch("s") if event.kind == "gap")
    assert gap.offset == seen[-1].offset
    assert gap.count >= seen[-1].count
    check_rest(world)


def test_what_was_withdrawn_is_no_part_of_the_answer() -> None:
    world = world_in(speaking)
    world.say(Failed(failure=Failure.RETRYABLE, message="busy"))
    world.sync()
    world.prepare()
    world.sync()
    world.say(TextDelta("anew"))
    world.wait(0.2)
    world.sync()
    world.kill()
    world.settle()
    assert [data["text"] for data in world.data("s", "reply")] == ["anew"]


def test_of_an_answer_that_its_vendor_began_anew_only_the_new_one_is_kept() -> None:
    world = world_in(speaking)
    world.say(Restarted("once more"), TextDelta("anew"))
    world.wait(0.2)
    world.settle(answer=False)
    world.kill()
    world.settle()
    assert [data["text"] for data in world.data("s", "reply")] == ["anew"]


def test_the_end_of_an_interrupted_run_has_its_whole_cost() -> None:
    world = world_in(tools)
    world.finish("s", "c1")
    world.finish("s", "c2")
    world.settle(answer=False)
    world.say(ThinkingDelta("x" * 40), TextDelta("y" * 40))
    world.wait(0.2)
    world.sync()
    world.kill()
    world.settle()
    first, second = world.store.usage.values()
    assert second.status is UsageStatus.SETTLED
    assert second.usage.is_estimate
    assert second.usage.output == 20
    end = world.last_end("s")
    assert end["cost_micros"] == (first.cost_micros or 0) + (second.cost_micros or 0)
    assert end["iterations"] == 2


def test_reserved_money_is_given_back_once_over_any_number_of_crashes() -> None:
    budget = Budget(name="team", limit_micros=10_000)
    world = World(budgets=[budget], models=[model()])
    name = world.create()
    world.ask(name)
    world.kill()
    world.sync()
    world.kill()
    world.settle()
    world.kill()
    (row,) = world.store.usage.values()
    assert row.status is UsageStatus.SETTLED
    (line,) = world.sessions._budgets.lines("ann", world.now)
    assert line.spent_micros == row.cost_micros
    assert len(world.data(name, "usage")) == 1
    check_rest(world)


def test_a_model_that_is_configured_no_more_has_cost_what_was_reserved() -> None:
    world = world_in(calling)
    (row,) = world.store.usage.values()
    world.models = {"other": model("other")}
    world.kill()
    world.settle()
    assert world.last_end("s")["cost_micros"] == row.reserved_micros is not None
    world.send("s", model="other")
    world.settle()
    assert world.last_end("s")["status"] == "completed"


def test_prices_of_a_run_that_nobody_knew_stay_unknown() -> None:
    world = World(models=[model(pricing=Tariff(None))])
    name = world.create()
    world.ask(name)
    world.say(*wanted(call("c1")))
    world.sync()
    world.kill()
    world.settle()
    assert world.last_end(name)["cost_micros"] is None


def test_a_long_log_is_read_in_pages() -> None:
    world = World(SessionLimits(answer_bytes_max=10**6, ahead=4_096))
    name = world.create()
    world.ask(name)
    for number in range(1_200):
        world.say(TextDelta(f"{number} "))
        world.say(ThinkingDelta("."))
    world.wait(0.2)
    world.sync()
    world.kill()
    world.settle()
    assert world.data(name, "reply")[0]["text"].endswith("1199 ")


def test_until_a_run_was_read_again_its_session_is_busy_and_a_cancel_waits_for_its_end() -> None:
    world = world_in(calling)
    killed_and_being_read(world)
    cancel = world.cancel("s")
    assert world.refusal(world.send("s"))[0] is ErrorCode.RUN_IN_PROGRESS
    world.settle()
    assert world.result(cancel).status == "cancelled"
    assert world.last_end("s")["status"] == "interrupted"


def test_a_session_may_be_deleted_while_its_run_is_read_again() -> None:
    world = world_in(calling)
    killed_and_being_read(world)
    ticket = world.delete("s")
    world.settle()
    assert world.result(ticket).deleted
    check_rest(world)


def test_a_session_that_can_not_be_loaded_at_the_start_is_tried_again() -> None:
    world = world_in(calling)
    world.kill()
    world.fail()
    world.wait(0.5)
    assert not world.queue
    world.settle()
    assert world.last_end("s")["status"] == "interrupted"
    check_rest(world)


def test_a_run_that_can_not_be_read_is_tried_again_and_whoever_waits_is_told() -> None:
    world = world_in(calling)
    killed_and_being_read(world)
    cancel, delete = world.cancel("s"), world.delete("s")
    world.fail()
    assert world.refusal(cancel)[0] is ErrorCode.INTERNAL_ERROR
    assert "cannot delete the session now" in world.refusal(delete)[1]
    assert world.sessions.next_deadline() == world.now + 1.0
    world.settle()
    assert world.last_end("s")["status"] == "interrupted"
    check_rest(world)


def test_a_run_that_can_not_be_read_is_tried_again_for_nobody_too() -> None:
    world = world_in(calling)
    killed_and_being_read(world)
    world.fail()
    world.settle()
    assert world.last_end("s")["status"] == "interrupted"
    check_rest(world)


def test_whoever_uses_the_session_first_has_its_run_read_again() -> None:
    world = world_in(calling)
    world.kill()
    world.fail()
    ticket = world.request(GetSession(session="s"))
    while ticket not in world.told:
        world.sync()
    assert world.result(ticket).run
    attached = world.request(AttachSession(session="s"))
    world.settle()
    assert world.result(attached).run
    assert world.last_end("s")["status"] == "interrupted"


def test_two_that_can_not_be_read_are_tried_again_together() -> None:
    world = World(models=[model()])
    names = [world.create(), world.create()]
    for name in names:
        world.ask(name)
    world.kill()
    world.fail()
    due = world.sessions.next_deadline()
    assert due == world.now + 1.0
    world.settle()
    assert {world.last_end(name)["status"] for name in names} == {"interrupted"}
    check_rest(world)


# A log that has forgotten what it had of the run


SHORT = SessionLimits(log_events_max=12)


def in_its_second_step(*models: ModelInfo) -> World:
    """A run whose log has forgotten its first step, in the midst of its second."""
    world = World(SHORT, models=models)
    world.create(named="s")
    calling(world)
    world.say(*(TextDelta(letter) for letter in "first answer"), *wanted(call("c1")))
    world.sync()
    world.finish("s", "c1")
    world.settle(answer=False)
    world.say(*(TextDelta(letter) for letter in "and a second"))
    world.wait(0.2)
    world.sync()
    assert world.data("s", "usage") == [], "the log has forgotten what it has cost"
    return world


def test_the_whole_cost_is_told_of_a_run_whose_log_has_forgotten_a_part_of_it() -> None:
    world = in_its_second_step()
    world.kill()
    world.settle()
    first, second = world.store.usage.values()
    end = world.last_end("s")
    assert end["cost_micros"] == (first.cost_micros or 0) + (second.cost_micros or 0)
    assert end["usage"]["input"] == first.usage.input + second.usage.input
    assert end["usage"]["output"] == first.usage.output + second.usage.output
    assert (end["usage"]["is_estimate"], end["iterations"]) == (True, 2)


def test_a_cost_that_nobody_knew_stays_unknown_when_the_log_has_forgotten_it() -> None:
    world = in_its_second_step(model(pricing=Tariff(None)))
    world.models = {"m": model()}
    world.kill()
    world.settle()
    assert world.last_end("s")["cost_micros"] is None


@pytest.mark.parametrize("has_forgotten", [False, True])
def test_of_a_run_that_does_not_say_how_far_it_came_the_log_tells_if_it_has_all(
    has_forgotten: bool,
) -> None:
    world = in_its_second_step() if has_forgotten else world_in(again)
    record = world.store.sessions["s"]
    assert record.run is not None
    world.store.sessions["s"] = replace(record, run=replace(record.run, so_far=None))
    world.kill()
    world.settle()
    end, rows = world.last_end("s"), world.store.usage.values()
    if has_forgotten:
        assert (end["cost_micros"], end["iterations"]) == (None, 2)
    else:
        assert end["cost_micros"] == sum(row.cost_micros or 0 for row in rows) > 0
        assert (end["usage"]["input"], end["iterations"]) == (10, 1)


def test_a_settlement_and_the_sum_of_its_run_are_one_write() -> None:
    world = in_its_second_step()
    for change in world.store.changes:
        assert isinstance(change, PutSession)
        settled = [row for row in change.usage if row.status is UsageStatus.SETTLED]
        if settled and change.session.run is not None:
            assert change.session.run.so_far is not None
            assert change.session.run.so_far.cost_micros == sum(
                row.cost_micros or 0 for row in settled
            )
            return
    raise AssertionError("an attempt was settled")


def test_an_answer_that_is_longer_than_the_log_is_whole_after_a_crash() -> None:
    world = in_its_second_step()
    world.say(*(TextDelta(letter) for letter in ", of more events than the log keeps"))
    world.wait(0.2)
    world.sync()
    world.kill()
    world.settle()
    (reply,) = world.data("s", "reply")
    text = "and a second, of more events than the log keeps"
    assert reply["text"] == text
    assert list(world.store.usage.values())[1].usage.output == -(-len(text) // 4)
    check_rest(world)


def test_calls_of_which_there_are_more_than_the_log_keeps_are_closed_after_a_crash() -> None:
    world = World(SHORT)
    world.create(named="s")
    calling(world)
    names = [f"c{number}" for number in range(20)]
    world.gate.holds |= {"read"}
    world.say(*wanted(*map(call, names)))
    world.sync()
    world.kill()
    world.settle()
    rows = [row for change in world.store.changes for row in getattr(change, "rows", ())]
    results = [row for row in rows if row.kind is EventKind.TOOL_RESULT]
    assert [msgspec.json.decode(row.data)["call"] for row in results] == names
    check_rest(world)
