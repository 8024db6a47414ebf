"""OAuth to MCP servers: the token of a server, renewed when its time comes.

A person has consented once, on the command line (``agent-gate mcp login``). What is left for the
gateway is small enough to be done here: a renewal is one form, sent to the place that was found at
the login (RFC 6749 §6). So nothing of an OAuth library is ever in the way of a call, nothing that a
server says at run time leads the gateway anywhere, and no agent can bring about a consent: where a
token can't be renewed, the server needs a login, and that is said.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote_plus, urlencode

import anyio
import anyio.to_thread
import msgspec
from msgspec.structs import replace

from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions
from agentgate_server.backends.urls import split_url
from agentgate_server.errors import EffectUnknown, NotStarted
from agentgate_server.secrets.secret import Secret
from agentgate_server.store.private_file import Stamp
from agentgate_server.tools.mcp.form import McpServerConfig
from agentgate_server.tools.mcp.login_file import Login, LoginFile, LoginFileError, Token

log = logging.getLogger(__name__)

EARLY_S: Final = 30.0
"""How long before its end a token is renewed: a request on its way must not meet the end."""

SETTLE_S: Final = 10.0
"""How long after a renewal requests with the token before may still be refused."""

ANSWER_BYTES_MAX: Final = 65_536
"""Of the answer to a renewal: a few tokens."""

OVER: Final = frozenset({400, 401, 403})
"""Statuses by which a renewal is refused for good (RFC 6749 §5.2); others may pass."""


class NeedsLogin(NotStarted):
    """Nobody has logged in, or the login has ended. The text says what to do."""


class Granted(msgspec.Struct, frozen=True):
    """The answer to a renewal (RFC 6749 §5.1)."""

    access_token: Token
    expires_in: float | None = None
    refresh_token: Token = ""


class OAuthLogin:
    """The login at one server.

    Args:
        alias: what the configuration calls the server.
        server: how it is configured, with a URL.
        file: where logins are kept.
        learn: is told each token, to be masked wherever it turns up.
        utc: the clock, UTC seconds.

    Attributes:
        problem: what an operator has to do, for ``/health``, or "".
    """

    def __init__(
        self,
        alias: str,
        server: McpServerConfig,
        file: LoginFile,
        learn: Callable[[list[Secret]], None] = lambda secrets: None,
        utc: Callable[[], float] = time.time,
    ) -> None:
        assert server.url is not None, "only what has a URL has a login"
        self.alias = alias
        self.url = str(server.url)
        self.file = file
        self.problem = ""
        self._server = server
        self._learn = learn
        self._utc = utc
        self._lock = anyio.Lock()
        self._stamp: Stamp = None
        self._login: Login | None = None
        self._sent = self._refused = ""
        self._renewed_at: float | None = None

    async def token(self) -> str:
        """Return the access token to send now, renewed if it is about to end.

        Raises:
            NeedsLogin: there is none, and only a person can bring about one.
            NotStarted: it could not be renewed now; a later try may.
        """
        async with self._lock:
            login = await self._current()
            refused = login.access_token == self._refused
            if refused or (login.expires_at and login.expires_at - EARLY_S <= self._utc()):
                login = await self._renew(login)
            self.problem = ""
            return login.access_token

    async def headers(self) -> Mapping[str, str]:
        """Return the headers for the next request; raises as :meth:`token`."""
        self._sent = await self.token()
        return {"Authorization": f"Bearer {self._sent}"}

    async def refused(self) -> bool:
        """The server did not take the token that was sent last (401).

        Returns:
            Whether there is another one now. (One that was renewed a moment ago is left as it is:
            it was an earlier one that was refused.)
        """
        if self._renewed_at is None or self._utc() - self._renewed_at > SETTLE_S:
            self._refused = self._sent
        try:
            return await self.token() != self._sent
        except NotStarted as error:
            log.warning("MCP server %s: %s", self.alias, error)
            return False

    async def _current(self) -> Login:
        """Return the login as it is on disk, where another program may have put it."""
        try:
            stamp = self.file.stamp()
            if stamp is None or stamp != self._stamp:
                self._login = await anyio.to_thread.run_sync(self.file.get, self.alias)
                self._stamp = stamp
                self._learn([Secret(each) for each in secrets_of(self._login)])
        except LoginFileError as error:
            self.problem = str(error)
            raise NotStarted(f"the login can't be read: {error}") from None
        if self._login is None:
            raise self._needs_login("nobody has logged in")
        if self._login.url != self.url:
            raise self._needs_login("the login was for another URL")
        return self._login

    async def _renew(self, login: Login) -> Login:
        if not login.refresh_token:
            raise self._needs_login("the login has ended")
        backend = self._backend(login)
        form, headers = renewal(login)
        try:
            answer = await backend.request(
                *("POST", split_url(login.token_endpoint)[1]),
                headers=headers,
                content=form,
                bytes_max=ANSWER_BYTES_MAX,
            )
        except (NotStarted, EffectUnknown) as error:
            raise NotStarted(f"the login could not be renewed: {error}") from None
        finally:
            await backend.aclose()
        if answer.status in OVER:
            raise self._needs_login(f"the login was not renewed (status {answer.status})")
        try:
            granted = msgspec.json.decode(answer.body, type=Granted)
        except ValueError:  # its text might quote a token
            granted = Granted("")
        if answer.status != 200 or not granted.access_token:
            raise NotStarted(f"the login could not be renewed: status {answer.status}")
        fresh = replace(
            login,
            access_token=granted.access_token,
            refresh_token=granted.refresh_token or login.refresh_token,
            expires_at=self._utc() + granted.expires_in if granted.expires_in else 0.0,
        )
        self._renewed_at = self._utc()
        self._learn([Secret(each) for each in secrets_of(fresh)])
        await self._keep(login, fresh)
        return fresh

    async def _keep(self, old: Login, fresh: Login) -> None:
        """Write a login that was renewed: the old one may be worth nothing any more."""
        self._login = fresh
        try:
            kept = await anyio.to_thread.run_sync(self.file.renewed, self.alias, old, fresh)
            self._stamp = self.file.stamp() if kept else None  # None: read what others wrote
        except LoginFileError as error:
            log.error("MCP server %s: the renewed login is not kept: %s", self.alias, error)

    def _backend(self, login: Login) -> HttpBackend:
        """The client for the renewal; addresses are private only where the server's own are."""
        origin, _ = split_url(login.token_endpoint)
        ours, _ = split_url(self.url)
        reach = self._server.reach if origin.host == ours.host else elsewhere(self._server)
        return HttpBackend(
            HttpOptions(
                name=f"the login of MCP server {self.alias}",
                url=str(origin),
                reach=reach,
                ca=self._server.ca,
            )
        )

    def _needs_login(self, why: str) -> NeedsLogin:
        self.problem = f"needs login: agent-gate mcp login {self.alias}"
        return NeedsLogin(f"{why}; the gateway's operator runs 'agent-gate mcp login {self.alias}'")


def elsewhere(server: McpServerConfig) -> Reach:
    """Which addresses others may have that a server names: public ones, and those of ``allow``;
    not the one that stands in the server's own URL."""
    return Reach(allow=tuple(each.network for each in server.allow))


def secrets_of(login: Login | None) -> list[str]:
    """What must not be shown of a login."""
    if login is None:
        return []
    found = (login.access_token, login.refresh_token, login.client_secret)
    return [each for each in found if each]


def renewal(login: Login) -> tuple[bytes, list[tuple[str, str]]]:
    """The body and the headers of a renewal (RFC 6749 §6, §2.3.1; RFC 8707)."""
    form = {
        "grant_type": "refresh_token",
        "refresh_token": login.refresh_token,
        "client_id": login.client_id,
    }
    if login.resource:
        form["resource"] = login.resource
    headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Accept", "application/json"),
    ]
    if login.client_secret and login.auth_method == "client_secret_post":
        form["client_secret"] = login.client_secret
    elif login.client_secret and login.auth_method == "client_secret_basic":
        pair = f"{quote_plus(login.client_id)}:{quote_plus(login.client_secret)}"
        headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    return urlencode(form).encode(), headers
