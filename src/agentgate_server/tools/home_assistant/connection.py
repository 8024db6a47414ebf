"""One connection to Home Assistant's WebSocket: a machine, and the stream that it speaks by.

Three tasks work on the machine: one reads, one writes, one keeps time. Only between their waits
does any of them touch it. Whoever wants something sent queues it and calls ``poke``, so that a
caller who gives up never breaks off in the middle of a frame.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

import anyio
import httpcore2

from agentgate_server.tools.home_assistant.machine import Machine
from agentgate_server.tools.home_assistant.messages import Ended, Event

READ_BYTES: Final = 262_144

CLOSE_S: Final = 1.0
"""How long the stream may take to close."""

BROKEN: Final = (httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError)


class Connection:
    """See the module.

    Args:
        stream: open; it is closed in the end.
        machine: new.
        hear: is told each event, the last of which is ``Ended``. It must not raise.
    """

    def __init__(
        self,
        stream: httpcore2.AsyncNetworkStream,
        machine: Machine,
        hear: Callable[[Event], None],
    ) -> None:
        self.machine = machine
        self._stream = stream
        self._hear = hear
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Speak until the connection is over, then close it."""
        try:
            async with anyio.create_task_group() as tasks:
                self._scope = tasks.cancel_scope
                tasks.start_soon(self._read)
                tasks.start_soon(self._write)
                tasks.start_soon(self._keep_time)
                self.poke()
        finally:
            self.end("it was given up")
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_S):
                await self._stream.aclose()

    def poke(self) -> None:
        """Let what is queued be sent."""
        self._wake.set()

    def end(self, reason: str) -> None:
        """End it; nothing is said to Home Assistant, which copes with that."""
        self.machine.receive_eof(reason)
        self._tell()

    def _tell(self) -> None:
        while (event := self.machine.next_event()) is not None:
            self._hear(event)
            if isinstance(event, Ended):
                self._scope.cancel()

    async def _read(self) -> None:
        while True:
            try:
                data = await self._stream.read(READ_BYTES)
            except BROKEN:
                data = b""
            if data:
                self.machine.receive_data(data, anyio.current_time())
            else:
                self.machine.receive_eof()
            self.poke()  # to answer a ping, or with the token
            self._tell()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            data = self.machine.data_to_send()
            if not data:
                continue
            try:
                await self._stream.write(data)
            except BROKEN:
                self.end("the connection broke")

    async def _keep_time(self) -> None:
        while (at := self.machine.next_deadline()) is not None:
            await anyio.sleep_until(at)
            self.machine.handle_timer(anyio.current_time())
            self.poke()
            self._tell()
