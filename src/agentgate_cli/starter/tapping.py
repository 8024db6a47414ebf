"""Tapping: a listener where the gateway will listen, which waits for one tap of a test button.

So the button of a test message takes the whole way that answers will take: from the phone over the
network, through whatever proxy or tunnel is there, to this machine.
"""

from __future__ import annotations

import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import h11
import msgspec
from anyio.abc import ByteStream, Listener
from anyio.streams.tls import TLSListener

from agentgate_server.approvals.push.ntfy import ANSWERS_PATH

BODY_BYTES_MAX = 4_096
"""Of a request; a tap has a hundred."""

CONNECTIONS_MAX = 16
"""At once; beyond it they wait."""

CONNECTION_S = 10.0
"""How long one may take, so that sixteen that say nothing hold up nobody for long."""

READ_BYTES = 4_096


class Ticket(msgspec.Struct, frozen=True):
    """What a tap sends."""

    ticket: str


@asynccontextmanager
async def hearing_tap(
    host: str, port: int, tls: tuple[Path, Path] | None, ticket: str
) -> AsyncIterator[anyio.Event]:
    """Listen; the event is set when the tap has come.

    Args:
        host, port: where.
        tls: files of certificate and key, or None.
        ticket: what the button sends.

    Raises:
        OSError: nothing can listen there.
        CertificateError: certificate or key can't be used.
    """
    tapped, places = anyio.Event(), anyio.CapacityLimiter(CONNECTIONS_MAX)

    async def serve(stream: ByteStream) -> None:
        async with places, stream:
            with anyio.move_on_after(CONNECTION_S):
                try:
                    if await is_tap(stream, ticket):
                        tapped.set()
                except (anyio.BrokenResourceError, anyio.ClosedResourceError, h11.ProtocolError):
                    pass  # a peer's trouble; it sees its connection end

    async with await anyio.create_tcp_listener(local_host=host, local_port=port) as plain:
        listener: Listener[Any] = plain if tls is None else TLSListener(plain, context_for(*tls))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield tapped
            tasks.cancel_scope.cancel()


def context_for(cert: Path, key: Path) -> ssl.SSLContext:
    """What the gateway will serve with."""
    from agentgate_server.sockets.certificate import context_of

    return context_of(cert, key)


async def is_tap(stream: ByteStream, ticket: str) -> bool:
    """Read one request, answer it, and say whether it is the tap.

    Raises:
        h11.ProtocolError: it is no HTTP, or too large.
    """
    connection, target, body = h11.Connection(h11.SERVER), b"", b""
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                try:
                    connection.receive_data(await stream.receive(READ_BYTES))
                except anyio.EndOfStream:
                    connection.receive_data(b"")
            case h11.Request() as head:
                target = head.target if head.method == b"POST" else b""
            case h11.Data(data=data):
                body += data
                if len(body) > BODY_BYTES_MAX:
                    raise h11.RemoteProtocolError("the body is too large")
            case h11.EndOfMessage():
                break
            case _:
                return False
    found = target == ANSWERS_PATH.encode() and hmac.compare_digest(ticket_in(body), ticket)
    status, text = (200, b'{"status": "tried"}') if found else (404, b'{"error": "a test only"}')
    headers = [("content-type", "application/json"), ("content-length", str(len(text)))]
    answer = h11.Response(status_code=status, headers=[*headers, ("connection", "close")])
    parts = [connection.send(event) for event in (answer, h11.Data(data=text), h11.EndOfMessage())]
    await stream.send(b"".join(filter(None, parts)))
    return found


def ticket_in(body: bytes) -> str:
    """What a body shows; "": nothing that could be a ticket."""
    try:
        ticket = msgspec.json.decode(body, type=Ticket).ticket
    except msgspec.MsgspecError:
        return ""
    return ticket if ticket.isascii() else ""
