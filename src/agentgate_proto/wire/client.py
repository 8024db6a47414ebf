"""The client's end of a WebSocket: the upgrade request, its answer, then masked frames."""

from __future__ import annotations

from random import Random

import h11
from wsproto import WSConnection
from wsproto import events as ws
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.utilities import RemoteProtocolError as WsRemoteError

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import Limits
from agentgate_proto.wire.events import Alive, Rejected, Upgraded, WireEvent
from agentgate_proto.wire.frames import MASKED, frame_head, masked
from agentgate_proto.wire.http1 import HEAD_END
from agentgate_proto.wire.refusals import (
    BODY_BYTES_MAX,
    NO_TLS,
    TLS_STARTS,
    has_body,
    refusal_of,
)
from agentgate_proto.wire.websocket import Wire

FINAL_STATUS_MIN = 200

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
        scheme: of the gateway's URL, to make another of where it has moved.

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
        scheme: str = "ws",
    ) -> None:
        super().__init__(WSConnection(ConnectionType.CLIENT), limits, masked=False)
        self.answer_headers: list[tuple[bytes, bytes]] = []
        self._masks = masks
        self._place = f"{scheme}://{host}", target
        self._rejected: Rejected | None = None  # the answer was no HTTP, or broke off
        self._answer: ws.RejectConnection | None = None  # whose body is still to come
        self._body = b""
        self._is_begun = False  # the answer
        self._head_end = b""  # what the answer ends with so far
        try:
            extra = [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]
            self.out += self._ws.send(ws.Request(host=host, target=target, extra_headers=extra))
        except (UnicodeError, h11.LocalProtocolError) as error:
            raise LocalProtocolError(f"no request can be made of this: {error}") from None

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the gateway."""
        if data and not self._is_begun:
            self._is_begun = True
            if data[0] in TLS_STARTS:
                self._rejected = Rejected(0, NO_TLS, is_final=True)
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
            return self.give_up()
        return event

    def give_up(self) -> Rejected | None:
        """Return what the answer was, as far as it has come; None: nothing is known of it yet.

        Must be called when no more of it will come, or is waited for.
        """
        if self._over or (self._answer is None and self._rejected is None):
            return None
        self._over = True
        if self._answer is None:
            return self._rejected
        return refusal_of(self._answer.status_code, self._answer.headers, self._body, *self._place)

    def _given_up(self) -> Rejected:
        rejected = self.give_up()
        assert rejected is not None, "there is an answer"
        return rejected

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
                self._answer = event
                return Alive() if has_body(event.headers) else self._given_up()
            case ws.RejectConnection():
                return Alive()  # 1xx: the answer is still to come (RFC 9110 section 15.2)
            case ws.RejectData(data=data, body_finished=is_whole):
                self._body += data[: BODY_BYTES_MAX - len(self._body)]
                is_enough = is_whole or len(self._body) == BODY_BYTES_MAX
                return self._given_up() if is_enough else Alive()
            case _:
                return super()._translate(event)
