"""Echo endpoints for the Autobahn test suite, over our own machines, pumps and listener.

The server is a face, as any other may be: it owns every path, is asked for each upgrade, takes
binary messages, and sends back what comes. Of the client only what an echo must do differently is
here: nobody authenticates, and binary messages are taken, too. Frames, fragments, limits, pings,
closes and sockets are the real ones.
"""

from __future__ import annotations

from dataclasses import replace
from random import SystemRandom
from typing import Any

import anyio

from agentgate_client.address import parse_url
from agentgate_client.dial import dial
from agentgate_client.pump import Pump
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import Closed, MessageReceived, UpgradeAsked
from agentgate_proto.connection.state import Step
from agentgate_proto.limits import Limits
from agentgate_proto.quotas.connections import Connections
from agentgate_proto.rpc.messages import Auth
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.events import Upgraded
from agentgate_proto.wire.routes import Route, Routes
from agentgate_server.sockets.listener import Listener
from agentgate_server.sockets.peer import Peer

LIMITS = replace(
    Limits(),
    message_bytes_max=32 * 1024 * 1024,
    fragments_max=1_000_000,
    queued_bytes_max=128 * 1024 * 1024,
)
"""Group 9 sends 16 MiB, also in fragments of 64 bytes."""

MASKS = SystemRandom()

HOST = "127.0.0.1"
PEERS_MAX = 100


class EchoClient(ClientConnection):
    """Sends back what comes, or keeps texts."""

    def __init__(self, host: str, target: str, now: float, *, echo: bool) -> None:
        super().__init__(host, target, Auth(token="none"), now, masks=MASKS, limits=LIMITS)
        self.wire.takes_binary = True
        self.texts: list[str] = []
        self.echo = echo

    def _on_opening(self, event: Any) -> None:
        match event:
            case Upgraded():
                self._step(Step.UPGRADED)
                self._step(Step.AUTHENTICATED)
                self._start_keepalive()
            case _:
                super()._on_opening(event)

    def _on_binary(self, data: bytes) -> None:
        self.wire.send_binary(data)

    def _on_text(self, text: str) -> None:
        if self.echo:
            self.wire.send_text(text.encode())
        else:
            self.texts.append(text)


# The server


class Echo:
    """A face that takes every WebSocket, and sends back what comes."""

    def handle(self, peer: Peer, event: object) -> None:
        """Accept, or send back; a failed connection does the rest itself."""
        match event:
            case UpgradeAsked():
                peer.connection.recognise()
                peer.connection.accept_upgrade()
            case MessageReceived(data=data):
                peer.connection.send_message(data)


def echo_listener(peer_type: type[Peer]) -> Listener:
    """Make the gateway's listener, with an echo on every path."""
    route = Route(face="echo", path="/{path*}", websocket=True, binary=True)
    doors = Doors(routes=Routes([route]))
    listener = Listener(
        Echo(), doors, LIMITS, host=HOST, port=0, connections=Connections(PEERS_MAX)
    )
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
