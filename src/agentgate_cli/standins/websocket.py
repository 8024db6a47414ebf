"""The server's end of a WebSocket for stand-ins, on wsproto."""

from __future__ import annotations

import anyio
import wsproto
from anyio.abc import SocketStream
from wsproto import events

from agentgate_cli.standins.http_server import READ_BYTES, HttpRequest


class WebSocket:
    """One connection, text messages only. Make it by ``accept``."""

    def __init__(self, stream: SocketStream) -> None:
        self._stream = stream
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
        self._lock = anyio.Lock()
        self._part = ""

    @classmethod
    async def accept(cls, stream: SocketStream, request: HttpRequest, data: bytes) -> WebSocket:
        """Answer the request for an upgrade.

        Args:
            stream: the connection.
            request: what has come on it.
            data: what has come behind that.
        """
        socket = cls(stream)
        headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
        socket._ws.initiate_upgrade_connection(headers, request.target)
        await socket._send(events.AcceptConnection())
        if data:
            socket._ws.receive_data(data)
        return socket

    async def receive(self) -> str | None:
        """Wait for the next message; None: the client has left."""
        while True:
            for event in self._ws.events():
                match event:
                    case events.TextMessage():
                        self._part += event.data
                        if event.message_finished:
                            text, self._part = self._part, ""
                            return text
                    case events.Ping():
                        await self._send(event.response())
                    case events.CloseConnection():
                        await self._send(event.response())
                        return None
            try:
                self._ws.receive_data(await self._stream.receive(READ_BYTES))
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return None

    async def send(self, text: bytes) -> None:
        """Send a message; one that can't be sent is nobody's loss."""
        await self._send(events.TextMessage(data=text.decode()))

    async def close(self) -> None:
        """Close it."""
        await self._send(events.CloseConnection(code=1000))

    async def _send(self, event: events.Event) -> None:
        async with self._lock:
            try:
                await self._stream.send(self._ws.send(event))
            except (
                anyio.BrokenResourceError,
                anyio.ClosedResourceError,
                wsproto.utilities.LocalProtocolError,
            ):
                return
