"""The call book: sending, caps, collecting, withdrawing, one connection after the other."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import UNSET, UnsetType
from tests.proto.client_gateway import Gateway, done
from tests.proto.client_world import connected

from agentgate_proto.client import call_book
from agentgate_proto.client.calls import NOT_SETTLED, WITHDRAWN, LooseRow
from agentgate_proto.client.events import ClientState
from agentgate_proto.errors import (
    AgentGateError,
    ErrorCode,
    OutcomeUnknown,
)
from agentgate_proto.limits import CANCEL_GRACE_S, Limits
from agentgate_proto.rpc.messages import CancelRequest, ListTools

GRACE = CANCEL_GRACE_S


def cap(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    monkeypatch.setattr(call_book, name, value)


# Sending


def test_ids_go_on_after_the_highest_that_the_gateway_knows() -> None:
    gateway = Gateway()
    gateway.highest_id = 41
    world = connected(gateway)
    world.ask()
    gateway.highest_id = 7
    world.cut()
    world.wait(1.0)
    world.ask()
    assert gateway.arrivals == [42, 44]


@pytest.mark.parametrize(
    ("more", "joined_at"),
    [
        ("", ""),
        (',"resolved_at":"2026-11-20T10:00:00.000Z"', ""),
        (',"joined":true,"resolved_at":"2026-11-20T10:00:00.000Z"', "2026-11-20T10:00:00.000Z"),
    ],
)
def test_a_call_that_was_a_repeat_says_when_what_it_repeats_had_ended(
    more: str, joined_at: str
) -> None:
    world = connected()
    call = world.ask()
    world.pump()
    result = f'{{"status":"executed","data":1{more}}}'
    world.gateway.say(f'{{"jsonrpc":"2.0","id":1,"result":{result}}}')
    world.pump()
    assert (world.result(call), world.settled[call].joined_at) == (1, joined_at)


def test_other_methods_get_their_result_as_it_is() -> None:
    world = connected()
    tools = world.call("list_tools", ListTools())
    world.gateway.silent.add("list_tools")
    world.abandon(world.call("list_tools", ListTools()))
    world.gateway.say('{"jsonrpc":"2.0","id":2,"result":{"tools":[]}}')
    world.gateway.silent.clear()
    world.gateway.errors["list_tools"] = ErrorCode.FORBIDDEN
    refused = world.call("list_tools", ListTools())
    world.gateway.errors.clear()
    world.gateway.silent.add("list_tools")
    odd = world.call("list_tools", ListTools())
    world.gateway.say('{"jsonrpc":"2.0","id":4,"result":' + "1" * 5_000 + "}")
    world.pump()
    cancelled = world.call("cancel_request", CancelRequest(request_id=9))
    assert world.result(tools) == {"tools": []}
    assert world.error(refused).code == ErrorCode.FORBIDDEN
    assert world.error(odd).code == ErrorCode.INTERNAL_ERROR
    assert world.result(cancelled) == {"status": "unknown_request"}
    assert world.leftovers() == {}


def test_a_call_is_known_by_the_id_that_it_was_sent_under_until_it_is_settled() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    handle = world.call("list_tools", ListTools())
    assert world.machine.handle_of(1) == handle
    world.gateway.say('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
    world.pump()
    assert world.machine.handle_of(1) is None


def test_an_answer_that_nobody_waits_for_is_let_pass() -> None:
    world = connected()
    for text in ('"result":{"status":"executed","data":1}', '"error":{"code":-1,"message":""}'):
        world.gateway.say('{"jsonrpc":"2.0","id":77,' + text + "}")
    handle = world.call("list_tools", ListTools())
    world.gateway.say('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')
    world.pump()
    assert world.result(handle) == {"tools": []}
    assert world.leftovers() == {}


def test_a_second_answer_to_what_runs_no_tool_is_kept_for_nobody() -> None:
    world = connected()
    assert world.rows(world.collect()) == []
    world.gateway.say('{"jsonrpc":"2.0","id":1,"result":{"status":"executed","seq":1}}')
    assert world.rows(world.collect()) == []


def test_calls_beyond_what_a_gateway_takes_at_once_wait_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cap(monkeypatch, "CALLS_IN_FLIGHT_MAX", 2)
    world = connected()
    handles = [world.ask(n=n) for n in range(4)]
    assert world.gateway.arrivals == [1, 2]
    world.gateway.resolve(2, done(2))
    world.pump()
    assert world.gateway.arrivals == [1, 2, 3]
    world.abandon(handles[0])
    assert world.gateway.arrivals == [1, 2, 3, 5]


# Caps


def test_too_many_calls_are_refused_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    cap(monkeypatch, "CALLS_MAX", 2)
    world = connected()
    first, _ = world.ask(), world.ask()
    with pytest.raises(AgentGateError, match="2 calls are waiting already") as caught:
        world.ask()
    assert caught.value.code == ErrorCode.LIMIT_EXCEEDED
    world.gateway.resolve(1, done(1))
    world.pump()
    assert world.result(first) == 1
    world.ask()


def test_calls_that_take_too_much_room_together_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cap(monkeypatch, "CALLS_BYTES_MAX", 1_000)
    world = connected()
    world.ask(text="x" * 800)
    with pytest.raises(AgentGateError, match=r"take \d+ of 1000 bytes") as caught:
        world.ask(text="x" * 800)
    assert caught.value.code == ErrorCode.LIMIT_EXCEEDED
    world.gateway.resolve(1, done(1))
    world.pump()
    world.ask(text="x" * 800)


def test_arguments_that_cannot_be_sent_leave_nothing_behind() -> None:
    world = connected()
    with pytest.raises(AgentGateError, match="JSON"):
        world.ask(value=object())
    assert world.leftovers() == {}
    world.ask()
    assert world.gateway.arrivals == [1]


def test_deadlines_of_calls_that_are_settled_do_not_pile_up() -> None:
    world = connected()
    world.gateway.answers = lambda params: done(1)
    waiting = world.ask("stubborn", timeout_s=9_999.0)
    for _ in range(100):
        world.ask(timeout_s=3_600.0)
    assert len(world.machine._book._deadlines) <= 2
    assert world.result(waiting) == 1
    assert world.leftovers() == {}


# Collecting


@pytest.mark.seed001("FR5-AC1", "FR5-AC2")
def test_pending_results_are_returned_and_settle_the_calls_that_wait_for_them() -> None:
    world = connected()
    handle = world.ask("light")
    world.gateway.requests[1].outcome = done({"on": True})
    collected = world.rows(world.collect())
    assert world.heard[-1] == {
        "jsonrpc": "2.0",
        "method": "get_pending_results",
        "params": {},
        "id": 2,
    }
    assert world.result(handle) == {"on": True}
    assert [(row.request_id, row.tool, row.data) for row in collected] == [
        (1, "light", {"on": True})
    ]
    assert world.rows(world.collect()) == []


@pytest.mark.seed001("FR5-AC1")
def test_all_pages_are_returned_at_once() -> None:
    world = connected()
    world.gateway.page_rows = 2
    for n in range(1, 6):
        world.abandon(world.ask("stubborn", n=n))
    for asked in world.gateway.requests.values():
        asked.outcome = done(1)
    assert len(world.rows(world.collect())) == 5
    assert world.gateway.collections == 3
    world.wait(1.0)
    assert all(asked.delivered for asked in world.gateway.requests.values())


def test_an_error_ends_a_collection_and_loses_nothing() -> None:
    world = connected()
    request_id = world.late()
    world.gateway.errors["get_pending_results"] = ErrorCode.INTERNAL_ERROR
    assert world.error(world.collect()).code == ErrorCode.INTERNAL_ERROR
    world.gateway.errors.clear()
    world.gateway.lies["get_pending_results"] = {"results": 5}
    assert "odd" in world.error(world.collect()).message
    world.gateway.lies.clear()
    assert [row.request_id for row in world.rows(world.collect())] == [request_id]


def test_rows_that_come_after_the_caller_has_gone_are_kept_for_the_next() -> None:
    world = connected()
    world.gateway.silent.add("get_pending_results")
    handle = world.collect()
    world.abandon(handle)
    world.gateway.say(
        '{"jsonrpc":"2.0","id":1,"result":{"results":[{"request_id":"x","status":"executed"}]}}'
    )
    world.abandon(world.collect())
    world.gateway.say('{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"too late"}}')
    world.gateway.silent.clear()
    assert world.rows(world.collect()) == [LooseRow("x", status="executed")]
    assert handle not in world.settled


def test_outcomes_beyond_the_cap_are_left_with_the_gateway() -> None:
    world = connected(kept_max=2)
    ids = [world.late() for _ in range(4)]
    world.wait(1.0)
    assert [world.gateway.requests[key].delivered for key in ids] == [True, True, False, False]
    assert [row.request_id for row in world.rows(world.collect())] == ids[:2]
    before = world.state
    world.wait(2.0)
    assert (before, world.state) == (ClientState.RECONNECTING, ClientState.CONNECTED)
    assert [row.request_id for row in world.rows(world.collect())] == ids[2:]
    world.wait(1.0)
    assert all(asked.delivered for asked in world.gateway.requests.values())


def test_a_connection_that_ends_amid_withdrawals_is_survived() -> None:
    world = connected(limits=Limits(queued_bytes_max=200))
    handles = [world.ask("stubborn", timeout_s=1.0) for _ in range(3)]
    world.wait(1.0)
    assert world.state is ClientState.RECONNECTING
    world.wait(GRACE)
    assert all(NOT_SETTLED in world.error(handle).message for handle in handles)


# Withdrawing


def test_a_gateway_that_does_not_know_the_call_settles_a_withdrawal() -> None:
    world = connected()
    world.gateway.silent.add("tool_request")
    told, kept = world.ask(timeout_s=1.0), world.ask(timeout_s=1.0)
    world.gateway.silent.add("cancel_request")
    world.wait(1.0)
    assert world.gateway.links[-1].heard[-1]["params"] == {"request_id": 2}
    unknown = msgspec.json.encode({"status": "unknown_request"}).decode()
    world.gateway.say('{"jsonrpc":"2.0","id":3,"result":' + unknown + "}")
    world.pump()
    assert WITHDRAWN in world.error(told).message
    world.wait(GRACE)
    assert NOT_SETTLED in world.error(kept).message
    world.gateway.say('{"jsonrpc":"2.0","id":4,"result":' + unknown + "}")
    world.gateway.say('{"jsonrpc":"2.0","id":4,"result":' + unknown + "}")
    world.gateway.silent.clear()
    assert [row.status for row in world.rows(world.collect())] == ["cancelled"]
    assert world.leftovers() == {}


def test_a_call_that_nobody_waits_for_is_withdrawn_in_silence() -> None:
    world = connected()
    handle = world.ask(timeout_s=1.0)
    world.abandon(handle)
    world.abandon(handle)
    world.abandon(999)
    world.wait(10.0)
    assert world.settled == {}
    assert world.gateway.cancelled == [1]
    assert world.rows(world.collect()) == [], "what its caller has withdrawn is no news"
    assert world.leftovers() == {}


def test_a_caller_that_goes_during_the_grace_is_not_told() -> None:
    world = connected()
    handle = world.ask("stubborn", timeout_s=1.0)
    world.wait(1.0)
    world.abandon(handle)
    world.wait(GRACE)
    assert world.settled == {}
    assert world.gateway.cancelled == [1]


# Connections


def test_a_call_that_was_withdrawn_while_offline_is_not_sent_again() -> None:
    world = connected()
    world.drop_before_arrival()
    world.abandon(world.ask())
    world.wait(1.0)
    assert world.gateway.arrivals == []
    assert world.gateway.cancelled == []
    assert world.leftovers() == {}


def test_a_gateway_that_lost_its_memory_makes_outcomes_unknown() -> None:
    world = connected()
    sent = world.ask()
    late = world.ask(timeout_s=0.1)
    world.gateway.silent.add("cancel_request")
    world.wait(0.1 + CANCEL_GRACE_S)
    world.drop(reachable=False)
    offline = world.ask()
    world.gateway.forget()
    world.gateway.answers = lambda params: done("new")
    world.reachable = True
    world.wait(2.0)
    assert isinstance(world.error(sent), OutcomeUnknown)
    assert "memory" in world.error(sent).message
    assert world.result(offline) == "new"
    assert NOT_SETTLED in world.error(late).message
    assert [row.status for row in world.result(world.collect())] == ["unknown"]
    assert world.gateway.arrivals.count(1) == 1


@pytest.mark.parametrize(
    ("retention_s", "is_lost"), [(60.0, True), (1_000.0, False), (0.0, True), (UNSET, False)]
)
def test_a_call_that_is_older_than_what_the_gateway_keeps_is_not_sent_again(
    retention_s: float | UnsetType, is_lost: bool
) -> None:
    world = connected()
    world.gateway.retention_s = retention_s
    world.drop_before_arrival()
    handle = world.ask()
    world.reachable = False
    world.wait(100.0)
    world.reachable = True
    world.wait(30.0)
    assert (handle in world.settled) is is_lost
    assert world.gateway.arrivals == ([] if is_lost else [1])
    if is_lost:
        assert isinstance(world.error(handle), OutcomeUnknown)
        assert "does not keep" in world.error(handle).message


@pytest.mark.parametrize("code", [ErrorCode.INTERNAL_ERROR, ErrorCode.LIMIT_EXCEEDED])
def test_a_gateway_that_cannot_say_what_is_pending_is_asked_again(code: ErrorCode) -> None:
    """Nothing may be sent again, or be taken for lost, before it has said it."""
    world = connected()
    world.drop_before_arrival()
    handle = world.ask()
    world.gateway.errors["get_pending_results"] = code
    world.wait(1.0)
    assert world.state is ClientState.RECONNECTING
    assert str(world.machine.last_error) == "refused by the script (-32000)"
    world.wait(20.0)
    assert world.gateway.arrivals == []
    world.gateway.errors.clear()
    world.gateway.answers = lambda params: done(1)
    world.wait(30.0)
    assert world.result(handle) == 1


@pytest.mark.parametrize("code", [ErrorCode.METHOD_NOT_FOUND, ErrorCode.FORBIDDEN])
def test_a_gateway_that_has_no_pending_results_is_not_asked_again(code: ErrorCode) -> None:
    """A person's client is reconnected, too; it has no such method."""
    world = connected()
    world.gateway.errors["get_pending_results"] = code
    world.drop()
    assert world.state is ClientState.CONNECTED


