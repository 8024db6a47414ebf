"""What is small is sent at once, not when the peer has acknowledged what went before."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute
from tests.server.embedded import serving, until

from agentgate_server.sockets import listener
from agentgate_server.sockets.asyncio_peer import AsyncioPeer
from agentgate_server.sockets.stream_peer import StreamPeer

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "asyncio with streams", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both pumps, on every event loop on which they work."""
    if request.param == "asyncio with streams":
        monkeypatch.setattr(listener, "peer_type", lambda: StreamPeer)
    return str(request.param).partition(" ")[0]


def socket_of(peer: Any) -> Any:
    if isinstance(peer, AsyncioPeer):
        return peer._transport.get_extra_info("socket")
    return peer._stream.extra(SocketAttribute.raw_socket)


async def test_a_connection_sends_what_is_small_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, await anyio.connect_tcp("127.0.0.1", gateway.port):
        await until(lambda: bool(gateway._listener.peers), "the connection")
        (peer,) = gateway._listener.peers.values()
        assert socket_of(peer).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_that_has_gone_meanwhile_is_no_error() -> None:
    sock = socket.socket()
    sock.close()
    listener.send_at_once(sock)
