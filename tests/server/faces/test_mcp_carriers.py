"""How answers go out, and when a client is known to have them."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import cast

import pytest
from anyio.abc import SocketAttribute
from tests.server.embedded import until
from tests.server.faces.mcp_client import LEGACY, MODERN, Events
from tests.server.faces.mcp_stage import client_of, offering

from agentgate_proto.connection.events import Closed
from agentgate_proto.records.outcome import executed
from agentgate_server.faces.call_desk import FaceCall
from agentgate_server.faces.mcp_carriers import TAKEN_S, BatchCarrier, Receipts
from agentgate_server.sockets.peer import Peer

pytestmark = pytest.mark.anyio

ORDERLY = Closed(code=1006, reason="the peer closed the connection", by_peer=True)
BROKEN = Closed(code=1006, reason="the socket broke: reset", by_peer=True)


class Call:
    """Keeps what was said of it."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def received(self) -> None:
        self.said.append("received")

    def leave(self) -> None:
        self.said.append("left")


class Line:
    """A connection, as far as it is looked at."""

    number = 1

    def __init__(self, queued_bytes: int = 0, *, over: bool = False) -> None:
        self.connection = self
        self.queued_bytes = queued_bytes
        self.over = over


def sent(line: Line, after_s: float = 0.0) -> tuple[Receipts, Call, Peer]:
    times = iter((100.0, 100.0 + after_s))
    receipts, call, peer = Receipts(lambda: next(times)), Call(), cast("Peer", line)
    receipts.sent(peer, cast("FaceCall", call))
    return receipts, call, peer


def test_who_asks_for_something_further_has_what_was_sent() -> None:
    receipts, call, peer = sent(Line())
    assert call.said == []
    receipts.next_request(peer)
    receipts.next_request(peer)
    receipts.closed(peer, ORDERLY)
    assert call.said == ["received"]


@pytest.mark.parametrize(
    ("queued_bytes", "closed", "after_s", "said"),
    [
        (0, ORDERLY, TAKEN_S, "received"),
        (0, ORDERLY, TAKEN_S - 1, "left"),
        (7, ORDERLY, TAKEN_S, "left"),
        (0, BROKEN, TAKEN_S, "left"),
    ],
)
def test_how_a_connection_ends_says_whether_it_was_taken(
    queued_bytes: int, closed: Closed, after_s: float, said: str
) -> None:
    receipts, call, peer = sent(Line(queued_bytes), after_s)
    receipts.closed(peer, closed)
    assert call.said == [said]


def test_what_goes_to_nobody_is_not_received() -> None:
    _, call, _ = sent(Line(over=True))
    assert call.said == ["left"]


def test_of_a_connection_that_another_face_had_last_nothing_is_kept() -> None:
    line = Line()
    receipts, call, _ = sent(line)
    line.over = True
    other, last = Line(), Call()
    other.number = 2
    receipts.sent(cast("Peer", other), cast("FaceCall", last))
    assert call.said == ["left"]
    assert last.said == []


def test_a_batch_has_no_stream() -> None:
    carrier = BatchCarrier(cast("Peer", Line()), Receipts(), 1)
    assert not carrier.streams
    carrier.add_header("mcp-session-id", "x")
    with pytest.raises(AssertionError):
        carrier.begin()
    with pytest.raises(AssertionError):
        carrier.send(b"{}")


@pytest.mark.parametrize("version", [MODERN, LEGACY])
async def test_an_outcome_on_a_dead_connection_is_kept(tmp_path: Path, version: str) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway, version) as client:
        async with client.streaming(client.calling("ask_it", progressToken=1)) as response:
            await Events(response).next()
            call = desk.calls[0]
        desk.settle(desk.requests[0], executed(b"1"))
        await until(lambda: call.left, "that it is left")
        assert not call.was_received


async def test_a_client_that_is_killed_while_its_answer_comes_has_not_received_it(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path) as (gateway, desk), client_of(gateway) as client:
        async with client.streaming(client.calling("ask_it", progressToken=1)) as response:
            await Events(response).next()
            raw = response.socket.extra(SocketAttribute.raw_socket)
            at_once = struct.pack("ii", 1, 0)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)  # closing it resets it
            desk.settle(desk.requests[0], executed(b"1"))
        await until(lambda: desk.calls[0].left, "the end")
        assert not desk.calls[0].was_received
