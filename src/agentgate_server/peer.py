"""A peer: one socket and its connection machine. The only server code that touches a socket.

Theory of operation. ``_read`` takes a chunk, feeds it to the machine, lets the gate handle every
event in it, and writes once. ``_keep`` sleeps until the machine's next deadline, or until somebody
has queued output from elsewhere (``poke``): a tool that finished, a decision that became durable.
Between reading the machine's state and acting on it nothing is awaited. A lock keeps writes in
order; whatever goes wrong in one, cancellation included, ends the connection.
"""

from __future__ import annotations

import logging
import math
from typing import Protocol

import anyio
from anyio.abc import ByteStream

from agentgate_proto.connection import INTERNAL_ERROR
from agentgate_proto.events import Closed, Event
from agentgate_proto.limits import Limits
from agentgate_proto.server_connection import ServerConnection

log = logging.getLogger(__name__)

CHUNK_BYTES = 65_536
"""Read at most this much at once: many messages, and little memory for an idle connection."""

LAST_WRITE_S = 1.0
"""How long a closing connection may take to accept its last bytes."""


class Handler(Protocol):
    """Who handles what a peer says: the gate."""

    def handle(self, peer: Peer, event: Event) -> None:
        """Act on one event, without waiting."""
        ...


class Peer:
    """One client's socket.

    Args:
        number: of this connection; never used again while the process lives.
        stream: the socket, with TLS if there is any.
        address: where the client is, for logs and for limits on failed logins.
        handler: the gate.
        limits: of the connection.
        origins: browser origins that may connect.
    """

    def __init__(
        self,
        number: int,
        stream: ByteStream,
        address: str,
        handler: Handler,
        limits: Limits,
        origins: frozenset[str],
    ) -> None:
        self.number = number
        self.address = address
        self.connection = ServerConnection(anyio.current_time(), limits, origins)
        self._stream = stream
        self._handler = handler
        self._over = False
        self._in_process = False
        self._armed_at = math.inf
        self._wake = anyio.Event()
        self._lock = anyio.Lock(fast_acquire=True)

    async def run(self) -> None:
        """Serve the connection until it is over; the socket is closed afterwards."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep, tasks.cancel_scope)
                await self._read()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(LAST_WRITE_S, shield=True):
                self.connection.abort("the gateway ended the connection")
                self._process()
                await self._flush()
            await self._hang_up()

    def poke(self) -> None:
        """Output or events may be waiting: look after them soon."""
        if not self._in_process:
            self._wake.set()

    async def _read(self) -> None:
        while not self._over:
            try:
                data = await self._stream.receive(CHUNK_BYTES)
            except anyio.EndOfStream:
                self.connection.receive_eof(anyio.current_time())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
                self.connection.send_failed(f"the socket broke: {error}", anyio.current_time())
            else:
                self.connection.receive_data(data, anyio.current_time())
            self._process()
            self._rearm()
            await self._flush()

    def _rearm(self) -> None:
        """Wake the keeper if it would sleep past a deadline; later ones it finds by itself."""
        deadline = self.connection.next_deadline()
        if deadline is not None and deadline.at < self._armed_at:
            self._wake.set()

    async def _keep(self, scope: anyio.CancelScope) -> None:
        while not self._over:
            deadline = self.connection.next_deadline()
            self._armed_at = deadline.at if deadline is not None else math.inf
            with anyio.CancelScope(deadline=self._armed_at):
                await self._wake.wait()
            self._wake = anyio.Event()
            now = anyio.current_time()
            if deadline is not None and deadline.at <= now:
                self.connection.handle_timer(now)
            self._process()
            if not self._over:
                await self._flush()
        scope.cancel()

    def _process(self) -> None:
        """Let the gate handle all that the connection has to say. A flush must follow."""
        self._in_process = True
        while (event := self.connection.next_event()) is not None:
            self._over = self._over or isinstance(event, Closed)
            try:
                self._handler.handle(self, event)
            except Exception:  # a bug in one call must cost one connection, not the gateway
                kind = type(event).__name__
                log.exception("connection %d: %s could not be handled", self.number, kind)
                self.connection.close(INTERNAL_ERROR, "internal error; the gateway's log says more")
        self._in_process = False

    async def _flush(self) -> None:
        """Send all output. A send that fails or is cut short ends the connection."""
        async with self._lock:
            while data := self.connection.data_to_send():
                try:
                    await self._stream.send(data)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError) as error:
                    self.connection.send_failed(f"the socket broke: {error}", anyio.current_time())
                    self._process()
                    return

    async def _hang_up(self) -> None:
        """Close the socket, politely if that takes no time."""
        with anyio.move_on_after(LAST_WRITE_S, shield=True) as scope:
            try:
                await self._stream.aclose()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
                return
        if scope.cancelled_caught:
            await anyio.aclose_forcefully(self._stream)
