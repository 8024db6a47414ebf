"""How the answer to one HTTP request of an MCP client goes out: whole, by a stream, in a batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

import anyio

from agentgate_proto.connection.events import Closed
from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.faces.mcp.http import JSON
from agentgate_proto.rpc.jsonrpc import encode_batch
from agentgate_server.faces.call_desk import FaceCall
from agentgate_server.faces.event_stream import EventStream
from agentgate_server.sockets.peer import Peer

RETRY_MS: Final = 10_000
"""When a client whose stream broke comes back. The SDKs that most clients are made with (TypeScript
and Python) try it twice, one such time apart, and then give the call up without a word: this bounds
for how long a gateway may be away. A shorter outage costs the outcome no more than this delay."""

TAKEN_S: Final = 2.0
"""How long a connection must go on after an answer for its end to say that the answer came."""

BROKEN: Final = "the socket broke"
"""How the reason begins for which a connection is over whose peer may not have got everything."""


class Sent(NamedTuple):
    """What was sent on a connection: when, and the outcome of which call."""

    peer: Peer
    calls: list[tuple[float, FaceCall]]


class Receipts:
    """Knows what clients have got for certain.

    What was sent on a connection its client has if it asks for something further there, or if the
    connection ends in order some time after all was taken. HTTP has no other sign: who closes right
    away may have done so before the answer came.

    Args:
        now: the time, in seconds on any one clock.
    """

    def __init__(self, now: Callable[[], float] = anyio.current_time) -> None:
        self._now = now
        self._sent: dict[int, Sent] = {}

    def sent(self, peer: Peer, call: FaceCall) -> None:
        """The outcome of a call was sent on this connection."""
        if peer.over:
            call.leave()
            return
        self._drop_dead()
        self._sent.setdefault(peer.number, Sent(peer, [])).calls.append((self._now(), call))

    def next_request(self, peer: Peer) -> None:
        """The client has asked for something further."""
        sent = self._sent.pop(peer.number, None)
        for _, call in sent.calls if sent is not None else ():
            call.received()

    def closed(self, peer: Peer, event: Closed) -> None:
        """The connection is over."""
        sent = self._sent.pop(peer.number, None)
        taken = not peer.connection.queued_bytes and not event.reason.startswith(BROKEN)
        for sent_at, call in sent.calls if sent is not None else ():
            if taken and self._now() - sent_at >= TAKEN_S:
                call.received()
            else:
                call.leave()

    def _drop_dead(self) -> None:
        """Let go of connections that have ended elsewhere: of one that was used for another face
        last, this one does not hear."""
        while self._sent:
            number, oldest = next(iter(self._sent.items()))
            if not oldest.peer.over:
                break
            del self._sent[number]
            for _, call in oldest.calls:
                call.leave()


class Carrier(Protocol):
    """Takes what one request of a client is answered with."""

    streams: bool

    def add_header(self, name: str, value: str) -> None:
        """Give an answer that is no stream one more header."""
        ...

    def begin(self, event_id: str = "") -> None:
        """Begin a stream; with an id, a client that loses it can come back to it."""
        ...

    def send(self, message: bytes) -> None:
        """Send a message on the stream."""
        ...

    def answer(self, message: bytes, call: FaceCall | None = None, status: int = 200) -> None:
        """Send the response, the last of it.

        Args:
            message: a JSON-RPC response.
            call: whose outcome the client has with it.
            status: of HTTP, where nothing was begun.
        """
        ...


class HttpCarrier:
    """Answers one request by itself.

    Args:
        peer: the connection that it came on.
        receipts: hears what was sent.
    """

    streams = True

    def __init__(self, peer: Peer, receipts: Receipts) -> None:
        self._peer = peer
        self._receipts = receipts
        self._headers: list[tuple[str, str]] = []
        self._stream: EventStream | None = None

    def add_header(self, name: str, value: str) -> None:
        """See :class:`Carrier`."""
        self._headers.append((name, value))

    def begin(self, event_id: str = "") -> None:
        """See :class:`Carrier`."""
        self._stream = EventStream(self._peer)
        if event_id:
            with suppress(ConnectionClosedError):
                self._stream.put("", event_id=event_id, retry_ms=RETRY_MS)

    def send(self, message: bytes) -> None:
        """See :class:`Carrier`."""
        assert self._stream is not None, "a stream was begun"
        with suppress(ConnectionClosedError):  # its end is under way
            self._stream.put(message.decode())

    def answer(self, message: bytes, call: FaceCall | None = None, status: int = 200) -> None:
        """See :class:`Carrier`."""
        if call is not None:
            self._receipts.sent(self._peer, call)
        if self._stream is None:
            self._peer.connection.send_http(status, message, JSON, self._headers)
            self._peer.poke()
        else:
            self.send(message)
            self._stream.end()


class BatchCarrier:
    """Answers several requests that came together, when all are answered.

    Args:
        peer, receipts: as for :class:`HttpCarrier`.
        requests: how many answers there will be, at least one.
    """

    streams = False

    def __init__(self, peer: Peer, receipts: Receipts, requests: int) -> None:
        self._peer = peer
        self._receipts = receipts
        self._left = requests
        self._answers: list[bytes] = []

    def add_header(self, name: str, value: str) -> None:
        """See :class:`Carrier`. No session begins in a batch (2025-03-26, "Lifecycle")."""

    def begin(self, event_id: str = "") -> None:
        """See :class:`Carrier`."""
        raise AssertionError("what comes in a batch is not answered by a stream")

    def send(self, message: bytes) -> None:
        """See :class:`Carrier`."""
        raise AssertionError("what comes in a batch is not answered by a stream")

    def answer(self, message: bytes, call: FaceCall | None = None, status: int = 200) -> None:
        """See :class:`Carrier`."""
        if call is not None:
            self._receipts.sent(self._peer, call)
        self._answers.append(message)
        self._left -= 1
        if not self._left:
            self._peer.connection.send_http(200, encode_batch(self._answers), JSON)
            self._peer.poke()
