"""A login at an MCP server: a person consents in their browser, and the gateway gets tokens.

The steps are those of the official SDK's provider; it is loaded here alone. Where it goes is looked
after by us: a server names other places (its metadata, where to register, where tokens are), and
each of them is connected to by the same care as backends are. No redirect leads to another place,
and what is private is reached only at the host that the operator has configured so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Literal
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from anyio.abc import SocketAttribute, SocketStream
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from agentgate_cli.exits import Failure
from agentgate_cli.text import printable
from agentgate_server.backends.addresses import literal
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.backends.urls import Origin, split_url
from agentgate_server.errors import EffectUnknown, NotStarted
from agentgate_server.tools.mcp.form import McpServerConfig
from agentgate_server.tools.mcp.login_file import Login
from agentgate_server.tools.mcp.oauth import elsewhere

CONSENT_S: Final = 600.0
"""How long a person may take in their browser."""

CALLBACK_BYTES_MAX: Final = 16_384
"""Of the browser's request that brings the answer."""

CALLBACK_S: Final = 10.0
"""How long that request may take to come in."""

ORIGINS_MAX: Final = 8
"""Places that one login leads to: the server, where it is described, and who makes the tokens."""

TOLD_CHARS_MAX: Final = 500
"""Of an error that the server may have had a part in."""

PROBE: Final = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "server/discover",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
"""What is asked of the server, without any effect: it answers that it wants a login."""

PROBE_HEADERS: Final = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
    "Mcp-Method": "server/discover",
}

DONE = b"Done: agent-gate has what it needs. You can close this page.\n"
NOT_OURS = b"This is not the answer to a login that agent-gate is waiting for.\n"


class Careful(httpx2.AsyncBaseTransport):
    """Sends the requests of a login by our own client: no redirect is followed, no address reached
    that may not be, no body read without end.

    Args:
        alias: what the configuration calls the server.
        server: how it is configured.
    """

    def __init__(self, alias: str, server: McpServerConfig) -> None:
        assert server.url is not None, "only what has a URL has a login"
        self.alias = alias
        self.server = server
        self.home, _ = split_url(server.url)
        self._backends: dict[Origin, HttpBackend] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises:
            Failure: it goes where it may not, or got no answer.
        """
        backend = self.backend_for(str(request.url))
        _, target = split_url(str(request.url))
        skipped = {"host", "content-length", "connection", "accept-encoding"}
        headers = [each for each in request.headers.items() if each[0].lower() not in skipped]
        content = await request.aread()
        try:
            answer = await backend.request(request.method, target, headers=headers, content=content)
        except (NotStarted, EffectUnknown) as error:
            raise Failure(str(error)) from None
        if answer.flaw:
            raise Failure(f"{backend.origin} sent an answer {answer.flaw}")
        return httpx2.Response(
            answer.status, headers=dict(answer.headers), content=answer.body, request=request
        )

    def backend_for(self, url: str) -> HttpBackend:
        """Return the client for a place that the server, or we, have named."""
        try:
            origin, _ = split_url(url)
        except ValueError as error:
            raise Failure(f"MCP server {self.alias} names an address that {error}") from None
        if origin not in self._backends:
            at_home = origin.host == self.home.host
            if origin.scheme == "http" and not at_home:
                raise Failure(f"{origin} is without TLS: nothing of a login is sent there")
            if len(self._backends) >= ORIGINS_MAX:
                raise Failure(f"the login leads to more than {ORIGINS_MAX} places")
            self._backends[origin] = HttpBackend(
                HttpOptions(
                    name=f"the login of MCP server {self.alias}",
                    url=str(origin),
                    reach=self.server.reach if at_home else elsewhere(self.server),
                    ca=self.server.ca,
                )
            )
        return self._backends[origin]

    async def aclose(self) -> None:
        """Close every connection."""
        for backend in self._backends.values():
            await backend.aclose()


class Kept:
    """What the provider wants kept; it ends up in the logins file when all is well.

    Args:
        client: who we are there, if that was arranged before; None: we register.
    """

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        """See ``TokenStorage`` of the SDK."""
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """See ``TokenStorage`` of the SDK."""
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        """See ``TokenStorage`` of the SDK."""
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        """See ``TokenStorage`` of the SDK."""
        self.client = client_info


class Callback:
    """Listens on this machine for the browser that comes back with the answer.

    Args:
        port: on which.
        home: the host of the server; elsewhere nobody consents without TLS, but on this machine.
        show: is given the address that the person opens.
    """

    def __init__(self, port: int, home: str, show: Callable[[str], None]) -> None:
        self.port = port
        self.home = home
        self.show = show
        self.state = ""
        self._answer: dict[str, str] = {}
        self._came = anyio.Event()

    @property
    def address(self) -> str:
        """Where the browser comes back to."""
        return f"http://127.0.0.1:{self.port}/callback"

    async def open(self, url: str) -> None:
        """Show the person where to consent."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and host != self.home and not is_here(host):
            raise Failure(f"{printable(url)} is without TLS: nobody should consent there")
        self.state = one(parse_qs(parts.query), "state")
        self.show(url)

    async def wait(self) -> AuthorizationCodeResult:
        """Wait for the browser; what does not answer our own question is not heard."""
        with anyio.move_on_after(CONSENT_S):
            await self._came.wait()
        if not self._answer:
            raise Failure(f"nobody has consented within {CONSENT_S / 60:.0f} minutes")
        if "error" in self._answer:
            said = self._answer.get("error_description") or self._answer["error"]
            raise Failure(f"the login was refused: {printable(said)[:TOLD_CHARS_MAX]}")
        found = self._answer
        return AuthorizationCodeResult(
            code=found.get("code", ""), state=found.get("state"), iss=found.get("iss")
        )

    async def serve(self, stream: SocketStream) -> None:
        """Answer one request of a browser."""
        head = b""
        with anyio.move_on_after(CALLBACK_S):
            async with stream:
                try:
                    while b"\r\n\r\n" not in head and len(head) < CALLBACK_BYTES_MAX:
                        head += await stream.receive()
                    status, text = self.heard(head.split(b"\r\n", 1)[0].decode("latin-1"))
                    await stream.send(
                        b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        b"Content-Length: %d\r\nCache-Control: no-store\r\n"
                        b"Connection: close\r\n\r\n%b" % (status, len(text), text)
                    )
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return

    def heard(self, line: str) -> tuple[bytes, bytes]:
        """Take the first line of a request; return the status and the text to answer with."""
        method, _, rest = line.partition(" ")
        parts = urlsplit(rest.partition(" ")[0])
        if method != "GET" or parts.path != "/callback":
            return b"404 Not Found", NOT_OURS
        query = parse_qs(parts.query)
        if not self.state or one(query, "state") != self.state or self._answer:
            return b"400 Bad Request", NOT_OURS
        self._answer = {name: values[-1] for name, values in query.items()}
        self._came.set()
        return b"200 OK", DONE


