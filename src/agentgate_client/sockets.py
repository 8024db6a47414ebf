"""Sockets: to the first address of a host that answers, straight or through a proxy."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Final

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.streams.tls import TLSStream

from agentgate_client.address import Address
from agentgate_client.proxies import Proxy
from agentgate_names.lookups import LOOKUPS, Lookups
from agentgate_names.racing import first_of
from agentgate_proto.wire.tunnel import Tunnel, TunnelEvent, TunnelOpen, TunnelRefused

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
        OSError: nobody can be reached; its cause has why.
        UnicodeError: the host is no name.
    """
    addresses = await lookups.addresses(host)
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "it has none")
    stream = await connect_any(addresses, port)
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


async def connect_any(addresses: Sequence[str], port: int) -> SocketStream:
    """Connect to the first that answers.

    Raises:
        OSError: none of them does; its cause has why.
    """
    try:
        return await first_of(
            addresses, lambda each: anyio.connect_tcp(each, port), anyio.aclose_forcefully
        )
    except* OSError as group:
        causes = [each.__cause__ or each for each in group.exceptions]
    cause = BaseExceptionGroup("several addresses", causes) if len(causes) > 1 else causes[0]
    raise OSError("no connection") from cause
