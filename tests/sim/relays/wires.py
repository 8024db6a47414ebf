"""Sockets of people's programs: requests of plain HTTP one after another, or a WebSocket."""

from __future__ import annotations

from collections.abc import Callable

from tests.proto.byhand import parse_frames
from tests.proto.support import CLOSE, TEXT
from tests.sim.links import Link


class Wire:
    """One socket of a program.

    Args:
        dial: asks for it.
        greeting: what is sent when it is open.
        take: gets each body of an answer, or each text of a WebSocket.
        lost: is told why it is of no use any more, unless it was ended.
    """

    def __init__(
        self,
        dial: Callable[[Wire, int], None],
        greeting: bytes,
        take: Callable[[str], None],
        lost: Callable[[str], None],
    ) -> None:
        self.link: Link | None = None
        self.is_over = False
        self._greeting = greeting
        self._take = take
        self._bytes = b""
        self._is_framed = False
        self._lost = lost
        dial(self, 1)

    @property
    def process(self) -> Wire:
        """See :meth:`World._place_of`."""
        return self

    def dialed(self, link: Link, dial: int) -> None:
        """The socket is open, if it is still wanted."""
        if self.is_over:
            link.let_go(self)
            return
        self.link = link
        link.up.put(self._greeting)

    def dial_failed(self, why: str, dial: int) -> None:
        """Nobody is there."""
        self.hear_end(why)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if self.link is not None:
            self.link.up.put(data)

    def end(self) -> None:
        """Close it."""
        self.is_over = True
        if self.link is not None:
            self.link.let_go(self)

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self._bytes += data
        while not self.is_over and (self._frames() if self._is_framed else self._answer()):
            pass

    def hear_end(self, reason: str) -> None:
        """The socket is at its end."""
        if not self.is_over:
            self.end()
            self._lost(reason or "closed")

    def window_opens(self) -> None:
        """All is sent at once."""

    def _answer(self) -> bool:
        head, separator, rest = self._bytes.partition(b"\r\n\r\n")
        if not separator:
            return False
        status, *lines = head.decode().split("\r\n")
        code = int(status.split()[1])
        if code == 101:
            self._bytes, self._is_framed = rest, True
            return True
        lengths = [int(line[15:]) for line in lines if line.lower().startswith("content-length:")]
        size = lengths[0] if lengths else 0
        if len(rest) < size:
            return False
        self._bytes = rest[size:]
        if code == 200:
            self._take(rest[:size].decode())
        else:
            self.hear_end(f"HTTP {code}")
        return not self.is_over

    def _frames(self) -> bool:
        frames, self._bytes = parse_frames(self._bytes)
        for opcode, data in frames:
            if self.is_over:
                break
            if opcode == CLOSE:
                self.hear_end("closed by a frame")
            elif opcode == TEXT:
                self._take(data.decode())
        return False
