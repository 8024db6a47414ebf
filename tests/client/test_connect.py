"""Connecting and closing: in every order, at any moment."""

from __future__ import annotations

from uuid import UUID

import anyio
import anyio.lowlevel
import pytest
from tests.client.gateway import Peer, gateway, obliging, say_nothing
from tests.client.helpers import BOUND_S, Asleep, Changes, connected
from tests.held_ports import held_port

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateError,
    ClientState,
)
from agentgate_proto.limits import Limits

pytestmark = pytest.mark.anyio


@pytest.mark.seed001("FR1-AC1", "FR3-AC3")
async def test_auth_is_the_first_message_and_to_the_letter() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, token="s3cret", client_id="robot-1")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                peer = await gate.accept()
                request = await peer.receive()
                assert request == {
                    "jsonrpc": "2.0",
                    "method": "auth",
                    "params": {"token": "s3cret", "client_id": "robot-1"},
                    "id": "auth-1",
                }
                await peer.answer(request, {"status": "authenticated"})
            assert client.state is ClientState.CONNECTED
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                assert await peer.gone() == 1000


async def test_the_opening_request_says_where_to_and_carries_the_users_headers() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            url = f"{gate.url}/gate?house=1"
            client = AgentGateClient(url, "t", headers={"X-Proxy-Key": "k1"})
            async with connected(gate, client) as peer:
                assert peer.target == "/gate?house=1"
                assert peer.headers["host"] == f"127.0.0.1:{gate.port}"
                assert peer.headers["x-proxy-key"] == "k1"


async def test_each_instance_has_a_name_of_its_own_unless_it_is_given_one() -> None:
    clients = [AgentGateClient("wss://hub", "t") for _ in range(2)]
    assert clients[0].client_id != clients[1].client_id
    assert all(UUID(client.client_id).version == 4 for client in clients)
    assert AgentGateClient("wss://hub", "t", client_id="robot-1").client_id == "robot-1"


@pytest.mark.seed001("FR3-AC1", "FR3-AC2")
async def test_a_client_connects_and_disconnects_as_a_context_manager() -> None:
    codes = []

    async def script(peer: Peer) -> None:
        await peer.authenticate()
        await peer.answer(await peer.receive(), {"tools": []})
        codes.append(await peer.gone())

    with anyio.fail_after(BOUND_S):
        async with gateway(script) as gate:
            client = AgentGateClient(gate.url, "t")
            async with client as entered:
                assert entered is client
                assert await client.list_tools() == []
            with pytest.raises(AgentGateConnectionError):
                await client.list_tools()
            assert codes == [1000]


async def test_leaving_the_context_by_an_error_or_a_cancellation_closes_too() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate:
            client = AgentGateClient(gate.url, "t")
            with pytest.raises(ZeroDivisionError):
                async with client:
                    raise ZeroDivisionError
            assert client.state is ClientState.CLOSED
            with anyio.CancelScope() as scope:
                async with client:
                    scope.cancel()
                    await anyio.sleep_forever()
            assert client.state is ClientState.CLOSED


@pytest.mark.seed001("FR1-AC2", "FR6-AC4")
async def test_an_invalid_token_is_reported_in_the_gateways_words_and_not_tried_again() -> None:
    async def refusing(peer: Peer) -> None:
        request = await peer.receive()
        await peer.fail(request, -32005, "Invalid token")
        await peer.close(4401, "Invalid token")

    with anyio.fail_after(BOUND_S):
        async with gateway(refusing) as gate:
            with pytest.raises(AgentGateError) as caught:
                await AgentGateClient(gate.url, "wrong").connect()
            assert gate.connections == 1
    assert (caught.value.code, caught.value.message) == (-32005, "Invalid token")
    assert isinstance(caught.value, AgentGateConnectionError)


@pytest.mark.seed001("FR1-AC2")
async def test_an_auth_that_is_not_answered_in_time_is_an_error() -> None:
    async def silent(peer: Peer) -> None:
        assert (await peer.receive())["method"] == "auth"
        await peer.gone()

    with anyio.fail_after(BOUND_S):
        async with gateway(silent) as gate:
            client = AgentGateClient(gate.url, "t", limits=Limits(auth_s=0.02))
            with pytest.raises(AgentGateError, match="did not answer auth") as caught:
                await client.connect()
            assert gate.connections == 1
    assert caught.value.code == -32005


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","method":"hello","params":{}}',
        '{"jsonrpc":"2.0","result":{"status":"executed"},"id":1}',
        '{"jsonrpc":"2.0","result":{"status":"maybe"},"id":"auth-1"}',
        '{"jsonrpc":"2.0","error":{"code":-32600,"message":"Missing method"},"id":"auth-1"}',
        "hello",
    ],
)
@pytest.mark.seed001("FR1-AC2")
async def test_an_answer_that_is_none_to_auth_is_an_error(text: str) -> None:
    async def odd(peer: Peer) -> None:
        await peer.receive()
        await peer.send_text(text)
        await peer.gone()

    with anyio.fail_after(BOUND_S):
        async with gateway(odd) as gate:
            with pytest.raises(AgentGateError) as caught:
                await AgentGateClient(gate.url, "t").connect()
            assert gate.connections == 1
    assert caught.value.code == -32005


