"""One Engine.IO session, over all its connections.

Theory of operation. A session begins on long polling or on a WebSocket. On polling, what is sent
waits in one queue, counted in bytes, until a poll takes it. A WebSocket may be tried beside it: the
client probes, we answer, and from then on every poll is ended at once by a ``NOOP`` while the queue
is held, so that nothing can be on two ways at once. When the client says ``UPGRADE``, it has no
poll left; the queue goes out on the WebSocket, and polling is over. A probe that comes to nothing
is dropped, and polling goes on with the queue as it was.

The heartbeat is ours: we ping, and whoever says nothing until ``ping_timeout_s`` later is gone. Any
sign of life counts, for a long frame or a slow page may hold up the pong. What ends a session is
told to the client by the end of its transport, never by words that would keep it from coming back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from agentgate_proto.faces.engineio import packets
from agentgate_proto.faces.engineio.events import (
    CLOSE_CODES,
    POLICY,
    Accept,
    AwaitRoom,
    Effect,
    Ended,
    Ending,
    Event,
    HangUp,
    Opened,
    Received,
    Respond,
    RoomMade,
    SendMessage,
)
from agentgate_proto.faces.engineio.packets import Handshake, Packet, PacketError
from agentgate_proto.faces.engineio.settings import EngineSettings

TEXT = "text/plain; charset=UTF-8"
HTML = "text/html"
JSON = "application/json"

POLLING = "polling"
WEBSOCKET = "websocket"

ROOM_BYTES = 65_536
"""With more than this on its way to the client, whoever has much to send waits."""

POLL_BYTES = 1_000_000
"""One answer to a poll; a single packet may be larger. A slow line gets its rest by the next."""

FAULT_CODE = 1002
"""A WebSocket that does not do what a probe does (RFC 6455 section 7.4.1)."""

LATE_CODE = 1000
"""A WebSocket that is not needed: nobody did anything wrong."""


class Session:
    """See the module. ``now`` is monotonic seconds.

    Args:
        number: of this session.
        sid: by which the client names it; a secret.
        address: where the client is.
        settings: times and caps.
        effects: where effects are put.
        events: where events are put.
        now: when it begins.

    Attributes:
        is_known: whose it is, is known; until then it counts as a stranger's.
        transport: ``POLLING`` or ``WEBSOCKET``.
        is_over: it has ended; nothing more happens.
        heard_at: the last sign of life.
        has_room: little waits for the client.
        armed_at: when the owner's alarm for it is set; kept here for the owner.
    """

    __slots__ = (
        "_awaits_pong",
        "_awaits_room",
        "_beat_at",
        "_effects",
        "_events",
        "_is_probed",
        "_pinged_at",
        "_poll",
        "_probe",
        "_probe_until",
        "_queue",
        "_queued_bytes",
        "_settings",
        "_unread_bytes",
        "_websocket",
        "address",
        "armed_at",
        "has_room",
        "heard_at",
        "is_known",
        "is_over",
        "number",
        "sid",
        "transport",
    )

    def __init__(
        self,
        number: int,
        sid: str,
        address: str,
        settings: EngineSettings,
        effects: deque[Effect],
        events: deque[Event],
        now: float,
    ) -> None:
        self.number = number
        self.sid = sid
        self.address = address
        self.is_known = False
        self.transport = POLLING
        self.is_over = False
        self.heard_at = now
        self.has_room = True
        self.armed_at = math.inf
        self._settings = settings
        self._effects = effects
        self._events = events
        self._queue: deque[Packet] = deque()
        self._queued_bytes = 0
        self._unread_bytes = 0  # on a WebSocket: sent since there was room
        self._awaits_room = False
        self._poll: int | None = None  # the connection of the poll that waits
        self._websocket: int | None = None
        self._probe: int | None = None
        self._is_probed = False  # the probe was answered: what is sent is held for its WebSocket
        self._probe_until = math.inf
        self._beat_at = now + settings.ping_interval_s
        self._awaits_pong = False
        self._pinged_at = now

    @property
    def next_at(self) -> float:
        """When ``handle_timer`` wants to be called."""
        return min(self._beat_at, self._probe_until)

    @property
    def silent_websocket(self) -> int | None:
        """The WebSocket that has to have shown life by the time that the heartbeat is due."""
        return self._websocket if self._awaits_pong else None

    # The beginning

    def open_by_poll(self, connection: int) -> None:
        """Answer the request that begins the session."""
        opening = packets.open_packet(self._handshake((WEBSOCKET,)))
        self._effects.append(Respond(connection, 200, opening.encode(), TEXT))
        self._events.append(Opened(self.number))

    def open_by_websocket(self, connection: int) -> None:
        """Begin on a WebSocket: there is nothing better to upgrade to."""
        self.transport = WEBSOCKET
        self._websocket = connection
        self._effects.append(Accept(connection))
        self._effects.append(SendMessage(connection, packets.open_packet(self._handshake(()))))
        self._events.append(Opened(self.number))

    def _handshake(self, upgrades: tuple[str, ...]) -> Handshake:
        return Handshake(
            sid=self.sid,
            upgrades=upgrades,
            ping_interval_ms=round(self._settings.ping_interval_s * 1000),
            ping_timeout_ms=round(self._settings.ping_timeout_s * 1000),
            payload_bytes_max=self._settings.payload_bytes_max,
        )

    # Long polling

    def poll(self, connection: int, now: float) -> bool:
        """Let a poll wait, or answer it; False: it is one too many, and the session ends."""
        self.heard_at = now
        if self._poll is not None:
            self.end(Ending.BAD_POLL)
            return False
        self._poll = connection
        if self._is_probed:
            self._answer_poll([packets.NOOP])
        else:
            self._flush()
        return True

    def post(self, connection: int, body: bytes, now: float) -> bool:
        """Take what a client posts; False: it is not what it should be, and the session ends."""
        self.heard_at = now
        try:
            came = packets.read_payload(body, self._settings.packets_in_max)
        except PacketError:
            self.end(Ending.BAD_PACKET)
            return False
        for packet in came:
            self._take(connection, packet, now)
            if self.is_over:
                return isinstance(packet, str) and packet.startswith(packets.CLOSE)
        return True

    def _answer_poll(self, batch: Iterable[Packet]) -> None:
        if self._poll is not None:
            body = packets.write_payload(batch)
            self._effects.append(Respond(self._poll, 200, body, TEXT))
            self._poll = None

    # WebSockets

    def probe(self, connection: int, now: float) -> None:
        """Accept a WebSocket for a session that there is; one that is not needed is closed."""
        self._effects.append(Accept(connection))
        if self.transport == WEBSOCKET or self._probe is not None:
            self._effects.append(HangUp(connection, LATE_CODE, "the session has a WebSocket"))
            return
        self._probe = connection
        upgrade_s = min(self._settings.upgrade_s, self._settings.ping_timeout_s)
        self._probe_until = now + upgrade_s

    def message(self, connection: int, data: Packet, now: float) -> None:
        """Take a message of one of its WebSockets."""
        if connection == self._probe:
            self.heard_at = now
            self._probed(connection, data)
        elif connection == self._websocket:
            self.heard_at = now
            try:
                packet = packets.check_packet(data) if isinstance(data, str) else data
            except PacketError:
                self.end(Ending.BAD_PACKET)
            else:
                self._take(connection, packet, now)

    def _probed(self, connection: int, data: Packet) -> None:
        if data == packets.PROBE and not self._is_probed:
            self._is_probed = True
            self._effects.append(SendMessage(connection, packets.PROBED))
            self._answer_poll([packets.NOOP])
        elif data == packets.UPGRADE and self._is_probed:
            self._forget_probe()
            self.transport = WEBSOCKET
            self._websocket = connection
            self._flush()
        else:
            self._drop_probe(FAULT_CODE, "no probe")

    def _drop_probe(self, code: int, reason: str) -> None:
        assert self._probe is not None, "there is one to drop"
        self._effects.append(HangUp(self._probe, code, reason))
        self._forget_probe()

    def _forget_probe(self) -> None:
        self._probe = None
        self._probe_until = math.inf
        self._is_probed = False

    # Both

    def lost(self, connection: int) -> None:
        """Take note that a connection is over."""
        if connection == self._probe:
            self._forget_probe()
        elif connection == self._websocket:
            self._websocket = None
            self.end(Ending.LOST)
        elif connection == self._poll:
            self._poll = None
            self.end(Ending.LOST)

    def send(self, messages: Iterable[str | bytes]) -> None:
        """Send messages, in this order, with nothing between them. A text must not have U+001E in
        it, which JSON does not."""
        for data in messages:
            packet = packets.MESSAGE + data if isinstance(data, str) else data
            self._queue.append(packet)
            self._queued_bytes += packets.size_of(packet)
        self._flush()
        if self._queued_bytes > self._settings.queued_bytes_max:
            self._empty_queue()  # a piece of it would be worth nothing
            self.end(Ending.SLOW)
        elif self._queued_bytes > ROOM_BYTES:
            self.has_room = False

    def made_room(self) -> None:
        """The peer of the WebSocket has taken what was sent."""
        self._awaits_room = False
        self._unread_bytes = 0
        self._tell_room()

    def end(self, ending: Ending) -> None:
        """End the session, by ending its transport."""
        assert not self.is_over, "an end comes once"
        self.is_over = True
        if ending is Ending.CLIENT:
            self._answer_poll([packets.NOOP])
        elif self._poll is not None:
            rest = self._next_batch(self._settings.packets_out_max - 1)
            self._answer_poll([*rest, packets.CLOSE])
        for connection in (self._websocket, self._probe):
            if connection is not None:
                code = CLOSE_CODES.get(ending, POLICY)
                self._effects.append(HangUp(connection, code, ending.value))
        self._websocket = self._probe = None
        self._empty_queue()
        self._beat_at = self._probe_until = math.inf
        self._events.append(Ended(self.number, ending))

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._probe_until <= now:
            self._drop_probe(LATE_CODE, "no upgrade in time")
        if self._beat_at > now:
            return
        if self._awaits_pong and self.heard_at <= self._pinged_at:
            self.end(Ending.SILENT)
            return
        self._awaits_pong = True
        self._pinged_at = now
        self._beat_at = now + self._settings.ping_timeout_s
        self._queue.append(packets.PING)
        self._queued_bytes += 1
        self._flush()

    def _take(self, connection: int, packet: Packet, now: float) -> None:
        """Take a packet on the transport."""
        if isinstance(packet, bytes):
            self._events.append(Received(self.number, connection, packet))
        elif packet.startswith(packets.MESSAGE):
            self._events.append(Received(self.number, connection, packet[1:]))
        elif packet.startswith(packets.PONG):
            if self._awaits_pong:
                self._awaits_pong = False
                self._beat_at = now + self._settings.ping_interval_s
        elif packet.startswith(packets.CLOSE):
            self.end(Ending.CLIENT)
        elif not packet.startswith(packets.NOOP):
            self.end(Ending.BAD_PACKET)

    def _flush(self) -> None:
        """Send what may go out now."""
        if self._websocket is not None:
            while self._queue:
                packet = self._queue.popleft()
                self._unread_bytes += packets.size_of(packet)
                self._effects.append(SendMessage(self._websocket, packet))
            self._queued_bytes = 0
            if self._unread_bytes > ROOM_BYTES:
                self.has_room = False
            if not self.has_room and not self._awaits_room:
                self._awaits_room = True
                self._effects.append(AwaitRoom(self._websocket, ROOM_BYTES))
        elif self._poll is not None and self._queue:
            self._answer_poll(self._next_batch(self._settings.packets_out_max))
            if self._queued_bytes <= ROOM_BYTES:
                self._tell_room()

    def _next_batch(self, count: int) -> list[Packet]:
        """Take what the next answer to a poll is to have."""
        batch: list[Packet] = []
        size = 0
        while self._queue and len(batch) < count and (not batch or size < POLL_BYTES):
            batch.append(self._queue.popleft())
            size += packets.size_of(batch[-1])
        self._queued_bytes -= size
        return batch

    def _empty_queue(self) -> None:
        self._queue.clear()
        self._queued_bytes = 0

    def _tell_room(self) -> None:
        if not self.has_room and not self.is_over:
            self.has_room = True
            self._events.append(RoomMade(self.number))
