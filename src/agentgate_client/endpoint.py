"""The gateway as a client sees it: where it is, how it is trusted, and who we are to it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import SystemRandom

from anyio.abc import ByteStream

from agentgate_client.address import Address, parse_url
from agentgate_client.dial import dial
from agentgate_client.proxies import Proxy, proxy_for
from agentgate_client.tls import FilePath, client_context
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.errors import LocalProtocolError
from agentgate_proto.limits import NAME_CHARS_MAX, TOKEN_CHARS_MAX, Limits
from agentgate_proto.rpc.messages import Auth

HANDSHAKE_HEADERS = frozenset({"host", "upgrade", "connection"})
"""Headers that the handshake itself sends (RFC 6455 section 4.1), besides Sec-WebSocket-*."""

INSECURE_VARIABLE = "AGENT_GATE_INSECURE"
"""Says that tokens may go to other machines in clear text: for containers on one network."""

YES = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What every attempt to connect needs.

    Attributes:
        address: where the gateway is.
        context: TLS; None for ``ws://``.
        auth: who we are.
        headers: further headers for the upgrade request.
        limits: caps and times of a connection; dialling may take ``opening_s``, too.
        proxy: leads to the gateway; None: none is needed.
    """

    address: Address
    context: ssl.SSLContext | None
    auth: Auth = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    limits: Limits
    proxy: Proxy | None = None

    def connection(self, now: float) -> ClientConnection:
        """Make the machine of a new connection."""
        return ClientConnection(
            self.address.authority,
            self.address.target,
            self.auth,
            now,
            masks=SystemRandom(),
            headers=self.headers,
            scheme=self.address.scheme,
            limits=self.limits,
        )

    async def dial(self) -> ByteStream:
        """Open a socket. Raises DialError."""
        return await dial(self.address, self.context, self.limits.opening_s, self.proxy)


def make_endpoint(
    *,
    url: str,
    token: str,
    client_id: str,
    progress: bool,
    ca_file: FilePath | None,
    cert_file: FilePath | None,
    key_file: FilePath | None,
    ssl_context: ssl.SSLContext | None,
    headers: Mapping[str, str] | None,
    limits: Limits,
    proxy: str | None = None,
    insecure: bool | None = None,
) -> Endpoint:
    """Check everything that the user said about a gateway, before anything is dialled.

    Args:
        proxy: the URL of what leads there; "": nothing; None: what the environment names.
        insecure: the token may go to other machines in clear text; None: if the environment says
            so. All others as for :class:`agentgate_client.client.AgentGateClient`.

    Raises:
        ValueError: something can't be right; the text says what.
    """
    if not 0 < len(token) <= TOKEN_CHARS_MAX:
        raise ValueError(f"the token must have 1 to {TOKEN_CHARS_MAX} characters")
    if token != token.strip():
        raise ValueError("the token begins or ends with white space; strip() what you read")
    if not 0 < len(client_id) <= NAME_CHARS_MAX:
        raise ValueError(f"client_id must have 1 to {NAME_CHARS_MAX} characters")
    address = parse_url(url)
    context = client_context(
        secure=address.secure,
        ssl_context=ssl_context,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
    )
    check_secure(address, insecure)
    auth = Auth(token=token, client_id=client_id, progress=progress)
    way = proxy_for(address, proxy, os.environ)
    endpoint = Endpoint(address, context, auth, check_headers(headers or {}), limits, way)
    try:
        endpoint.connection(0.0)
    except LocalProtocolError as error:
        raise ValueError(f"headers: {error}") from None
    return endpoint


def check_secure(address: Address, insecure: bool | None) -> None:
    """Refuse to send a token to another machine in clear text, unless that is meant.

    Args:
        address: where to.
        insecure: it is meant; None: if ``AGENT_GATE_INSECURE`` says so.

    Raises:
        ValueError: it is not.
    """
    if insecure is None:
        insecure = os.environ.get(INSECURE_VARIABLE, "").strip().lower() in YES
    if not (address.secure or address.is_loopback or insecure):
        raise ValueError(
            f"{address} would take the token to another machine in clear text: write wss://, or, "
            "if the network in between is your own, say so by insecure=True (on the command line "
            f"--insecure, in the environment {INSECURE_VARIABLE}=1)"
        )


def check_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Refuse headers that would break the handshake."""
    for name in headers:
        if name.lower() in HANDSHAKE_HEADERS or name.lower().startswith("sec-websocket-"):
            raise ValueError(f"headers: {name} belongs to the WebSocket handshake")
    return list(headers.items())
