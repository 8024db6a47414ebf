"""A proxy that adds a token to each request: the conformance suite can send no header of its own.

Everything else goes through as it came, ``Host`` and ``Origin`` above all, and answers as they are
streamed. Requests have a length or no body; the suite sends no others.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading

HEAD_END = b"\r\n\r\n"
CHUNK_BYTES = 65_536


class TokenProxy:
    """One that serves in a thread of its own, until ``close``.

    Args:
        port: of the gateway, on this machine.
        token: that is added.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int, token: str) -> None:
        self._to = port
        self._line = f"Authorization: Bearer {token}".encode()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """End it, with all its connections."""
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        self._done = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self._to)
        answers = asyncio.ensure_future(pour(back, writer))
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._requests(reader, forth)
        finally:
            answers.cancel()
            forth.close()
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader, forth: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(HEAD_END)
            lines = head[: -len(HEAD_END)].split(b"\r\n")
            length = 0
            for line in lines:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            body = await reader.readexactly(length)
            forth.write(b"\r\n".join([*lines, self._line]) + HEAD_END + body)
            await forth.drain()


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy what comes until it ends."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
