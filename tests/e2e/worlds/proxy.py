"""The network between a client's process and the gateway: real sockets, and all that befalls them.

Each process of a client has a door of its own, so that a process that is dead stays dead whatever
its remains in this one may still send. Bytes are read from one socket and written to the other;
late, torn, joined with others, or not at all.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
from tests.e2e.worlds.fit import PACE
from tests.held_ports import HOST

if TYPE_CHECKING:
    from tests.e2e.worlds.world import RealWorld

CHUNK_BYTES = 65_536
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: on, for no time: closing sends RST."""

STANDS_S = 3.0
"""For how long the gateway may not have noticed that a connection was reset, if it was frozen."""


class Lane:
    """One direction of a link.

    Attributes:
        left: how many bytes may still pass before the link breaks; None: any number.
        hole: bytes vanish, and nobody is told.
        ended: the receiver has been told that there is no more.
        over: the source has no more.
        held_until: nothing arrives before this moment of the loop.
    """

    def __init__(self, link: Link, source: socket.socket, target: socket.socket) -> None:
        self.link = link
        self.source = source
        self.target = target
        self.left: int | None = None
        self.hole = False
        self.ended = False
        self.over = False
        self.held_until = 0.0

    async def carry(self) -> None:
        """Carry bytes until the source has no more."""
        loop = asyncio.get_running_loop()
        while data := await self._read(loop):
            while data and not (self.hole or self.ended):
                await self._travel(loop)
                piece = data[: self._size(len(data))]
                data = data[len(piece) :]
                if self.hole or self.ended:
                    break
                try:
                    await loop.sock_sendall(self.target, piece)
                except OSError:
                    self.link.reset()
                if self.left == 0:
                    self.link.reset()
        if not self.hole:
            await self._travel(loop)
            self.end()
        self.over = True
        if self.link.up.over and self.link.down.over:
            self.link.scope.cancel()

    def end(self) -> None:
        """Tell the receiver that nothing more will come."""
        if not self.ended and not self.hole:
            self.ended = True
            with suppress(OSError):  # it may be gone already
                self.target.shutdown(socket.SHUT_WR)

    async def _read(self, loop: asyncio.AbstractEventLoop) -> bytes:
        try:
            data = await loop.sock_recv(self.source, CHUNK_BYTES)
        except OSError:
            data = b""
            if not self.hole:
                self.link.reset()
        if not data and self is self.link.down:
            self.link.closed_by_gateway = True
        return data

    async def _travel(self, loop: asyncio.AbstractEventLoop) -> None:
        world = self.link.door.world
        plan, rng = world.plan, world.link_chance
        await anyio.sleep((plan.latency_s + rng.random() * plan.jitter_s) / PACE)
        while (wait_s := self.held_until - loop.time()) > 0.0:
            await anyio.sleep(wait_s)

    def _size(self, size: int) -> int:
        world = self.link.door.world
        if size > 1 and world.link_chance.random() < world.plan.split:
            world.count("bytes split")
            size = 1 + world.link_chance.randrange(size)
        if self.left is not None:
            size = min(size, self.left)
            self.left -= size
        return size


class Link:
    """A connection of a client, and the one that goes on to the gateway.

    Attributes:
        life: the gateway's, when it was made.
        closed_by_gateway: the gateway has no more to say on it.
        gone_at: when it was torn down, by the loop's time; None: it stands.
    """

    def __init__(self, door: Door, client: socket.socket, gateway: socket.socket) -> None:
        self.door = door
        self.client = client
        self.gateway = gateway
        self.up = Lane(self, client, gateway)
        self.down = Lane(self, gateway, client)
        self.life = door.world.lives.number
        self.closed_by_gateway = False
        self.gone_at: float | None = None
        self.scope = anyio.CancelScope()

    async def run(self) -> None:
        """Carry bytes both ways until the link is over."""
        try:
            with self.scope:
                async with anyio.create_task_group() as lanes:
                    lanes.start_soon(self.up.carry)
                    lanes.start_soon(self.down.carry)
        finally:
            self.gone_at = asyncio.get_running_loop().time()
            self.client.close()
            self.gateway.close()

    def reset(self) -> None:
        """Break the connection; both ends hear of it, unless their lane is a black hole."""
        for lane in (self.up, self.down):
            if not lane.hole:
                linger(lane.target)
        self.scope.cancel()

    def swallow(self) -> None:
        """Let all bytes vanish from now on."""
        self.up.hole = self.down.hole = True

    @property
    def may_stand(self) -> bool:
        """Whether the gateway may still take it for a connection."""
        if self.closed_by_gateway or self.life != self.door.world.lives.number:
            return False
        now = asyncio.get_running_loop().time()
        return self.gone_at is None or now - self.gone_at < STANDS_S


class Door:
    """Where one process of a client connects to.

    Args:
        world: around it.
        place: of the agent in the plan; -1: it is a person's.
        principal: whose it is.

    Attributes:
        links: all that came through it, the newest last.
        dead: the process is; whoever comes is reset.
        sockets: of clients, as long as they are open.
    """

    def __init__(self, world: RealWorld, place: int, principal: str) -> None:
        self.world = world
        self.place = place
        self.principal = principal
        self.links: list[Link] = []
        self.dead = False
        self.sockets: set[socket.socket] = set()
        self.listener = socket.create_server((HOST, 0))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        world.doors[place].append(self)
        world.tasks.start_soon(self._serve)

    @property
    def link(self) -> Link | None:
        """The connection of the moment."""
        standing = [link for link in self.links if link.gone_at is None]
        return standing[-1] if standing else None

    def die(self) -> None:
        """The process is dead: what it sent is on its way or lost, and nothing reaches it."""
        self.dead = True
        for link in self.links:
            if link.gone_at is None and not link.up.hole:
                if self.world.link_chance.random() < 0.5:
                    link.reset()
                else:
                    link.up.end()

    def close(self) -> None:
        """The world is over; no task of it is left."""
        self.listener.close()
        for client in self.sockets:
            client.close()

    async def _serve(self) -> None:
        while True:
            await anyio.wait_readable(self.listener)  # a cancelled sock_accept may lose a socket
            try:
                client, _ = self.listener.accept()
            except OSError:
                continue  # it went away again
            client.setblocking(False)
            self.sockets.add(client)
            self.world.tasks.start_soon(self._connect, client)

    async def _connect(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        gateway = socket.socket()
        try:
            gateway.setblocking(False)
            cut_off_s = self.world.cut_off.get(self.place, 0.0) - loop.time()
            if cut_off_s > 0.0:  # the nearest to a SYN that nobody answers
                await anyio.sleep(cut_off_s)
                raise ConnectionError
            if self.dead:
                raise ConnectionError
            await loop.sock_connect(gateway, (HOST, self.world.lives.port))
            for one in (client, gateway):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = Link(self, client, gateway)
            self.links.append(link)
            await link.run()
        except OSError:
            linger(client)
        finally:
            self.sockets.discard(client)
            client.close()
            gateway.close()


def linger(one: socket.socket) -> None:
    """Let the closing of a socket be a reset."""
    with suppress(OSError):  # it may be closed
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
