"""The echo endpoints that Autobahn visits do what they are there for, with both pumps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.conformance.autobahn.echo import HOST, echo_listener, visit
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from agentgate_server.sockets.asyncio_peer import AsyncioPeer
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.stream_peer import StreamPeer

pytestmark = pytest.mark.anyio

MESSAGES: list[str | bytes] = ["", "hello", "€" * 100, b"", b"\xff\x00", b"\xff" * 200_000]
WAIT_S = 30.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # the foreign ends know nothing else


@asynccontextmanager
async def echoing(peer_type: type[Peer]) -> AsyncIterator[str]:
    listener = echo_listener(peer_type)
    port = await listener.open()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve)
        yield f"ws://{HOST}:{port}"
        await listener.stop_accepting()
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("peer_type", [AsyncioPeer, StreamPeer])
@pytest.mark.parametrize("path", ["", "/", "/any/path?x=1"])
async def test_the_server_sends_back_texts_and_binary_messages_on_every_path(
    peer_type: type[Peer], path: str
) -> None:
    with anyio.fail_after(WAIT_S):
        async with echoing(peer_type) as url, connect(url + path, compression=None) as client:
            for message in MESSAGES:
                await client.send(message)
                assert await client.recv() == message
            await client.send([b"in ", b"three ", b"parts"])
            assert await client.recv() == b"in three parts"
            await client.send(["in ", "two parts"])
            assert await client.recv() == "in two parts"


async def test_the_client_sends_back_texts_and_binary_messages() -> None:
    heard: list[str | bytes] = []

    async def ask(server: ServerConnection) -> None:
        for message in MESSAGES:
            await server.send(message)
            heard.append(await server.recv())

    with anyio.fail_after(WAIT_S):
        async with serve(ask, HOST, 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            await visit(f"ws://{HOST}:{port}/runCase")
    assert heard == MESSAGES


async def test_the_client_that_only_listens_tells_what_it_heard() -> None:
    async def tell(server: ServerConnection) -> None:
        await server.send("517")

    with anyio.fail_after(WAIT_S):
        async with serve(tell, HOST, 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            assert await visit(f"ws://{HOST}:{port}/getCaseCount", echo=False) == ["517"]
