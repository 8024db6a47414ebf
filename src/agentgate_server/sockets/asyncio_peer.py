"""The pump for asyncio: a protocol, so that a call costs no task switch between read and write.

While the transport holds bytes that the system did not take, nothing is read and nothing further
is taken from the machine: ``pause_writing`` and ``resume_writing`` say when. Nor is more read
while what was read waits for a turn, but for one piece: pausing and resuming costs as much as a
small call, and nearly always that turn comes before anything else does. Timers do not depend on
that, so a peer that never reads is found by its silence.

What the transport and the timers call runs outside of any task. For anyio to know there where it
is (a tool may be started, a channel be told), everything runs in a context that says so.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from contextvars import Context, ContextVar, copy_context
from typing import Any, cast

import anyio

from agentgate_proto.limits import Limits
from agentgate_proto.principal import Principal
from agentgate_proto.wire.doors import Doors
from agentgate_server.sockets.peer import ENDED, LAST_WRITE_S, Handler, Peer
from agentgate_server.sockets.rounds import Rounds

try:
    from sniffio import current_async_library_cvar as library
except ImportError:
    library = ContextVar("library")  # not looked at: anyio asks asyncio itself then

PIECE_BYTES = 65_536
"""Output that a transport is handed at once: it holds no more of what the system does not take."""

READ_BYTES = 262_144
"""Input that is read at once, as asyncio has it."""

STRANGER_READ_BYTES = 16_384
"""The same of who has not said who they are: hundreds of them may send at the same moment, and none
has more to say than a login."""

HANDSHAKE_REST_BYTES = 4_096
"""More than the session tickets that end a TLS handshake, and little beside the machine's cap."""


