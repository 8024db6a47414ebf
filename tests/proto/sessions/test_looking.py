"""What can be seen of sessions: lists, contexts, usage."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.proto.session_models import MATERIAL, Tariff, call, model, said, wanted
from tests.proto.session_world import World
from tests.proto.sessions.phases import calling, idle, world_in

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import LIST_BYTES_MAX
from agentgate_proto.models.prices import ModelPrices, Price, Tier
from agentgate_proto.records.session import UsageBy
from agentgate_proto.records.session_views import SectionName
from agentgate_proto.rpc.session_methods import (
    GetSession,
    Inspection,
    InspectSession,
    ListSessions,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage, UsageReport
from agentgate_proto.sessions.budgets import Budget
from agentgate_proto.sessions.limits import SessionLimits
from agentgate_proto.sessions.looking import cache_prefix, with_count


def listed(world: World, whose: str | None = "ann", **params: Any) -> SessionList:
    ticket = world.request(ListSessions(**params), whose)
    world.sync()
    result: SessionList = world.result(ticket)
    return result


def inspected(world: World, **params: Any) -> Inspection:
    ticket = world.request(InspectSession(session="s", **params))
    world.prepare()
    result: Inspection = world.result(ticket)
    return result


def report(world: World, whose: str | None = "ann", **params: Any) -> UsageReport:
    ticket = world.request(ReportUsage(**params), whose)
    world.sync()
    if ticket not in world.told:  # there is more than one answer of the store holds
        world.sync()
    result: UsageReport = world.result(ticket)
    return result


# Lists


def test_sessions_are_listed_newest_first_ones_own_and_to_operators_all() -> None:
    world = World()
    names = [world.create(), world.create("bob"), world.create(user_id="u")]
    assert [view.id for view in listed(world).sessions] == [names[2], names[0]]
    assert [view.id for view in listed(world, None).sessions] == names[::-1]
    assert [view.id for view in listed(world, user_id="u").sessions] == [names[2]]


def test_a_long_list_has_pages() -> None:
    world = World()
    names = [world.create() for _ in range(3)][::-1]
    first = listed(world, limit=2)
    assert ([view.id for view in first.sessions], first.more) == (names[:2], True)
    second = listed(world, limit=2, before=names[1])
    assert ([view.id for view in second.sessions], second.more) == (names[2:], False)


def test_a_page_is_no_larger_than_a_message_may_be_but_never_empty() -> None:
    world = World(SessionLimits(metadata_bytes_max=LIST_BYTES_MAX))
    for _ in range(3):
        world.create(metadata={"text": "x" * (LIST_BYTES_MAX * 2 // 3)})
    page = listed(world)
    assert (len(page.sessions), page.more) == (1, True)


def test_the_page_after_a_session_that_is_not_there_is_refused() -> None:
    world = World()
    ticket = world.request(ListSessions(before="nobody"))
    world.sync()
    assert world.refusal(ticket)[0] is ErrorCode.SESSION_NOT_FOUND


@pytest.mark.parametrize("params", [ListSessions(), ReportUsage()])
def test_a_store_that_can_not_be_read_is_said_so(params: msgspec.Struct) -> None:
    world = World()
    ticket = world.request(params)
    world.fail("no such disk")
    assert world.refusal(ticket) == (
        ErrorCode.INTERNAL_ERROR,
        "the gateway cannot read its store: no such disk",
    )


def test_models_are_listed_by_name_with_their_prices() -> None:
    world = World(models=[model("b"), model("a", pricing=Tariff(None))])
    rows = world.result(world.request(ListModels())).models
    assert [(row.name, row.is_default, row.input_micros) for row in rows] == [
        ("a", False, None),
        ("b", True, 1_000_000),
    ]


def test_what_a_model_costs_is_what_requests_of_a_usual_size_cost() -> None:
    tier = Tier(above=200_000, input=6_000_000, output=22_500_000)
    price = Price(input=3_000_000, output=15_000_000, tiers=(tier,))
    prices = ModelPrices(model_id="a", find=lambda _: None, configured=price)
    world = World(models=[model("a", pricing=prices)])
    (row,) = world.result(world.request(ListModels())).models
    assert (row.input_micros, row.output_micros) == (3_000_000, 15_000_000)


# Contexts


def test_the_inspector_shows_the_very_bytes_that_the_model_is_sent() -> None:
    world = world_in(idle)
    world.scripts.extend([wanted(call("c1"), text="look"), said("done")])
    world.send("s", "first")
    world.settle()
    seen = inspected(world, text="second")
    world.ask("s", "second")
    body = world.called[-1].request.body
    assert seen.body.encode() == body
    assert seen.bytes == len(body)
    assert sum(section.bytes for section in seen.sections) + seen.envelope_bytes == len(body)
    assert (seen.model, seen.model_id, seen.backend) == ("m", "m-1", "openai")
    assert (seen.tokens, seen.cost_micros) == (-(-len(body) // 4), -(-len(body) // 4))
    assert not seen.counted


def test_it_says_how_much_of_the_last_request_a_cache_knows_and_how_far_the_estimate_was_off() -> (
    None
):
    world = world_in(idle)
    first = inspected(world, text="first")
    assert (first.cache_prefix_bytes, first.breaks_at, first.estimate_off) == (None, None, None)
    world.send("s", "first")
    world.settle()
    last = world.called[-1].request.body
    seen = inspected(world)
    assert seen.cache_prefix_bytes == len(last) - len("]}")
    assert seen.breaks_at is SectionName.HISTORY
    assert seen.estimate_off == round(-(-len(last) // 4) / 10, 3)
    world.material = replace(MATERIAL, memory="another")
    assert inspected(world).breaks_at is SectionName.MEMORY


def test_what_breaks_a_cache_is_named_or_nothing_does() -> None:
    world = world_in(calling)
    encoded = world.called[-1].request
    body, spans = encoded.body, encoded.spans
    assert cache_prefix(b"", spans, body) == (None, None)
    assert cache_prefix(body, spans, body) == (len(body), None)
    memory = next(span for span in spans if span.section is SectionName.MEMORY)
    other = body[: memory.start] + b"?" + body[memory.start + 1 :]
    assert cache_prefix(other, spans, body) == (memory.start, SectionName.MEMORY)
    assert cache_prefix(body[:-1] + b"?", spans, body) == (len(body) - 1, None)


def test_a_context_may_be_seen_for_another_model_and_without_a_message() -> None:
    world = World(models=[model("m"), model("n", backend="anthropic")])
    world.create(named="s")
    seen = inspected(world, model="n")
    assert (seen.model, seen.backend) == ("n", "anthropic")
    assert seen.sections[3].bytes == 0
    code, text = world.refusal(world.request(InspectSession(session="s", model="x")))
    assert (code, text) == (ErrorCode.MODEL_FAILED, "there is no model 'x'")


def test_what_a_vendor_has_counted_takes_the_place_of_the_estimate() -> None:
    world = world_in(idle)
    seen = with_count(inspected(world, text="hi"), model(), 1_000)
    assert (seen.tokens, seen.counted, seen.cost_micros) == (1_000, True, 1_000)
    shares = [section.tokens for section in seen.sections]
    assert 0 < sum(shares) <= 1_000 + len(shares)
    assert [section.cost_micros for section in seen.sections] == shares


def test_a_context_that_can_not_be_made_is_said_so() -> None:
    world = world_in(idle)
    ticket = world.request(InspectSession(session="s"))
    world.not_prepared("no such folder")
    assert world.refusal(ticket) == (ErrorCode.INTERNAL_ERROR, "no such folder")
    ticket = world.request(InspectSession(session="s"))
    world.delete("s")
    world.sync()
    world.not_prepared("no such folder")
    assert world.refusal(ticket) == (ErrorCode.INTERNAL_ERROR, "no such folder")


def test_a_session_whose_context_is_being_made_stays_in_memory_but_may_be_deleted() -> None:
    world = World(SessionLimits(loaded_max=1))
    world.create(named="s")
    ticket = world.request(InspectSession(session="s"))
    world.create()
    world.create()
    world.prepare()
    assert world.result(ticket).bytes
    world.create()
    world.request(GetSession(session="s"))
    assert world.queue, "it is not in memory any more"
    world.settle()
    ticket = world.request(InspectSession(session="s"))
    world.delete("s")
    world.sync()
    world.prepare()
    assert world.refusal(ticket)[0] is ErrorCode.SESSION_NOT_FOUND


# Usage


def test_the_total_counts_those_that_have_no_row_as_well() -> None:
    world = World()
    world.send(world.create())
    world.settle()
    (row,) = world.store.usage.values()
    for number in range(1_000):
        one = msgspec.structs.replace(row, id=f"r{number}", session=f"s{number}")
        world.store.usage[one.id] = one
    found = report(world, by=UsageBy.SESSION)
    assert len(found.rows) == 1_000
    assert (found.total.key, found.total.requests) == ("total", 1_001)
    assert found.total.cost_micros == 1_001 * (row.cost_micros or 0) > 0
    assert report(world, by=UsageBy.TOTAL).total == found.total


def test_usage_is_summed_up_with_how_the_budgets_stand() -> None:
    world = World(
        budgets=[Budget(name="team", principal="", limit_micros=10**9)],
        models=[model("m"), model("n", pricing=Tariff(None))],
    )
    world.models["n"] = model("n", pricing=Tariff(3))
    world.sessions.configure(world.models, "m", "")
    one, other = world.create(), world.create("bob")
    for name, which in ((one, "m"), (one, "n"), (other, "m")):
        world.send(name, model=which)
        world.settle()
    own = report(world)
    assert [(row.key, row.requests, row.cost_micros) for row in own.rows] == [
        ("n", 1, 33),
        ("m", 1, 11),
    ]
    assert (own.total.requests, own.total.cost_micros, own.total.usage.input) == (2, 44, 20)
    assert own.prices == "test"
    assert [(line.name, line.spent_micros) for line in own.budgets] == [("team", 55)]
    everybodys = report(world, None, by="principal")
    assert [(row.key, row.cost_micros) for row in everybodys.rows] == [("ann", 44), ("bob", 11)]
    assert report(world, session=other).rows == []


def test_what_is_reserved_and_what_nobody_knows_are_told_apart() -> None:
    world = World(models=[model("m"), model("n", pricing=Tariff(None))])
    name = world.create()
    world.send(name, model="n")
    world.settle()
    world.ask(name)
    total = report(world).total
    assert total.unknown == 1
    assert total.reserved_micros == total.cost_micros > 1_000
