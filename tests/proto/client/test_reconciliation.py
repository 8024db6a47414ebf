"""The call book over several connections: what came back, what waits, what is sent again."""

from __future__ import annotations

import pytest
from tests.proto.client_gateway import Gateway, done
from tests.proto.client_world import connected

from agentgate_proto.client.calls import NOT_SENT, NOT_SETTLED, WITHDRAWN
from agentgate_proto.client.events import ClientState
from agentgate_proto.limits import ACK_DELAY_S, CANCEL_GRACE_S
from agentgate_proto.rpc.messages import ListTools

# What waits, what came, what is sent again


@pytest.mark.seed001("FR4-AC4")
def test_a_call_that_the_gateway_still_has_goes_on_waiting_and_is_not_sent_again() -> None:
    world = connected()
    handle = world.ask()
    for _ in range(3):
        world.drop()
    assert world.settled == {}
    world.gateway.resolve(1, done("late"))
    world.pump()
    assert world.result(handle) == "late"
    assert world.gateway.arrivals == [1]


def test_a_call_that_never_arrived_is_sent_again_under_its_id_before_newer_ones() -> None:
    world = connected()
    world.drop_before_arrival()
    first, second = world.ask(n=1), world.ask(n=2)
    third = world.ask(n=3)
    assert world.state is ClientState.RECONNECTING
    world.wait(1.0)
    sent = [message for message in world.heard if message["method"] == "tool_request"]
    assert [message["params"]["args"]["n"] for message in sent] == [1, 2, 3]
    assert sent[0]["id"] == 1
    assert len({message["id"] for message in sent}) == 3
    for request_id in list(world.gateway.requests):
        world.gateway.resolve(request_id, done(request_id))
    world.pump()
    assert world.result(first) == 1
    assert {first, second, third} == set(world.settled)


@pytest.mark.seed001("FR4-AC4")
def test_calls_made_while_offline_wait_and_then_go() -> None:
    world = connected()
    world.drop(reachable=False)
    handles = [world.ask(n=n) for n in range(3)]
    world.reachable = True
    world.gateway.answers = lambda params: done(params.args["n"])
    world.wait(2.0)
    assert [world.result(handle) for handle in handles] == [0, 1, 2]
    assert world.methods()[:2] == ["auth", "get_pending_results"]


def test_an_outcome_that_comes_before_the_pending_results_settles_its_call() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    assert world.state is ClientState.CONNECTING
    world.gateway.resolve(1, done("quick"))
    world.pump()
    assert world.result(handle) == "quick"


def test_a_connection_that_breaks_during_reconciliation_is_reconciled_on_the_next() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    world.drop()
    world.wait(2.0)
    world.gateway.silent.clear()
    world.drop()
    world.wait(4.0)
    assert world.state is ClientState.CONNECTED
    world.gateway.resolve(1, done(1))
    world.pump()
    assert world.result(handle) == 1
    assert world.gateway.arrivals == [1]


def test_a_connection_that_breaks_while_it_sends_again_sends_again_on_the_next() -> None:
    world = connected()
    world.drop_before_arrival()
    handle = world.ask()
    world.wait(0.5)
    world.reachable = None
    world.wait(0.5)
    world.dialed()
    assert world.gateway.arrivals == [1]
    world.gateway.requests.clear()
    world.reachable = True
    world.drop()
    assert world.gateway.arrivals == [1, 1]
    world.gateway.resolve(1, done(1))
    world.pump()
    assert world.result(handle) == 1


def test_a_collection_whose_caller_has_gone_is_not_repeated() -> None:
    world = connected()
    world.gateway.silent.add("get_pending_results")
    handle = world.collect(timeout_s=0.5)
    world.wait(0.5)
    world.gateway.silent.clear()
    world.drop()
    assert "no answer" in world.error(handle).message
    assert world.gateway.collections == 1
    assert world.leftovers() == {}


def test_pages_of_pending_results_are_fetched_before_anything_is_sent_again() -> None:
    world = connected()
    handles = [world.ask(n=n) for n in range(5)]
    world.cut()
    for request_id in world.gateway.requests:
        world.gateway.resolve(request_id, done(request_id))
    world.gateway.page_rows = 2
    world.wait(1.0)
    assert [world.result(handle) for handle in handles] == [1, 2, 3, 4, 5]
    assert world.gateway.collections == 3
    assert world.gateway.arrivals == [1, 2, 3, 4, 5]


def test_what_only_asks_is_asked_again() -> None:
    world = connected()
    world.gateway.silent |= {"list_tools", "get_pending_results"}
    tools, pending = world.call("list_tools", ListTools()), world.collect()
    world.cut()
    world.gateway.silent.clear()
    world.wait(1.0)
    assert world.result(tools) == {"tools": []}
    assert world.result(pending) == []