class AsyncioPeer(Peer, asyncio.Protocol):
    """One client on asyncio; see :class:`agentgate_server.sockets.peer.Peer`."""

    def __init__(
        self,
        number: int,
        address: str,
        handler: Handler,
        limits: Limits,
        doors: Doors,
        now: float | None = None,
        rounds: Rounds | None = None,
    ) -> None:
        super().__init__(number, address, handler, limits, doors, now, rounds)
        self._loop = asyncio.get_running_loop()
        self._context: Context
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at = math.inf
        self._poked = False
        self._writable = True
        self._reading = True
        self._is_ahead = False  # something came while it waited for a turn
        self._lost = asyncio.Event()

    async def open(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """See :meth:`Peer.open`."""
        library.set("asyncio")
        self._context = copy_context()
        await self._loop.connect_accepted_socket(
            lambda: self,
            sock,
            ssl=context,
            ssl_shutdown_timeout=LAST_WRITE_S if context is not None else None,
        )
        # Not 0, which would pause TLS with nothing to send. What is left of the handshake must not
        # count: with reading paused it would never be sent. On asyncio it is gone here, though not
        # in connection_made; on uvloop it is still there.
        self._transport.set_write_buffer_limits(high=1 if context is None else HANDSHAKE_REST_BYTES)

    async def run(self) -> None:
        """See :meth:`Peer.run`."""
        try:
            await self._lost.wait()
        finally:
            if not self._lost.is_set():
                self.connection.abort(ENDED)
                self._settle()
                with anyio.CancelScope(shield=True):  # bounded by _hang_up
                    await self._lost.wait()

    def poke(self) -> None:
        """See :meth:`Peer.poke`."""
        if not self.in_process and not self._poked:
            self._poked = True
            self._loop.call_soon(self._on_poke, context=self._context)

    def seat(self, principal: Principal) -> str:
        """See :meth:`Peer.seat`."""
        reason = super().seat(principal)
        if not reason:
            self._read_at_once(READ_BYTES)
        return reason

    def go_on(self) -> None:
        """See :meth:`Peer.go_on`."""
        self._context.run(self._settle)

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is ours, its TLS handshake done."""
        self._transport = cast("asyncio.Transport", transport)
        self._read_at_once(STRANGER_READ_BYTES)
        self._rearm()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._is_ahead = self.unfinished
        self.connection.receive_data(data, self._loop.time())
        self._settle()

    def eof_received(self) -> None:
        """The peer will send nothing more."""
        self.connection.receive_eof(self._loop.time())
        self._settle()

    def pause_writing(self) -> None:
        """The system takes no more at present."""
        self._writable = False
        self._read_or_not()

    def resume_writing(self) -> None:
        """The system has taken everything.

        What follows has to wait until the transport is done: in CPython, one that is closed in here
        is lost twice (its ``_write_ready`` closes it, and so does what it has called for).
        """
        self._writable = True
        self._tell_held()
        self.poke()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._cancel_timer()
        self.connection.send_failed(f"the socket broke: {exc}", self._loop.time())
        self.process_all()
        self.forget_output()
        self.tell_room()
        self._lost.set()

    # What follows

    def _settle(self) -> None:
        """Handle what the machine has to say, send its output, and set the timer."""
        connection = self.connection
        if not self.process() and self._only_waits:
            return
        if self._transport.is_closing():
            return
        if self.over or self._writable:
            self._write()
        if self._waiting or connection.held_bytes or connection.wire.out:
            self.note_output()
        if self.over:
            self._hang_up()
            return
        if self._is_ahead or not self._reading or not connection.wire.opened:
            self._read_or_not()
        if connection.wants_time:
            connection.tick(self._loop.time())
        self._rearm()

    @property
    def _only_waits(self) -> bool:
        """Whether there is nothing to do until its turn comes."""
        connection = self.connection
        goes_on = self._reading and not self._is_ahead and connection.wire.opened
        return goes_on and not (connection.wire.out or self._waiting or connection.wants_time)

    def _write(self) -> None:
        """Hand the transport what is queued, piece by piece: what the system does not take of one
        is held there, and the rest stays where it can be counted, and dropped."""
        connection, transport = self.connection, self._transport
        data = connection.data_to_send(PIECE_BYTES)
        if not data:
            return
        transport.write(data)
        while len(data) == PIECE_BYTES and (self._writable or self.over):
            data = connection.data_to_send(PIECE_BYTES)
            if not data:
                break
            transport.write(data)
        if not self._writable or connection.held_bytes or connection.wire.held_back:
            self._tell_held()
        if self._room is not None:
            self.tell_room()

    def _tell_held(self) -> None:
        """Tell the machine what the transport holds; a request may have waited for that."""
        held_bytes = 0 if self._writable else self._transport.get_write_buffer_size()
        if self.connection.sent(held_bytes):
            self.poke()

    def _read_or_not(self) -> None:
        """Read only what can be handled, and answered."""
        has_enough = self.unfinished and self._is_ahead
        wanted = self._writable and not has_enough and self.connection.takes_input
        if self._reading is not wanted:
            self._reading = wanted
            if self._reading:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def _read_at_once(self, size: int) -> None:
        """Read no more at once, where that can be said: asyncio's own transports for TCP."""
        if hasattr(self._transport, "max_size"):
            cast("Any", self._transport).max_size = size

    def _on_poke(self) -> None:
        self._poked = False
        self._settle()

    def _rearm(self) -> None:
        """Wake up earlier if need be; that a deadline was put off is found when waking up."""
        deadline = self.connection.next_deadline()
        if deadline is not None and deadline.at < self._armed_at:
            self._cancel_timer()
            self._armed_at = deadline.at
            self._timer = self._loop.call_at(deadline.at, self._on_time, context=self._context)

    def _on_time(self) -> None:
        now = max(self._loop.time(), self._armed_at)
        self._armed_at = math.inf
        if not self._writable:
            self._tell_held()  # whether it takes anything at all is a question of time
        self.connection.handle_timer(now)
        self._settle()

    def _hang_up(self) -> None:
        """Close the socket, politely if that takes no time."""
        self._cancel_timer()
        self._transport.close()
        self._timer = self._loop.call_later(self.last_write_s, self._transport.abort)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
