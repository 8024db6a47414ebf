"""One connection of a client under test: its frames are checked, and put together to messages.

Pings are answered, pongs and times are noted. Nothing here knows what messages mean.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from agentgate_cli.conformance import frames
from agentgate_cli.conformance.frames import Frame, Wire
from agentgate_cli.conformance.listen.broken import Broken, Faults

CONTROL_BYTES_MAX = 125
MASKS = 8
"""How many frames tell whether the masking key is a fresh one each time."""


class Closed(NamedTuple):
    """The client's close frame came, or (``code`` 1006) the end of the socket without one."""

    code: int


class Ponged(NamedTuple):
    """A pong came; ``Link.pongs`` has it."""


class Link:
    """See the module.

    Args:
        wire: the WebSocket, open.
        faults: what was told already.

    Attributes:
        pongs: payloads of the pongs that came.
        pings: when the client pinged, in monotonic seconds.
        heard_at: when the last frame came.
        closed: how the client closed it, once it has.
        is_mute: pings are not answered.
    """

    def __init__(self, wire: Wire, faults: Faults) -> None:
        self.wire = wire
        self.pongs: list[bytes] = []
        self.pings: list[float] = []
        self.heard_at = time.monotonic()
        self.closed: Closed | None = None
        self.is_mute = False
        self._faults = faults
        self._ahead: Frame | None = None
        self._parts: list[bytes] | None = None
        self._masks: list[bytes] = []

    def ends(self) -> bool:
        """Whether the client has sent a close frame, or is gone; ``read`` will tell so."""
        if self._ahead is None:
            self._ahead = self.wire.receive(0.0)
        return self._ahead is not None and self._ahead.opcode == frames.CLOSE

    def read(self, within_s: float) -> str | Ponged | Closed | None:
        """Return the text of the next message, or what came else; None: nothing in time.

        Raises:
            Broken: a frame breaks RFC 6455, or is none that is spoken here.
        """
        until = time.monotonic() + within_s
        while True:
            frame = self._ahead or self.wire.receive(max(until - time.monotonic(), 0.0))
            self._ahead = None
            if frame is None:
                return None
            if frame is not frames.GONE:
                self.heard_at = time.monotonic()
                self._check(frame)
            match frame.opcode:
                case frames.PING:
                    self.pings.append(self.heard_at)
                    if not self.is_mute:
                        self.wire.send(frames.PONG, frame.payload)
                case frames.PONG:
                    self.pongs.append(frame.payload)
                    return Ponged()
                case frames.CLOSE:
                    self.closed = Closed(frame.close_code)
                    return self.closed
                case _:
                    if (text := self._joined(frame)) is not None:
                        return text

    def _joined(self, frame: Frame) -> str | None:
        """Return the message that this frame ends, or None: more follows."""
        if frame.opcode not in (frames.TEXT, frames.CONTINUATION):
            raise Broken(f"a frame with opcode {frame.opcode}, which is not spoken here", "T5")
        if (frame.opcode == frames.TEXT) != (self._parts is None):
            raise Broken("the fragments of a message do not fit each other", "T8")
        self._parts = [*(self._parts or ()), frame.payload]
        if not frame.fin:
            return None
        body, self._parts = b"".join(self._parts), None
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise Broken(f"what the client sent is no UTF-8: {error}", "T12") from None

    def _check(self, frame: Frame) -> None:
        """Look at a frame as RFC 6455 sections 5.1 to 5.5 have it."""
        if not frame.mask:
            self._faults.tell("mask", "a frame of the client is not masked", "T2")
        if frame.reserved:
            raise Broken("a frame has a reserved bit, though no extension was agreed on", "T1")
        if frame.opcode >= frames.CLOSE and (
            not frame.fin or len(frame.payload) > CONTROL_BYTES_MAX
        ):
            raise Broken("a control frame is in fragments, or too long", "T8")
        self._masks.append(frame.mask)
        if len(self._masks) == MASKS and len(set(self._masks)) == 1:
            self._faults.tell("mask", "all frames have the same masking key", "T2")
