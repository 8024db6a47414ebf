"""The form of ``tools.mcp`` in ``config.yaml``: servers of MCP behind the gate."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import Meta

from agentgate_proto.records.request import Effects
from agentgate_server.backends.addresses import Reach, literal
from agentgate_server.backends.urls import split_url
from agentgate_server.documents.environment import VariableName
from agentgate_server.documents.spans import SECONDS
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.http.texts import HeaderName, NetworkText

ALIAS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
PATTERN: Final = re.compile(r"[!-~]{1,128}")
HEADER_VALUE: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")

SERVERS_MAX: Final = 64
"""Servers of one gateway: each is a process, or some connections, and a task."""

ARGUMENTS_MAX: Final = 256
"""The program and its arguments."""

LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

OURS: Final = frozenset(
    {
        *("accept", "content-type", "last-event-id", "mcp-session-id", "mcp-protocol-version"),
        *("mcp-method", "mcp-name"),
    }
)
"""Headers that say what a message is; those that say how it is carried are refused anyway."""


class McpAlias(str):
    """What a server is called here."""

    __slots__ = ()

    def __new__(cls, text: str) -> McpAlias:
        """Check the text."""
        if not ALIAS.fullmatch(text):
            raise ValueError(
                "must be 1 to 32 letters, digits, dashes and underscores, a letter or _ first"
            )
        return super().__new__(cls, text)


class McpPrefix(str):
    """What the names of a server's tools begin with here, or nothing."""

    __slots__ = ()

    def __new__(cls, text: str) -> McpPrefix:
        """Check the text."""
        if text and not ALIAS.fullmatch(text):
            raise ValueError(
                'must be "", or 1 to 32 letters, digits, dashes and underscores, a letter or _ '
                "first"
            )
        return super().__new__(cls, text)


class McpPattern(str):
    """Names of a server's tools, ``*`` and ``?`` standing for what one likes."""

    __slots__ = ()

    def __new__(cls, text: str) -> McpPattern:
        """Check the text."""
        if not PATTERN.fullmatch(text):
            raise ValueError("must be the name of a tool there, or a pattern as in git_*")
        return super().__new__(cls, text)


class McpUrl(str):
    """Where a server listens."""

    __slots__ = ()

    def __new__(cls, text: str) -> McpUrl:
        """Check the text."""
        if "#" in text:
            raise ValueError("must be without a fragment, as in https://mcp.example/mcp")
        split_url(text)
        return super().__new__(cls, text)

    @property
    def place(self) -> str:
        """Scheme, host and port, for people and logs: a query may hold a secret."""
        return str(split_url(self)[0])


class McpHeader(HeaderName):
    """The name of a header that one may set here."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Check the text."""
        if text.lower() in OURS:
            raise ValueError("is set by the gateway itself: remove it")
        return super().__new__(cls, text)


