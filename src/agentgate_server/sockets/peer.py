"""A peer: one socket and its connection machine. Its pumps are the only code that moves bytes.

Theory of operation. A pump takes a chunk from the socket, feeds it to the machine, lets the gate
handle every event in it (``process``), and writes once. It wakes the machine at its next deadline,
and looks after it when somebody has queued output from elsewhere (``poke``): a tool that finished,
a decision that became durable. Between reading the machine's state and acting on it nothing is
awaited.

There are two pumps that behave alike: ``asyncio_peer``, which is fast, and ``stream_peer`` for
every event loop that anyio knows. Both stop reading while the peer does not take what was sent,
and leave further output in the machine, whose cap ends a connection that asks and never reads.
"""

from __future__ import annotations

import logging
import socket
import ssl
from abc import ABC, abstractmethod
from typing import Protocol

import anyio

from agentgate_proto.connection.base import INTERNAL_ERROR
from agentgate_proto.connection.events import Closed, Event
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.limits import Limits

log = logging.getLogger(__name__)

LAST_WRITE_S = 1.0
"""How long a closing connection may take to accept its last bytes."""

ENDED = "the gateway ended the connection"


class Handler(Protocol):
    """Who handles what a peer says: the gate."""

    def handle(self, peer: Peer, event: Event) -> None:
        """Act on one event, without waiting."""
        ...


class Peer(ABC):
    """One client. ``open`` it with its socket, then ``run`` it.

    Args:
        number: of this connection; never used again while the process lives.
        address: where the client is, for logs and for limits on failed logins.
        handler: the gate.
        limits: of the connection.
        origins: browser origins that may connect.
        now: monotonic seconds; None: what the event loop's clock says.

    Attributes:
        token_hash: of the token that let the client in, or "".
    """

    def __init__(
        self,
        number: int,
        address: str,
        handler: Handler,
        limits: Limits,
        origins: frozenset[str],
        now: float | None = None,
    ) -> None:
        self.number = number
        self.address = address
        now = anyio.current_time() if now is None else now
        self.connection = ServerConnection(now, limits, origins)
        self.token_hash = ""
        self.over = False
        self.in_process = False
        self._handler = handler

    @property
    def name(self) -> str:
        """The principal's name, or "" before it is known."""
        principal = self.connection.principal
        return principal.name if principal is not None else ""

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

    def process(self) -> None:
        """Let the gate handle all that the connection has to say; then send its output.

        ``over`` is true afterwards if this was the end.
        """
        self.in_process = True
        while (event := self.connection.next_event()) is not None:
            self.over = self.over or isinstance(event, Closed)
            try:
                self._handler.handle(self, event)
            except Exception:  # a bug in one call must cost one connection, not the gateway
                kind = type(event).__name__
                log.exception("connection %d: %s could not be handled", self.number, kind)
                self.connection.close(INTERNAL_ERROR, "internal error; the gateway's log says more")
        self.in_process = False
