"""A peer: one socket and its connection machine. Its pumps are the only code that moves bytes.

Theory of operation. A pump takes a chunk from the socket, feeds it to the machine, lets the gate
handle every event in it (``process``), and writes once. It wakes the machine at its next deadline,
and looks after it when somebody has queued output from elsewhere (``poke``): a tool that finished,
a decision that became durable. Between reading the machine's state and acting on it nothing is
awaited.

Nobody may keep the others waiting: what one read brings can be thousands of messages, so a turn of
a connection ends after some time (``turn_s``, less for strangers), with the rest left in the
machine and reading stopped, and goes on after the others had theirs. Strangers have but a share of
the time all together (``strangers_share``): the turn of one of them may be some way off.

There are two pumps that behave alike: ``asyncio_peer``, which is fast, and ``stream_peer`` for
every event loop that anyio knows. Both stop reading while the peer does not take what was sent,
and leave further output in the machine, whose cap ends a connection that asks and never reads.
"""

from __future__ import annotations

import logging
import socket
import ssl
from abc import ABC, abstractmethod
from time import perf_counter
from typing import Protocol

import anyio

from agentgate_proto.connection.base import INTERNAL_ERROR
from agentgate_proto.connection.events import Closed, Event
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.state import State
from agentgate_proto.limits import Limits
from agentgate_proto.principal import Principal
from agentgate_proto.wire.doors import Doors
from agentgate_server.sockets.strangers_share import StrangersShare

log = logging.getLogger(__name__)

TURN_S = 0.002
"""How long one connection is served before the others have their turn."""

STRANGER_TURN_S = 0.000_5
"""The same for one that has not said who it is: there may be many of them."""

EVENTS = 4
"""How many events are handled before a look at the clock: most turns have fewer."""

PIECE_BYTES = 65_536
"""Output that is not held back for the rest of what a read has brought."""

LAST_WRITE_S = 1.0
"""How long a closing connection may take to accept its last bytes."""

HASTE_S = 0.05
"""The same where somebody else needs the place: many may go so in a second."""

ENDED = "the gateway ended the connection"


class Handler(Protocol):
    """Who handles what a peer says: the gate."""

    def handle(self, peer: Peer, event: Event) -> None:
        """Act on one event, without waiting."""
        ...


class Seating(Protocol):
    """Knows who may hold connections; see ``seats``."""

    def asked(self, peer: Peer) -> None:
        """Take note of a request on a connection."""
        ...

    def seat(self, peer: Peer, principal: Principal) -> str:
        """Let a connection count as a principal's; return why it may not, or ""."""
        ...


