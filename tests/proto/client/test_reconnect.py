"""The client machine: coming back, and giving up."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from tests.proto.client_gateway import Gateway, done
from tests.proto.client_world import World, connected

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState
from agentgate_proto.errors import (
    AgentGateConnectionError,
    ErrorCode,
)
from agentgate_proto.limits import CLIENT_LIMITS, Limits
from agentgate_proto.rpc.messages import ToolRequest

IDLE, CONNECTING, CONNECTED, RECONNECTING, CLOSED = ClientState

SCHEDULE = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def named(world: World) -> list[ClientState]:
    """The states that the client went through."""
    return [change.state for change in world.states]


@pytest.mark.seed001("FR4-AC1")
def test_attempts_follow_the_schedule_of_the_seed() -> None:
    world = connected()
    world.reachable = False
    world.cut()
    world.wait(200.0)
    dials = [world.now - 200.0, *world.dials[1:]]
    pauses = [later - sooner for sooner, later in pairwise(dials)]
    assert pauses[: len(SCHEDULE)] == SCHEDULE
    retries = [change for change in world.states if change.state is RECONNECTING]
    assert [change.retry_in_s for change in retries[: len(SCHEDULE)]] == SCHEDULE


@pytest.mark.seed001("FR4-AC2")
def test_by_default_attempts_never_end_and_calls_wait() -> None:
    world = connected()
    handle = world.ask()
    world.reachable = False
    world.cut()
    world.wait(30.0 * 1_000)
    assert len(world.dials) > 1_000
    assert world.state in (RECONNECTING, CONNECTING)
    assert handle not in world.settled
    world.reachable = True
    world.wait(30.0)
    world.gateway.resolve(1, done("at last"))
    world.pump()
    assert world.result(handle) == "at last"


@pytest.mark.seed001("FR4-AC2", "FR4-AC5")
@pytest.mark.parametrize("retries", [0, 1, 3])
def test_when_the_retries_are_used_up_every_call_gets_the_loss(retries: int) -> None:
    world = connected(backoff=Backoff(attempts_max=retries))
    sent = world.ask()
    world.reachable = False
    world.cut()
    offline = world.ask() if retries else None
    world.wait(100.0)
    assert len(world.dials) == 1 + retries
    assert world.state is CLOSED
    for handle in filter(None, (sent, offline)):
        error = world.error(handle)
        assert isinstance(error, AgentGateConnectionError)
        assert error.code == ErrorCode.CONNECTION_LOST
        assert error.message.startswith("Connection lost")
    assert "may have run" in world.error(sent).message
    assert world.error(sent).data == {"sent": True}
    if offline is not None:
        assert "may have run" not in world.error(offline).message
    with pytest.raises(AgentGateConnectionError, match="Connection lost"):
        world.ask()
    assert world.leftovers() == {}
    assert world.machine.next_deadline() is None


@pytest.mark.seed001("FR4-AC1")
def test_the_schedule_starts_over_after_a_connection_that_was_ready() -> None:
    world = connected()
    world.reachable = False
    world.cut()
    world.wait(10.0)
    world.reachable = True
    world.wait(10.0)
    assert world.state is CONNECTED
    world.cut()
    assert world.states[-1].retry_in_s == 1.0


def test_the_schedule_goes_on_while_connections_break_before_they_are_ready() -> None:
    """A gateway that takes the token but cannot bring what was missed is not a success."""
    world = connected()
    world.gateway.errors["get_pending_results"] = ErrorCode.INTERNAL_ERROR
    world.cut()
    world.wait(20.0)
    retries = [change.retry_in_s for change in world.states if change.state is RECONNECTING]
    assert retries == [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.seed001("FR4-AC3", "FR4-AC4", "FR5-AC3")
def test_a_new_connection_authenticates_and_fetches_what_was_missed() -> None:
    world = connected()
    handle = world.ask()
    world.cut()
    world.gateway.resolve(1, done({"on": True}))
    world.wait(1.0)
    assert world.methods() == ["auth", "get_pending_results"]
    assert world.result(handle) == {"on": True}
    assert named(world) == [CONNECTING, CONNECTED, RECONNECTING, CONNECTING, CONNECTED]


@pytest.mark.seed001("FR4-AC4")
def test_every_new_connection_fetches_and_the_first_one_does_not() -> None:
    world = connected()
    assert world.gateway.collections == 0
    for time in range(1, 4):
        world.cut()
        world.wait(1.0)
        assert world.gateway.collections == time


def test_after_closing_and_opening_again_the_connection_is_a_first_one() -> None:
    world = connected()
    world.close()
    world.open()
    assert world.state is CONNECTED
    assert world.gateway.collections == 0


def test_a_wrong_token_at_a_new_connection_ends_every_call_with_that_error() -> None:
    world = connected()
    sent = world.ask()
    world.cut()
    offline = world.ask()
    world.gateway.auth = "refuse"
    world.wait(1.0)
    assert world.state is CLOSED
    assert world.error(offline).code == ErrorCode.AUTHENTICATION
    assert world.error(offline).message == "Invalid token"
    assert world.error(sent).code == ErrorCode.AUTHENTICATION
    assert "may have run" in world.error(sent).message
    world.wait(100.0)
    assert len(world.dials) == 2


@pytest.mark.parametrize("auth", ["ignore", "hello"])
def test_a_gateway_that_does_not_answer_auth_later_on_is_asked_again(auth: str) -> None:
    world = connected()
    world.gateway.auth = auth
    world.cut()
    world.wait(1.0)
    world.gateway.auth = "accept"
    world.wait(30.0)
    assert world.state is CONNECTED


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "502 Bad Gateway"])
def test_what_a_proxy_says_does_not_end_a_client_that_was_connected_before(status: str) -> None:
    world, reply = connected(), f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()
    world.cut()
    world.reachable = None
    world.wait(1.0)
    world.machine.dialed(world.now)
    world.machine.receive_data(reply, world.now)
    assert world.machine.state is RECONNECTING
    assert status[:3] in str(world.machine.last_error)


def test_what_a_server_says_that_is_no_gateway_ends_the_first_attempt() -> None:
    world = World()
    world.reachable = None
    world.open()
    world.machine.dialed(world.now)
    reply = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
    world.machine.receive_data(reply, world.now)
    assert world.machine.state is CLOSED


@pytest.mark.parametrize(("pause_s", "after_s"), [(7.5, 7.5), (0.5, 1.0)])
def test_a_pause_that_the_gateway_wants_counts_if_it_is_longer_than_our_own(
    pause_s: float, after_s: float
) -> None:
    gateway = Gateway()
    error = {"code": -32006, "message": "later", "data": {"retry_after_s": pause_s}}
    gateway.auth = json.dumps({"jsonrpc": "2.0", "error": error, "id": "auth-1"})
    world = World(gateway).open()
    assert world.state is RECONNECTING
    assert world.states[-1].retry_in_s == after_s
    world.wait(after_s - 0.1)
    assert len(world.dials) == 1
    world.wait(0.1)
    assert len(world.dials) == 2


def test_a_gateway_that_has_no_room_is_asked_again_later() -> None:
    gateway = Gateway()
    gateway.auth = "turn away"
    world = World(gateway).open()
    assert world.state is RECONNECTING
    assert "too many connections" in str(world.states[-1].error)
    gateway.auth = "accept"
    world.wait(1.0)
    assert world.state is CONNECTED


def test_a_client_that_was_replaced_by_a_newer_one_does_not_take_its_place_back() -> None:
    world = connected()
    handle = world.ask()
    assert world.gateway.link is not None
    world.gateway.link.close(4409, "a newer connection has this client_id")
    world.pump()
    world.wait(100.0)
    assert world.state is CLOSED
    assert len(world.dials) == 1
    assert "4409" in world.error(handle).message
    assert "a newer connection" in world.error(handle).message


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4401])
def test_whatever_code_the_gateway_closes_with_the_client_comes_back(code: int) -> None:
    world = connected()
    assert world.gateway.link is not None
    world.gateway.link.close(code)
    world.pump()
    assert world.state is RECONNECTING
    assert f"({code})" in str(world.states[-1].error)
    world.wait(1.0)
    assert world.state is CONNECTED


def test_a_dial_that_fails_is_repeated_unless_it_would_always_fail() -> None:
    world = World()
    world.reachable = None
    world.open()
    world.dial_failed("connection refused")
    assert world.state is RECONNECTING
    assert str(world.states[-1].error) == "connection refused (-32000)"
    assert world.machine.last_error is world.states[-1].error
    world.wait(1.0)
    handle = world.ask()
    world.dial_failed("the certificate is not trusted", final=True)
    assert world.state is CLOSED
    assert world.error(handle).message == "the certificate is not trusted"
    assert world.hang_ups == 0


def test_a_client_that_gave_up_can_be_opened_again() -> None:
    world = World(backoff=Backoff(attempts_max=1))
    world.reachable = False
    world.open().wait(10.0)
    world.open()
    assert named(world)[-2:] == [CONNECTING, RECONNECTING], "the retries count anew"
    world.reachable = True
    world.wait(1.0)
    assert named(world)[-1] is CONNECTED
    assert world.machine.last_error is None


def test_a_gateway_that_falls_silent_is_left_after_the_keep_alive() -> None:
    world = connected()
    assert world.socket is not None
    world.socket.frozen = True
    world.reachable = False
    world.wait(CLIENT_LIMITS.silence_s + CLIENT_LIMITS.pong_s)
    assert world.state is RECONNECTING
    assert "no sign of life" in str(world.states[-1].error)


# Output that the gateway does not take


def test_a_gateway_that_takes_nothing_is_left_at_once_when_the_queue_is_full() -> None:
    world = connected(limits=Limits(queued_bytes_max=2_000))
    for _ in range(12):
        world.machine.call("tool_request", ToolRequest(tool="x" * 200), None, world.now)
    assert world.state is RECONNECTING
    world.pump()
    assert "slow consumer" in str(world.machine.last_error)
    world.wait(0.5)
    assert len(world.dials) == 1
    assert world.hang_ups == 1


def test_withdrawing_a_call_that_the_full_queue_cannot_take_is_survived() -> None:
    world = connected(limits=Limits(queued_bytes_max=900))
    handle = world.ask("x" * 200)
    for _ in range(3):
        world.machine.call("tool_request", ToolRequest(tool="y" * 200), None, world.now)
    world.machine.abandon(handle)
    world.machine.abandon(handle + 1)
    world.pump()
    world.wait(5.0)
    assert world.hang_ups >= 1
    assert handle not in world.settled


def test_a_call_is_as_old_as_its_sending_however_long_the_gateway_was_silent_before() -> None:
    gateway = Gateway()
    gateway.retention_s = 5.0
    world = connected(gateway)
    world.wait(15.0)
    world.drop_before_arrival()
    handle = world.ask()
    world.wait(2.0)
    assert gateway.arrivals == [1]
    assert handle not in world.settled
