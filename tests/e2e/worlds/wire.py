"""The simulator's links, on real sockets: what its clients dial, write to and read from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.e2e.worlds.proxy import linger
from tests.held_ports import HOST

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

BUFFER_BYTES_MAX = 65_536


class Wire(asyncio.Protocol):
    """One socket of a client; to the client it is a link, and the lane up as well."""

    def __init__(self, world: RealWorld, client: Any, dial: int) -> None:
        self.world = world
        self.client = client
        self.dial = dial
        self.transport: Any = None
        self.up = self

    # To the client

    @property
    def full(self) -> bool:
        """Whether the client has to wait."""
        return self.transport.get_write_buffer_size() >= BUFFER_BYTES_MAX

    def put(self, data: bytes) -> None:
        """Send bytes."""
        if not self.transport.is_closing():
            self.transport.write(data)

    def let_go(self, client: Any) -> None:
        """Close the socket; what was sent arrives."""
        self.client = None
        self.transport.close()

    def break_off(self, reason: str) -> None:
        """Reset the connection."""
        linger(self.transport.get_extra_info("socket"))
        self.transport.abort()

    # From the event loop

    def connection_made(self, transport: Any) -> None:
        """See :class:`asyncio.Protocol`."""
        self.transport = transport
        self.world.guard(self.client.dialed, self, self.dial)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        if self.client is not None:
            self.world.guard(self.client.receive, data)

    def resume_writing(self) -> None:
        """See :class:`asyncio.Protocol`."""
        if self.client is not None:
            self.world.guard(self.client.window_opens)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        if self.client is not None:
            client, self.client = self.client, None
            self.world.guard(client.hear_end, str(exc) if exc is not None else "")


async def connect(world: RealWorld, client: Any, dial: int, port: int) -> None:
    """Open a socket for a client, or tell it that there is none."""
    wire = Wire(world, client, dial)
    try:
        await asyncio.get_running_loop().create_connection(lambda: wire, HOST, port)
    except OSError as error:
        world.guard(client.dial_failed, str(error), dial)
        return
    world.wires.append(wire)
