"""Seats, over real sockets: who hoards places loses them, and who is honest finds one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from tests.server.embedded import (
    AGENT,
    OPERATOR,
    OWNER,
    RawClient,
    all_bytes,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated, Closed, Refused
from agentgate_proto.limits import Limits
from agentgate_proto.quotas.connections import BEYOND
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.gateway import Gateway
from agentgate_server.sockets import listener
from agentgate_server.sockets.asyncio_peer import STRANGER_READ_BYTES, AsyncioPeer
from agentgate_server.sockets.stream_peer import StreamPeer

pytestmark = pytest.mark.anyio

BOUND_S = 60.0
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)

LOGIN_S = 2.0
"""Within this, an honest client is in, whatever strangers do."""


@pytest.fixture(params=["asyncio", "asyncio with streams", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both pumps, on every event loop on which they work."""
    if request.param == "asyncio with streams":
        monkeypatch.setattr(listener, "peer_type", lambda: StreamPeer)
    return str(request.param).partition(" ")[0]


async def gets_in(gateway: Gateway, token: str = AGENT, client_id: str = "honest") -> None:
    with anyio.fail_after(LOGIN_S):
        async with raw_client(gateway, token, client_id) as client:
            await client.next(Authenticated)


async def hoard(gateway: Gateway) -> None:
    """Send one byte, and come again when that is cut."""
    while True:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(b"G")
            await all_bytes(stream)


@asynccontextmanager
async def connected(gateway: Gateway, count: int) -> AsyncIterator[list[RawClient]]:
    """So many connections of the agent."""
    async with AsyncExitStack() as stack:
        clients = []
        for number in range(count):
            client = await stack.enter_async_context(raw_client(gateway, client_id=f"c{number}"))
            await client.next(Authenticated)
            clients.append(client)
        yield clients


async def test_who_hoards_places_and_renews_them_keeps_nobody_out(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, anyio.create_task_group() as hoarders:
        seats = gateway._listener._seats
        seats.connections.of_address_max = 16  # both ends run here: as many as one can do
        for _ in range(40):
            hoarders.start_soon(hoard, gateway)
        await until(lambda: seats.connections.strangers == 16, "the room to be full")
        for token in (AGENT, OWNER, AGENT):
            await gets_in(gateway, token)
        with anyio.fail_after(LOGIN_S):
            status, _, _ = await http(gateway, "GET", "/health")
            assert status == 200
        assert seats.connections.strangers <= 16
        hoarders.cancel_scope.cancel()
    assert gateway._listener.connections == 0


async def assert_told(gateway: Gateway, caplog: pytest.LogCaptureFixture, cap: str) -> None:
    """Whoever runs the gateway reads that places have run out, in the log and in the metrics."""
    assert f"somebody unknown has had its share ({cap})" in caplog.text
    _, _, text = await http(gateway, "GET", "/metrics", token=OPERATOR)
    assert f'agentgate_capped_total{{cap="{cap}"}} 1.0' in text


async def test_the_oldest_stranger_goes_and_is_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"gateway": {"connections_max": 4}, "metrics": {"enabled": True}}
    async with serving(tmp_path, **changes) as gateway:
        async with (
            await anyio.connect_tcp("127.0.0.1", gateway.port) as oldest,
            await anyio.connect_tcp("127.0.0.1", gateway.port),
            await anyio.connect_tcp("127.0.0.1", gateway.port) as newest,
        ):
            assert b"503 Service Unavailable" in await all_bytes(oldest)
            await newest.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"HTTP/1.1 200" in await newest.receive()
        await until(lambda: not gateway._listener.connections, "all of them to go")
        await assert_told(gateway, caplog, "connections_of_strangers")


async def test_where_no_stranger_is_left_to_go_a_connection_too_many_is_told_to_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changes = {"gateway": {"connections_max": 2}, "metrics": {"enabled": True}}
    async with (
        serving(tmp_path, **changes) as gateway,
        connected(gateway, 2),
        AsyncExitStack() as stack,
    ):
        status, _, _ = await http(gateway, "GET", "/health")
        assert status == 200, "this machine has places beyond"
        for number in range(BEYOND):
            owner = await stack.enter_async_context(raw_client(gateway, OWNER, f"o{number}"))
            await owner.next(Authenticated)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            assert b"503 Service Unavailable" in await all_bytes(stream)
        assert len(gateway._listener.peers) == 2 + BEYOND
        await stack.aclose()
        await until(lambda: len(gateway._listener.peers) == 2, "the owner to leave")
        await assert_told(gateway, caplog, "connections")


