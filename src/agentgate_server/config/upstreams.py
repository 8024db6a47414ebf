"""The form of ``upstreams``: other gateways behind this one, and the checks of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from agentgate_proto.ledger.relaying import Approvals
from agentgate_proto.limits import PASSWORD_CHARS_MAX, STANDING_CALLS_MAX
from agentgate_server.config.texts import Host
from agentgate_server.documents import Document, DocumentError
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.errors import did_you_mean, raise_first
from agentgate_server.documents.spans import SECONDS
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.secrets.secret import Secret

UPSTREAM_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
WEBSOCKET_URL = re.compile(
    r"wss?://(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?"
)
PORT = re.compile(r":([0-9]+)(?:/|$)")
PATTERN = re.compile(r"[A-Za-z0-9_.:/*?\[\]!-]{1,128}")
PORT_MAX = 65_535

ANY = "*"

UPSTREAMS_MAX = 64
"""Gateways behind one: each takes a connection that is never idle for long."""

AGENTS_MAX = STANDING_CALLS_MAX // 2
"""Agents with stored passwords: the other half of the logins is left to those who give one."""


class UpstreamName(str):
    """What a gateway behind this one is called here. Its tools are called ``NAME.tool``."""

    __slots__ = ()

    def __new__(cls, text: str) -> UpstreamName:
        """Check the text."""
        if not UPSTREAM_NAME.fullmatch(text):
            raise ValueError("must be 1 to 64 letters, digits, dashes and underscores")
        return super().__new__(cls, text)


class WebSocketUrl(str):
    """Where a gateway listens."""

    __slots__ = ()

    def __new__(cls, text: str) -> WebSocketUrl:
        """Check the text."""
        if not WEBSOCKET_URL.fullmatch(text):
            raise ValueError("must be a URL without user and query, as in wss://gate.example:8443")
        if (port := PORT.search(text)) and not 0 < int(port[1]) <= PORT_MAX:
            raise ValueError(f"the port must be 1 to {PORT_MAX}")
        return super().__new__(cls, text)

    @property
    def is_clear_text(self) -> bool:
        """Whether what is sent there leaves this machine without TLS."""
        parts = urlsplit(self)
        return parts.scheme == "ws" and not Host(parts.hostname or "").is_loopback

    @property
    def place(self) -> str:
        """Host and port, for people and logs."""
        return urlsplit(self).netloc


class NamePattern(str):
    """Names of tools, ``*`` and ``?`` standing for what one likes."""

    __slots__ = ()

    def __new__(cls, text: str) -> NamePattern:
        """Check the text."""
        if not PATTERN.fullmatch(text):
            raise ValueError("must be the name of a tool there, or a pattern as in get_*")
        return super().__new__(cls, text)


class UpstreamAgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A named agent there that consoles reach without knowing its password."""

    password: Secret
    """Its password, best as ``${VARIABLE}``."""


class UpstreamConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway behind this one. This gateway connects to it, and stays connected."""

    url: WebSocketUrl
    """Where it listens, as in ``wss://gate.example:8443``; ``ws://`` on this machine only."""

    token: Secret
    """Our token there: of a principal with role ``relay``. Best as ``${VARIABLE}``."""

    ca: Path | None = None
    """PEM file with the authorities to trust instead of the system's."""

    insecure: bool = False
    """Connect without TLS wherever it is. Token, passwords and all that is said travel in clear
    text."""

    agents: Annotated[dict[PrincipalName, UpstreamAgentConfig], Meta(max_length=AGENTS_MAX)] = {}
    """Named agents there, by id, to which consoles are logged in by us."""

    consoles: tuple[PrincipalName, ...] = (PrincipalName(ANY),)
    """Which principals with role ``console`` may use it; ``"*"``: all."""

    tools: tuple[NamePattern, ...] = ()
    """Which of its tools to offer here, as in ``get_*``; each is called ``NAME.tool``. None without
    this."""

    approvals: Approvals = Approvals.THERE
    """Where a person is asked about its tools. ``there``: what the policy here wants asked is
    passed on, and asked there. ``here``: a person is asked here, also about what it would ask;
    whether that counts there is for its configuration (``approves``)."""

    timeout_s: Annotated[float, Meta(gt=0, le=86_400, extra=SECONDS)] = 3_600.0
    """Seconds that a call of a tool may take there, the time of people included."""

    wait_s: Annotated[float, Meta(ge=0, le=600, extra=SECONDS)] = 30.0
    """Seconds that a call of a tool waits for the connection if that is down; then it fails, and
    nothing was run."""

    def admits(self, console: str) -> bool:
        """Whether a principal may use it."""
        return ANY in self.consoles or console in self.consoles


Upstreams = Annotated[dict[UpstreamName, UpstreamConfig], Meta(max_length=UPSTREAMS_MAX)]


def check_upstreams(
    document: Document, upstreams: Mapping[UpstreamName, UpstreamConfig], agents: Iterable[str]
) -> tuple[str, ...]:
    """Check what a document says of upstreams; return warnings.

    Args:
        document: where errors stand.
        upstreams: what it says.
        agents: the names of our own agents, whose tools are called ``agent.tool``. So none may
            begin as those of an upstream do: it could offer what is meant for a tool there.

    Raises:
        DocumentError: something can't be used.
    """
    errors: list[DocumentError] = []
    warnings: list[str] = []
    taken = {name.partition(".")[0]: name for name in sorted(agents)}
    for name, upstream in upstreams.items():
        place: Place = ("upstreams", name)
        if name in taken:
            text = f"the agent {taken[name]!r} here could offer tools of such names: choose another"
            errors.append(document.error(place, text))
        if upstream.url.is_clear_text:
            text = "leaves this machine in clear text: write wss://"
            if upstream.insecure:
                warnings.append(f"{document.error((*place, 'url'), text)}")
            else:
                errors.append(document.error((*place, "url"), f"{text} (or insecure: true)"))
        if not upstream.token.value.strip():
            errors.append(document.error((*place, "token"), "the token is empty"))
        for agent, wanted in upstream.agents.items():
            if not 0 < len(wanted.password.value) <= PASSWORD_CHARS_MAX:
                text = f"must have 1 to {PASSWORD_CHARS_MAX} characters"
                errors.append(document.error((*place, "agents", agent, "password"), text))
    raise_first(errors)
    return tuple(warnings)


def nobodies(
    upstreams: Mapping[UpstreamName, UpstreamConfig], consoles: Collection[str]
) -> Iterator[str]:
    """Name whom ``consoles`` lets in and is no console: somebody else is missing there.

    Args:
        upstreams: what the configuration says.
        consoles: the principals with that role.
    """
    for name, upstream in upstreams.items():
        for console in upstream.consoles:
            if console != ANY and console not in consoles:
                hint = did_you_mean(console, consoles) or ": see principals and tokens"
                yield f'upstreams.{name}.consoles: "{console}" is no console{hint}'


def secret_places(upstreams: Mapping[UpstreamName, UpstreamConfig]) -> Iterator[Place]:
    """Yield where secrets stand."""
    for name, upstream in upstreams.items():
        yield ("upstreams", name, "token")
        yield from (("upstreams", name, "agents", agent, "password") for agent in upstream.agents)
