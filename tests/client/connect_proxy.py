"""A forward proxy that makes tunnels: a small server of its own, on real sockets."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSStream

BROKEN = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


@dataclass
class ConnectProxy:
    """What the proxy does, and what it was asked.

    Attributes:
        ports: the ports of this machine that stand for places, such as ``hub.example:443``.
        credentials: "user:password" that it wants; "": none.
        says: what it says instead of making a tunnel, whole; b"": it makes one.
        asked: the places that it was asked for.
        port: where it listens.
    """

    ports: dict[str, int] = field(default_factory=dict)
    credentials: str = ""
    says: bytes = b""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, stream: ByteStream) -> None:
        """Serve one client."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive()
        line, *rest = head.decode().split("\r\n")
        method, place, _ = line.split()
        assert method == "CONNECT"
        self.asked.append(place)
        if self.says:
            await stream.send(self.says)
            return
        lines = dict(each.split(": ", 1) for each in rest if each)
        assert lines["Host"] == place
        coded = base64.b64encode(self.credentials.encode()).decode()
        if self.credentials and lines.get("Proxy-Authorization") != f"Basic {coded}":
            await stream.send(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
            return
        async with await anyio.connect_tcp("127.0.0.1", self.ports[place]) as other:
            await stream.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.pump, other, stream, tasks.cancel_scope)
                await self.pump(stream, other, tasks.cancel_scope)

    async def pump(self, source: ByteStream, sink: ByteStream, over: anyio.CancelScope) -> None:
        try:
            while True:
                await sink.send(await source.receive())
        except BROKEN:
            over.cancel()


@asynccontextmanager
async def connect_proxy(
    ports: dict[str, int] | None = None,
    *,
    credentials: str = "",
    says: bytes = b"",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ConnectProxy]:
    """Run one."""
    proxy = ConnectProxy(ports or {}, credentials, says)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    proxy.port = listener.extra(SocketAttribute.local_port)

    async def serve(stream: ByteStream) -> None:
        try:
            if tls is not None:
                stream = await TLSStream.wrap(
                    stream, server_side=True, ssl_context=tls, standard_compatible=False
                )
            await proxy.serve(stream)
        except BROKEN:
            pass
        finally:
            await anyio.aclose_forcefully(stream)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        try:
            yield proxy
        finally:
            tasks.cancel_scope.cancel()
