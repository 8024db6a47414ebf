"""Hostile, slow and broken peers: each is bounded, told why where possible, and harms nobody."""

from __future__ import annotations

import os
import resource
import socket
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from tests.server.embedded import AGENT, OWNER, all_bytes, http, raw_client, serving, until

from agentgate_proto.connection.events import Answered, Authenticated, Closed, Refused
from agentgate_proto.limits import Limits
from agentgate_proto.quotas.news import News
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.gate import authenticator
from agentgate_server.gateway import Gateway
from agentgate_server.identity.address_throttle import WRONG_TOKENS_PER_MINUTE
from agentgate_server.sockets import listener
from agentgate_server.sockets.stream_peer import StreamPeer

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "asyncio with streams", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both pumps, on every event loop on which they work."""
    if request.param == "asyncio with streams":
        monkeypatch.setattr(listener, "peer_type", lambda: StreamPeer)
    return str(request.param).partition(" ")[0]


IMPATIENT = Limits(opening_s=0.1, auth_s=0.1, silence_s=0.1, pong_s=0.1, closing_s=0.1)
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


async def still_serves(gateway: Gateway) -> None:
    """An honest client is served, and nothing of the others is left."""
    async with raw_client(gateway, client_id="honest") as client:
        await client.next(Authenticated)
        await client.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "hi"}))
        assert b'"hi"' in bytes((await client.next(Answered)).result)


async def nobody_left(gateway: Gateway) -> None:
    await until(lambda: not gateway._listener.peers and not gateway.gate.peers, "peers to go")


async def flood(stream: SocketStream, data: bytes, *, pause_s: float) -> None:
    """Send the same until the other end has had enough."""
    try:
        while True:
            await stream.send(data)
            await anyio.sleep(pause_s)
    except anyio.BrokenResourceError:
        return


@pytest.mark.parametrize(
    "start", [b"", b"GET / HT", UPGRADE, b"\x16\x03\x01"], ids=["silent", "half", "slow", "tls"]
)
async def test_a_peer_that_never_finishes_its_opening_is_cut(tmp_path: Path, start: bytes) -> None:
    async with serving(tmp_path, IMPATIENT) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            if start:
                await stream.send(start)
            await all_bytes(stream)
        await nobody_left(gateway)


async def test_a_byte_now_and_then_does_not_extend_the_opening(tmp_path: Path) -> None:
    async with serving(tmp_path, IMPATIENT) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await flood(stream, b"X-Slow: 1\r\n", pause_s=0.01)
        await nobody_left(gateway)


async def test_a_peer_that_does_not_authenticate_is_told_and_closed(tmp_path: Path) -> None:
    async with serving(tmp_path, IMPATIENT) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(UPGRADE + b"\r\n")
            answer = await all_bytes(stream)
        assert b"101 Switching Protocols" in answer
        assert b"Authentication timeout" in answer
        assert b"\x11\x31" in answer  # close code 4401
        await nobody_left(gateway)


async def test_an_authenticated_peer_that_falls_silent_is_dropped(tmp_path: Path) -> None:
    async with serving(tmp_path, IMPATIENT) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await all_bytes(client.stream)  # reads, and answers no ping
        await nobody_left(gateway)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (b"\x81\xff\x00\x00\x00\xff\x00\x00\x00\x00\0\0\0\0" + b"x" * 4_000, 1009),
        (b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * 2_000, 1009),
        (b"\x82\x81\0\0\0\0x", 1003),
        (b"\x81\x01x", 1002),
        (b"\xf1\x81\0\0\0\0x", 1002),
        (b"\x81\x82\0\0\0\0\xff\xff", 1007),
        (b"\x89\xfe\x00\xff\0\0\0\0", 1002),
    ],
    ids=["giant", "fragments", "binary", "unmasked", "reserved", "utf-8", "long ping"],
)
async def test_a_frame_that_breaks_the_rules_closes_the_connection_with_its_code(
    tmp_path: Path, frames: bytes, code: int
) -> None:
    async with serving(tmp_path, Limits(message_bytes_max=2_000)) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            await client.stream.send(frames)
            assert (await client.next(Closed)).code == code
        await nobody_left(gateway)
        await still_serves(gateway)


async def test_a_peer_that_does_not_read_is_closed_and_holds_nobody_up(tmp_path: Path) -> None:
    limits = Limits(queued_bytes_max=2_000_000)
    async with serving(tmp_path, limits) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in range(1, 40):
            params = ToolRequest(tool="big", args={"size": 900_000})
            client.machine.send_request(number, "tool_request", params)
        await client.flush()
        await nobody_left(gateway)
        await still_serves(gateway)


async def test_a_peer_that_does_not_read_is_found_by_its_silence(tmp_path: Path) -> None:
    limits = replace(IMPATIENT, queued_bytes_max=100_000_000)
    async with serving(tmp_path, limits) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in range(1, 9):
            params = ToolRequest(tool="big", args={"size": 900_000})
            client.machine.send_request(number, "tool_request", params)
        await client.flush()
        await nobody_left(gateway)


class Attempts(News):
    """Counts what failed, said or not."""

    count = 0

    def failed(self, why: str, now: float) -> str | None:
        Attempts.count += 1
        return super().failed(why, now)


async def test_running_out_of_file_descriptors_is_survived_and_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "News", Attempts)
    monkeypatch.setattr(listener, "ACCEPT_PAUSE_S", 0.005)
    monkeypatch.setattr(Attempts, "count", 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(tmp_path) as gateway:
        with socket.socket() as client:
            os.close(free := os.dup(client.fileno()))
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                client.connect(("127.0.0.1", gateway.port))
                await until(lambda: "no connection can be taken" in caplog.text, "it to be noticed")
                await until(lambda: Attempts.count > 5, "further attempts")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await still_serves(gateway)
    assert caplog.text.count("no connection can be taken") == 1
    assert caplog.text.count("connections are taken again after") == 1


async def test_requests_beyond_the_cap_in_flight_are_refused_with_a_clear_error(
    tmp_path: Path,
) -> None:
    limits = Limits(requests_in_flight_max=2)
    async with serving(tmp_path, limits) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in (1, 2, 3):
            params = ToolRequest(tool="hang", args={"key": str(number)})
            await client.request(number, "tool_request", params)
        answer = await client.next(Answered)
        assert (answer.id, answer.error.code) == (3, -32006)


async def test_requests_beyond_the_rate_are_told_when_to_come_back(tmp_path: Path) -> None:
    rate = {"max_requests_per_minute": 2}
    async with serving(tmp_path, rate_limit=rate) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        for number in (1, 2, 3):
            params = ToolRequest(tool="echo", args={"text": "x"})
            await client.request(number, "tool_request", params)
        answers = [await client.next(Answered) for _ in range(3)]
        assert answers[2].error.code == -32006
        assert 0 < answers[2].error.data["retry_after_s"] <= 30


async def test_a_flood_of_pings_is_answered_within_bounds(tmp_path: Path) -> None:
    async with serving(tmp_path, Limits(queued_bytes_max=50_000)) as gateway:
        async with raw_client(gateway) as client:
            await client.next(Authenticated)
            with anyio.move_on_after(2):
                await flood(client.stream, b"\x89\xfd\0\0\0\0" + b"p" * 125, pause_s=0)
        await still_serves(gateway)


async def test_guessing_tokens_is_stopped_and_the_right_token_is_let_in_all_the_same(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as gateway:
        for number in range(WRONG_TOKENS_PER_MINUTE):
            async with raw_client(gateway, token=f"guess {number}") as client:
                refusal = await client.next(Refused)
                assert (refusal.code, refusal.message) == (-32005, "Invalid token")
        async with raw_client(gateway, token="one more guess") as client:
            refusal = await client.next(Refused)
            assert "too many wrong tokens" in refusal.message
            assert not refusal.final, "the SDK comes back later"
        status, headers, body = await http(gateway, "GET", "/api/approvals", token="a guess")
        assert status == 429
        assert int(headers["retry-after"]) >= 1
        assert "too many wrong tokens" in body["error"]
        async with raw_client(gateway, token=AGENT) as client:
            await client.next(Authenticated)
        status, _, _ = await http(gateway, "GET", "/api/approvals", token=OWNER)
        assert status == 200


async def test_who_logs_in_again_and_again_is_told_when_to_come_back_and_others_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authenticator, "LOGINS_PER_MINUTE", 2)
    async with serving(tmp_path) as gateway:
        for _ in range(2):
            async with raw_client(gateway) as client:
                await client.next(Authenticated)
        async with raw_client(gateway) as client:
            refusal = await client.next(Refused)
            assert not refusal.final, "the SDK comes back later"
            assert "2 logins a minute" in refusal.message
        for _ in range(3):
            async with raw_client(gateway, token=OWNER) as client:
                await client.next(Authenticated)


async def test_a_newer_connection_of_the_same_client_takes_over(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as old:
        await old.next(Authenticated)
        async with raw_client(gateway) as new:
            await new.next(Authenticated)
            closed = await old.next(Closed)
            assert closed.code == 4409
            assert "newer" in closed.reason
            await new.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "me"}))
            assert b'"me"' in bytes((await new.next(Answered)).result)


async def test_many_connections_of_one_principal_are_welcome(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway, client_id="") as first,
        raw_client(gateway, client_id="") as second,
        raw_client(gateway, client_id="third") as third,
    ):
        for client in (first, second, third):
            await client.next(Authenticated)
            await client.request(1, "tool_request", ToolRequest(tool="echo", args={"text": "x"}))
            assert (await client.next(Answered)).error is None


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x00\x01\x02 nonsense\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b" 431 "),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            b" 400 ",
        ),
        (
            b"POST /api/approvals/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 70000\r\n\r\n"
            + b"z" * 70_000,
            b" 413 ",
        ),
        (UPGRADE + b"Origin: https://evil.example\r\n\r\n", b" 403 "),
        (UPGRADE.replace(b"Version: 13", b"Version: 8") + b"\r\n", b" 426 "),
    ],
    ids=["garbage", "head", "two lengths", "body", "origin", "version"],
)
async def test_bad_http_gets_a_defined_answer_and_the_end(
    tmp_path: Path, request_bytes: bytes, status: bytes
) -> None:
    async with serving(tmp_path) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(request_bytes)
            answer = await all_bytes(stream)
        assert status in answer.split(b"\r\n")[0] + b" "
        await nobody_left(gateway)
