"""A small HTTP/1.1 server on h11, for stand-ins on this machine; nothing for the open network.

::

    async with HttpServer(answer) as server:
        print(server.url)
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, unquote

import anyio
import h11
import msgspec
from anyio.abc import SocketAttribute, SocketStream, TaskGroup

BODY_BYTES_MAX = 16_000_000
"""One request's body; a stand-in is asked by our own programs, which send kilobytes."""

READ_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One whole request.

    Attributes:
        method: in capitals.
        target: path and query as they came.
        headers: by name in lower case; of repeated ones the last.
        body: its bytes.
    """

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, each decoded by itself."""
        return tuple(map(unquote, self.target.partition("?")[0].split("/")[1:]))

    @property
    def query(self) -> dict[str, str]:
        """The query's values by name; of repeated ones the last."""
        found = parse_qs(self.target.partition("?")[2], keep_blank_values=True)
        return {name: values[-1] for name, values in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedResponse:
    """An answer that comes in pieces.

    Attributes:
        chunks: the pieces of the body; closed as soon as the client has left. If it raises ``Cut``,
            the connection is dropped in the middle.
    """

    chunks: AsyncGenerator[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """The connection speaks another protocol from here on.

    Attributes:
        speak: does so; is given the stream, and what has come in already.
    """

    speak: Callable[[SocketStream, bytes], Awaitable[None]]


class Cut(Exception):
    """The connection is to be dropped, as a dying server would."""


Answer = Callable[[HttpRequest], Awaitable[HttpResponse | StreamedResponse | Takeover | None]]
"""What answers requests; None drops the connection instead, as a dying server would."""


def json_response(value: Any, status: int = 200) -> HttpResponse:
    """Answer with a value as JSON."""
    headers = {"content-type": "application/json"}
    return HttpResponse(status=status, body=msgspec.json.encode(value), headers=headers)


def text_response(text: str, status: int = 200) -> HttpResponse:
    """Answer with plain text."""
    headers = {"content-type": "text/plain; charset=utf-8"}
    return HttpResponse(status=status, body=text.encode(), headers=headers)


class HttpServer:
    """The server, as an async context manager. Leaving cuts what is still open.

    Args:
        answer: called for each request; requests of different connections overlap.
        port: where on the loopback address; 0: any free port. A restart takes the former one.

    Attributes:
        connections: how many there have been.
    """

    def __init__(self, answer: Answer, port: int = 0) -> None:
        self.answer = answer
        self.port = port
        self.connections = 0
        self._stack = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.port)
        attributes = listener.extra_attributes
        self.port = attributes[SocketAttribute.local_port]()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(listener)
            tasks: TaskGroup = await stack.enter_async_context(anyio.create_task_group())
            stack.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(listener.serve, self._serve)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def _serve(self, stream: SocketStream) -> None:
        """Answer the requests of one connection, one after the other."""
        self.connections += 1
        async with stream:
            connection = h11.Connection(h11.SERVER)
            try:
                while (request := await read_request(stream, connection)) is not None:
                    response = await self.answer(request)
                    if response is None:
                        return
                    if isinstance(response, Takeover):
                        await response.speak(stream, connection.trailing_data[0])
                        return
                    if isinstance(response, StreamedResponse):
                        if not await send_streamed(stream, connection, response):
                            return
                    else:
                        await stream.send(encode(connection, response))
                    if connection.our_state is h11.MUST_CLOSE:
                        return
                    connection.start_next_cycle()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, h11.ProtocolError):
                return  # the peer's trouble; it sees its connection end


async def read_request(stream: SocketStream, connection: h11.Connection) -> HttpRequest | None:
    """Read the next request; None: the peer has finished.

    Raises:
        h11.ProtocolError: it is no HTTP, or too large.
    """
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                try:
                    connection.receive_data(await stream.receive(READ_BYTES))
                except anyio.EndOfStream:
                    connection.receive_data(b"")
            case h11.Request():
                head = event
            case h11.Data():
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    raise h11.RemoteProtocolError("the body is too large")
            case h11.EndOfMessage():
                assert head is not None, "h11 keeps the order"
                return HttpRequest(
                    method=head.method.decode(),
                    target=head.target.decode("latin-1"),
                    headers={
                        name.decode(): value.decode("latin-1") for name, value in head.headers
                    },
                    body=bytes(body),
                )
            case _:
                return None


async def send_streamed(
    stream: SocketStream, connection: h11.Connection, response: StreamedResponse
) -> bool:
    """Send an answer in pieces; return whether it was sent whole."""
    is_whole = False
    headers = {**response.headers, "transfer-encoding": "chunked"}
    head = h11.Response(status_code=response.status, headers=list(headers.items()))
    async with anyio.create_task_group() as tasks, aclosing(response.chunks) as chunks:
        tasks.start_soon(cancel_when_left, stream, connection, tasks.cancel_scope)
        try:
            await stream.send(connection.send(head) or b"")
            async for chunk in chunks:
                await stream.send(connection.send(h11.Data(chunk)) or b"")
            await stream.send(connection.send(h11.EndOfMessage()) or b"")
            is_whole = True
        except (Cut, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        tasks.cancel_scope.cancel()
    return is_whole


async def cancel_when_left(
    stream: SocketStream, connection: h11.Connection, scope: anyio.CancelScope
) -> None:
    """Cancel as soon as the client has closed its end."""
    try:
        while True:
            connection.receive_data(await stream.receive(READ_BYTES))
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        scope.cancel()


def encode(connection: h11.Connection, response: HttpResponse) -> bytes:
    """Return the bytes of a response."""
    headers = {**response.headers, "content-length": str(len(response.body))}
    head = h11.Response(status_code=response.status, headers=list(headers.items()))
    parts = [
        connection.send(event) for event in (head, h11.Data(response.body), h11.EndOfMessage())
    ]
    return b"".join(filter(None, parts))
