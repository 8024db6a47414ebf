"""Output that nobody reads ends the connections of whose it is. On both pumps and event loops."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import ByteStream
from tests.server.embedded import (
    AGENT,
    OWNER,
    RawClient,
    http,
    raw_client,
    serving,
    until,
)

from agentgate_proto.connection.events import Answered, Authenticated
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.quotas.output import Output
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_server.gateway import Gateway
from agentgate_server.sockets import listener
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.stream_peer import StreamPeer

pytestmark = pytest.mark.anyio

LARGE = 900_000


@pytest.fixture(params=["asyncio", "asyncio with streams", "trio"])
def anyio_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both pumps, on every event loop on which they work."""
    if request.param == "asyncio with streams":
        monkeypatch.setattr(listener, "peer_type", lambda: StreamPeer)
    return str(request.param).partition(" ")[0]


async def hoard(client: RawClient, times: int) -> None:
    """Ask for much, and read none of it."""
    for number in range(1, times + 1):
        params = ToolRequest(tool="big", args={"size": LARGE + number})
        client.machine.send_request(number, "tool_request", params)
    await client.flush()


def output_of(gateway: Gateway) -> Output[Any]:
    return gateway._listener._outflow.output


async def test_who_reads_nothing_on_many_connections_loses_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        serving(tmp_path) as gateway,
        raw_client(gateway, client_id="a") as first,
        raw_client(gateway, client_id="b") as second,
        raw_client(gateway, OWNER) as person,
    ):
        for client in (first, second):
            await client.next(Authenticated)
        await person.next(Authenticated)
        gateway._listener._outflow.output = Output(of_owner_max=3_000_000)
        await hoard(first, 12)
        await hoard(second, 12)
        words = "agent has had its share (output_of_owner)"
        await until(lambda: words in caplog.text, "a connection to be cut")
        await person.request(1, "list_approvals", {})
        assert (await person.next(Answered)).error is None
        assert output_of(gateway).total <= 3_000_000
    await until(lambda: not gateway._listener.peers, "all of them to go")
    assert output_of(gateway).total == 0


async def test_what_is_read_counts_no_more(tmp_path: Path) -> None:
    async with serving(tmp_path) as gateway, raw_client(gateway) as client:
        await client.next(Authenticated)
        await hoard(client, 8)
        await until(lambda: output_of(gateway).total > LARGE, "output to wait")
        for _ in range(8):
            assert (await client.next(Answered)).error is None
        await until(lambda: not output_of(gateway).total, "all of it to be taken")


async def test_answers_by_http_count_for_whose_token_they_were_asked_with(tmp_path: Path) -> None:
    head = (
        f"GET /api/approvals HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {AGENT}\r\n\r\n"
    )
    async with (
        serving(tmp_path) as gateway,
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(head.encode())
        await stream.receive()
        (peer,) = gateway._listener.peers.values()
        peer.connection.held_bytes = 5
        peer.note_output()
        assert output_of(gateway).of(peer.owner) == 5
        gateway._listener._outflow.output._of_owner_max = 4
        peer.connection.held_bytes = 6
        peer.note_output()
        await until(lambda: not gateway._listener.peers, "it to be cut")
        status, _, _ = await http(gateway, "GET", "/api/approvals", token=OWNER)
        assert status == 200


class Pages:
    """Answers to ``GET /health`` of which only some are taken before anybody reads.

    Attributes:
        answered: how many there were.
    """

    def __init__(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answered = 0
        monkeypatch.setattr(gateway.gate.web, "_health", self.next)

    def next(self) -> Reply:
        self.answered += 1
        body = b"the end" if self.answered == PAGES else b"x" * PAGE_BYTES
        return Reply(200, body, content_type="text/plain")


PAGES, PAGE_BYTES = 20, 1_000_000
"""More than a system takes of one connection, and more than twice as much as it does here."""

ASKED = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
ALL_ASKED = (ASKED + b"\r\n") * (PAGES - 1) + ASKED + b"Connection: close\r\n\r\n"


async def test_who_pipelines_and_does_not_read_is_answered_no_more_until_they_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is one answer at the most, whatever comes behind it."""
    async with serving(tmp_path) as gateway:
        pages = Pages(gateway, monkeypatch)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(ALL_ASKED)
            await until(lambda: output_of(gateway).total > 0, "output to wait")
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            assert output_of(gateway).total < 2 * PAGE_BYTES
            assert pages.answered < PAGES
            answer = await all_of(stream)
    assert answer.count(b"HTTP/1.1 200 ") == pages.answered == PAGES
    assert len(answer) > (PAGES - 1) * PAGE_BYTES


async def test_a_connection_that_ends_when_the_rest_is_taken_ends_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """CPython's transports are lost twice, and complain, if they are closed by whom they tell that
    all was taken."""
    lost: list[Peer] = []
    forget = Peer.forget_output
    monkeypatch.setattr(Peer, "forget_output", lambda peer: (lost.append(peer), forget(peer)))
    async with serving(tmp_path) as gateway:
        Pages(gateway, monkeypatch)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(ALL_ASKED)
            await until(lambda: output_of(gateway).total > 0, "output to wait")
            (peer,) = gateway._listener.peers.values()
            peer.connection.turn_out("found when the rest is taken")
            await all_of(stream)
        await until(lambda: not gateway._listener.peers, "it to go")
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
    assert len(lost) == 1
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def all_of(stream: ByteStream) -> bytearray:
    """Read to the end, much at once."""
    data = bytearray()
    with suppress(anyio.EndOfStream):
        while True:
            data += await stream.receive(1_000_000)
    return data
