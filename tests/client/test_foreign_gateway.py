"""The client speaks to a gateway that is made with another WebSocket library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Thread

import anyio
import anyio.lowlevel
import pytest
from tests.client.helpers import BOUND_S
from websockets.sync.server import ServerConnection, serve

from agentgate_client import AgentGateClient

pytestmark = pytest.mark.anyio

seen: list[str | int | None] = []


def handler(connection: ServerConnection) -> None:
    """Accept the token; answer a tool request in fragments, after a ping of our own."""
    auth = json.loads(connection.recv(timeout=BOUND_S))
    accepted = {"jsonrpc": "2.0", "result": {"status": "authenticated"}, "id": auth["id"]}
    connection.send(json.dumps(accepted))
    asked = json.loads(connection.recv(timeout=BOUND_S))
    assert connection.ping().wait(BOUND_S)
    result = {"status": "executed", "data": asked["params"]}
    answer = json.dumps({"jsonrpc": "2.0", "result": result, "id": asked["id"]})
    connection.send(iter(answer))
    unexpected = [str(message) for message in connection]
    seen.extend([*unexpected, connection.close_code])


@pytest.fixture
def url() -> Iterator[str]:
    with serve(handler, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.seed001("FR1-AC3", "FR2-AC2")
async def test_a_gateway_of_the_websockets_library_is_understood(url: str) -> None:
    seen.clear()
    with anyio.fail_after(BOUND_S):
        async with AgentGateClient(url, "t") as client:
            text = "naïve ☃ 𝄞"
            assert await client.tool_request("x", text=text) == {
                "tool": "x",
                "args": {"text": text},
            }
        while not seen:
            await anyio.lowlevel.checkpoint()
    assert seen == [1000]
