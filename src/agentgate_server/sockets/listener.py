"""The listener: takes connections, with TLS if there is any, and bounds how many there are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from socket import IPPROTO_TCP, SHUT_WR, TCP_NODELAY, socket

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.abc import TaskGroup

from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.quotas.connections import Connections
from agentgate_proto.quotas.memory import Memory
from agentgate_proto.quotas.news import News
from agentgate_proto.wire.doors import OPEN_DOORS, Doors
from agentgate_proto.wire.http_answers import BUSY_RESPONSE
from agentgate_server.sockets.asyncio_peer import AsyncioPeer
from agentgate_server.sockets.binding import listen
from agentgate_server.sockets.certificate import Certificate
from agentgate_server.sockets.memory_watch import MemoryWatch
from agentgate_server.sockets.outflow import Outflow
from agentgate_server.sockets.peer import Handler, Peer
from agentgate_server.sockets.rounds import Rounds
from agentgate_server.sockets.seats import Seats
from agentgate_server.sockets.stream_peer import StreamPeer

log = logging.getLogger(__name__)

ACCEPT_PAUSE_S = 0.5
"""How long to wait when the system has no descriptor for a connection: one may become free."""

HANDSHAKE_FAILURES = (OSError, anyio.BrokenResourceError, anyio.EndOfStream)


class Listener:
    """Sockets that accept, and the peers that came by them.

    Args:
        handler: the gate.
        doors: who may come in, and where to.
        limits: of each connection.
        host: address or name to listen on.
        port: to listen on; 0: any that is free.
        certificate: what TLS is spoken with, each connection with what it holds then; None: none
            is spoken.
        connections: decides who may hold some, and how many.
        capped: hears who was held to their share; see ``Observer``.
        rounds: give the connections their turns; None: those of this listener alone.
        memory: says when there is too little of it; None: nobody looks.
        closed: hears why no requests can be taken for now, or "": they can.
    """

    def __init__(
        self,
        handler: Handler,
        doors: Doors = OPEN_DOORS,
        limits: Limits = SERVER_LIMITS,
        *,
        host: str,
        port: int,
        connections: Connections,
        capped: Callable[[str, str], None] = lambda owner, cap: None,
        certificate: Certificate | None = None,
        rounds: Rounds | None = None,
        memory: Memory | None = None,
        closed: Callable[[str], None] = lambda why: None,
    ) -> None:
        self.handler = handler
        self.doors = doors
        self.limits = limits
        self.peers: dict[int, Peer] = {}
        self.connections = 0
        self._changed = anyio.Event()
        self._host, self._port = host, port
        self._numbers = count(1)
        self._sockets: list[socket] = []
        self._peer_type = peer_type()
        self._certificate = certificate
        self._opening: dict[int, anyio.CancelScope] = {}
        self._seats = Seats(
            connections, self.peers, self._opening, capped=capped, proxies=doors.trusted_proxies
        )
        self._rounds = rounds or Rounds()
        self._outflow = Outflow(capped)
        self.memory = memory or Memory(0)
        self._watch = MemoryWatch(
            self.memory, self.peers, self._outflow, capped=capped, told=closed
        )

    @property
    def waiting_bytes(self) -> int:
        """Output that nobody has read yet, of all connections."""
        return self._outflow.output.total

    async def open(self) -> int:
        """Bind and listen; return the port.

        Raises:
            ListenError: the address is taken, not ours, or not allowed.
        """
        self._sockets, port = await anyio.to_thread.run_sync(listen, self._host, self._port)
        return port

    async def serve(self) -> None:
        """Accept until cancelled; after ``stop_accepting``, until the last connection is over."""
        async with anyio.create_task_group() as around:
            around.start_soon(self._rounds.run)
            around.start_soon(self._watch.run)
            async with anyio.create_task_group() as tasks:
                for listening in self._sockets:
                    tasks.start_soon(self._accept, listening, tasks)
            around.cancel_scope.cancel()

    async def stop_accepting(self) -> None:
        """Close the listening sockets; the connections go on."""
        while self._sockets:
            listening = self._sockets.pop()
            anyio.notify_closing(listening)
            listening.close()
        await anyio.lowlevel.checkpoint()

    async def wait_idle(self) -> None:
        """Wait until the last connection is over."""
        while self.connections:
            self._changed = anyio.Event()
            await self._changed.wait()

    async def _accept(self, listening: socket, tasks: TaskGroup) -> None:
        news = News()
        while listening in self._sockets:
            try:
                await anyio.wait_readable(listening)
                sock, address = listening.accept()
            except anyio.ClosedResourceError:
                break
            except (BlockingIOError, ConnectionError):
                continue  # it went away again
            except OSError as error:
                if listening not in self._sockets:
                    break  # it was closed while a connection came
                if (more := news.failed(str(error), anyio.current_time())) is not None:
                    log.error("no connection can be taken: %s; trying again%s", error, more)
                await anyio.sleep(ACCEPT_PAUSE_S)
            else:
                if news.is_away and (after := news.well(anyio.current_time())) is not None:
                    log.warning("connections are taken again%s", after)
                sock.setblocking(False)
                await self._take(sock, str(address[0]), tasks)
        log.debug("no more connections are taken")

    async def _take(self, sock: socket, address: str, tasks: TaskGroup) -> None:
        """Give a connection a place, when there is one: others wait at the door meanwhile."""
        try:
            await self._seats.wait(address)
        except BaseException:
            sock.close()
            raise
        number = next(self._numbers)
        if not self._seats.come(number, address):
            turn_away(sock)
            return
        self.connections += 1
        send_at_once(sock)
        tasks.start_soon(self._serve_one, number, sock, address)

    async def _serve_one(self, number: int, sock: socket, address: str) -> None:
        peer = self._peer_type(
            number, address, self.handler, self.limits, self.doors, rounds=self._rounds
        )
        peer.seating, peer.outflow = self._seats, self._outflow
        try:
            if number not in self._seats.connections:
                sock.close()  # it was pushed out before it began
            elif await self._open(peer, sock):
                self.peers[number] = peer
                await peer.run()
        finally:
            self.peers.pop(number, None)
            self._seats.leave(number)
            self.connections -= 1
            self._changed.set()

    async def _open(self, peer: Peer, sock: socket) -> bool:
        """Do the TLS handshake, if any, in the time for the opening; False: the peer failed it,
        or somebody else needs its place."""
        tls = None if self._certificate is None else self._certificate.context
        problem: Exception | None = None
        with anyio.move_on_after(self.limits.opening_s) as scope:
            self._opening[peer.number] = scope
            try:
                await peer.open(sock, tls)
            except HANDSHAKE_FAILURES as error:
                problem = error
            finally:
                del self._opening[peer.number]
        if scope.cancelled_caught:
            problem = TimeoutError("it took too long")
        if problem is not None:
            log.info("TLS handshake with %s failed: %r", peer.address, problem)
        return problem is None


def peer_type() -> type[Peer]:
    """The pump for the event loop that runs."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return StreamPeer if task is None else AsyncioPeer


def send_at_once(sock: socket) -> None:
    """Let the system send what is small without waiting for the peer to acknowledge what went
    before, which peers put off for 40 ms. Event loops do that for their own sockets alone."""
    with suppress(OSError):  # it has gone
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


def turn_away(sock: socket) -> None:
    """Tell a connection too many to come back later. A fresh socket has room for that."""
    with sock, suppress(OSError):
        sock.send(BUSY_RESPONSE)
        sock.shutdown(SHUT_WR)
