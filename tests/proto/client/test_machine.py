"""The client machine: connecting and closing; every state takes every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.proto.client_gateway import TOKEN, Gateway, done
from tests.proto.client_world import World, connected
from tests.proto.support import PING, PONG, frame, frames_in

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, Dial, HangUp, Settled, StateChanged
from agentgate_proto.connection.state import State
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateError,
    ErrorCode,
)
from agentgate_proto.rpc.messages import Ack, RequestWaiting, ToolRequest

IDLE, CONNECTING, CONNECTED, RECONNECTING, CLOSED = ClientState

SCHEDULE = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def named(world: World) -> list[ClientState]:
    """The states that the client went through."""
    return [change.state for change in world.states]


# Connecting


@pytest.mark.seed001("FR1-AC1")
def test_the_first_message_is_auth_to_the_letter() -> None:
    world = connected()
    assert world.heard == [
        {
            "jsonrpc": "2.0",
            "method": "auth",
            "params": {"token": TOKEN, "client_id": "sdk-1"},
            "id": "auth-1",
        }
    ]
    assert named(world) == [CONNECTING, CONNECTED]
    assert world.machine.auth is not None
    assert world.machine.auth.principal == "hub"
    assert world.machine.last_error is None


@pytest.mark.seed001("FR1-AC2")
def test_a_wrong_token_ends_everything_with_the_gateway_s_own_words() -> None:
    world = World(token="stolen").open()
    assert world.state is CLOSED
    error = world.states[-1].error
    assert isinstance(error, AgentGateConnectionError)
    assert (error.code, error.message) == (ErrorCode.AUTHENTICATION, "Invalid token")
    world.wait(100.0)
    assert len(world.dials) == world.hang_ups == 1
    with pytest.raises(AgentGateConnectionError, match="Invalid token"):
        world.ask()


@pytest.mark.seed001("FR1-AC2")
@pytest.mark.parametrize("auth", ["ignore", '{"jsonrpc":"2.0","method":"hello"}', "hello", "[1]"])
def test_at_first_whatever_goes_wrong_with_auth_is_told_at_once(auth: str) -> None:
    gateway = Gateway()
    gateway.auth = auth
    world = World(gateway).open()
    world.wait(60.0)
    assert named(world) == [CONNECTING, CLOSED]
    error = world.states[-1].error
    assert isinstance(error, AgentGateError)
    assert error.code == ErrorCode.AUTHENTICATION
    assert len(world.dials) == world.hang_ups == 1


def test_calls_made_before_the_first_connection_go_out_on_it() -> None:
    world = World()
    world.reachable = None
    world.open()
    first, second = world.ask("a"), world.ask("b")
    assert world.settled == {}
    world.dialed()
    assert world.methods() == ["auth", "tool_request", "tool_request"]
    assert {first, second} == {1, 2}


def test_notifications_of_the_gateway_are_passed_on() -> None:
    world = connected()
    assert world.gateway.link is not None
    waiting = RequestWaiting(request_id=1, expires_at="soon", rule="lights")
    world.gateway.link.send_notification("request_waiting", waiting)
    world.gateway.link.send_notification("ack", Ack(seq=1))
    world.pump()
    assert world.pushed == [waiting]


def test_opening_an_open_client_changes_nothing() -> None:
    world = connected()
    world.open()
    world.cut()
    world.open()
    assert named(world) == [CONNECTING, CONNECTED, RECONNECTING]
    assert len(world.dials) == 1


@pytest.mark.parametrize("use", ["before connect", "after closed"])
def test_a_call_on_a_client_that_is_not_open_says_so(use: str) -> None:
    world = World()
    if use == "after closed":
        world.open().close()
    with pytest.raises(AgentGateConnectionError, match=use.rsplit(maxsplit=1)[-1]):
        world.ask()
    assert world.leftovers() == {}


# Closing


@pytest.mark.seed001("FR4-AC6")
def test_closing_does_not_lead_to_a_new_connection() -> None:
    world = connected()
    world.close()
    world.wait(1_000.0)
    assert named(world) == [CONNECTING, CONNECTED, CLOSED]
    assert len(world.dials) == world.hang_ups == 1
    assert world.machine.next_deadline() is None


@pytest.mark.seed001("FR4-AC6")
def test_what_still_comes_after_closing_has_no_effect() -> None:
    world = connected()
    machine, link = world.machine, world.gateway.link
    assert link is not None
    machine.close()
    said = machine.data_to_send()
    link.receive_data(said, world.now)
    while link.next_event() is not None:
        pass
    machine.receive_data(link.data_to_send(), world.now)
    machine.receive_eof(world.now)
    machine.send_failed("broken pipe", world.now)
    machine.handle_timer(world.now + 100.0)
    machine.close()
    events = []
    while (event := machine.next_event()) is not None:
        events.append(event)
    assert [type(event) for event in events] == [HangUp, StateChanged]
    assert machine.state is CLOSED


@pytest.mark.seed001("FR4-AC6")
def test_closing_between_two_attempts_ends_them() -> None:
    world = connected()
    handle = world.ask()
    world.cut()
    world.close()
    assert world.error(handle).message.startswith("the client was closed")
    world.wait(1_000.0)
    assert len(world.dials) == 1
    assert world.hang_ups == 1


def test_closing_while_a_dial_is_under_way_settles_the_calls_and_hangs_nothing_up() -> None:
    world = World()
    world.reachable = None
    world.open()
    handle = world.ask()
    world.close()
    assert world.error(handle).message == "the client was closed"
    assert world.hang_ups == 0
    assert world.state is CLOSED


def test_a_socket_that_opens_after_all_is_hung_up() -> None:
    world = World()
    world.reachable = None
    world.open()
    world.close()
    world.machine.dialed(world.now)
    assert isinstance(world.machine.next_event(), HangUp)
    assert world.machine.next_event() is None
    assert world.machine.data_to_send() == b""
    assert world.machine.connection is None


def test_closing_while_it_is_fetched_what_was_missed_tells_the_truth() -> None:
    world = connected()
    sent = world.ask()
    world.gateway.silent.add("get_pending_results")
    world.cut()
    offline = world.ask()
    world.wait(1.0)
    assert world.state is CONNECTING
    world.close()
    assert "may have run" in world.error(sent).message
    assert "may have run" not in world.error(offline).message
    assert world.leftovers() == {}


def test_closing_acknowledges_first_and_then_says_goodbye() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.resolve(1, done(1))
    world.pump()
    before = world.gateway.requests[1].delivered
    world.close()
    assert world.result(handle) == 1
    assert (before, world.gateway.requests[1].delivered) == (False, True)
    assert world.heard[-1]["method"] == "ack"
    assert world.gateway.links[-1].state is State.CLOSED


def test_the_last_output_is_there_when_the_adapter_is_told_to_hang_up() -> None:
    gateway = Gateway()
    gateway.auth = "[]"
    world = World(gateway, backoff=Backoff(attempts_max=0))
    world.reachable = None
    world.open()
    world.dialed()
    assert world.hang_ups == 1
    assert gateway.links[-1].state is State.CLOSED
    assert world.machine.data_to_send() == b""


def test_closing_twice_is_closing_once() -> None:
    world = connected()
    world.close()
    world.close()
    assert named(world).count(CLOSED) == 1


def test_a_client_that_was_never_open_can_be_closed() -> None:
    world = World()
    world.close()
    assert world.state is CLOSED
    with pytest.raises(AgentGateConnectionError, match="closed"):
        world.ask()


def test_calls_end_before_the_state_is_reported_as_closed() -> None:
    world = connected()
    world.ask()
    world.close()
    kinds = [type(event) for event in world.events]
    assert kinds.index(Settled) < len(kinds) - 1
    assert world.events[-1] == StateChanged(CLOSED, None)


def test_callers_get_exceptions_of_their_own() -> None:
    world = World()
    world.reachable = None
    world.open()
    first, second = world.ask(), world.ask()
    world.dial_failed("no such host", final=True)
    errors = [world.error(first), world.error(second), world.machine.last_error]
    for _ in range(2):
        with pytest.raises(AgentGateConnectionError) as caught:
            world.ask()
        errors.append(caught.value)
    assert len({id(error) for error in errors}) == len(errors)


@pytest.mark.parametrize("reason", ["", "maintenance"])
def test_the_gateway_s_reason_for_closing_is_passed_on(reason: str) -> None:
    world = connected()
    assert world.gateway.link is not None
    world.gateway.link.close(1012, reason)
    world.pump()
    said = f"the gateway closed the connection (1012){': ' if reason else ''}{reason}"
    assert world.machine.last_error is not None
    assert world.machine.last_error.message == said


# Every state, every input

Situation = Callable[[], World]


def dialling() -> World:
    world = World()
    world.reachable = None
    return world.open()


def upgrading() -> World:
    world = dialling()
    world.machine.dialed(world.now)
    world.machine.data_to_send()
    return world


def fetching() -> World:
    world = connected()
    world.gateway.silent.add("get_pending_results")
    world.cut()
    world.wait(1.0)
    assert world.state is CONNECTING
    return world


def reconnecting() -> World:
    world = connected()
    world.reachable = None
    world.cut()
    return world


def closed() -> World:
    world = connected()
    world.close()
    return world


SITUATIONS: dict[Situation, ClientState] = {
    World: IDLE,
    dialling: CONNECTING,
    upgrading: CONNECTING,
    fetching: CONNECTING,
    connected: CONNECTED,
    reconnecting: RECONNECTING,
    closed: CLOSED,
}

Input = Callable[[World], Any]


def call(world: World) -> None:
    if world.state in (IDLE, CLOSED):
        with pytest.raises(AgentGateConnectionError):
            world.machine.call("tool_request", ToolRequest(tool="x"), 1.0, world.now)
    else:
        world.machine.call("tool_request", ToolRequest(tool="x"), 1.0, world.now)


INPUTS: dict[str, Input] = {
    "open": lambda world: world.machine.open(),
    "call": call,
    "abandon": lambda world: world.machine.abandon(77),
    "close": lambda world: world.machine.close(),
    "dialed": lambda world: world.machine.dialed(world.now),
    "dial fails": lambda world: world.machine.dial_failed("no", world.now, final=False),
    "dial fails for ever": lambda world: world.machine.dial_failed("no", world.now, final=True),
    "nothing": lambda world: world.machine.receive_data(b"", world.now),
    "nonsense": lambda world: world.machine.receive_data(b"\xff" * 99 + b"\r\n\r\n", world.now),
    "end of file": lambda world: world.machine.receive_eof(world.now),
    "broken pipe": lambda world: world.machine.send_failed("broken pipe", world.now),
    "timer too early": lambda world: world.machine.handle_timer(world.now),
    "timer": lambda world: world.machine.handle_timer(world.now + 12.0),
    "output": lambda world: world.machine.data_to_send(),
}

LOST_HERE = dict.fromkeys(("nonsense", "end of file", "broken pipe"), RECONNECTING)
MOVES: dict[Situation, dict[str, ClientState]] = {
    World: {"open": CONNECTING, "close": CLOSED},
    dialling: {
        "close": CLOSED,
        "dial fails": RECONNECTING,
        "dial fails for ever": CLOSED,
    },
    upgrading: {"close": CLOSED, "timer": RECONNECTING, **LOST_HERE},
    fetching: {"close": CLOSED, **LOST_HERE},
    connected: {"close": CLOSED, **LOST_HERE},
    reconnecting: {"close": CLOSED, "timer": CONNECTING},
    closed: {"open": CONNECTING},
}
"""What is not in here leaves the state as it is."""


@pytest.mark.parametrize("what", INPUTS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_state_takes_every_input(situation: Situation, what: str) -> None:
    world = situation()
    before = world.state
    assert before is SITUATIONS[situation]
    had_connection = world.machine.connection is not None
    INPUTS[what](world)
    after = MOVES[situation].get(what, before)
    assert world.machine.state is after
    events = []
    while (event := world.machine.next_event()) is not None:
        events.append(event)
    dials = sum(isinstance(event, Dial) for event in events)
    hang_ups = sum(isinstance(event, HangUp) for event in events)
    changes = [event.state for event in events if isinstance(event, StateChanged)]
    assert changes == ([] if after is before else [after])
    assert dials == (after is CONNECTING and before is not CONNECTING)
    unwanted_socket = what == "dialed" and situation is not dialling
    left = had_connection and after in (RECONNECTING, CLOSED)
    assert hang_ups == (1 if unwanted_socket or left else 0)
    world.machine.next_deadline()


def test_a_flood_of_pings_from_a_gateway_concerns_nobody_and_ends() -> None:
    world = connected()
    before = len(world.states)
    world.machine.receive_data(frame(PING, b"?") * 200, world.now)
    assert world.machine.next_event() is None
    assert frames_in(world.machine.data_to_send()) == [(PONG, b"?")] * 200
    assert len(world.states) == before
