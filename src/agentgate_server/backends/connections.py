"""The connections to one backend: at most so many, each lent to one request at a time."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import httpcore2

from agentgate_server.backends.connection import Connection
from agentgate_server.backends.dialling import Dialler
from agentgate_server.backends.urls import Origin

IDLE_S: Final = 4.0
"""How long an idle connection is kept. Servers close theirs after 5 s or more: a request must not
meet the closing, since nobody could say whether it was seen."""


class Connections:
    """Lends connections, and keeps those that can carry another request. Close it in the end.

    Attributes:
        idle: those that are kept, the one that was used last at the end.
        busy: those that are lent.
    """

    def __init__(
        self,
        dialler: Dialler,
        tls: ssl.SSLContext | None,
        connections_max: int,
        connect_timeout_s: float,
    ) -> None:
        """Connect to nothing yet.

        Args:
            dialler: opens them.
            tls: for origins that need it; None: there is none.
            connections_max: further requests wait for their turn.
            connect_timeout_s: how long a connection may take, its name and TLS included.
        """
        self.idle: list[tuple[Origin, Connection]] = []
        self.busy: set[Connection] = set()
        self._dialler = dialler
        self._tls = tls
        self._connections_max = connections_max
        self._connect_timeout_s = connect_timeout_s
        self._places = anyio.Semaphore(connections_max)
        self._taken = 0

    @asynccontextmanager
    async def lent(self, origin: Origin) -> AsyncIterator[Connection]:
        """Lend a connection while the block runs, an idle one or a new one.

        Raises:
            Forbidden: the host has no address that may be reached.
            httpcore2.NetworkError, httpcore2.TimeoutException: no connection.
        """
        async with self._places:
            self._taken += 1
            try:
                connection = await self._idle_one(origin) or await self._dial(origin)
                self.busy.add(connection)
                try:
                    yield connection
                finally:
                    self.busy.remove(connection)
                    if connection.end_cycle(anyio.current_time()):
                        self.idle.append((origin, connection))
                    else:
                        await close(connection)
            finally:
                self._taken -= 1

    async def aclose(self) -> None:
        """Close every connection; a request that is on its way breaks."""
        while self.idle:
            await close(self.idle.pop()[1])
        for connection in tuple(self.busy):
            await close(connection)

    async def _idle_one(self, origin: Origin) -> Connection | None:
        """Take an idle connection, if there is one that can be used, and close all that can't."""
        oldest = anyio.current_time() - IDLE_S
        stale = [each for each in self.idle if each[1].idle_since < oldest]
        good = [each for each in self.idle if each[1].idle_since >= oldest]
        found = None
        for each in reversed(good.copy()):
            if found is None and each[0] == origin:
                good.remove(each)
                if each[1].is_quiet():
                    found = each[1]
                else:
                    stale.append(each)
        if found is None:  # a new one needs a place
            surplus = max(self._taken + len(good) - self._connections_max, 0)
            stale += good[:surplus]
            del good[:surplus]
        self.idle = good
        for _, connection in stale:
            await close(connection)
        return found

    async def open_stream(self, origin: Origin) -> httpcore2.AsyncNetworkStream:
        """Open a connection that is nobody's but the caller's, who closes it.

        Raises:
            Forbidden: the host has no address that may be reached.
            httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError: no connection.
        """
        timeout_s = self._connect_timeout_s
        stream = await self._dialler.connect_tcp(origin.host, origin.port, timeout_s)
        if origin.scheme == "https":
            assert self._tls is not None, "see HttpBackend.needs_tls"
            try:
                stream = await stream.start_tls(self._tls, origin.host, timeout_s)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await stream.aclose()
                raise
        return stream

    async def _dial(self, origin: Origin) -> Connection:
        return Connection(await self.open_stream(origin))


async def close(connection: Connection) -> None:
    """Close a connection, even if our caller is being cancelled."""
    with anyio.CancelScope(shield=True):
        await connection.aclose()
