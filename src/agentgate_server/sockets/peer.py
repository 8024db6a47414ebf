"""A peer: one socket and its connection machine. Its pumps are the only code that moves bytes.

Theory of operation. A pump takes a chunk from the socket, feeds it to the machine, lets the gate
handle every event in it (``process``), and writes once. It wakes the machine at its next deadline,
and looks after it when somebody has queued output from elsewhere (``poke``): a tool that finished,
a decision that became durable. Between reading the machine's state and acting on it nothing is
awaited.

Nobody may keep the others waiting: what one read brings can be thousands of messages, so a turn of
a connection ends after some time, with the rest left in the machine and reading stopped, and goes
on in another round of the loop (``rounds``). Turns are an owner's: a principal has no more of them
by having more connections. What is queued for output is sent whether it has a turn or not.

There are two pumps that behave alike: ``asyncio_peer``, which is fast, and ``stream_peer`` for
every event loop that anyio knows. Both stop reading while the peer does not take what was sent,
and leave further output in the machine, whose cap ends a connection that asks and never reads.
"""

from __future__ import annotations

import logging
import math
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
from agentgate_proto.quotas.owners import STRANGER, Owner
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_proto.wire.doors import Doors
from agentgate_server.sockets.outflow import Reader
from agentgate_server.sockets.rounds import Rounds

log = logging.getLogger(__name__)

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


class Peer(Reader, ABC):
    """One client. ``open`` it with its socket, then ``run`` it.

    Args:
        number: of this connection; never used again while the process lives.
        address: the other end of the socket.
        handler: the gate.
        limits: of the connection.
        doors: who may come in, and where to.
        now: monotonic seconds; None: what the event loop's clock says.
        rounds: give it its turns; None: it has them at once.

    Attributes:
        token_hash: of the token that let the client in, or "".
        owner: whose share is taken: who has last said who they are.
        over: the connection has ended.
        unfinished: it waits for a turn, or for another, with what has come.
        last_write_s: how long the end of the connection may take.
        seating: knows whether it may be there; None: nobody asks.
        clock: what turns are measured by.
    """

    clock = staticmethod(perf_counter)

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
        self.number = number
        now = anyio.current_time() if now is None else now
        self.connection: ServerConnection = ServerConnection(now, limits, doors, address)
        self.token_hash = ""
        self.over = False
        self.unfinished = False
        self.owner = STRANGER
        self.outflow = None
        self.in_process = False
        self.last_write_s = LAST_WRITE_S
        self.seating: Seating | None = None
        self._heads = 0
        self._handler = handler
        self._rounds = rounds
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
        """Let the connection count as a principal's from now on; return why it may not, or ""."""
        reason = "" if self.seating is None else self.seating.seat(self, principal)
        if not reason:
            self.owner = Owner(principal.name, principal.role in PEOPLE)
            self.connection.recognise()
        return reason

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

    @abstractmethod
    def go_on(self) -> None:
        """It has its turn now: for the rounds to call."""

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

    def process_all(self) -> None:
        """Let the gate handle all that is left: there will be no other turn."""
        if self._rounds is not None:
            self._rounds.turns.leave(self)
            self._rounds = None
        self.process()

    def process(self) -> bool:
        """Let the gate handle what the connection has to say, if it has its turn; then send its
        output.

        ``over`` is true afterwards if this was the end; ``unfinished`` if there is more to be
        handled when it is told to ``go_on``, before anything else is read.

        Returns:
            whether it had its turn.
        """
        rounds = self._rounds
        if rounds is None or self.connection.state is State.CLOSED:
            if rounds is not None:
                rounds.turns.leave(self)
            self._turn(math.inf)
            return True
        began = self.clock()
        owner = self.owner.name
        turn_s = rounds.turns.begin(owner, self, began)
        if turn_s is None:
            self.unfinished = True
            rounds.ask()
            return False
        rounds.owner = owner
        now = self._turn(began + turn_s)
        rounds.owner = None
        if owner or not self.owner.name:
            rounds.turns.took(owner, now - began, now)
        else:
            rounds.turns.introduced(self.owner.name, now - began, now)
        if self.unfinished:
            rounds.turns.wait(self.owner.name, self)
            rounds.ask()
        return True

    def _see_head(self) -> None:
        """A request has come whole: who holds connections is counted by what it says."""
        self._heads = self.connection.heads
        if self.seating is not None:
            self.seating.asked(self)

    def _turn(self, until: float) -> float:
        """Handle what there is until then; return when that was done."""
        self.in_process = True
        self.unfinished = False
        now = 0.0
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
            now = self.clock()
            if now > until and not self.over:
                self.unfinished = True
                break
        if self._heads != self.connection.heads:  # of an upgrade nobody else hears
            self._see_head()
        self.in_process = False
        return now or self.clock()
