"""The pump: between a client's pipe, the bridge, and the gateway."""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from time import monotonic

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token

from agentgate_cli.logs import set_up_logs
from agentgate_cli.mcp.gateway import Gateway
from agentgate_cli.mcp.input import next_chunk
from agentgate_cli.mcp.output import Output
from agentgate_cli.mcp.told import Told
from agentgate_cli.signals import Interrupted, interruptible
from agentgate_proto.faces.mcp.bridge import Bridge
from agentgate_proto.faces.mcp.bridge_events import Ended

GOODBYE_S = 0.5
"""How long the gateway may take to say goodbye: clients kill what is not gone a second or two after
they closed its input."""


def run(bridge: Bridge, told: Told, source: int, output: Output) -> None:
    """Serve on an event loop until the client has gone, or a signal says so."""
    log = set_up_logs(told.log_level, "readable")
    pump = Pump(bridge, told, source, output)

    async def work() -> None:
        await pump.run()

    try:
        with suppress(Interrupted):
            anyio.run(interruptible, work)
    finally:
        log.flush()


class Pump:
    """See the module.

    Args:
        bridge: the rules.
        told: what the command line says.
        source: descriptor of standard input.
        output: standard output.
    """

    def __init__(self, bridge: Bridge, told: Told, source: int, output: Output) -> None:
        self.bridge = bridge
        self.output = output
        self.gateway = Gateway(bridge, told, self.turn)
        self._source = source
        self._over = anyio.Event()
        self._moved = anyio.Event()
        self._is_turning = False

    async def run(self) -> None:
        """Serve."""
        token = current_token()
        self.output.on_break = lambda: anyio.from_thread.run_sync(self._over.set, token=token)
        if self.output.is_broken:
            return
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.gateway.keep)
            tasks.start_soon(self._read)
            tasks.start_soon(self._keep_time)
            self.turn()
            await self._over.wait()
            with anyio.move_on_after(GOODBYE_S, shield=True):
                await self.gateway.close()
            tasks.cancel_scope.cancel()

    def turn(self) -> None:
        """Do all that the bridge asks for. Must follow everything that changes the bridge."""
        if self._is_turning:
            return  # what was changed within a turn is seen to by it
        self._is_turning = True
        try:
            while (event := self.bridge.next_event()) is not None:
                if isinstance(event, Ended):
                    self._over.set()
                else:
                    self.gateway.do(event)
            self.output.put(self.bridge.data_to_send())
        finally:
            self._is_turning = False
        self._moved.set()

    async def _read(self) -> None:
        """Read what the client says, to the end."""
        while True:
            data = await self._chunk()
            if data:
                self.bridge.receive_data(data, monotonic())
            else:
                self.bridge.receive_eof(monotonic())
            self.turn()
            if not data:
                return

    async def _chunk(self) -> bytes:
        """The next bytes; b"": the client has closed its end, one way or the other."""
        try:
            return await next_chunk(self._source)
        except OSError as error:
            logging.getLogger("agentgate").warning("can't read standard input: %s", error)
            return b""

    async def _keep_time(self) -> None:
        """Tell the bridge when its deadlines come."""
        while True:
            self._moved = anyio.Event()
            deadline = self.bridge.next_deadline()
            wait_s = math.inf if deadline is None else max(0.0, deadline - monotonic())
            with anyio.move_on_after(wait_s) as scope:
                await self._moved.wait()
            if scope.cancelled_caught:
                assert deadline is not None, "without one it waits"
                self.bridge.handle_timer(max(monotonic(), deadline))
                self.turn()
