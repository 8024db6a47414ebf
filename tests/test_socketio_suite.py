"""What is served to the public suites of Engine.IO and Socket.IO is what they ask for."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread
import pytest
from tests.socketio_suite import suite_gateway
from websockets.sync.client import connect

pytestmark = pytest.mark.anyio

BOUND_S = 10.0


def say(url: str, *messages: str, count: int) -> list[str | bytes]:
    """Say these on a WebSocket, and return so many messages that come before a ping."""
    with connect(url, compression=None, open_timeout=5) as client:
        for message in messages:
            client.send(message)
        return [client.recv(timeout=5) for _ in range(count)]


async def test_a_made_up_token_is_let_in_and_told_what_it_said(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with suite_gateway(tmp_path, 0) as gateway:
            url = f"ws://127.0.0.1:{gateway.port}/socket.io/?EIO=4&transport=websocket"
            script = ('40/custom,{"token":"abc"}', '42/custom,["message",1]')

            def run() -> list[str | bytes]:
                return say(url, *script, count=4)

            opening, joined, *told = await anyio.to_thread.run_sync(run)
    assert '"pingInterval":300,"pingTimeout":200,"maxPayload":1000000' in str(opening)
    assert str(joined).startswith('40/custom,{"sid":')
    assert told == ['42/custom,["auth",{"token":"abc"}]', '42/custom,["message-back",1]']


async def test_every_message_of_engine_io_comes_back(tmp_path: Path) -> None:
    with anyio.fail_after(BOUND_S):
        async with suite_gateway(tmp_path, 0) as gateway:
            url = f"ws://127.0.0.1:{gateway.port}/engine.io/?EIO=4&transport=websocket"
            told = await anyio.to_thread.run_sync(lambda: say(url, "4a", "4b", count=3))
    assert told[1:] == ["4a", "4b"]