async def log_in(
    alias: str,
    server: McpServerConfig,
    show: Callable[[str], None],
    *,
    port: int = 0,
    client_id: str = "",
    client_secret: str = "",
) -> Login:
    """Let a person log the gateway in at a server.

    Args:
        alias: what the configuration calls it.
        server: how it is configured, with a URL.
        show: is given the address that the person opens in a browser.
        port: of this machine, to which the browser comes back; 0: any.
        client_id, client_secret: who we are there, if that was arranged before.

    Raises:
        Failure: it did not come to that; the text says why.
    """
    url = str(server.url)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # what it has to say, we say
    transport = Careful(alias, server)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    callback = Callback(
        listener.extra_attributes[SocketAttribute.local_port](), transport.home.host, show
    )
    kept = Kept(known_client(client_id, client_secret, callback.address))
    metadata = OAuthClientMetadata(
        client_name="agent-gate",
        redirect_uris=[AnyUrl(callback.address)],
        token_endpoint_auth_method="none",  # noqa: S106 - no password
    )

    async def consent(address: str) -> None:
        if client_secret and kept.client is not None:
            kept.client.token_endpoint_auth_method = secret_method(provider.context.oauth_metadata)
        await callback.open(address)

    provider = OAuthClientProvider(
        url,
        metadata,
        kept,
        redirect_handler=consent,
        callback_handler=callback.wait,
    )
    headers = {name: secret.value for name, secret in server.headers.items()}
    status, failure = 0, None
    async with (
        listener,
        httpx2.AsyncClient(transport=transport, timeout=None) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, callback.serve)
        try:
            answer = await client.post(
                url, json=PROBE, headers=PROBE_HEADERS | headers, auth=provider
            )
            status = answer.status_code
        except Failure as error:  # kept: a task group would wrap it
            failure = error
        except (OAuthFlowError, ValueError) as error:
            failure = Failure(f"the login failed: {printable(str(error))[:TOLD_CHARS_MAX]}")
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    if kept.tokens is None or kept.client is None:
        raise Failure(f"MCP server {alias} asks for no login: it answered {status}")
    if status in (401, 403):
        raise Failure(f"MCP server {alias} does not take the token that it was to have: {status}")
    return login_of(url, provider, kept.client, kept.tokens)


def known_client(
    client_id: str, client_secret: str, address: str
) -> OAuthClientInformationFull | None:
    """Who we are where that was arranged before."""
    if not client_id:
        return None
    return OAuthClientInformationFull(
        client_id=client_id,
        client_secret=client_secret or None,
        token_endpoint_auth_method="client_secret_post" if client_secret else "none",
        redirect_uris=[AnyUrl(address)],
    )


def secret_method(
    metadata: OAuthMetadata | None,
) -> Literal["client_secret_basic", "client_secret_post"]:
    """How a secret that was arranged before is sent: in the form, unless the server takes it in the
    header alone. (Who publishes metadata and no methods takes the header: RFC 8414 §2.)"""
    if metadata is None:
        return "client_secret_post"
    methods = metadata.token_endpoint_auth_methods_supported or ["client_secret_basic"]
    return "client_secret_post" if "client_secret_post" in methods else "client_secret_basic"


def login_of(
    url: str, provider: OAuthClientProvider, client: OAuthClientInformationFull, tokens: OAuthToken
) -> Login:
    """Make what is kept of a login."""
    context: Any = provider.context
    metadata = context.oauth_metadata
    origin, _ = split_url(url)
    with_resource = context.should_include_resource_param(context.protocol_version)
    method: Any = client.token_endpoint_auth_method or "none"
    return Login(
        url=url,
        token_endpoint=str(metadata.token_endpoint) if metadata else f"{origin}/token",
        client_id=client.client_id,
        client_secret=client.client_secret or "",
        auth_method=method,
        resource=context.get_resource_url() if with_resource else "",
        scope=tokens.scope or "",
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token or "",
        expires_at=time.time() + tokens.expires_in if tokens.expires_in else 0.0,
    )


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    address = literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def one(query: dict[str, list[str]], name: str) -> str:
    """Return the value of a name in a query that has it once, or ""."""
    values = query.get(name, [])
    return values[0] if len(values) == 1 else ""