def test_an_answer_whose_receipt_was_lost_is_not_told_twice() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.resolve(1, done(1))
    world.pump()
    world.cut()
    before = world.gateway.requests[1].delivered
    world.wait(1.0 + ACK_DELAY_S)
    assert (before, world.gateway.requests[1].delivered) == (False, True)
    assert world.result(handle) == 1
    assert [row.request_id for row in world.rows(world.collect())] == []


def test_outcomes_of_an_earlier_process_are_kept_for_the_next_collection() -> None:
    first = connected()
    for _ in range(2):
        first.ask()
    first.cut()
    gateway = first.gateway
    second = connected(gateway)
    gateway.resolve(1, done("pushed"))
    second.wait(1.0)
    gateway.requests[2].outcome = done("stored")
    second.drop()
    second.wait(1.0)
    assert gateway.requests[1].delivered
    assert gateway.requests[2].delivered
    assert [row.request_id for row in second.rows(second.collect())] == [1, 2]


# Withdrawing


def test_a_call_that_was_withdrawn_while_offline_is_cancelled_if_the_gateway_has_it() -> None:
    world = connected()
    handle = world.ask()
    world.drop(reachable=False)
    world.abandon(handle)
    world.reachable = True
    world.wait(2.0)
    assert world.gateway.cancelled == [1]
    assert world.leftovers() == {}


def test_a_call_that_was_made_and_withdrawn_while_offline_never_goes_out() -> None:
    world = connected()
    world.drop(reachable=False)
    world.abandon(world.ask())
    handle = world.ask(timeout_s=0.5)
    for _ in range(50):
        world.ask(timeout_s=0.1)
        world.wait(0.1)
    assert NOT_SENT in world.error(handle).message
    assert world.leftovers() == {}
    world.reachable = True
    world.wait(30.0)
    assert world.gateway.arrivals == []


def test_a_withdrawal_that_was_not_answered_is_repeated_on_the_next_connection() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.silent.add("cancel_request")
    world.abandon(handle)
    world.gateway.silent.clear()
    world.drop()
    assert world.gateway.cancelled == [1]
    assert world.leftovers() == {}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_time_out_while_offline_tells_what_is_known(arrived: bool) -> None:
    world = connected()
    if not arrived:
        world.drop_before_arrival()
    handle = world.ask(timeout_s=1.0)
    if arrived:
        world.cut()
    world.reachable = False
    world.wait(1.0 + CANCEL_GRACE_S)
    assert NOT_SETTLED in world.error(handle).message
    world.reachable = True
    world.wait(10.0)
    rows = world.result(world.collect())
    assert [(row.request_id, row.status) for row in rows] == [(1, "cancelled")]
    assert world.gateway.arrivals == ([1] if arrived else [])
    assert world.leftovers() == {}


def test_a_time_out_that_ends_while_reconnecting_is_a_withdrawal_if_it_never_arrived() -> None:
    world = connected()
    world.drop_before_arrival()
    handle = world.ask(timeout_s=0.5)
    world.wait(1.0)
    assert WITHDRAWN in world.error(handle).message
    assert world.gateway.arrivals == []


# Gateways that forget, fail or are old


def test_a_call_that_is_older_than_that_but_still_pending_goes_on() -> None:
    world = connected()
    world.gateway.retention_s = 60.0
    handle = world.ask()
    world.drop(reachable=False)
    world.wait(100.0)
    world.reachable = True
    world.wait(30.0)
    world.gateway.resolve(1, done(1))
    world.pump()
    assert world.result(handle) == 1


def test_a_row_of_a_gateway_of_seed_001_s_time_settles_the_call() -> None:
    world = connected(Gateway())
    world.gateway.offers_pending = False
    handle = world.ask()
    world.cut()
    world.gateway.requests[1].outcome = done(1)
    world.wait(1.0)
    assert world.result(handle) == 1


def test_an_outcome_that_is_told_twice_is_told_once() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.resolve(1, done(1))
    world.pump()
    world.gateway.tell(1)
    world.pump()
    assert world.result(handle) == 1
    assert world.rows(world.collect()) == []


def test_a_collection_that_was_interrupted_returns_each_row_once() -> None:
    world = connected()
    world.gateway.page_rows = 1
    for n in range(3):
        world.abandon(world.ask("stubborn", n=n))
    for asked in world.gateway.requests.values():
        asked.outcome = done(1)
    world.cut_after(down=450)
    collecting = world.collect()
    assert world.state is ClientState.RECONNECTING
    world.wait(1.0)
    assert [row.request_id for row in world.rows(collecting)] == [1, 3, 5]
