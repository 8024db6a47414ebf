"""Runs and their budgets."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.proto.session_models import Tariff, call, model, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.talks import BUSY, talking

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.events import (
    Ended,
    Stop,
    TextDelta,
    UsageSeen,
)
from agentgate_proto.records.outcome import Status, ended
from agentgate_proto.records.usage import Usage, UsageStatus
from agentgate_proto.sessions.budgets import Budget

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
    world.send(name, max_iterations=7)
    world.settle(tools=False)
    (asked,) = world.gate.asked
    assert asked.tool == "exceed_budget"
    told = msgspec.json.decode(asked.args)
    assert told["limit"] == "$0.00001"
    assert told["reason"].endswith("; after a yes it asks the model up to 7 times")
    assert not world.called
    world.finish(name, asked.call)
    world.settle()
    assert world.last_end(name)["status"] == "completed"
    assert len(world.gate.asked) == 2, "a person is asked once for a run"
    assert world.calls_in_log(name) == ["c1"], "the model did not ask for money itself"
    assert (name, asked.call) in world.gate.acknowledged


def test_a_person_is_asked_about_each_run_by_itself() -> None:
    world = World(budgets=[Budget(name="team", limit_micros=10, over="ask")])
    for name in (world.create(), world.create()):
        world.send(name)
    world.settle(tools=False)
    first, second = (msgspec.json.decode(asked.args) for asked in world.gate.asked)
    assert first != second, "the gate takes what is the same for one request"


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
