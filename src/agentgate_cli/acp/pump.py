"""The pump: between an editor's pipe, the bridge, and the gateway's WebSocket.

Theory of operation. Two tasks: one reads what the editor says, one keeps a connection to the
gateway. Whatever comes is handed to the bridge, and ``turn`` does what follows from that, without
waiting: lines go to the editor by a thread of their own, messages into the connection's machine,
whose writer is woken.
"""

from __future__ import annotations

import os
import secrets
from random import SystemRandom

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token

from agentgate_cli.acp.line import Line, Refused
from agentgate_cli.exits import Exit, Failure
from agentgate_cli.mcp.input import next_chunk
from agentgate_cli.mcp.output import Output
from agentgate_cli.remote import Remote
from agentgate_cli.style import dim, note
from agentgate_cli.text import away, printable
from agentgate_client.address import Address
from agentgate_client.dial import DialError, dial
from agentgate_client.proxies import proxy_for
from agentgate_client.tls import client_context
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.faces.acp.bridge import Bridge, ToEditor
from agentgate_proto.faces.mcp.lines import LineReader
from agentgate_proto.limits import CLIENT_LIMITS
from agentgate_proto.wire.client import ClientWire

ID_BYTES = 12
"""Of chance in a name that the bridge makes."""

GOODBYE_S = 0.5
"""How long last messages may take: editors kill what is not gone a second after they closed its
input."""

ANSWERS_S = 5.0
"""How long answers are waited for when there is no more input: a script that has written all it has
still reads. An editor that has gone kills before."""


class Pump:
    """See the module.

    Args:
        remote: whose token, and how often the first connection is tried.
        address: where the gateway has its WebSocket for editors.
        source: descriptor of standard input.
        output: descriptor of standard output.
    """

    def __init__(self, remote: Remote, address: Address, source: int, output: int) -> None:
        self._remote = remote
        self._address = address
        self._source = source
        self._output = Output(output)
        self._bridge = Bridge(lambda: secrets.token_urlsafe(ID_BYTES))
        self._line: Line | None = None
        self._backoff = Backoff(attempts_max=remote.retries)
        self._is_away = False
        self._is_at_end = False
        self._over = anyio.Event()
        self._failure: Failure | None = None

    async def run(self) -> int:
        """Work until the editor has gone.

        Raises:
            Failure: there is no such gateway, or it does not let us in.
        """
        token = current_token()
        self._output.on_break = lambda: anyio.from_thread.run_sync(self._over.set, token=token)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read)
                tasks.start_soon(self._keep_gateway)
                await self._over.wait()
                if self._line is not None:
                    with anyio.move_on_after(GOODBYE_S):
                        await self._line.goodbye()
                tasks.cancel_scope.cancel()
        finally:
            self._output.flush()
        if self._failure is not None:
            raise self._failure
        return Exit.OK

    def turn(self) -> None:
        """Do what the bridge asks for. Must follow everything that changes it."""
        while (effect := self._bridge.next_effect()) is not None:
            if isinstance(effect, ToEditor):
                self._output.put(effect.text + b"\n")
            elif self._line is not None:
                self._line.send(effect.text)
        if self._is_at_end and not self._bridge.owes_answers:
            self._over.set()

    # The editor

    async def _read(self) -> None:
        lines = LineReader()
        while data := await self._chunk():
            for message in lines.receive_data(data):
                self._bridge.from_editor(message)
            if lines.skipped:
                lines.skipped = 0
                note(dim("skipped a line that is no message"))
            self.turn()
        for message in lines.receive_eof():
            self._bridge.from_editor(message)
        self._is_at_end = True
        self.turn()
        await anyio.sleep(ANSWERS_S)
        self._over.set()

    async def _chunk(self) -> bytes:
        """The next bytes; b"": the editor has gone."""
        try:
            return await next_chunk(self._source)
        except OSError as error:
            note(dim(f"can't read standard input: {error}"))
            return b""

    # The gateway

    async def _keep_gateway(self) -> None:
        """Connect, and again whenever that is over."""
        while True:
            try:
                reason = await self._talk()
            except (DialError, Refused, ValueError) as error:
                reason = str(error)
                if not isinstance(error, DialError) or error.final:
                    self._fail(reason)
                    return
            due = self._backoff.failed(anyio.current_time())
            if due is None:
                self._fail(reason)
                return
            if not self._is_away:
                self._is_away = True
                note(dim(away(reason)))
            await anyio.sleep_until(due)

    async def _talk(self) -> str:
        """Make a connection, and use it until it is over; return why it is."""
        address, remote = self._address, self._remote
        context = client_context(
            secure=address.secure,
            **{"ssl_context": None, "ca_file": None, **remote.tls()},
            cert_file=None,
            key_file=None,
        )
        proxy = proxy_for(address, None, os.environ)
        headers = [("Authorization", f"Bearer {remote.token}")]
        wire = ClientWire(
            address.authority,
            address.target,
            headers,
            CLIENT_LIMITS,
            SystemRandom(),
            address.scheme,
        )
        stream = await dial(address, context, CLIENT_LIMITS.opening_s, proxy)
        self._line = Line(stream, wire, self._opened, self._came)
        try:
            return await self._line.talk()
        finally:
            self._line = None
            self._bridge.lost()

    def _opened(self) -> None:
        self._backoff.succeeded()
        self._backoff.attempts_max = None  # a gateway that was there once comes back
        if self._is_away:
            self._is_away = False
            note(dim("connected again"))
        self._bridge.connected()
        self.turn()

    def _came(self, text: str) -> None:
        self._bridge.from_gateway(text)
        self.turn()

    def _fail(self, reason: str) -> None:
        text = f"no connection to {printable(str(self._address))}: {printable(reason)}"
        self._failure = Failure(text, Exit.UNREACHABLE)
        self._over.set()
