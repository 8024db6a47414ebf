"""A scripted gateway on real sockets: wsproto and json, and nothing of our own server.

A test either scripts it line by line (``peer = await gate.accept()``), or lets each connection run
a coroutine function (``gateway(obliging)``).
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.stapled import MultiListener
from anyio.streams.tls import TLSStream
from tests.held_ports import port_for
from wsproto import ConnectionType, WSConnection
from wsproto import events as ws

AUTHENTICATED = {
    "status": "authenticated",
    "principal": "robot",
    "role": "agent",
    "highest_id": 0,
    "epoch": "e1",
    "retention_s": 86_400.0,
}

BROKEN = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Gone(Exception):
    """The client has closed the connection, with this code (None: without a close frame)."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class Peer:
    """One client's connection: JSON messages in and out."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.target = ""
        self.headers: dict[str, str] = {}
        self.over = anyio.Event()
        self._ws = WSConnection(ConnectionType.SERVER)
        self._messages: list[dict[str, Any]] = []
        self._text = ""
        self._gone: Gone | None = None

    async def handshake(self) -> None:
        """Accept the upgrade. Raises Gone."""
        while not self.target:
            await self._read()
            if self._gone is not None:
                raise self._gone

    async def receive(self) -> dict[str, Any]:
        """Return the next message; pings are answered meanwhile. Raises Gone."""
        while not self._messages:
            if self._gone is not None:
                self.over.set()
                raise self._gone
            await self._read()
        return self._messages.pop(0)

    async def see_off(self) -> None:
        """Read what still comes, until the client has closed; it gets its close frame back."""
        while self._gone is None:
            await self._read()
        self.over.set()

    async def gone(self) -> int | None:
        """Wait until the client closes; return its close code."""
        try:
            unexpected = await self.receive()
        except Gone as gone:
            return gone.code
        raise AssertionError(f"not a close: {unexpected}")

    async def send(self, message: Any) -> None:
        await self.send_text(json.dumps(message))

    async def send_text(self, text: str) -> None:
        await self.stream.send(self._ws.send(ws.TextMessage(data=text)))

    async def answer(self, request: dict[str, Any], result: Any) -> None:
        await self.send({"jsonrpc": "2.0", "result": result, "id": request["id"]})

    async def executed(self, request: dict[str, Any], data: Any, seq: int = 0) -> None:
        """Answer a tool request with the tool's result."""
        await self.answer(
            request, {"status": "executed", "data": data} | ({"seq": seq} if seq else {})
        )

    async def fail(
        self, request: dict[str, Any], code: int, message: str, data: Any = None
    ) -> None:
        error = {"code": code, "message": message} | ({"data": data} if data else {})
        await self.send({"jsonrpc": "2.0", "error": error, "id": request["id"]})

    async def notify(self, method: str, params: Any) -> None:
        await self.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def authenticate(self, **result: Any) -> dict[str, Any]:
        """Take the auth request, accept it, and return its parameters."""
        request = await self.receive()
        assert request["method"] == "auth", request
        await self.answer(request, AUTHENTICATED | result)
        params: dict[str, Any] = request["params"]
        return params

    async def reconcile(self, pending: list[int], *rows: dict[str, Any]) -> None:
        """Take the get_pending_results that follows a reconnect, and answer it."""
        request = await self.receive()
        assert request["method"] == "get_pending_results", request
        await self.answer(request, {"results": list(rows), "pending": pending})

    async def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake, and see it through."""
        await self.stream.send(self._ws.send(ws.CloseConnection(code=code, reason=reason)))
        await self.see_off()

    def cut(self) -> None:
        """Break the connection, without a goodbye: the client gets a TCP reset."""
        raw = self.stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.over.set()

    async def _read(self) -> None:
        try:
            self._ws.receive_data(await self.stream.receive())
        except BROKEN:
            self._gone = self._gone or Gone(None)
            return
        for event in self._ws.events():
            match event:
                case ws.Request():
                    self.target = event.target
                    self.headers = {
                        name.decode(): value.decode() for name, value in event.extra_headers
                    } | {"host": event.host}
                    await self.stream.send(self._ws.send(ws.AcceptConnection()))
                case ws.TextMessage():
                    self._text += event.data
                    if event.message_finished:
                        self._messages.append(json.loads(self._text))
                        self._text = ""
                case ws.Ping() if self._ws.state.name == "OPEN":
                    with suppress(*BROKEN):
                        await self.stream.send(self._ws.send(event.response()))
                case ws.CloseConnection():
                    self._gone = Gone(event.code)
                    if self._ws.state.name == "REMOTE_CLOSING":
                        with suppress(*BROKEN):
                            await self.stream.send(self._ws.send(event.response()))
                case _:
                    pass


Script = Callable[[Peer], Awaitable[None]]
RawScript = Callable[[ByteStream], Awaitable[None]]


class Keeper:
    """Its life is the time for which a port is ours."""


class Gateway:
    """A listening socket on the loopback interface.

    Attributes:
        url: where a client connects to.
        port: its TCP port.
        connections: how many were accepted so far.
        statuses: HTTP statuses with which the next connections are turned away, in this order.
    """

    def __init__(
        self, listener: MultiListener[SocketStream], keeper: Keeper, *, secure: bool
    ) -> None:
        self.keeper = keeper
        port = listener.extra(SocketAttribute.local_port)
        self.accepting = anyio.CancelScope()
        self.refusing = anyio.Event()
        self.port = port
        self.url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}"
        self.connections = 0
        self.statuses: list[str] = []

        self.send_peer, self.peers = anyio.create_memory_object_stream[Peer](100)

    async def stop_listening(self) -> None:
        """Refuse further connections."""
        self.accepting.cancel()
        await self.refusing.wait()

    async def accept(self) -> Peer:
        """Return the next client, after the WebSocket handshake."""
        return await self.peers.receive()

    async def accept_authenticated(self, **result: Any) -> Peer:
        """Return the next client, after auth."""
        peer = await self.accept()
        await peer.authenticate(**result)
        return peer


@asynccontextmanager
async def gateway(
    script: Script | None = None,
    *,
    raw: RawScript | None = None,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Gateway]:
    """Listen.

    Args:
        script: run for each connection; without it they are for ``accept``.
        raw: run for each connection instead, before any handshake.
        port: 0: a free one, which nobody else gets as long as there is this ``Gateway``.
        tls: to speak TLS with.
    """
    keeper = Keeper()
    port = port or port_for(keeper)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    gate = Gateway(listener, keeper, secure=tls is not None)

    async def serve(stream: ByteStream) -> None:
        gate.connections += 1
        try:
            if raw is not None or gate.statuses:
                await (raw or http_reply(gate.statuses.pop(0)))(stream)
                return
            if tls is not None:
                stream = await TLSStream.wrap(
                    stream, server_side=True, ssl_context=tls, standard_compatible=False
                )
            peer = Peer(stream)
            await peer.handshake()
            if script is not None:
                await script(peer)
            else:
                gate.send_peer.send_nowait(peer)
                await peer.over.wait()
        except (Gone, *BROKEN):
            pass
        finally:
            await anyio.aclose_forcefully(stream)

    async def accept_all() -> None:
        with gate.accepting:
            await listener.serve(serve, tasks)
        await listener.aclose()
        gate.refusing.set()

    async with listener, gate.send_peer, gate.peers, anyio.create_task_group() as tasks:
        tasks.start_soon(accept_all)
        try:
            yield gate
        finally:
            tasks.cancel_scope.cancel()


async def obliging(peer: Peer) -> None:
    """A script: accept any token, run any tool; its result says what was asked."""
    await peer.authenticate()
    while True:
        request = await peer.receive()
        match request["method"]:
            case "tool_request":
                await peer.executed(request, request["params"])
            case "get_pending_results":
                await peer.answer(request, {"results": [], "pending": []})
            case "ack":
                pass
            case _:
                await peer.fail(request, -32601, "Method not found")


def http_reply(status_line: str) -> RawScript:
    """A raw script: answer the opening request with this status instead of an upgrade."""

    async def reply(stream: ByteStream) -> None:
        await stream.receive()
        text = f"HTTP/1.1 {status_line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        await stream.send(text.encode())
        await stream.receive()

    return reply


async def hang_up(stream: ByteStream) -> None:
    """A raw script: close at once."""


async def say_nothing(stream: ByteStream) -> None:
    """A raw script: take everything and never answer."""
    while True:
        await stream.receive()
