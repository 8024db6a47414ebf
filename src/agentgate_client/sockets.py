"""Sockets: to the first address of a host that answers, straight or through a proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream

from agentgate_client.address import Address
from agentgate_client.proxies import Proxy
from agentgate_names.lookups import LOOKUPS, Lookups
from agentgate_proto.wire.tunnel import Tunnel, TunnelEvent, TunnelOpen, TunnelRefused

NEXT_S: Final = 0.25
"""After this the next address is tried beside the one before (RFC 8305 section 5)."""

ADDRESSES_MAX: Final = 8
"""Of a host that are tried: a name may have as many as somebody likes."""

CHUNK_BYTES: Final = 4_096


class ProxyError(OSError):
    """The proxy makes no tunnel.

    Attributes:
        refused: what it says.
    """

    def __init__(self, refused: TunnelRefused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


async def connect(host: str, port: int, lookups: Lookups = LOOKUPS) -> SocketStream:
    """Connect to a host, without delay for small messages: calls are small and waited for.

    Raises:
        OSError: nobody can be reached; ``causes_of`` has why.
        UnicodeError: the host is no name.
    """
    addresses = in_turns(await lookups.addresses(host))
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "it has none")
    stream = await connect_any(addresses[:ADDRESSES_MAX], port)
    raw = stream.extra_attributes[SocketAttribute.raw_socket]()
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


async def through(proxy: Proxy, address: Address, lookups: Lookups = LOOKUPS) -> ByteStream:
    """Let a proxy connect us to a gateway; what is sent is the gateway's.

    Raises:
        ProxyError: it does not; or the proxy itself can't be reached: see ``connect``.
        OSError, anyio.EndOfStream, anyio.BrokenResourceError: it can't be reached, or broke.
    """
    tunnel = Tunnel(address.place, proxy.credentials)
    stream: ByteStream = await connect(proxy.host, proxy.port, lookups)
    try:
        if proxy.secure:
            context = ssl.create_default_context()
            stream = await start_tls(stream, context, proxy.host.partition("%")[0].rstrip("."))
        await stream.send(tunnel.data_to_send())
        while (event := await next_event(stream, tunnel)) is None:
            pass
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise
    if isinstance(event, TunnelOpen):
        return stream
    await anyio.aclose_forcefully(stream)
    raise ProxyError(event)


async def next_event(stream: ByteStream, tunnel: Tunnel) -> TunnelEvent | None:
    """Read once; return what the tunnel has to say to it."""
    try:
        tunnel.receive_data(await stream.receive(CHUNK_BYTES))
    except anyio.EndOfStream:
        tunnel.receive_eof()
    return tunnel.next_event()


async def start_tls(stream: ByteStream, context: ssl.SSLContext, host: str) -> ByteStream:
    """Speak TLS on a stream, to whoever has a certificate for this host; if that fails, the stream
    is closed."""
    try:
        # A WebSocket has a goodbye of its own, so the peer need not send one for TLS
        return await TLSStream.wrap(
            stream,
            server_side=False,
            hostname=host,
            ssl_context=context,
            standard_compatible=False,
        )
    except BaseException:
        await anyio.aclose_forcefully(stream)
        raise


def in_turns(addresses: Sequence[str]) -> list[str]:
    """Let addresses of the two families take turns, so that one of them that leads nowhere costs
    little (RFC 8305 section 4)."""
    is_first = [(":" in each) == (":" in addresses[0]) for each in addresses]
    first = [each for each, is_it in zip(addresses, is_first, strict=True) if is_it]
    other = [each for each, is_it in zip(addresses, is_first, strict=True) if not is_it]
    return [each for pair in zip_longest(first, other) for each in pair if each is not None]


async def connect_any(addresses: Sequence[str], port: int) -> SocketStream:
    """Connect to the first that answers; each is begun when the one before has failed, or has
    taken its time.

    Raises:
        OSError: none of them does; its cause has why.
    """
    race = Race(port)
    try:
        async with anyio.create_task_group() as race.tasks:
            for address in addresses:
                failed = anyio.Event()
                race.tasks.start_soon(race.run, address, failed)
                with anyio.move_on_after(NEXT_S):
                    await failed.wait()
    except BaseException:
        if race.winner is not None:
            await anyio.aclose_forcefully(race.winner)
        raise
    if race.winner is None:
        several = len(race.errors) > 1
        cause = ExceptionGroup("several addresses", race.errors) if several else race.errors[0]
        raise OSError("no connection") from cause
    return race.winner


class Race:
    """Attempts to connect to the addresses of one host, of which one is needed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.winner: SocketStream | None = None
        self.errors: list[OSError] = []
        self.tasks = anyio.create_task_group()

    async def run(self, address: str, failed: anyio.Event) -> None:
        """Try one of them."""
        try:
            stream = await anyio.connect_tcp(address, self.port)
        except OSError as error:
            cause = error.__cause__
            self.errors.append(cause if isinstance(cause, OSError) else error)
            failed.set()
            return
        if self.winner is None:
            self.winner = stream
            self.tasks.cancel_scope.cancel()
        else:
            await anyio.aclose_forcefully(stream)