class HeaderValue(Secret):
    """What a header says. Kept like a secret, because it may be one."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        if not HEADER_VALUE.fullmatch(value):
            raise ValueError("must be printable ASCII without line breaks, and not be empty")
        super().__init__(value)


class McpServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A server of the Model Context Protocol, whose tools go through the gate. Give exactly one of
    ``command`` and ``url``."""

    command: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...], Meta(max_length=ARGUMENTS_MAX)
    ] = ()
    """The program and its arguments, each an item of the list; no shell reads them. The gateway
    starts it, speaks to it over its standard input and output, and starts it again when it ends."""

    url: McpUrl | None = None
    """Where it listens (Streamable HTTP), as in ``https://mcp.example/mcp``."""

    headers: dict[McpHeader, HeaderValue] = {}
    """With ``url``: sent with every request. Write ``${TOKEN}`` and keep the token in ``.env``."""

    private: bool = False
    """With ``url``: it may be on this machine or in a private network (``192.168.x.x``,
    ``10.x.x.x`` ...). Without it only public addresses are connected to, whatever the host's name
    resolves to. An address that stands in ``url`` itself, or ``localhost``, is meant so."""

    allow: tuple[NetworkText, ...] = ()
    """With ``url``: further networks that its address may be in, as in ``[192.168.1.0/24]``."""

    ca: Path | None = None
    """With ``url``: PEM file with the authorities to trust instead of the system's."""

    env: dict[VariableName, Secret] = {}
    """With ``command``: environment variables of the program, which gets no others but ``PATH``,
    ``HOME``, ``USER``, ``TMPDIR`` and the language. What is named like a secret (``API_KEY``) is
    masked."""

    cwd: Path | None = None
    """With ``command``: the folder in which it runs; unless said, that of this file."""

    prefix: McpPrefix | None = None
    """Its tools are called ``PREFIX.tool`` here; unless said, the name of this section. ``""``:
    they keep the names that they have there."""

    effects: dict[McpPattern, Effects] = {}
    """Which of its tools only read, by the names that they have there: ``"git_status": read``. The
    first pattern that fits counts; what none fits is a ``write``. What the server says of itself
    can make a ``read`` a ``write``, never the other way round."""

    tools: tuple[McpPattern, ...] = (McpPattern("*"),)
    """Which of its tools are offered at all, by the names that they have there."""

    pins: Literal["review", "first-use"] = "review"
    """``review``: what it offers is hidden until ``agent-gate mcp review`` accepts it, and again
    when it changes. ``first-use``: what it offers the first time is taken as it is, and only what
    changes or is added later has to be accepted."""

    era: Literal["auto", "legacy", "modern"] = "auto"
    """Which revisions of the protocol to speak with it: ``modern`` (2026-07-28), ``legacy``
    (2025-11-25 and before), or ``auto``: the newest that it speaks."""

    resources: bool = False
    """Offer its resources too, by the tool ``PREFIX_read_resource``, which only reads."""

    prompts: bool = False
    """Offer its prompts too, by the tool ``PREFIX_get_prompt``, which only reads."""

    timeout_s: Annotated[float, Meta(gt=0, le=86_400, extra=SECONDS)] = 60.0
    """Seconds that a call may take there, without the time in which it asks somebody something."""

    wait_s: Annotated[float, Meta(ge=0, le=600, extra=SECONDS)] = 5.0
    """Seconds that a call waits for the server if that is down; then it fails, and nothing was
    run."""

    args_bytes_max: Annotated[int, Meta(ge=1_024, le=1_000_000)] | None = None
    """Bytes that the arguments of a call may have as JSON; default: ``tools.args_bytes_max``."""

    output_bytes_max: Annotated[int, Meta(ge=1_024, le=16_000_000)] = 1_000_000
    """Bytes of a result; what is larger is not passed on. ``tools.output_bytes_max`` counts too."""

    oauth: bool = False
    """With ``url``: it wants an OAuth login, which ``agent-gate mcp login`` does once. Needs the
    extra ``mcp``."""

    def __post_init__(self) -> None:
        if bool(self.command) == (self.url is not None):
            raise ValueError("needs exactly one of command and url")
        others = {
            "command": (self.headers, self.private, self.allow, self.ca, self.oauth),
            "url": (self.env, self.cwd),
        }
        kind = "command" if self.command else "url"
        if any(others[kind]):
            keys = "headers, private, allow, ca and oauth" if self.command else "env and cwd"
            raise ValueError(f"{keys} mean nothing with {kind}: remove them")

    @property
    def reach(self) -> Reach:
        """Which addresses it may have. One that stands in the URL nobody else can have chosen, and
        redirects are not followed."""
        host = "" if self.url is None else split_url(self.url)[0].host
        address = literal(host)
        own = LOOPBACK if host == "localhost" else () if address is None else (ip_network(address),)
        allow = (*(each.network for each in self.allow), *own)
        return Reach(private=self.private, allow=allow)

    def offers(self, there: str) -> bool:
        """Whether a tool of this name there is offered here."""
        return any(fnmatchcase(there, pattern) for pattern in self.tools)

    def effects_of(self, there: str) -> Effects:
        """What a tool of this name there does, by the configuration alone."""
        for pattern, effects in self.effects.items():
            if fnmatchcase(there, pattern):
                return effects
        return Effects.WRITE


McpServersConfig = Annotated[dict[McpAlias, McpServerConfig], Meta(max_length=SERVERS_MAX)]
