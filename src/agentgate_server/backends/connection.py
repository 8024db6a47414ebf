"""One connection to a server: requests go over it one after the other, read and written by h11.

It carries another request only if nobody can doubt where the last answer ended. Servers send bodies
that they must not send (after 204, 304, HEAD) or say a length that is too short; what is left on
the wire would be taken for the beginning of the next answer, and a request that was done would look
as if it had failed, or be answered with what another one asked for. So a connection is used again
only if nothing is left of an answer, the answer announced no body that it can't have, and nothing
has come in since.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Iterable
from http import HTTPStatus
from typing import Final

import h11
import httpcore2

READ_BYTES: Final = 1_048_576
"""Bytes that are read at once: more than an event loop hands over, so that it keeps nothing back
that would be seen too late."""

HEAD_BYTES_MAX: Final = 102_400
"""Bytes of an answer's head, or of its trailer."""

BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
"""Statuses whose answers have no body (RFC 9112, section 6.3)."""

Lines = Iterable[tuple[bytes, bytes]]


class Connection:
    """One connection. Nothing here waits longer than its caller lets it.

    Attributes:
        idle_since: when its last answer ended, in monotonic seconds of the event loop.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        """Take an open stream, with its TLS if there is any."""
        self.stream = stream
        self.idle_since = 0.0
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._method = b""
        self._clear = True

    def request(self, method: bytes, target: bytes, lines: Lines, content: bytes) -> bytes:
        """Return the bytes of a request; ``write`` them, or close the connection.

        Raises:
            h11.LocalProtocolError: it has what can't be written.
        """
        self._method = method
        head = h11.Request(method=method, target=target, headers=list(lines))
        data = self._h11.send(head) or b""
        data += (content and self._h11.send(h11.Data(data=content))) or b""
        return data + (self._h11.send(h11.EndOfMessage()) or b"")

    async def write(self, data: bytes) -> None:
        """Send the bytes of a request. That it can't be sent to its end is no error yet: a server
        may answer before it has read all, and close."""
        try:
            await self.stream.write(data)
        except httpcore2.WriteError:
            self._clear = False

    async def head(self) -> h11.Response:
        """Wait for the head of the answer.

        Raises:
            h11.RemoteProtocolError: what came is no answer, or there is none.
            httpcore2.NetworkError, ssl.SSLError: the connection broke.
        """
        while True:
            match await self._next_event():
                case h11.Response() as response:
                    self._clear = self._clear and not self._announces_too_much(response)
                    return response

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield the body of the answer, as it comes.

        Raises:
            h11.RemoteProtocolError: it breaks off, or its framing is wrong.
            httpcore2.NetworkError, ssl.SSLError: the connection broke.
        """
        while True:
            match await self._next_event():
                case h11.Data(data=data):
                    yield bytes(data)
                case h11.EndOfMessage():
                    return

    def end_cycle(self, now: float) -> bool:
        """Make ready for the next request; return whether there can be one. If not, close it.

        Args:
            now: monotonic seconds of the event loop.
        """
        states = {self._h11.our_state, self._h11.their_state}
        if states != {h11.DONE} or self._h11.trailing_data != (b"", False) or not self._clear:
            return False
        self._h11.start_next_cycle()
        self.idle_since = now
        return True

    def is_quiet(self) -> bool:
        """Whether nothing has come in while it was idle: no bytes, and no end."""
        if self.stream.get_extra_info("is_readable"):
            return False
        tls = self.stream.get_extra_info("ssl_object")
        if tls is None:
            return True
        try:  # what came in one packet with the answer, in a TLS record of its own, is off the wire
            tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except ssl.SSLError:
            return False
        return False

    async def aclose(self) -> None:
        """Close it, whatever it was doing."""
        await self.stream.aclose()

    def _announces_too_much(self, response: h11.Response) -> bool:
        """Whether an answer that has no body says that it has one: the server may send it."""
        if self._method != b"HEAD" and response.status_code not in BODILESS:
            return False
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
            for name, value in response.headers
        )

    async def _next_event(self) -> object:
        while (event := self._h11.next_event()) is h11.NEED_DATA:
            data = await self.stream.read(READ_BYTES)
            if not data and self._h11.their_state is h11.SEND_RESPONSE:
                raise h11.RemoteProtocolError("Server disconnected without an answer")
            self._h11.receive_data(data)
        return event
