"""One WebSocket to a gateway whose messages mean nothing here: they come, and they go."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio.abc import ByteStream

from agentgate_client.dial import LOST, describe_loss
from agentgate_proto.errors import ConnectionClosedError, RemoteProtocolError
from agentgate_proto.limits import CLIENT_LIMITS
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Close, Rejected, Text, Upgraded

CHUNK_BYTES = 65_536

NORMAL = 1000

FINAL = frozenset({401, 403, 404})
"""Answers that would be the same the next time: the token, the role or the path is wrong."""

CONNECTION_ID = b"acp-connection-id"
"""What who speaks ACP names in its answer. A gateway takes any other path for its own protocol."""

SEE_ENVIRONMENT = "see AGENT_GATE_TOKEN and --token"
SEE_CONFIGURATION = (
    "it speaks no ACP at this path; has its configuration 'faces: {acp: {}}', and this path?"
)


class Refused(Exception):
    """The gateway takes no connection of ours; the text says why."""


class Line:
    """See the module.

    Args:
        stream: the socket.
        wire: its machine.
        on_open: called when messages may go.
        on_text: called with each that comes.
    """

    def __init__(
        self,
        stream: ByteStream,
        wire: ClientWire,
        on_open: Callable[[], None],
        on_text: Callable[[str], None],
    ) -> None:
        self._stream = stream
        self._wire = wire
        self._on_open = on_open
        self._on_text = on_text
        self._queued = anyio.Event()
        self._sent = anyio.Event()
        self._reason = "the gateway closed the connection"

    def send(self, text: bytes) -> None:
        """Send a message. On a connection that is ending it is lost."""
        try:
            self._wire.send_text(text)
        except ConnectionClosedError:
            return  # whoever reads notices the end, and what has no answer is sent again
        self._wake()

    async def goodbye(self) -> None:
        """Send what is left, and the last frame."""
        if self._wire.opened:
            self._wire.send_close(NORMAL, "")
            self._wake()
            await self._sent.wait()

    async def talk(self) -> str:
        """Move messages until the connection is over; return why it is.

        Raises:
            Refused: it would end the same way the next time.
        """
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._write)
                refusal = await self._read()
                tasks.cancel_scope.cancel()
        finally:
            await anyio.aclose_forcefully(self._stream)
        if refusal is not None:
            raise refusal
        return self._reason

    async def _read(self) -> Refused | None:
        is_asked = False  # whether the gateway is there
        while True:
            data = b""
            try:
                with anyio.move_on_after(CLIENT_LIMITS.silence_s):
                    data = await self._stream.receive(CHUNK_BYTES)
            except anyio.EndOfStream:
                rejected = self._wire.give_up()
                return None if rejected is None else self._rejected(rejected)
            except LOST as error:
                self._reason = describe_loss(error)
                return None
            if not data and (is_asked or not self._wire.opened):
                self._reason = "the gateway does not answer"
                return None
            is_asked = not data
            if is_asked:
                self._wire.send_ping(b"")
                self._wake()
                continue
            self._wire.receive_data(data)
            try:
                is_over, refusal = self._act()
            except RemoteProtocolError as error:
                self._reason = f"what came is no WebSocket: {error}"
                return None
            self._wake()
            if is_over:
                return refusal

    def _act(self) -> tuple[bool, Refused | None]:
        """Act on all that has come; return whether it is over, and whether it is for good."""
        while (event := self._wire.next_event()) is not None:
            match event:
                case Upgraded():
                    if CONNECTION_ID not in dict(self._wire.answer_headers):
                        return True, Refused(SEE_CONFIGURATION)
                    self._on_open()
                case Text(text):
                    self._on_text(text)
                case Close(code, reason):
                    self._reason = f"the gateway closed the connection ({code} {reason})".rstrip()
                    return True, None
                case Rejected():
                    return True, self._rejected(event)
                case _:
                    pass
        return False, None

    def _rejected(self, rejected: Rejected) -> Refused | None:
        """Note why there is no WebSocket; return it if that is for good."""
        http = f" ({rejected.status})" if rejected.status else ""
        self._reason = f"{rejected.reason}{http}; {SEE_ENVIRONMENT}"
        is_final = rejected.is_final or rejected.status in FINAL
        return Refused(self._reason) if is_final else None

    def _wake(self) -> None:
        self._sent = anyio.Event()
        self._queued.set()

    async def _write(self) -> None:
        while True:
            data = self._wire.data_to_send()
            if data:
                try:
                    await self._stream.send(data)
                except LOST:
                    return  # whoever reads hears of it, too
                continue
            self._sent.set()
            await self._queued.wait()
            self._queued = anyio.Event()
