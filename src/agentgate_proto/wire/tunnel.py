"""A tunnel through an HTTP proxy: ``CONNECT`` and its answer (RFC 9110 section 9.3.6).

Send ``data_to_send``; feed what comes until ``next_event`` says how it went. After ``TunnelOpen``
the socket is the other end's, and this machine is done.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

import h11
import msgspec

from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.wire.refusals import BODY_BYTES_MAX, piece_of

HEAD_BYTES_MAX: Final = 16_384
"""Of a proxy's answer; it has a line or a few."""

WANTS_CREDENTIALS: Final = 407

PASSING: Final = frozenset({408, 425, 429})
"""Statuses of 4xx that may pass by themselves."""

CLIENT_ERRORS: Final = range(400, 500)
GOOD: Final = range(200, 300)


class TunnelOpen(msgspec.Struct, frozen=True):
    """The proxy has connected us: what is sent from now on goes to the other end."""


class TunnelRefused(msgspec.Struct, frozen=True):
    """There is no tunnel.

    Attributes:
        reason: what the proxy says, for people.
        status: of HTTP; 0: what answers is no HTTP proxy.
        is_final: the same question will always meet the same.
    """

    reason: str
    status: int = 0
    is_final: bool = False


TunnelEvent = TunnelOpen | TunnelRefused


class Tunnel:
    """One attempt; see the module.

    Args:
        authority: host and port of the other end, an IPv6 address in brackets.
        credentials: "user:password"; "": none.

    Raises:
        LocalProtocolError: the authority can't be sent.
    """

    def __init__(self, authority: str, credentials: str = "") -> None:
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        headers = [("Host", authority)]
        if credentials:
            coded = b64encode(credentials.encode()).decode()
            headers.append(("Proxy-Authorization", f"Basic {coded}"))
        try:
            head = h11.Request(method="CONNECT", target=authority, headers=headers)
            self._out = (self._h11.send(head) or b"") + (self._h11.send(h11.EndOfMessage()) or b"")
        except (UnicodeError, h11.LocalProtocolError) as error:
            raise LocalProtocolError(f"no CONNECT can be made of this: {error}") from None
        self._has_credentials = bool(credentials)
        self._refusal: h11.Response | None = None
        self._body = b""
        self._ended = self._over = False

    def data_to_send(self) -> bytes:
        """Take the request; all of it must be sent."""
        out, self._out = self._out, b""
        return out

    def receive_data(self, data: bytes) -> None:
        """Store bytes from the proxy."""
        if data and not self._over and not self._ended:
            self._h11.receive_data(data)

    def receive_eof(self) -> None:
        """Take note that the proxy will send nothing more."""
        if not self._over and not self._ended:
            self._ended = True
            self._h11.receive_data(b"")

    def next_event(self) -> TunnelEvent | None:
        """Return how it went, once; None: more bytes are needed."""
        while not self._over:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                return self._end(self._broken_off(error))
            match event:
                case h11.NEED_DATA:
                    return None
                case h11.Response(status_code=status) if status in GOOD:
                    return self._end(self._opened())
                case h11.Response():
                    self._refusal = event
                case h11.Data(data=data):
                    self._body += data[: BODY_BYTES_MAX - len(self._body)]
                    if len(self._body) == BODY_BYTES_MAX:
                        return self._end(self._refused())
                case h11.EndOfMessage():
                    return self._end(self._refused())
                case _:
                    pass  # 1xx
        return None

    def _end(self, event: TunnelEvent) -> TunnelEvent:
        self._over = True
        return event

    def _opened(self) -> TunnelEvent:
        """The other end waits for us to speak: what comes before that is not from there."""
        if self._h11.trailing_data[0]:
            return TunnelRefused("it said more than that there is a tunnel", is_final=True)
        return TunnelOpen()

    def _broken_off(self, error: h11.RemoteProtocolError) -> TunnelRefused:
        if self._refusal is not None:
            return self._refused()
        if self._ended:
            return TunnelRefused("it hung up without an answer")
        return TunnelRefused(f"what answers there is no HTTP proxy: {error}")

    def _refused(self) -> TunnelRefused:
        assert self._refusal is not None, "it came before its body"
        status = self._refusal.status_code
        is_final = status in CLIENT_ERRORS and status not in PASSING
        if status == WANTS_CREDENTIALS:
            wants = "takes other credentials" if self._has_credentials else "wants credentials"
            text = f"it {wants} (HTTP 407): write http://user:password@host:port"
            return TunnelRefused(text, status, is_final)
        text = f"it refuses: {status} {piece_of(self._refusal.reason)}".rstrip()
        piece = piece_of(self._body)
        return TunnelRefused(f'{text}: "{piece}"' if piece else text, status, is_final)