def test_a_gateway_that_does_not_say_what_is_pending_is_sent_nothing_twice() -> None:
    world = connected(Gateway())
    world.gateway.offers_pending = False
    waits, given_up = world.ask(n=1), world.ask("stubborn", n=2)
    world.abandon(given_up)
    world.drop()
    assert world.gateway.arrivals == [1, 2]
    world.gateway.resolve(1, done("late"))
    world.pump()
    assert world.result(waits) == "late"
    assert world.leftovers() == {}


def test_when_it_is_over_calls_that_were_sent_may_have_run_and_others_did_not() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    sent, tools = world.ask(), world.call("list_tools", ListTools())
    world.drop(reachable=None)
    queued = world.ask()
    world.close()
    assert world.error(sent).data == {"sent": True}
    assert "may have run" in world.error(sent).message
    assert world.error(tools).data == {"sent": True}
    assert world.error(queued).message == "the client was closed"
    assert world.leftovers() == {}


def test_a_connection_that_fills_up_amid_reconciliation_is_survived() -> None:
    world = connected(limits=Limits(queued_bytes_max=160))
    handles = [world.ask("stubborn") for _ in range(4)]
    world.drop(reachable=False)
    for handle in handles:
        world.abandon(handle)
    world.reachable = True
    world.wait(2.0)
    assert world.state is ClientState.RECONNECTING
    assert "slow consumer" in str(world.machine.last_error)
    assert world.gateway.arrivals == [1, 2, 3, 4]
