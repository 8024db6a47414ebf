"""The pump for every event loop that anyio knows: two tasks on a byte stream.

``_read`` takes a chunk, has it processed and waits until the answer is sent. ``_keep`` sleeps
until the machine's next deadline or until it is poked, goes on with what a turn has left, and never
waits for the socket: what it has to send is sent by a task of its own. A lock keeps writes in
order; whatever goes wrong in one, cancellation included, ends the connection.
"""

from __future__ import annotations

import math
import socket
import ssl

import anyio
from anyio.abc import ByteStream, SocketStream, TaskGroup
from anyio.streams.tls import TLSStream

from agentgate_proto.connection.state import State
from agentgate_proto.limits import Limits
from agentgate_proto.wire.doors import Doors
from agentgate_server.sockets.peer import ENDED, Handler, Peer
from agentgate_server.sockets.rounds import Rounds

CHUNK_BYTES = 65_536
"""Read and sent at most at once: many messages, and little memory for an idle connection."""

BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class StreamPeer(Peer):
    """One client on any event loop; see :class:`agentgate_server.sockets.peer.Peer`."""

    def __init__(
        self,
        number: int,
        address: str,
        handler: Handler,
        limits: Limits,
        doors: Doors,
        now: float | None = None,
        rounds: Rounds | None = None,
    ) -> None:
        super().__init__(number, address, handler, limits, doors, now, rounds)
        self._stream: ByteStream
        self._armed_at = math.inf
        self._wake = anyio.Event()
        self._lock = anyio.Lock(fast_acquire=True)
        self._torn = False
        self._answered = anyio.Event()  # or the keeper has done something else

    async def open(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """See :meth:`Peer.open`."""
        self._stream = stream = await SocketStream.from_socket(sock)
        if context is None:
            return
        try:
            self._stream = await TLSStream.wrap(
                stream, server_side=True, ssl_context=context, standard_compatible=False
            )
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise

    async def run(self) -> None:
        """See :meth:`Peer.run`."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._read)
                await self._keep(tasks)
                tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(self.last_write_s, shield=True):
                self.connection.abort(ENDED)
                self.process_all()
                self.forget_output()
                self.tell_room()
                await self._flush()
            await self._hang_up()

    def poke(self) -> None:
        """See :meth:`Peer.poke`."""
        if not self.in_process:
            self._wake.set()

    def go_on(self) -> None:
        """See :meth:`Peer.go_on`."""
        self._wake.set()

    async def _read(self) -> None:
        while not self.over:
            try:
                data = await self._stream.receive(CHUNK_BYTES)
            except anyio.EndOfStream:
                self.connection.receive_eof(anyio.current_time())
            except BROKEN as error:
                self.connection.send_failed(f"the socket broke: {error}", anyio.current_time())
            else:
                self.connection.receive_data(data, anyio.current_time())
            self.process()
            if self.connection.state is State.CLOSED:
                self._wake.set()  # the keeper goes on, whether the peer takes its answers or not
            while self.unfinished:
                await self._wait_for_a_step()
            if not self.over:
                self._rearm()
                await self._flush()
            await self._wait_for_answers()

    async def _wait_for_answers(self) -> None:
        """Read nothing that nobody would look at."""
        while not self.connection.takes_input:
            await self._wait_for_a_step()

    async def _wait_for_a_step(self) -> None:
        """Wait until the keeper has done something."""
        self._answered = anyio.Event()
        await self._answered.wait()

    def _rearm(self) -> None:
        """Wake the keeper if it would sleep past a deadline; later ones it finds by itself."""
        self._tell_time()
        deadline = self.connection.next_deadline()
        if deadline is not None and deadline.at < self._armed_at:
            self._wake.set()

    def _tell_time(self) -> None:
        if self.connection.wants_time:
            self.connection.tick(anyio.current_time())

    async def _keep(self, tasks: TaskGroup) -> None:
        while True:
            self._tell_time()
            deadline = self.connection.next_deadline()
            self._armed_at = deadline.at if deadline is not None else math.inf
            with anyio.CancelScope(deadline=self._armed_at):
                await self._wake.wait()
            self._wake = anyio.Event()
            now = anyio.current_time()
            if deadline is not None and deadline.at <= now:
                self.connection.handle_timer(now)
            self.process()
            if self.over:
                with anyio.move_on_after(self.last_write_s):
                    await self._flush()  # after whoever is sending now: nothing is torn needlessly
                return
            self._answered.set()
            self.note_output()
            if not self._lock.locked():  # who has it sends all there is
                tasks.start_soon(self._flush)

    async def _flush(self) -> None:
        """Send all output. A send that fails ends the connection; nothing follows a torn one."""
        async with self._lock:
            while data := self._take():
                self._torn = True
                self.connection.sent(len(data))
                try:
                    await self._stream.send(data)
                except BROKEN as error:
                    self.connection.send_failed(f"the socket broke: {error}", anyio.current_time())
                    self.process()
                    self._wake.set()
                else:
                    self._torn = False
                    if self.connection.sent(0):
                        self._wake.set()
                    self.tell_room()
                self.note_output()

    def _take(self) -> bytes:
        return b"" if self._torn else self.connection.data_to_send(CHUNK_BYTES)

    async def _hang_up(self) -> None:
        """Close the socket, politely if that takes no time."""
        with anyio.move_on_after(self.last_write_s, shield=True) as scope:
            try:
                await self._stream.aclose()
            except BROKEN:
                return
        if scope.cancelled_caught:
            await anyio.aclose_forcefully(self._stream)
