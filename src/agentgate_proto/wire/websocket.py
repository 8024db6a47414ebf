"""WebSocket (RFC 6455) after the opening handshake: bytes to wire events and back.

Both ends wrap wsproto, past which only the commonest frames go (``frames``). What it leaves open is
closed here: messages are joined from partial events and bounded in size and in fragments, pings are
answered, and a parse failure (which wsproto reports as if the peer had closed) is told from a real
close. permessage-deflate is never negotiated: inflation could not be bounded from outside wsproto.

``receive_data`` only stores; everything happens in ``next_event``, one event at a time. After the
last one (``Close``, ``Rejected`` or an error) input is dropped and nothing more comes.

The two ends, each with its half of the handshake, are in ``client_wire`` and ``server_wire``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wsproto import WSConnection
from wsproto import events as ws
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState
from wsproto.utilities import LocalProtocolError as WsLocalError

from agentgate_proto.errors import ConnectionClosedError, RemoteProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.events import (
    Alive,
    Binary,
    Close,
    Pong,
    Text,
    WireEvent,
)
from agentgate_proto.wire.frames import (
    BINARY_FRAME,
    CONTROL,
    FIN,
    PING_FRAME,
    PONG_FRAME,
    TEXT_FRAME,
    frame_head,
    measured,
    whole_frame,
)

NORMAL_CLOSURE = 1000
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
INVALID_DATA = 1007
MESSAGE_TOO_BIG = 1009

UTF8_BYTES_MAX = 4
"""Of one character."""

BEGUN_MAX = 65_536
"""Of a frame of which the peer has a part, what it is still sent when it takes too little."""

NOT_UTF8 = "text that is not UTF-8"


class Wire:
    """Frames after the opening handshake; the same for both ends.

    Args:
        parser: wsproto's end, which may do the handshake too.
        limits: caps for what the peer sends.
        masked: whether the peer masks its frames.

    Attributes:
        out: the queued output.
        opened: the opening handshake is complete.
        takes_binary: binary messages are spoken here; without, the first of them is the end.
        message_bytes_max: of one message at this time.
        until: when that will be more, in words, or "".
    """

    def __init__(self, parser: WSConnection | Frames, limits: Limits, *, masked: bool) -> None:
        self.limits = limits
        self.out = bytearray()
        self.opened = False
        self.takes_binary = False
        self.message_bytes_max = limits.message_bytes_max
        self.until = ""
        self._ws = parser
        self._takes_masked = masked
        self._input = b""
        self._at = 0  # what comes before has been read
        self._owed = 0  # bytes of the frame under way that wsproto has not been given
        self._events: Iterator[ws.Event] | None = None  # None: wsproto has nothing to tell
        self._fragmented = False
        self._message = bytearray()
        self._fragments = 0
        self._over = False
        self._begun = 0  # bytes at the front of the output that are no whole frame

    @property
    def partial_bytes(self) -> int:
        """How much has come of a message that is not whole yet."""
        return len(self._message)

    def data_to_send(self, bytes_max: int | None = None) -> bytes:
        """Take the queued output, or as much of it. The caller must send it all, in this order."""
        out = self.out
        if not out:
            return b""
        if bytes_max is None or len(out) <= bytes_max:
            data = bytes(out)
            out.clear()
            self._begun = 0
            return data
        if self.opened:
            self._begun = self._frames_end(bytes_max) - bytes_max
        data = bytes(out[:bytes_max])
        del out[:bytes_max]
        return data

    def drop_output(self) -> bool:
        """Drop the queued output, but for the rest of a frame that is on its way; return whether
        another frame may follow. It may not where that rest is large, and dropped as well."""
        if self._begun > BEGUN_MAX:
            self.out.clear()
            return False
        del self.out[self._begun :]
        return True

    def _frames_end(self, at_least: int) -> int:
        """Return where the first whole frame ends in the output that does not end before that."""
        end = self._begun
        while end < at_least:
            size = measured(self.out, end)
            assert size is not None, "what is queued are whole frames"
            end += size
        return end

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the peer."""
        if not self._over:
            self._input = self._input[self._at :] + data
            self._at = 0

    def forget_input(self) -> None:
        """Drop what was not read: nobody will."""
        self._input, self._at = b"", 0
        self._message.clear()

    def next_event(self) -> WireEvent | None:
        """Return the next event, or None: more bytes are needed.

        Raises:
            RemoteProtocolError: the peer broke the protocol or a limit; nothing more will come.
        """
        try:
            while not self._over:
                if self._events is not None:
                    event = next(self._events, None)
                    if event is not None:
                        return self._translate(event)
                    self._events = None
                if self._at == len(self._input):
                    self._input, self._at = b"", 0  # a large read is not kept for its last byte
                    return None
                if not self._owed:
                    whole = self._whole_frame()
                    if whole is not None:
                        return whole
                    if not self._begin_frame():
                        return None
                piece = self._input[self._at : self._at + self._owed]
                self._at += len(piece)
                self._owed -= len(piece)
                self._feed(piece)
        except RemoteProtocolError:
            self._over = True
            raise
        return None

    def _whole_frame(self) -> WireEvent | None:
        """Take a common frame past wsproto, if all of it is there."""
        whole = whole_frame(self._input, self._at, is_masked=self._takes_masked)
        if whole is None:
            return None
        first, payload, end = whole
        if first == TEXT_FRAME and (self._fragmented or len(payload) > self.message_bytes_max):
            return None  # wsproto and _join say what is wrong with it
        self._at = end
        if first == PING_FRAME:
            return self._pinged(payload)
        if first == PONG_FRAME:
            return Pong(payload)
        try:
            return Text(payload.decode())
        except UnicodeDecodeError:
            raise RemoteProtocolError(NOT_UTF8, INVALID_DATA) from None

    def _begin_frame(self) -> bool:
        """Find out how much of the input wsproto is to get; False: that cannot be said yet."""
        size = measured(self._input, self._at)
        if size is None:
            return False
        self._owed = size
        first = self._input[self._at]
        if not first & CONTROL:
            self._fragmented = not first & FIN
        return True

    def _feed(self, data: bytes) -> None:
        """Give bytes to wsproto; to it, no data is the end of the input."""
        self._events = self._ws.events()
        self._ws.receive_data(data)

    def send_text(self, text: bytes) -> None:
        """Queue a text message; ``text`` is UTF-8.

        Raises:
            ConnectionClosedError: a close frame went out or came in before.
        """
        self._send_frame(TEXT_FRAME, text)

    def send_binary(self, data: bytes) -> None:
        """Queue a binary message. Raises ConnectionClosedError as ``send_text``."""
        self._send_frame(BINARY_FRAME, data)

    def send_ping(self, payload: bytes) -> None:
        """Queue a ping with up to 125 bytes. Raises ConnectionClosedError as ``send_text``."""
        self._send_frame(PING_FRAME, payload)

    def send_close(self, code: int, reason: str) -> None:
        """Queue a close frame; a reason over 123 bytes is cut by wsproto."""
        self._send(ws.CloseConnection(code=code, reason=reason))

    def _send_frame(self, first: int, payload: bytes) -> None:
        """Queue a common frame."""
        if not self.opened or self._ws.state is not ConnectionState.OPEN:
            raise self._not_open()
        if first == TEXT_FRAME:
            payload.decode()  # what is not UTF-8 would cost the peer its connection
        self._put_frame(first, payload)

    def _put_frame(self, first: int, payload: bytes) -> None:
        """Write a frame as this end does."""
        self.out += frame_head(first, len(payload))
        self.out += payload

    def _pinged(self, payload: bytes) -> Alive:
        """Answer a ping, though a flood need not be answered ping by ping (section 5.5.3)."""
        room = len(self.out) < self.limits.queued_bytes_max
        if room and self._ws.state is ConnectionState.OPEN:
            self._send_frame(PONG_FRAME, payload)
        return Alive()

    def _send(self, event: ws.Event) -> None:
        if not self.opened:
            raise self._not_open()
        try:
            self.out += self._ws.send(event)
        except WsLocalError:  # its text would quote the whole message
            raise self._not_open() from None

    def _not_open(self) -> ConnectionClosedError:
        state = self._ws.state.name.lower() if self.opened else "connecting"
        return ConnectionClosedError(f"the WebSocket is {state}")

    def _translate(self, event: ws.Event) -> WireEvent:
        match event:
            case ws.TextMessage():
                return self._join(event, event.data)
            case ws.BytesMessage() if self.takes_binary:
                return self._join(event, bytes(event.data))
            case ws.Ping():
                return self._pinged(bytes(event.payload))
            case ws.Pong():
                return Pong(bytes(event.payload))
            case ws.CloseConnection():
                return self._closed_by(event)
            case _:
                raise RemoteProtocolError("binary messages are not spoken here", UNSUPPORTED_DATA)

    def _join(self, event: ws.Message[Any], data: str | bytes) -> Text | Binary | Alive:
        """Add a part to the message under way; bound it before it is whole."""
        alone = event.message_finished and event.frame_finished and not self._fragments
        small = len(data) * UTF8_BYTES_MAX <= self.message_bytes_max
        if alone and small and not self._message:
            return Text(data) if isinstance(data, str) else Binary(data)
        # many small parts as text would take far more
        self._message += data.encode() if isinstance(data, str) else data
        self._fragments += event.frame_finished
        if len(self._message) > self.message_bytes_max:
            raise RemoteProtocolError(
                f"message over {self.message_bytes_max} bytes{self.until}", MESSAGE_TOO_BIG
            )
        if self._fragments > self.limits.fragments_max:
            raise RemoteProtocolError(
                f"message in over {self.limits.fragments_max} fragments", MESSAGE_TOO_BIG
            )
        if not event.message_finished:
            return Alive()
        whole = bytes(self._message)
        self._message.clear()
        self._fragments = 0
        return Text(whole.decode()) if isinstance(data, str) else Binary(whole)

    def _closed_by(self, event: ws.CloseConnection) -> Close:
        if self._ws.state in (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING):
            reason = event.reason or "malformed frame"
            if event.code == INVALID_DATA:  # wsproto's names a place that depends on the reads
                reason = NOT_UTF8
            raise RemoteProtocolError(reason, int(event.code))
        self._over = True
        if self._ws.state is ConnectionState.REMOTE_CLOSING:
            code = NORMAL_CLOSURE if event.code == NO_STATUS else event.code
            self._send(ws.CloseConnection(code=code, reason=""))
        return Close(int(event.code), event.reason or "")
