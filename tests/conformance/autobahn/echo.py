"""Echo endpoints for the Autobahn test suite, over our own machines, pumps and listener.

Only what an echo must do differently is here: binary messages are taken, nobody authenticates,
and what comes is sent back. Frames, fragments, limits, pings, closes and sockets are the real ones.
"""

from __future__ import annotations

from dataclasses import replace
from random import SystemRandom
from typing import Any

import anyio
import msgspec
from wsproto import events as ws

from agentgate_client.address import parse_url
from agentgate_client.dial import dial
from agentgate_client.pump import Pump
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import Closed
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import Step
from agentgate_proto.limits import Limits
from agentgate_proto.rpc.messages import Auth
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Alive, Upgraded
from agentgate_proto.wire.server import ServerWire
from agentgate_proto.wire.websocket import Wire
from agentgate_server.sockets.asyncio_peer import AsyncioPeer
from agentgate_server.sockets.listener import Listener
from agentgate_server.sockets.peer import Handler, Peer
from agentgate_server.sockets.stream_peer import StreamPeer

LIMITS = replace(
    Limits(),
    message_bytes_max=32 * 1024 * 1024,
    fragments_max=1_000_000,
    queued_bytes_max=128 * 1024 * 1024,
)
"""Group 9 sends 16 MiB, also in fragments of 64 bytes."""

MASKS = SystemRandom()

HOST = "127.0.0.1"
BINARY = 0x2


class Binary(msgspec.Struct, frozen=True):
    """A whole binary message."""

    data: bytes


class TakesBinary(Wire):
    """A wire that speaks binary, too."""

    def _translate(self, event: ws.Event) -> Any:
        if not isinstance(event, ws.BytesMessage):
            return super()._translate(event)
        self._message += event.data
        if not event.message_finished:
            return Alive()
        data = bytes(self._message)
        self._message.clear()
        return Binary(data)


class EchoServerWire(TakesBinary, ServerWire):
    """The server's end."""


class EchoClientWire(TakesBinary, ClientWire):
    """The client's end."""


class EchoServer(ServerConnection):
    """Sends back what comes."""

    def __init__(self, now: float) -> None:
        super().__init__(now, LIMITS)
        self.wire = EchoServerWire(LIMITS)

    def _on_opening(self, event: Any) -> None:
        match event:
            case Binary(data):
                self.wire._send(ws.BytesMessage(data=data))
            case Upgraded():
                self._step(Step.UPGRADED)
                self._step(Step.AUTHENTICATED)
                self._start_keepalive()
            case _:
                super()._on_opening(event)

    def _on_text(self, text: str) -> None:
        self.wire.send_text(text.encode())


class EchoClient(ClientConnection):
    """Sends back what comes, or keeps texts."""

    def __init__(self, host: str, target: str, now: float, *, echo: bool) -> None:
        super().__init__(host, target, Auth(token="none"), now, masks=MASKS, limits=LIMITS)
        self.wire = EchoClientWire(host, target, [], LIMITS, MASKS)
        self.texts: list[str] = []
        self.echo = echo

    def _on_opening(self, event: Any) -> None:
        match event:
            case Binary(data):
                self.wire._send(ws.BytesMessage(data=data))
            case Upgraded():
                self._step(Step.UPGRADED)
                self._step(Step.AUTHENTICATED)
                self._start_keepalive()
            case _:
                super()._on_opening(event)

    def _on_text(self, text: str) -> None:
        if self.echo:
            self.wire.send_text(text.encode())
        else:
            self.texts.append(text)


# The server


class EchoAsyncioPeer(AsyncioPeer):
    """The pump for asyncio."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connection = EchoServer(anyio.current_time())


class EchoStreamPeer(StreamPeer):
    """The pump for every event loop."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.connection = EchoServer(anyio.current_time())


class Nobody:
    """Handles no event: the connection does all that there is to do."""

    def handle(self, peer: Peer, event: object) -> None:
        """Do nothing."""


def echo_listener(peer_type: type[Peer]) -> Listener:
    """Make the gateway's listener, with echoes for peers."""
    handler: Handler = Nobody()
    listener = Listener(handler, LIMITS, host=HOST, port=0, connections_max=100)
    listener._peer_type = peer_type
    return listener


# The client


class EchoOwner:
    """Drives one client connection, as the driver does."""

    def __init__(self, connection: EchoClient) -> None:
        self.connection = connection
        self.pump: Pump

    def received(self, data: bytes) -> None:
        """Bytes came."""
        self.connection.receive_data(data, anyio.current_time())
        self.turn()

    def lost(self, reason: str) -> None:
        """The socket is of no use any more."""
        self.connection.send_failed(reason, anyio.current_time())
        self.turn()

    def turn(self) -> None:
        """Act on what happened."""
        while (event := self.connection.next_event()) is not None:
            if isinstance(event, Closed):
                self.pump.hang_up()
        self.pump.wake()


async def visit(url: str, *, echo: bool = True) -> list[str]:
    """Connect, echo until the server closes; without echo, return the texts that came."""
    address = parse_url(url)
    stream = await dial(address, None, LIMITS.opening_s)
    now = anyio.current_time()
    connection = EchoClient(address.authority, address.target, now, echo=echo)
    owner = EchoOwner(connection)
    owner.pump = Pump(stream, connection, owner)
    owner.turn()
    await owner.pump.run()
    return connection.texts
