"""What model requests may cost and did: reserved before they are sent, settled once (I13)."""

from __future__ import annotations

import pytest
from tests.proto.session_models import Tariff, model
from tests.proto.session_world import NOON, World
from tests.proto.sessions.phases import calling, world_in

from agentgate_proto.models.events import Ended, Failed, Failure, Stop, TextDelta, UsageSeen
from agentgate_proto.records.usage import Usage, UsageRow, UsageStatus
from agentgate_proto.sessions.budgets import Budget


def the_row(world: World) -> UsageRow:
    (row,) = world.store.usage.values()
    return row


def test_what_is_reserved_is_the_most_that_it_may_cost() -> None:
    world = world_in(calling)
    row = the_row(world)
    body = len(world.called[0].request.body)
    assert row.status is UsageStatus.RESERVED
    assert row.reserved_micros == row.cost_micros == body + 16 * 2 + 1_024 + 1_000
    assert (row.principal, row.session, row.model, row.model_id) == ("ann", "s", "m", "m-1")
    assert (row.at, row.day, row.prices) == (NOON, "2027-01-15", "test")
    assert row.usage == Usage(input=-(-body // 4), is_estimate=True)
    assert row.id == world.called[0].call


@pytest.mark.parametrize(
    ("events", "usage", "cost"),
    [
        (
            [UsageSeen(Usage(input=20, output=3, cache_read=15)), Ended(stop=Stop.END)],
            Usage(input=20, output=3, cache_read=15),
            23,
        ),
        ([Failed(failure=Failure.FATAL, message="bad request")], Usage(), 0),
        (
            [UsageSeen(Usage(input=5)), Failed(failure=Failure.FATAL, message="bad request")],
            Usage(input=5),
            5,
        ),
    ],
)
def test_what_it_took_is_settled(events: list[object], usage: Usage, cost: int) -> None:
    world = world_in(calling)
    world.say(*events)  # type: ignore[arg-type]
    world.settle()
    row = the_row(world)
    assert (row.status, row.usage, row.cost_micros) == (UsageStatus.SETTLED, usage, cost)
    assert world.last_end("s")["cost_micros"] == cost


def test_nothing_that_was_counted_is_an_estimate_of_what_was_streamed() -> None:
    world = world_in(calling)
    world.say(TextDelta("x" * 40), Failed(failure=Failure.FATAL, message="cut"))
    world.settle()
    row = the_row(world)
    assert (row.usage.output, row.usage.is_estimate) == (10, True)


def test_what_was_counted_before_the_end_is_no_less_than_what_was_streamed() -> None:
    world = world_in(calling)
    world.say(UsageSeen(Usage(input=10, output=1)), TextDelta("x" * 40))
    world.cancel("s")
    world.settle()
    assert the_row(world).usage == Usage(input=10, output=10, is_estimate=True)


@pytest.mark.parametrize(("failure", "cost"), [(Failure.RETRYABLE, 0), (Failure.TRUNCATED, None)])
def test_a_vendor_that_was_busy_bills_nothing_but_one_whose_stream_broke_off_may(
    failure: Failure, cost: int | None
) -> None:
    world = world_in(calling)
    world.say(Failed(failure=failure, message="?"))
    world.settle()
    first = next(iter(world.store.usage.values()))
    if cost is None:
        assert first.cost_micros == first.usage.input > 0
    else:
        assert first.cost_micros == cost


def test_a_cost_that_nobody_knows_is_none_and_so_is_that_of_its_run() -> None:
    world = World(models=[model(pricing=Tariff(None))])
    world.create(named="s")
    world.send("s")
    world.settle()
    assert the_row(world).cost_micros is None
    assert world.last_end("s")["cost_micros"] is None


def test_many_attempts_are_many_rows_and_their_sum_is_the_runs() -> None:
    world = world_in(calling)
    world.say(TextDelta("part"), Failed(failure=Failure.RETRYABLE, message="busy"))
    world.settle()
    first, second = world.store.usage.values()
    assert [first.id.rpartition(".")[2], second.id.rpartition(".")[2]] == ["1", "2"]
    end = world.last_end("s")
    assert end["cost_micros"] == (first.cost_micros or 0) + (second.cost_micros or 0)
    assert end["usage"]["is_estimate"]


def test_what_was_reserved_stands_free_for_others_when_it_is_settled() -> None:
    reserved = the_row(world_in(calling)).reserved_micros or 0
    world = World(budgets=[Budget(name="team", limit_micros=reserved + 20)])
    for _ in range(2):
        name = world.create()
        world.send(name)
        world.settle()
        assert world.last_end(name)["status"] == "completed"


class Cached(Tariff):
    """What goes to the cache costs a quarter more, as it does with Anthropic."""

    def cost(self, usage: Usage, model_id: str) -> int | None:
        return usage.input + usage.output + usage.cache_write // 4


def test_what_goes_to_the_cache_is_reserved_as_well() -> None:
    world = World(models=[model(pricing=Cached())])
    world.ask(world.create())
    body = len(world.called[0].request.body)
    read = body + 16 * 2 + 1_024
    assert the_row(world).reserved_micros == read + read // 4 + 1_000


def test_a_price_that_is_forgotten_meanwhile_makes_nothing_free() -> None:
    tariff = Tariff()
    budget = Budget(name="team", limit_micros=10_000)
    world = World(models=[model(pricing=tariff)], budgets=[budget])
    name = world.create()
    world.ask(name)
    tariff.each = None
    world.say(TextDelta("x"), Ended(stop=Stop.END))
    world.settle()
    row = the_row(world)
    assert row.cost_micros == row.reserved_micros is not None
    assert world.last_end(name)["cost_micros"] == row.reserved_micros
