"""Standing calls: made on every connection, one after the other, before all other calls."""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec
import pytest
from tests.proto.client_gateway import Gateway, done
from tests.proto.client_world import World, connected

from agentgate_proto.client import standing
from agentgate_proto.client.calls import NOT_SENT, WITHDRAWN
from agentgate_proto.client.events import ClientState, Settled, Stood
from agentgate_proto.client.standing import StandingCalls
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.limits import CANCEL_GRACE_S, STANDING_WAIT_S
from agentgate_proto.rpc.messages import CancelRequest, ListTools


class Odd(msgspec.Struct):
    """Parameters that no gateway knows."""

    text: str = ""


def stand(world: World, method: str = "list_tools", params: msgspec.Struct | None = None) -> int:
    """Make a standing call; return its handle."""
    handle = world.machine.stand(method, ListTools() if params is None else params)
    world.pump()
    return handle


def stood(world: World, handle: int) -> list[Stood]:
    """The later answers to a standing call."""
    return [event for event in world.events if isinstance(event, Stood) and event.handle == handle]


def cap(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    monkeypatch.setattr(standing, name, value)


def test_a_standing_call_is_made_at_once_and_again_on_every_connection() -> None:
    world = connected()
    handle = stand(world)
    assert world.result(handle) == {"tools": []}
    for times in (1, 2):
        world.drop()
        assert world.methods() == ["auth", "get_pending_results", "list_tools"]
        assert stood(world, handle) == [Stood(handle, {"tools": []}, None)] * times
    assert world.leftovers() == {}


def test_what_is_not_taken_again_is_told_until_it_is() -> None:
    world = connected()
    first, second = stand(world), stand(world)
    world.gateway.errors["list_tools"] = ErrorCode.FORBIDDEN
    assert world.machine.refusals == ()
    world.drop()
    refusals = world.machine.refusals
    assert [(each.method, each.error.code) for each in refusals] == [
        ("list_tools", ErrorCode.FORBIDDEN)
    ] * 2
    world.machine.unstand(second)
    assert len(world.machine.refusals) == 1
    del world.gateway.errors["list_tools"]
    world.drop()
    assert world.machine.refusals == ()
    assert [event.error is None for event in stood(world, first)] == [False, True]


def test_one_that_is_not_answered_holds_nothing_up_for_longer_than_it_may() -> None:
    world = connected()
    handle, other = stand(world), stand(world)
    world.gateway.silent.add("list_tools")
    world.drop()
    world.ask()
    world.wait(STANDING_WAIT_S - 0.1)
    assert world.methods() == ["auth", "get_pending_results", "list_tools"]
    late = world.heard[-1]["id"]
    world.wait(0.2)
    assert world.methods()[2:] == ["list_tools", "list_tools"], "the next one has its time, too"
    assert world.state is ClientState.CONNECTING
    world.wait(STANDING_WAIT_S)
    assert world.state is ClientState.CONNECTED
    assert world.methods()[4:] == ["tool_request"]
    assert [each.error.code for each in world.machine.refusals] == [ErrorCode.CANCELLED] * 2
    world.gateway.say(f'{{"jsonrpc":"2.0","id":{late},"result":1}}')
    world.pump()
    assert stood(world, handle) == [Stood(handle, 1, None)]
    assert len(world.machine.refusals) == 1
    assert stood(world, other) == []


def test_what_is_said_may_be_another_once_there_was_an_answer() -> None:
    world = World()
    world.reachable = None
    world.open()
    handle = world.machine.stand("list_tools", Odd(text="first"), Odd(text="later on"))
    world.gateway.silent.add("list_tools")
    said = []
    world.dialed()
    said.append(world.heard[-1]["params"])
    world.drop()  # before there was an answer
    said.append(world.heard[-1]["params"])
    world.gateway.say(f'{{"jsonrpc":"2.0","id":{world.heard[-1]["id"]},"result":1}}')
    world.pump()
    assert world.result(handle) == 1
    world.drop()
    said.append(world.heard[-1]["params"])
    assert said == [{"text": "first"}, {"text": "first"}, {"text": "later on"}]


def test_one_that_is_given_before_the_first_connection_goes_out_first_on_it() -> None:
    world = World()
    world.reachable = None
    world.open()
    world.ask()
    handle = stand(world)
    world.dialed()
    assert world.methods() == ["auth", "list_tools", "tool_request"]
    assert world.result(handle) == {"tools": []}


def test_nothing_else_goes_out_until_all_of_them_are_answered() -> None:
    world = connected()
    first, second = stand(world), stand(world)
    world.gateway.silent.add("list_tools")
    world.drop()
    world.ask()
    assert world.state is ClientState.CONNECTING
    assert world.methods() == ["auth", "get_pending_results", "list_tools"]
    world.gateway.say(f'{{"jsonrpc":"2.0","id":{world.heard[-1]["id"]},"result":1}}')
    world.pump()
    assert world.state is ClientState.CONNECTING
    assert world.methods()[2:] == ["list_tools", "list_tools"]
    world.gateway.say(f'{{"jsonrpc":"2.0","id":{world.heard[-1]["id"]},"result":2}}')
    world.pump()
    assert world.state is ClientState.CONNECTED
    assert world.methods()[-1] == "tool_request"
    assert stood(world, first) == [Stood(first, 1, None)]
    assert stood(world, second) == [Stood(second, 2, None)]


def test_an_answer_that_is_an_error_is_told_and_holds_up_nobody() -> None:
    world = connected()
    refused = stand(world, "no_such_method")
    odd = stand(world, "cancel_request", Odd())
    assert world.error(refused).code == ErrorCode.METHOD_NOT_FOUND
    assert world.error(odd).code == ErrorCode.INVALID_PARAMS
    world.drop()
    assert world.state is ClientState.CONNECTED
    assert [event.error.code for event in stood(world, refused) if event.error] == [
        ErrorCode.METHOD_NOT_FOUND
    ]


def test_the_first_answer_settles_it_on_whatever_connection_that_comes() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    handle = stand(world)
    world.drop()
    assert handle not in world.settled
    world.gateway.silent.clear()
    world.drop()
    world.wait(2.0)
    assert world.result(handle) == {"tools": []}
    assert stood(world, handle) == []


def test_one_that_is_taken_back_is_made_no_more_and_told_no_more() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    asked, waiting = stand(world), stand(world)
    for handle in (asked, waiting, waiting):
        world.machine.unstand(handle)
    world.gateway.silent.clear()
    world.gateway.say(f'{{"jsonrpc":"2.0","id":{world.heard[-1]["id"]},"result":1}}')
    world.pump()
    assert world.methods() == ["auth", "list_tools"]
    assert world.settled == {}
    world.drop()
    assert world.methods() == ["auth", "get_pending_results"]
    assert world.state is ClientState.CONNECTED


def test_a_call_that_is_withdrawn_while_they_are_made_is_cancelled_all_the_same() -> None:
    world = connected()
    stand(world)
    handle = world.ask(timeout_s=5.0)
    world.gateway.silent.add("list_tools")
    world.drop()
    assert world.state is ClientState.CONNECTING
    world.wait(5.0 + CANCEL_GRACE_S)
    assert world.gateway.cancelled == [2]
    assert WITHDRAWN in world.error(handle).message


def test_one_that_is_given_while_the_client_catches_up_waits_for_its_turn() -> None:
    world = connected()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    handle = stand(world)
    assert world.methods() == ["auth", "get_pending_results"]
    world.gateway.silent.clear()
    world.drop()
    world.wait(2.0)
    assert world.methods() == ["auth", "get_pending_results", "list_tools"]
    assert world.result(handle) == {"tools": []}


def test_closing_settles_what_has_no_answer_and_forgets_the_others() -> None:
    world = connected()
    answered = stand(world)
    world.gateway.silent.add("list_tools")
    waiting = stand(world)
    world.close()
    assert "closed" in world.error(waiting).message
    assert world.result(answered) == {"tools": []}
    world.gateway.silent.clear()
    world.open()
    assert world.methods() == ["auth"]
    assert world.state is ClientState.CONNECTED


def test_a_client_that_is_not_open_takes_none() -> None:
    with pytest.raises(AgentGateError, match="not connected"):
        World().machine.stand("list_tools", ListTools())


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cap(monkeypatch, "STANDING_CALLS_MAX", 2)
    world = connected()
    first, _ = stand(world), stand(world)
    with pytest.raises(AgentGateError, match="2 calls are made") as caught:
        stand(world)
    assert caught.value.code == ErrorCode.LIMIT_EXCEEDED
    world.machine.unstand(first)
    stand(world)


def test_too_large_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    cap(monkeypatch, "STANDING_BYTES_MAX", 100)
    world = connected()
    first = stand(world, "odd", Odd("x" * 60))
    with pytest.raises(AgentGateError, match=r"take \d+ of 100 bytes"):
        stand(world, "odd", Odd("x" * 60))
    world.machine.unstand(first)
    stand(world, "odd", Odd("x" * 60))


def test_ids_are_never_shared_with_other_calls() -> None:
    gateway = Gateway()
    gateway.answers = lambda params: done(1)
    world = connected(gateway)
    for _ in range(3):
        stand(world)
        world.ask()
        world.call("cancel_request", CancelRequest(request_id=77))
    world.drop()
    ids = [message["id"] for link in gateway.links for message in link.heard if "id" in message]
    integers = [each for each in ids if isinstance(each, int)]
    assert len(integers) == len(set(integers))


def test_nothing_is_due_without_a_connection() -> None:
    events: deque[Any] = deque()
    calls = StandingCalls(events)
    handle = calls.add("list_tools", ListTools())
    assert calls.next_call(1, 0.0) is None
    assert calls.due_at is None
    assert not calls.are_made
    calls.connected()
    call = calls.next_call(1, 0.0)
    assert call is not None
    assert calls.due_at == STANDING_WAIT_S
    assert not calls.handle_timer(STANDING_WAIT_S - 1)
    assert call.handle == handle
    calls.disconnected()
    calls.end(AgentGateError(ErrorCode.CONNECTION_LOST, "gone"))
    assert [type(event) for event in events] == [Settled]


def test_what_was_not_sent_says_so_when_its_time_is_over_while_they_are_made() -> None:
    world = connected()
    world.gateway.silent.add("list_tools")
    stand(world)
    world.drop()
    handle = world.ask(timeout_s=1.0)
    world.wait(1.0)
    assert NOT_SENT in world.error(handle).message
