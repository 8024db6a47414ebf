"""Reconciliation that takes its time: replies that come slowly, and calls that are to go out again
and have to wait, while connections break."""

from __future__ import annotations

import msgspec
from tests.proto.client_gateway import Asked, done
from tests.proto.client_world import World, connected
from tests.proto.support import CONTINUATION, TEXT

from agentgate_proto.client.events import ClientState
from agentgate_proto.errors import OutcomeUnknown
from agentgate_proto.limits import COLLECT_S
from agentgate_proto.rpc.messages import ListTools, ToolRequest
from agentgate_proto.wire.frames import FIN, frame_head


def test_a_reply_that_comes_slowly_is_waited_for_while_it_comes() -> None:
    world = connected()
    handle = world.ask()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    link = world.gateway.links[-1]
    reply = {"results": [], "pending": [1], "seq": 0}
    text = msgspec.json.encode({"jsonrpc": "2.0", "result": reply, "id": world.heard[-1]["id"]})
    for number, byte in enumerate(text):
        first = TEXT if number == 0 else CONTINUATION
        link.wire.out += frame_head(first, 1) + bytes([byte])
        world.pump()
        world.wait(COLLECT_S - 1.0 if number in (0, 1, 2) else 0.0)
    assert world.state is ClientState.CONNECTING
    link.wire.out += frame_head(CONTINUATION | FIN, 0)
    world.pump()
    assert world.state is ClientState.CONNECTED
    world.gateway.resolve(1, done(1))
    world.pump()
    assert world.result(handle) == 1
    assert world.gateway.arrivals == [1]


def test_a_reply_that_stops_halfway_is_given_up() -> None:
    world = connected()
    world.ask()
    world.gateway.silent.add("get_pending_results")
    world.drop()
    world.gateway.links[-1].wire.out += frame_head(TEXT, 1) + b"{"
    world.pump()
    world.wait(COLLECT_S)
    assert world.state is ClientState.CONNECTING
    world.wait(COLLECT_S)
    assert world.state is ClientState.RECONNECTING


def held_back() -> tuple[World, list[int]]:
    """A client with calls that are to go out again, all but the second, and wait for another."""
    world = connected()
    handles = [world.ask(n=n) for n in range(3)]
    del world.gateway.requests[1], world.gateway.requests[3]
    world.machine.stand("list_tools", ListTools())
    world.pump()
    world.gateway.silent.add("list_tools")
    world.drop()
    assert world.methods() == ["auth", "get_pending_results", "list_tools"]
    return world, handles


def again(world: World) -> None:
    """Break the connection before it was reconciled, so that the next pause is longer."""
    world.cut()
    world.wait(2.0)


def test_what_waits_to_be_sent_again_does_not_go_to_a_gateway_with_another_memory() -> None:
    world, handles = held_back()
    world.gateway.forget()
    world.gateway.silent.clear()
    again(world)
    assert world.gateway.arrivals == [1, 2, 3]
    assert all(isinstance(world.error(handle), OutcomeUnknown) for handle in handles)


def test_what_waits_to_be_sent_again_and_is_known_by_then_is_not_sent() -> None:
    world, _ = held_back()
    world.gateway.requests[1] = Asked(ToolRequest(tool="light"))
    world.gateway.silent.clear()
    again(world)
    assert world.gateway.arrivals == [1, 2, 3, 3]


def test_what_is_sent_again_goes_out_in_the_old_order_however_often() -> None:
    world, _ = held_back()
    world.gateway.silent.clear()
    del world.gateway.requests[2]
    again(world)
    world.gateway.requests.clear()
    world.drop()
    assert world.gateway.arrivals == [1, 2, 3, 1, 2, 3, 1, 2, 3]


def test_what_waits_to_be_sent_again_when_all_is_over_may_have_run() -> None:
    world, handles = held_back()
    world.close()
    assert all(world.error(handle).data == {"sent": True} for handle in handles)
    assert world.leftovers() == {}