async def test_a_stranger_whose_websocket_is_open_is_closed_with_the_reason(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, gateway={"connections_max": 2}) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(UPGRADE)
        assert b" 101 " in await stream.receive()
        async with await anyio.connect_tcp("127.0.0.1", gateway.port):
            frame = await all_bytes(stream)
        assert frame[2:4] == (1013).to_bytes(2, "big")
        assert b"say who you are" in frame


async def test_a_principal_has_so_many_and_the_next_is_told(tmp_path: Path) -> None:
    changes = {"connections_of_principal_max": 2}
    async with (
        serving(tmp_path, gateway=changes, metrics={"enabled": True}) as gateway,
        connected(gateway, 2) as clients,
    ):
        async with raw_client(gateway, client_id="third") as third:
            refusal = await third.next(Refused)
            assert refusal.retry_after_s == 5.0
            assert "connections_of_principal_max" in refusal.message
            assert not refusal.final, "the SDK comes back later"
        await gets_in(gateway, OWNER)
        _, _, text = await http(gateway, "GET", "/metrics", token=OPERATOR)
        assert 'agentgate_capped_total{cap="connections_of_principal"} 1.0' in text
        await clients[0].request(1, "tool_request", ToolRequest(tool="echo", args={"text": "x"}))
        await clients[0].next(Answered)


async def test_who_comes_back_under_the_same_client_id_takes_its_own_place(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, gateway={"connections_of_principal_max": 2}) as gateway,
        connected(gateway, 2) as (first, second),
    ):
        async with raw_client(gateway, client_id="c1") as again:
            await again.next(Authenticated)
            await second.next(Closed)
        await first.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "x"}))
        await first.next(Answered)


async def test_a_connection_that_looks_dead_makes_room_for_a_new_one(tmp_path: Path) -> None:
    limits = Limits(silence_s=0.05, pong_s=BOUND_S)
    async with (
        serving(tmp_path, limits, gateway={"connections_of_principal_max": 1}) as gateway,
        connected(gateway, 1) as (dead,),
    ):
        (peer,) = gateway.gate.peers.values()
        await until(lambda: peer.connection.is_doubted, "it to be doubted")
        await gets_in(gateway)
        assert (await dead.next(Closed)).code == 1013


async def ask(stream: SocketStream, token: str) -> bytes:
    """One request on a connection that is kept."""
    head = (
        f"GET /api/approvals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    await stream.send(head.encode())
    return await stream.receive()


async def test_plain_http_counts_as_whose_token_it_carries_and_goes_when_idle(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path, gateway={"connections_of_principal_max": 2}) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as one,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as two,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as three,
    ):
        for stream in (one, two):
            assert b"HTTP/1.1 200" in await ask(stream, OWNER)
        connections = gateway._listener._seats.connections
        assert (connections.count_of("owner"), connections.strangers) == (2, 1)
        assert b"HTTP/1.1 200" in await ask(three, OWNER)
        assert await all_bytes(one) == b"", "it ends without a word that nobody asked for"
        assert b"HTTP/1.1 200" in await ask(two, OPERATOR), "it changes hands"
        assert connections.count_of("owner") == 1


async def test_agents_together_leave_places_to_people(tmp_path: Path) -> None:
    changes = {"connections_max": 5}
    async with serving(tmp_path, gateway=changes) as gateway, connected(gateway, 4):
        async with raw_client(gateway, client_id="fifth") as fifth:
            assert "four fifths" in (await fifth.next(Refused)).message
        await gets_in(gateway, OWNER)


