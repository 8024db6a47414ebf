"""Wires for tests: either end of a WebSocket, what it saw, and both ends joined in memory."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1
from random import Random
from typing import Generic, TypeVar

from tests.proto.support import MASK, MASKS
from tests.vectors.websocket import FRAGMENTS_MAX, MESSAGE_MAX, accepted, upgrade

from agentgate_proto.errors import RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.events import Alive, WireEvent
from agentgate_proto.wire.server import ServerWire
from agentgate_proto.wire.websocket import Wire

LIMITS = Limits(message_bytes_max=MESSAGE_MAX, fragments_max=FRAGMENTS_MAX)
DOORS = Doors(origins=frozenset({"https://console.example"}))
SomeWire = TypeVar("SomeWire", bound=Wire)


class Seen(Generic[SomeWire]):
    """A wire and what came of it: events but for ``Alive``, output, and the error that ended it."""

    def __init__(self, wire: SomeWire) -> None:
        self.wire = wire
        self.events: list[WireEvent] = []
        self.sent = b""
        self.failed: RemoteProtocolError | None = None

    def receive(self, *pieces: bytes) -> Seen[SomeWire]:
        for piece in pieces:
            self.wire.receive_data(piece)
            try:
                while (event := self.wire.next_event()) is not None:
                    if event != Alive():
                        self.events.append(event)
            except RemoteProtocolError as error:
                assert self.failed is None, "failed twice"
                self.failed = error
            self.sent += self.wire.data_to_send()
        return self

    @property
    def code(self) -> int:
        assert self.failed is not None
        return self.failed.code

    def forget(self) -> Seen[SomeWire]:
        self.events, self.sent = [], b""
        return self


def server(limits: Limits = LIMITS, doors: Doors = DOORS) -> Seen[ServerWire]:
    return Seen(ServerWire(limits, doors))


def open_server(limits: Limits = LIMITS) -> Seen[ServerWire]:
    return server(limits).receive(upgrade()).forget()


def client(limits: Limits = LIMITS) -> tuple[Seen[ClientWire], bytes]:
    """Make a client; return it with the answer that its request deserves."""
    wire = ClientWire("gate:8443", "/path?x=1", [("X-Extra", "1")], limits, MASKS)
    request = wire.data_to_send()
    key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
    accept = b64encode(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return Seen(wire), accepted(accept)


def open_client(limits: Limits = LIMITS) -> Seen[ClientWire]:
    seen, answer = client(limits)
    return seen.receive(answer).forget()


def open_end(end: str, limits: Limits = LIMITS) -> tuple[Seen[Wire], bytes | None]:
    """Return an open wire, and the mask of the frames that its peer sends."""
    if end == "server":
        return Seen(open_server(limits).wire), MASK
    return Seen(open_client(limits).wire), None


class Pair:
    """A client and a server, joined byte to byte; what one sends arrives in random pieces."""

    def __init__(self, seed: int) -> None:
        self.client = Seen(ClientWire("gate", "/", [], Limits(), MASKS))
        self.server = Seen(ServerWire(Limits()))
        self.random = Random(seed)

    def run(self) -> None:
        """Carry bytes until neither end has anything to say."""
        for _ in range(100):
            to_server = self.client.sent + self.client.wire.data_to_send()
            to_client = self.server.sent + self.server.wire.data_to_send()
            self.client.sent = self.server.sent = b""
            if not to_server and not to_client:
                return
            self.server.receive(*self.pieces(to_server))
            self.client.receive(*self.pieces(to_client))
        raise AssertionError("the ends never fall silent")

    def pieces(self, data: bytes) -> Iterable[bytes]:
        while data:
            size = self.random.choice([1, 2, 7, 100, 10_000])
            yield data[:size]
            data = data[size:]
