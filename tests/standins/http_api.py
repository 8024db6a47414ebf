"""A stand-in for somebody's HTTP API: real HTTP/1.1 on loopback, that behaves as badly as told.

It notes every request that arrives, before it answers: so a test can count what was really sent.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import h11
import msgspec
from anyio.abc import ByteStream
from anyio.streams.tls import TLSAttribute, TLSListener

READ_BYTES = 65_536


@dataclass(frozen=True)
class Arrival:
    """One request that came in, whole."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Conversation:
    """What a behaviour answers with."""

    def __init__(self, connection: h11.Connection, stream: ByteStream) -> None:
        self.connection = connection
        self.stream = stream

    async def send(self, *events: Any) -> None:
        for event in events:
            data = self.connection.send(event)
            if data:
                await self.stream.send(data)

    async def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        lines = [*(headers or {}).items(), ("Content-Length", str(len(body)))]
        await self.send(
            h11.Response(status_code=status, headers=lines),
            *([h11.Data(data=body)] if body else []),
            h11.EndOfMessage(),
        )


Behaviour = Callable[[Conversation, Arrival], Awaitable[None]]


class Dropped(Exception):
    """The connection is cut here."""


def says(status: int, body: Any = None, **headers: str) -> Behaviour:
    """Answer with a status, and JSON (or bytes as they are)."""
    data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
    kind = {} if isinstance(body, bytes) or body is None else {"Content-Type": "application/json"}
    extra = {name.replace("_", "-"): value for name, value in headers.items()}

    async def behave(talk: Conversation, arrival: Arrival) -> None:
        await talk.answer(status, data, {**kind, **extra})

    return behave


def raw(data: bytes, *more: bytes) -> Behaviour:
    """Answer with just these bytes, in one packet (over TLS in a record each), and go on."""

    async def behave(talk: Conversation, arrival: Arrival) -> None:
        talk.connection.send(h11.Response(status_code=204, headers=[]))
        talk.connection.send(h11.EndOfMessage())
        tls = talk.stream.extra(TLSAttribute.ssl_object, None)
        if tls is None:
            await talk.stream.send(b"".join((data, *more)))
        else:
            for record in (data, *more)[:-1]:
                tls.write(record)
            await talk.stream.send((data, *more)[-1])

    return behave


def redirects(location: str, status: int = 302) -> Behaviour:
    """Send elsewhere."""
    return says(status, Location=location)


async def echoes(talk: Conversation, arrival: Arrival) -> None:
    """Answer with all that came in."""
    body = {
        "method": arrival.method,
        "target": arrival.target,
        "headers": dict(arrival.headers),
        "body": arrival.body.decode("latin-1"),
    }
    await says(200, body)(talk, arrival)


async def drops(talk: Conversation, arrival: Arrival) -> None:
    """Take the request, and cut the connection."""
    raise Dropped


async def hangs(talk: Conversation, arrival: Arrival) -> None:
    """Take the request, and never answer."""
    await anyio.sleep_forever()


async def breaks_off(talk: Conversation, arrival: Arrival) -> None:
    """Begin a good answer, and cut the connection in its middle."""
    await talk.send(h11.Response(status_code=200, headers=[("Content-Length", "1000")]))
    await talk.send(h11.Data(data=b"half of"))
    raise Dropped


async def chunked(talk: Conversation, arrival: Arrival) -> None:
    """Answer in pieces."""
    head = h11.Response(status_code=200, headers=[("Transfer-Encoding", "chunked")])
    pieces = [h11.Data(data=piece) for piece in (b'{"a"', b": ", b"1}")]
    await talk.send(head, *pieces, h11.EndOfMessage())


async def floods(talk: Conversation, arrival: Arrival) -> None:
    """Answer without end."""
    await talk.send(h11.Response(status_code=200, headers=[("Transfer-Encoding", "chunked")]))
    while True:
        await talk.send(h11.Data(data=b"x" * READ_BYTES))


async def babbles(talk: Conversation, arrival: Arrival) -> None:
    """Answer with what is no HTTP."""
    await talk.stream.send(b"220 mail.example ESMTP\r\n")
    raise Dropped


@dataclass
class HttpApi:
    """The server's face for tests.

    Attributes:
        routes: what happens at a path; anything else is a 404.
        arrivals: every request, in order.
        port: where it listens.
    """

    routes: dict[str, Behaviour] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def serve(self, stream: ByteStream) -> None:
        """Serve one connection until somebody closes it."""
        self.connections += 1
        connection = h11.Connection(h11.SERVER)
        async with stream:
            try:
                while (arrival := await self.next_arrival(connection, stream)) is not None:
                    self.arrivals.append(arrival)
                    behave = self.routes.get(arrival.path, says(404, {"message": "no such path"}))
                    await behave(Conversation(connection, stream), arrival)
                    if connection.our_state is not h11.DONE:
                        return
                    connection.start_next_cycle()
            except (Dropped, anyio.BrokenResourceError, anyio.EndOfStream):
                return

    async def next_arrival(self, connection: h11.Connection, stream: ByteStream) -> Arrival | None:
        request, body = None, bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                try:
                    connection.receive_data(await stream.receive(READ_BYTES))
                except anyio.EndOfStream:
                    connection.receive_data(b"")
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                headers = {
                    name.decode(): value.decode("latin-1") for name, value in request.headers
                }
                return Arrival(
                    request.method.decode(), request.target.decode(), headers, bytes(body)
                )
            else:
                return None


@asynccontextmanager
async def http_api(
    routes: dict[str, Behaviour] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpApi]:
    """Serve while the block runs."""
    api = HttpApi(routes if routes is not None else {})
    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1")
    api.port = listener.extra(anyio.abc.SocketAttribute.local_port)
    if tls is not None:
        api.scheme = "https"
        listener = TLSListener(listener, tls, standard_compatible=False)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, api.serve)
        yield api
        tasks.cancel_scope.cancel()
