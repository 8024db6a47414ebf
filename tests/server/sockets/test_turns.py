"""Turns: what one connection brings keeps no other waiting. On both pumps and event loops."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from tests.server.embedded import AGENT, OWNER, all_bytes, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated, Event
from agentgate_proto.limits import Limits
from agentgate_proto.quotas.owners import Owner
from agentgate_proto.quotas.turns import BURST_S, Turns
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.identity.address_throttle import AddressThrottle
from agentgate_server.sockets import listener
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.stream_peer import StreamPeer

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "asyncio with streams", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "asyncio with streams":
        monkeypatch.setattr(listener, "peer_type", lambda: StreamPeer)
        return "asyncio"
    return str(request.param)


@pytest.fixture
def short_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is as short as it can be."""
    monkeypatch.setattr(Turns, "turn_s", 0.0)
    monkeypatch.setattr(Turns, "strangers_turn_s", 0.0)


@pytest.mark.usefixtures("short_turns")
async def test_all_that_came_at_once_is_answered_turn_by_turn(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in range(1, 101):
            params = ToolRequest(tool="echo", args={"text": str(number)})
            client.machine.send_request(number, "tool_request", params)
        await client.flush()
        answers = [await client.next(Answered) for _ in range(100)]
    assert [answer.id for answer in answers] == list(range(1, 101))


@pytest.mark.usefixtures("short_turns")
async def test_a_turn_ends_with_its_time_and_not_with_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Peer.process
    events: list[int] = []

    def counted(peer: Peer) -> None:
        events.append(0)
        process(peer)

    monkeypatch.setattr(Peer, "process", counted)
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        handle = gateway.gate.handle

        def counting(peer: Peer, event: Event) -> None:
            events[-1] += 1
            handle(peer, event)

        monkeypatch.setattr(gateway.gate, "handle", counting)
        for number in range(1, 101):
            params = ToolRequest(tool="echo", args={"text": str(number)})
            client.machine.send_request(number, "tool_request", params)
        await client.flush()
        for _ in range(100):
            await client.next(Answered)
    assert sum(events) >= 100
    assert max(events) == 1, "a look at the clock after each ends the turn"


@pytest.mark.usefixtures("short_turns")
async def test_plain_requests_behind_each_other_are_answered_in_their_order(
    tmp_path: Path,
) -> None:
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(HEALTH * 50 + LAST)
        answer = await all_bytes(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 51


async def test_a_stranger_that_floods_waits_and_others_do_not(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway) as client,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as flood,
    ):
        await client.next(Authenticated)
        gateway.gate.web._strangers = AddressThrottle(30)
        await flood.send(HEALTH * 5_000)
        await until(lambda: len(gateway._listener.peers) == 2, "the stranger")
        for number in range(1, 20):
            params = ToolRequest(tool="echo", args={"text": "x"})
            await client.request(number, "tool_request", params)
            assert (await client.next(Answered)).error is None
        await until(lambda: bool(gateway.gate.web._waiting), "the flood to wait for its turn")
        got = await flood.receive(1_000_000)
        assert got.count(b"HTTP/1.1 200 ") <= 31
        (stranger,) = (p for p in gateway._listener.peers.values() if not p.name)
        held = len(stranger.connection.wire.http._input)
        for _ in range(100):  # nothing further is read of who waits
            await anyio.lowlevel.checkpoint()
        assert len(stranger.connection.wire.http._input) == held < 262_145


async def test_a_stranger_far_behind_is_refused_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.gate.web.TURN_S_MAX", 0.01)
    async with serving(tmp_path) as gateway:
        gateway.gate.web._strangers = AddressThrottle(1)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(HEALTH * 3)
            answer = await all_bytes(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.count(b"HTTP/1.1 429 ") == 1
    assert b"retry-after: " in answer
    assert b'"too many requests without a token from this address","retry_after_s":' in answer


async def test_pings_and_options_give_way_too(tmp_path: Path) -> None:
    """What the core answers by itself comes as turns as well: a flood of it is no monologue."""
    ask = b"OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(ask * 300 + LAST)
        answer = await all_bytes(stream)
    assert answer.count(b"HTTP/1.1 204 ") == 300
    assert answer.count(b"HTTP/1.1 200 ") == 1


async def test_strangers_wait_for_their_share_and_agents_do_not(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway) as client,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stranger,
    ):
        await client.next(Authenticated)
        busy_until = time.perf_counter() + 0.5
        gateway.gate.rounds.turns._strangers_done_by = busy_until
        await stranger.send(HEALTH + LAST)
        for number in range(1, 20):
            params = ToolRequest(tool="echo", args={"text": "x"})
            await client.request(number, "tool_request", params)
            assert (await client.next(Answered)).error is None
        answer = await all_bytes(stranger)
        assert time.perf_counter() > busy_until - BURST_S
        assert answer.count(b"HTTP/1.1 200 ") == 2


async def test_who_waits_for_a_turn_is_cut_in_time_all_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path, Limits(opening_s=0.1)) as gateway:
        gateway.gate.rounds.turns._strangers_done_by = time.perf_counter() + 3_600.0
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stranger:
            await stranger.send(HEALTH * 10)
            assert await all_bytes(stranger) == b""
        await until(lambda: not gateway._listener.peers, "nobody")


async def test_nobody_waits_for_the_turn_of_who_is_gone(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway:
        gateway.gate.web._strangers = AddressThrottle(15)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stranger:
            await stranger.send(HEALTH * 16)
            await until(lambda: bool(gateway.gate.web._waiting), "a stranger that waits")
        began = time.perf_counter()
        await until(lambda: not gateway.gate.web._waiting, "nobody")
        assert time.perf_counter() - began < 3.0


async def test_a_request_by_http_is_its_principal_s_from_then_on(tmp_path: Path) -> None:
    ask = b"GET /api/approvals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        owners = []
        for token in ("wrong", AGENT, OWNER):
            await stream.send(ask % token.encode())
            await stream.receive()
            (peer,) = gateway._listener.peers.values()
            owners.append(peer.owner)
    assert owners == [Owner(""), Owner("agent"), Owner("owner", is_person=True)]
