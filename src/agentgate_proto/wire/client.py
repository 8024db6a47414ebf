"""The client's end of a WebSocket: the upgrade request, its answer, then masked frames."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import h11
from wsproto import WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.utilities import RemoteProtocolError as WsRemoteError

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import RETRY_AFTER_MAX_S, Limits
from agentgate_proto.wire.events import Alive, Rejected, Upgraded, WireEvent
from agentgate_proto.wire.frames import MASKED, frame_head, masked
from agentgate_proto.wire.heads import REASON_HEADER
from agentgate_proto.wire.http1 import HEAD_END
from agentgate_proto.wire.websocket import Wire

FINAL_STATUS_MIN = 200

NO_REASON = "the server answered without an upgrade"

PAUSE_DIGITS_MAX = 9
"""Of a pause in seconds: the first of them are more than a client waits."""

REASON_CHARS_MAX = 300
"""Of what a gateway says of its refusal; whoever sent it need not be one."""

HEAD_END_BYTES = 3
"""Of what ``HEAD_END`` matches, at most."""

BAD_HANDSHAKE = (WsRemoteError, h11.RemoteProtocolError, UnicodeError)


class ClientWire(Wire):
    """See the module; the upgrade request is sent at once.

    Args:
        host: the Host header, with a port where it is not the scheme's own.
        target: path and query.
        headers: further headers for the request, such as a proxy's authorization.
        limits: caps for what the gateway sends.
        masks: where the masks of frames come from, which nobody may foresee (RFC 6455 section
            10.3): in earnest a ``random.SystemRandom``.

    Attributes:
        answer_headers: of the answer to the upgrade request, names in lower case; none before it.

    Raises:
        LocalProtocolError: host, target or headers cannot be sent as they are.
    """

    def __init__(
        self,
        host: str,
        target: str,
        headers: list[tuple[str, str]],
        limits: Limits,
        masks: Random,
    ) -> None:
        super().__init__(WSConnection(ConnectionType.CLIENT), limits, masked=False)
        self.answer_headers: list[tuple[bytes, bytes]] = []
        self._masks = masks
        self._rejected: Rejected | None = None
        self._head_end = b""  # what the answer ends with so far
        try:
            extra = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
            self.out += self._ws.send(ws.Request(host=host, target=target, extra_headers=extra))
        except (UnicodeError, h11.LocalProtocolError) as error:
            raise LocalProtocolError(f"no request can be made of this: {error}") from None

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the gateway."""
        while data and not self.opened and self._rejected is None and not self._over:
            data = self._read_head(data)
        if self.opened:
            super().receive_data(data)

    def _read_head(self, data: bytes) -> bytes:
        """Give the answer to wsproto up to the end of its head; return the frames after it."""
        before = len(self._head_end)
        seen = self._head_end + data
        found = HEAD_END.search(seen)
        size = found.end() - before if found is not None else len(data)
        self._head_end = b"" if found is not None else seen[1 - HEAD_END_BYTES :]
        try:
            self._feed(data[:size])
        except BAD_HANDSHAKE as error:
            self._rejected = Rejected(0, f"the answer is no WebSocket handshake: {error}")
        self.opened = self._ws.state is ConnectionState.OPEN
        return data[size:]

    def next_event(self) -> WireEvent | None:
        """Return the next event; see :meth:`Wire.next_event`."""
        event = super().next_event()
        if event is None and self._rejected is not None and not self._over:
            self._over = True
            return self._rejected
        return event

    def _put_frame(self, first: int, payload: bytes) -> None:
        key = self._masks.randbytes(4)
        self.out += frame_head(first, len(payload), MASKED)
        self.out += key
        self.out += masked(payload, key)

    def _translate(self, event: ws.Event) -> WireEvent:
        match event:
            case ws.AcceptConnection(extra_headers=headers):
                self.answer_headers = [(name.lower(), value) for name, value in headers]
                return Upgraded()
            case ws.RejectConnection(status_code=status) if status >= FINAL_STATUS_MIN:
                self._over = True
                return Rejected(status, reason_in(event.headers), pause_in(event.headers))
            case ws.RejectConnection():
                return Alive()  # 1xx: the answer is still to come (RFC 9110 section 15.2)
            case _:
                return super()._translate(event)


def pause_in(headers: Iterable[tuple[bytes, bytes]]) -> float:
    """Return the seconds of ``Retry-After`` (RFC 9110 section 10.2.3); 0.0: none. A date says
    nothing to who has no clock."""
    for name, value in headers:
        if name.lower() == b"retry-after" and value.isdigit():
            return min(float(value[:PAUSE_DIGITS_MAX]), RETRY_AFTER_MAX_S)
    return 0.0


def reason_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return why a gateway refuses; others say nothing that a person should be shown."""
    for name, value in headers:
        text = value.decode("ascii", "replace")
        if name.lower() == REASON_HEADER and text.isprintable():
            return text[:REASON_CHARS_MAX]
    return NO_REASON