async def test_connecting_twice_in_a_row_or_at_the_same_time_makes_one_connection() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway(obliging) as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                tasks.start_soon(client.connect)
            await client.connect()
            assert await client.tool_request("x") == {"tool": "x", "args": {}}
            assert gate.connections == 1
            await client.close()


async def test_a_client_that_was_closed_can_connect_again_and_counts_its_requests_on() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            for request_id in (1, 2):
                async with connected(gate, client) as peer, anyio.create_task_group() as tasks:
                    tasks.start_soon(client.tool_request, "x")
                    request = await peer.receive()
                    assert request["id"] == request_id
                    await peer.executed(request, None)


async def test_connecting_while_the_last_goodbye_is_under_way_waits_for_it() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                first = await gate.accept_authenticated()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                while client.state is ClientState.CONNECTED:
                    await anyio.lowlevel.checkpoint()
                tasks.start_soon(client.connect)
                assert await first.gone() == 1000
                second = await gate.accept_authenticated()
            assert client.state is ClientState.CONNECTED
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await second.see_off()


@pytest.mark.parametrize("secure", [False, True])
async def test_a_cancelled_connect_leaves_nothing_behind(secure: bool) -> None:
    ended = anyio.Event()

    async def silent(stream: anyio.abc.ByteStream) -> None:
        try:
            await say_nothing(stream)
        finally:
            ended.set()

    with anyio.fail_after(BOUND_S):
        async with gateway(raw=silent) as gate:
            url = gate.url.replace("ws://", "wss://") if secure else gate.url
            client = AgentGateClient(url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                while not gate.connections:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            assert client.state is ClientState.CLOSED
            await ended.wait()


async def test_a_cancelled_connect_does_not_disturb_another_that_waits() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            client = AgentGateClient(gate.url, "t")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.connect)
                async with anyio.create_task_group() as impatient:
                    impatient.start_soon(client.connect)
                    peer = await gate.accept()
                    impatient.cancel_scope.cancel()
                await peer.authenticate()
            assert client.state is ClientState.CONNECTED
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.close)
                await peer.see_off()


async def test_a_cancelled_connect_of_a_client_in_use_leaves_it_alone() -> None:
    with anyio.fail_after(BOUND_S):
        async with gateway() as gate:
            changes = Changes()
            client = AgentGateClient(gate.url, "t", backoff=Asleep(), on_state=changes)
            async with connected(gate, client) as peer:
                peer.cut()
                await changes.wait_for(ClientState.RECONNECTING)
                with anyio.move_on_after(0.01):
                    await client.connect()
                assert client.state is ClientState.RECONNECTING


def test_a_client_belongs_to_the_event_loop_where_it_was_connected(anyio_backend: str) -> None:
    async def main() -> None:
        async with gateway(obliging) as gate, AgentGateClient(gate.url, "t") as client:
            for method in (client.connect, client.close, client.list_tools):
                with pytest.raises(RuntimeError, match="another event loop"):
                    await anyio.to_thread.run_sync(anyio.run, method)
            assert await anyio.to_thread.run_sync(lambda: client.health.state.value) == "connected"

    anyio.run(main, backend=anyio_backend)


def test_a_client_can_be_used_in_one_event_loop_after_another(anyio_backend: str) -> None:
    with held_port() as port:
        client = AgentGateClient(f"ws://127.0.0.1:{port}", "t")

        async def main(close: bool) -> None:
            async with gateway(obliging, port=port):
                await client.connect()
                assert await client.tool_request("x") == {"tool": "x", "args": {}}
                if close:
                    await client.close()

        for close in (True, False, True):
            anyio.run(main, close, backend=anyio_backend)
            assert client.state is ClientState.CLOSED


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"token": ""}, "the token must have"),
        ({"token": "t\n"}, "strip"),
        ({"client_id": ""}, "client_id must have"),
        ({"max_retries": -1}, "max_retries"),
        ({"backoff": Asleep(), "max_retries": 1}, "not both"),
        ({"headers": {"Host": "elsewhere"}}, "Host belongs to the WebSocket handshake"),
        ({"headers": {"Sec-WebSocket-Protocol": "x"}}, "belongs to the WebSocket handshake"),
        ({"headers": {"X": "line\nbreak"}}, "headers: "),
        ({"headers": {"X ": "y"}}, "headers: "),
        ({"headers": {"X": "☃"}}, "headers: "),
    ],
)
def test_arguments_that_cannot_be_right_are_refused_at_once(
    arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        AgentGateClient(**({"url": "wss://hub", "token": "t"} | arguments))  # type: ignore[arg-type]


async def hurry(_: object) -> None:
    """A callback that would have to be awaited."""


@pytest.mark.parametrize("name", ["on_state", "on_waiting"])
@pytest.mark.parametrize("callback", [hurry, 7])
def test_a_callback_is_a_plain_function(name: str, callback: object) -> None:
    with pytest.raises(TypeError, match=name):
        AgentGateClient("wss://hub", "t", **{name: callback})  # type: ignore[arg-type]