async def test_behind_a_proxy_its_clients_are_counted_each_by_themselves(tmp_path: Path) -> None:
    changes = {"trusted_proxies": ["127.0.0.1"]}
    async with serving(tmp_path, gateway=changes) as gateway, AsyncExitStack() as stack:
        gateway._listener._seats.connections.of_address_max = 4
        streams = []
        for number in range(4 + 2):
            stream = await anyio.connect_tcp("127.0.0.1", gateway.port)
            streams.append(await stack.enter_async_context(stream))
            there = "10.0.0.1" if number else "10.0.0.2"
            head = f"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {there}\r\n\r\n"
            await stream.send(head.encode())
            assert b"HTTP/1.1 200" in await stream.receive()
        assert await all_bytes(streams[1]) == b"", "the oldest of the address that has too many"
        await streams[0].send(head.encode())
        assert b"HTTP/1.1 200" in await streams[0].receive()


async def posted(gateway: Gateway, token: str, size: int) -> bytes:
    """The answer to a request whose body is promised, and sent when it is wanted."""
    head = f"POST /api/approvals/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n"
    head += "Expect: 100-continue\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {token}\r\n" if token else ""
    async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
        await stream.send(f"{head}\r\n".encode())
        answer = await stream.receive()
        if answer.startswith(b"HTTP/1.1 100"):
            await stream.send(b" " * size)
            answer = await all_bytes(stream)
        return answer


async def test_a_large_body_is_collected_for_those_alone_who_may_send_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        assert (await posted(gateway, "", 60_000)).startswith(b"HTTP/1.1 401")
        assert b"Invalid token" in await posted(gateway, "a guess", 60_000)
        assert (await posted(gateway, OWNER, 60_000)).startswith(b"HTTP/1.1 400"), "it was read"
        status, _, _ = await http(gateway, "POST", "/api/approvals/x", body="x" * 5_000)
        assert status == 400, "a small one is read, and its face says what is wrong"


async def test_half_a_message_of_a_stranger_takes_no_more_than_a_login_needs(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(UPGRADE)
        assert b" 101 " in await stream.receive()
        half = b"\x81\xff" + (1_000_000).to_bytes(8, "big") + bytes(4) + b"x" * 20_000
        await stream.send(half)
        frame = await all_bytes(stream)
        assert frame[2:4] == (1009).to_bytes(2, "big")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_of_a_stranger_little_is_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = list[int]()
    data_received = AsyncioPeer.data_received

    def received(peer: AsyncioPeer, data: bytes) -> None:
        pieces.append(len(data))
        data_received(peer, data)

    monkeypatch.setattr(AsyncioPeer, "data_received", received)
    async with serving(tmp_path) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            head = b"\x81\xff" + (1_000_000).to_bytes(8, "big")
            await stream.send(UPGRADE + head + bytes(300_000))
            await all_bytes(stream)
        assert max(pieces) == STRANGER_READ_BYTES
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await client.request(
                1, "tool_request", ToolRequest(tool="echo", args={"text": "x" * 60_000})
            )
            await client.next(Answered)
        assert max(pieces) > STRANGER_READ_BYTES


@pytest.mark.parametrize(
    ("line", "cap"),
    [("Host: evil.example", "foreign_host"), ("Origin: https://evil.example", "foreign_origin")],
)
async def test_a_page_that_may_not_come_in_is_counted_and_told_of(
    tmp_path: Path, line: str, cap: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, metrics={"enabled": True}) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            host = "" if line.startswith("Host") else "Host: localhost\r\n"
            await stream.send(f"GET /health HTTP/1.1\r\n{host}{line}\r\n\r\n".encode())
            assert b" 403 " in await all_bytes(stream)
        await until(lambda: cap in caplog.text, "the line")
        _, _, text = await http(gateway, "GET", "/metrics", token=OPERATOR)
        assert f'agentgate_capped_total{{cap="{cap}"}} 1.0' in text


async def test_that_a_browser_asks_for_a_subprotocol_is_in_the_log_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "agentgate_server.sockets.seats")
    async with serving(tmp_path) as gateway:
        for _ in range(2):
            async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
                await stream.send(UPGRADE[:-2] + b"Sec-WebSocket-Protocol: chat\r\n\r\n")
                answer = await stream.receive()
                assert b" 101 " in answer
                assert b"Protocol: chat" not in answer
    assert caplog.text.count("asks for a subprotocol") == 1
