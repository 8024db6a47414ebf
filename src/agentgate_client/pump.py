"""The pump: bytes between one socket and one connection machine. The only code that does so.

Theory of operation. The reader hands on what comes, and the driver acts on all of it.
The writer is the only one who sends: whoever caused output just wakes it, so that a caller who is
cancelled cannot cut a message in two, and many calls go out in one write.

The goodbye (``hang_up``): from then on nothing is handed on any more; the writer sends what is
left, if anything, and then the reader waits for the gateway to close its end, so that our last
bytes are not thrown away by a reset; all that for LINGER_S at most, shielded from cancellation.
"""

from __future__ import annotations

from typing import Protocol

import anyio
from anyio.abc import ByteStream

from agentgate_client.dial import LOST, describe_loss
from agentgate_proto.connection.client import ClientConnection

CHUNK_BYTES = 65_536
"""Read at most this much at once: many messages, and one turn for all of them."""

LINGER_S = 1.0
"""How long a goodbye may take: a gateway that is there needs one round trip."""


class Owner(Protocol):
    """Who acts on what comes: the driver."""

    def received(self, data: bytes) -> None:
        """Bytes came."""
        ...

    def lost(self, reason: str) -> None:
        """The socket is of no use any more; "": the gateway closed it."""
        ...


class Pump:
    """One socket.

    Args:
        stream: the socket.
        connection: its machine, whose output is sent.
        owner: is told what comes, until ``hang_up``.
    """

    def __init__(self, stream: ByteStream, connection: ClientConnection, owner: Owner) -> None:
        self._stream = stream
        self._connection = connection
        self._owner = owner
        self._scope = anyio.CancelScope()
        self._output = anyio.Event()
        self._hung_up = False

    async def run(self) -> None:
        """Move bytes until the connection is over; the socket is closed afterwards."""
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._write)
                    await self._read()
        finally:
            await anyio.aclose_forcefully(self._stream)

    def wake(self) -> None:
        """There may be output."""
        if self._connection.wire.out:
            self._output.set()

    def hang_up(self) -> None:
        """Say goodbye, see above; ``run`` returns soon."""
        self._hung_up = True
        self._output.set()
        self._scope.shield = True
        self._scope.deadline = anyio.current_time() + LINGER_S

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.receive(CHUNK_BYTES)
            except anyio.EndOfStream:
                self._lost("")
                return
            except LOST as error:
                self._lost(describe_loss(error))
                return
            if not self._hung_up:
                self._owner.received(data)

    async def _write(self) -> None:
        last_words = False
        while True:
            data = self._connection.data_to_send()
            if data:
                last_words = self._hung_up
                try:
                    await self._stream.send(data)
                except LOST as error:
                    self._lost(describe_loss(error))
                    return
            elif self._hung_up:
                if not last_words:  # then there is nothing that could be thrown away
                    self._scope.cancel()
                return
            else:
                await self._output.wait()
                self._output = anyio.Event()

    def _lost(self, reason: str) -> None:
        if not self._hung_up:
            self._owner.lost(reason)