class Peer(ABC):
    """One client. ``open`` it with its socket, then ``run`` it.

    Args:
        number: of this connection; never used again while the process lives.
        address: the other end of the socket.
        handler: the gate.
        limits: of the connection.
        doors: who may come in, and where to.
        now: monotonic seconds; None: what the event loop's clock says.
        share: gives strangers their turns; None: they have them at once.

    Attributes:
        token_hash: of the token that let the client in, or "".
        over: the connection has ended.
        unfinished: the turn has ended before all that came was dealt with.
        pause_s: for how long nothing more of that is dealt with.
        last_write_s: how long the end of the connection may take.
        seating: knows whether it may be there; None: nobody asks.
    """

    turn_s = TURN_S
    stranger_turn_s = STRANGER_TURN_S

    def __init__(
        self,
        number: int,
        address: str,
        handler: Handler,
        limits: Limits,
        doors: Doors,
        now: float | None = None,
        share: StrangersShare | None = None,
    ) -> None:
        self.number = number
        now = anyio.current_time() if now is None else now
        self.connection = ServerConnection(now, limits, doors, address)
        self.token_hash = ""
        self.over = False
        self.unfinished = False
        self.pause_s = 0.0
        self.in_process = False
        self.last_write_s = LAST_WRITE_S
        self.seating: Seating | None = None
        self._heads = 0
        self._handler = handler
        self._share = share
        self._turn_at: float | None = None
        self._room: anyio.Event | None = None

    @property
    def address(self) -> str:
        """Where the client is, for logs and limits; trusted proxies have their say in it."""
        return self.connection.address

    @property
    def name(self) -> str:
        """The principal's name, or "" before it is known."""
        principal = self.connection.principal
        return principal.name if principal is not None else ""

    def seat(self, principal: Principal) -> str:
        """Let the connection count as a principal's; return why it may not, or ""."""
        return "" if self.seating is None else self.seating.seat(self, principal)

    def turn_out(self, reason: str) -> None:
        """End the connection at once: somebody else needs its place."""
        self.last_write_s = HASTE_S
        self.connection.turn_out(reason)
        self.poke()

    @abstractmethod
    async def open(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """Take a connected, non-blocking socket and do the TLS handshake if there is a context.

        Raises:
            OSError or anyio.BrokenResourceError or anyio.EndOfStream: the handshake failed. The
                socket is closed then, and also if this is cancelled.
        """

    @abstractmethod
    async def run(self) -> None:
        """Serve the connection until it is over; the socket is closed afterwards."""

    @abstractmethod
    def poke(self) -> None:
        """Output or events may be waiting: look after them soon."""

    @property
    def is_worth_sending(self) -> bool:
        """Whether to send now: the answers of one read go in one piece, if it is not too large and
        the next turn is not some way off."""
        if not self.unfinished or self.pause_s:
            return True
        return self.connection.queued_bytes > PIECE_BYTES

    async def wait_for_room(self, queued_bytes: int) -> None:
        """Wait until no more than this waits for the peer to take it, or the connection is over."""
        while not self.over and self.connection.queued_bytes > queued_bytes:
            self._room = self._room or anyio.Event()
            await self._room.wait()

    def tell_room(self) -> None:
        """Output was taken: for a pump to call."""
        if self._room is not None:
            self._room.set()
            self._room = None

    def _turn_s(self) -> float:
        return self.stranger_turn_s if self.connection.principal is None else self.turn_s

    def process_all(self) -> None:
        """Let the gate handle all that is left: there will be no other turn."""
        self._share = None
        self.process()
        while self.unfinished:
            self.process()

    def process(self) -> None:
        """Let the gate handle what the connection has to say; then send its output.

        ``over`` is true afterwards if this was the end; ``unfinished`` if there is more to be
        handled in another turn, after ``pause_s`` and before anything else is read.
        """
        connection = self.connection
        if (
            connection.principal is not None
            or self._share is None
            or connection.state is State.CLOSED
        ):
            self._turn()
        elif self._has_turn(self._share, began := perf_counter()):
            self._turn()
            self._share.took(perf_counter() - began)

    def _has_turn(self, share: StrangersShare, now: float) -> bool:
        """Whether this stranger's turn has come; else it waits for it."""
        if self._turn_at is None:
            self._turn_at = share.next_turn(now)
        self.pause_s = max(0.0, self._turn_at - now)
        self.unfinished = self.pause_s > 0
        if not self.unfinished:
            self._turn_at = None
        return not self.unfinished

    def _see_head(self) -> None:
        """A request has come whole: who holds connections is counted by what it says."""
        self._heads = self.connection.heads
        if self.seating is not None:
            self.seating.asked(self)

    def _turn(self) -> None:
        self.in_process = True
        self.unfinished = False
        self.pause_s = 0.0
        handled, until = 0, 0.0
        while (event := self.connection.next_event()) is not None:
            if self._heads != self.connection.heads:
                self._see_head()
            self.over = self.over or isinstance(event, Closed)
            try:
                self._handler.handle(self, event)
            except Exception:  # a bug in one call must cost one connection, not the gateway
                kind = type(event).__name__
                log.exception("connection %d: %s could not be handled", self.number, kind)
                self.connection.close(INTERNAL_ERROR, "internal error; the gateway's log says more")
            handled += 1
            if handled % EVENTS == 0 and not self.over:
                until = until or perf_counter() + self._turn_s()
                if perf_counter() > until:
                    self.unfinished = True
                    break
        self.in_process = False
