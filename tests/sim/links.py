"""Links: the sockets between a client and the gateway, and all that can befall their bytes."""

from __future__ import annotations

from random import Random
from typing import Protocol

from tests.sim.timeline import Timeline


class End(Protocol):
    """Whoever holds one end of a link."""

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        ...

    def hear_end(self, reason: str) -> None:
        """Nothing will come any more; "" is a proper end of file."""
        ...

    def window_opens(self) -> None:
        """There is room again for what is to be sent."""
        ...


class Weather:
    """How the bytes of a world travel.

    Args:
        rng: the chance in it.
        latency_s: the least time on the way.
        jitter_s: what may come on top.
        split: how often what arrives is torn into pieces.
        window_bytes: what a lane holds before its sender must wait, as a socket's buffers do.
    """

    def __init__(
        self, rng: Random, latency_s: float, jitter_s: float, split: float, window_bytes: int
    ) -> None:
        self.rng = rng
        self.latency_s = latency_s
        self.jitter_s = jitter_s
        self.split = split
        self.window_bytes = window_bytes
        self.splits = 0

    def delay(self) -> float:
        """How long the next bytes are under way."""
        return self.latency_s + self.rng.random() * self.jitter_s


class Lane:
    """One direction: bytes in order; what is sent while others are under way arrives with them.

    Attributes:
        receiver: who gets the bytes.
        sender: who is told when there is room.
        left: how many bytes may still pass before the link breaks; None: any number.
        hole: bytes vanish, and nobody is told.
        held_until: nothing arrives before this moment.
        unread: the receiver reads nothing at present.
    """

    def __init__(self, link: Link) -> None:
        self.link = link
        self.window_bytes = link.weather.window_bytes
        self.receiver: End | None = None
        self.sender: End | None = None
        self.left: int | None = None
        self.hole = False
        self.held_until = 0.0
        self.unread = False
        self._bytes = bytearray()
        self._travelling = False
        self._ended = False

    @property
    def full(self) -> bool:
        """Whether the sender has to wait."""
        return len(self._bytes) >= self.window_bytes and not self.hole

    def put(self, data: bytes) -> None:
        """Send bytes. On a broken link they vanish; the sender hears of that in time."""
        if not self.hole and not self._ended and not self.link.broken:
            self._bytes += data
            self._travel()

    def hold(self, unread: bool) -> None:
        """Let the receiver read nothing, or read on."""
        self.unread = unread
        if not unread and (self._bytes or self._ended):
            self._travel()

    def end(self) -> None:
        """Say that nothing more will be sent."""
        if not self._ended:
            self._ended = True
            self._travel()

    def _travel(self) -> None:
        if not self._travelling:
            self._travelling = True
            link = self.link
            moment = link.timeline.now + link.weather.delay()
            link.timeline.at(max(moment, self.held_until), self._arrive)

    def _arrive(self) -> None:
        self._travelling = False
        link = self.link
        if link.broken or self.hole or self.unread or self.receiver is None:
            return
        if self.held_until > link.timeline.now:
            self._travel()
            return
        size, weather = len(self._bytes), link.weather
        was_full = size >= self.window_bytes
        if size > 1 and weather.rng.random() < weather.split:
            weather.splits += 1
            size = 1 + weather.rng.randrange(size)
        if self.left is not None:
            size = min(size, self.left)
            self.left -= size
        data = bytes(self._bytes[:size])
        del self._bytes[:size]
        if data:
            self.receiver.receive(data)
        if self.left == 0:
            link.break_off("the connection was reset")
        elif self._bytes:
            self._travel()
        elif self._ended and not link.broken and self.receiver is not None:
            self.receiver.hear_end("")
        if was_full and not self.full and self.sender is not None:
            self.sender.window_opens()


class Link:
    """A connection between two ends.

    Args:
        timeline: the world's time.
        weather: how bytes travel.
        client: the end that dialled.

    Attributes:
        up, down: the lanes to the gateway and to the client.
        broken: it was reset; nothing passes any more.
    """

    def __init__(self, timeline: Timeline, weather: Weather, client: End) -> None:
        self.timeline = timeline
        self.weather = weather
        self.broken = False
        self.up = Lane(self)
        self.down = Lane(self)
        self.down.receiver = self.up.sender = client

    def attach(self, server: End) -> None:
        """Give the link its other end."""
        self.up.receiver = self.down.sender = server

    def break_off(self, reason: str) -> None:
        """Reset the connection: what is under way is lost, and both ends hear of it in time."""
        if self.broken:
            return
        self.broken = True
        for lane in (self.up, self.down):
            if not lane.hole:
                self.timeline.after(self.weather.delay(), self._tell, lane, reason)

    def swallow(self) -> None:
        """Let all bytes vanish from now on."""
        self.up.hole = self.down.hole = True

    def _tell(self, lane: Lane, reason: str) -> None:
        if lane.receiver is not None:
            lane.receiver.hear_end(reason)

    def let_go(self, end: End) -> None:
        """One end has closed its socket: it hears nothing more, the other gets the rest."""
        for lane in (self.up, self.down):
            if lane.receiver is end:
                lane.receiver = None
            if lane.sender is end:
                lane.sender = None
                lane.end()
