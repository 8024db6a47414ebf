"""The call book over several connections: what came back, what waits, what is sent again."""

from __future__ import annotations

import pytest
from msgspec import UNSET, UnsetType
from tests.proto.client_gateway import Gateway, done
from tests.proto.client_world import connected

from agentgate_proto.client.calls import NOT_SENT, NOT_SETTLED, WITHDRAWN, Call
from agentgate_proto.client.events import ClientState
from agentgate_proto.client.reconciliation import Reconciliation, Verdict
from agentgate_proto.errors import AgentGateError, ErrorCode, OutcomeUnknown
from agentgate_proto.limits import ACK_DELAY_S, CANCEL_GRACE_S, COLLECT_S
from agentgate_proto.rpc.messages import ListTools, ToolRequest

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


def test_a_gateway_that_does_not_say_in_time_what_is_pending_is_left_and_asked_again() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    late = world.ask()
    world.wait(COLLECT_S - 0.1)
    assert world.state is ClientState.CONNECTING
    world.wait(0.1)
    assert world.state is ClientState.RECONNECTING
    assert "in time what is pending" in world.states[-1].error.message
    assert world.states[-1].retry_in_s == 2.0, "what is not reconciled does not end the count"
    world.gateway.silent.clear()
    world.wait(2.0)
    assert world.gateway.arrivals[0] == 1
    assert len(world.gateway.arrivals) == 2
    for request_id in world.gateway.arrivals:
        world.gateway.resolve(request_id, done(request_id))
    world.pump()
    assert set(world.settled) == {handle, late}
    world.wait(COLLECT_S)
    assert world.state is ClientState.CONNECTED


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


# What is known, and what follows


def sent(request_id: int | str, *, at: float = 100.0, withdrawn: bool = False) -> Call:
    call = Call(1, "tool_request", ToolRequest(tool="light"), None)
    call.request_id, call.sent_at, call.withdrawn = request_id, at, withdrawn
    return call


def knowing(
    *pages: list[int | str] | None, retention_s: float | UnsetType = 60.0
) -> Reconciliation:
    known = Reconciliation()
    known.begin(retention_s)
    for pending in pages:
        known.asked(100.0)
        known.answered(pending)
    return known


def test_what_is_pending_on_any_page_is_known() -> None:
    known = knowing([1, "a"], [], [2])
    for request_id in (1, "a", 2):
        assert known.verdict(sent(request_id), 120.0) is Verdict.WAIT
        assert known.verdict(sent(request_id, withdrawn=True), 120.0) is Verdict.WITHDRAW
    assert known.verdict(sent("1"), 120.0) is Verdict.SEND


def test_what_is_on_no_page_never_arrived_and_is_not_sent_again_for_nobody() -> None:
    verdict = knowing([]).verdict(sent(1, withdrawn=True), 120.0)
    assert isinstance(verdict, AgentGateError)
    assert verdict.code == ErrorCode.CANCELLED


@pytest.mark.parametrize(
    ("retention_s", "forgotten"), [(60.0, True), (60.1, False), (0.0, True), (UNSET, False)]
)
def test_what_the_gateway_may_have_forgotten_is_unknown(
    retention_s: float | UnsetType, forgotten: bool
) -> None:
    verdict = knowing([], retention_s=retention_s).verdict(sent(1), 160.0)
    assert isinstance(verdict, OutcomeUnknown) is forgotten
    assert (verdict is Verdict.SEND) is not forgotten


@pytest.mark.parametrize("known", [knowing(None), knowing([2], None), knowing(None, [2])])
def test_nothing_is_sent_again_to_a_gateway_that_does_not_say_what_it_has(
    known: Reconciliation,
) -> None:
    assert known.verdict(sent(1), 120.0) is Verdict.WAIT
    call = sent(1, withdrawn=True)
    assert known.verdict(call, 120.0) is Verdict.WAIT, "its caller waits for what comes of it"
    call.abandoned = True
    assert isinstance(known.verdict(call, 120.0), OutcomeUnknown)


def test_what_another_connection_said_counts_no_more() -> None:
    known = knowing([1])
    known.begin(60.0)
    assert known.verdict(sent(1), 120.0) is Verdict.SEND
    known.refused()
    assert known.verdict(sent(2), 120.0) is Verdict.WAIT
    known.begin(60.0)
    assert known.verdict(sent(2), 120.0) is Verdict.SEND


def test_a_reply_is_overdue_once_and_only_while_it_is_waited_for() -> None:
    known = Reconciliation()
    assert not known.is_overdue(1e9)
    known.asked(100.0)
    assert known.due_at == 100.0 + COLLECT_S
    assert not known.is_overdue(129.9)
    assert known.is_overdue(130.0)
    assert not known.is_overdue(130.0)
    known.asked(100.0)
    known.answered(None)
    assert not known.is_overdue(130.0)
