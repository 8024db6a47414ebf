"""A network that breaks when the test says so: a proxy whose connections can be cut at once."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketAttribute, SocketStream

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of nothing: what is closed so is reset, as by a network that is gone."""


class CuttingProxy:
    """Passes bytes on to a gateway, until it cuts.

    Attributes:
        port: where it listens.
        cuts: connections that it has cut.
        is_down: it lets nobody through.
        target: the port that it passes on to.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.cuts = 0
        self.is_down = False
        self.target = target
        self._pairs: dict[anyio.CancelScope, tuple[SocketStream, SocketStream]] = {}

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Reset all connections, in the midst of whatever they were at."""
        for scope, pair in list(self._pairs.items()):
            self.cuts += 1
            for stream in pair:
                raw = stream.extra(SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            scope.cancel()

    async def serve(self, client: SocketStream) -> None:
        async with client:
            if self.is_down:
                return
            try:
                gateway = await anyio.connect_tcp("127.0.0.1", self.target)
            except OSError:
                return
            async with gateway, anyio.create_task_group() as tasks:
                self._pairs[tasks.cancel_scope] = client, gateway
                try:
                    tasks.start_soon(self._pass_on, client, gateway, tasks.cancel_scope)
                    await self._pass_on(gateway, client, tasks.cancel_scope)
                finally:
                    del self._pairs[tasks.cancel_scope]

    async def _pass_on(
        self, source: SocketStream, sink: SocketStream, scope: anyio.CancelScope
    ) -> None:
        try:
            async for data in source:
                await sink.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        scope.cancel()


@asynccontextmanager
async def cutting_proxy(target: int) -> AsyncIterator[CuttingProxy]:
    """Run a proxy in front of a port of this machine."""
    proxy = CuttingProxy(target)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        proxy.port = listener.extra(SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, proxy.serve)
            yield proxy
            tasks.cancel_scope.cancel()
