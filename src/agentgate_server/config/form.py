"""The form of ``config.yaml``: every key, its type, its default, its bounds, what it means.

The keys of seed 001 keep their names. The configuration reference is made from this file, so a
docstring here speaks to the person who writes the YAML. A key that is not here stops the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agentgate_proto.principal import Role
from agentgate_proto.quotas.connections import CONNECTIONS_MAX, OF_PRINCIPAL_MAX
from agentgate_server.config.agents import NamedAgentConfig
from agentgate_server.config.faces import FacesConfig
from agentgate_server.config.messenger import MessengerConfig
from agentgate_server.config.sessions import SessionsConfig
from agentgate_server.config.texts import AllowedHost, BaseUrl, Host, Origin, ProxyNetwork
from agentgate_server.config.upstreams import Upstreams
from agentgate_server.documents.spans import DAY_S, DAYS, SECONDS
from agentgate_server.identity.texts import PrincipalName, TokenHash
from agentgate_server.secrets.secret import Secret
from agentgate_server.tools.home_assistant.form import HomeAssistantConfig
from agentgate_server.tools.mcp.form import McpServersConfig

APPROVAL_TIMEOUT_S_MAX = 30 * DAY_S
"""A person who has not answered in a month will not; deadlines stay within what is stored."""

Count = Annotated[int, Meta(ge=1, le=10_000_000)]
Days = Annotated[float, Meta(gt=0, le=3_650, extra=DAYS)]


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """TLS of the listener. Needed as soon as ``gateway.host`` is not loopback."""

    cert: Path
    """PEM file with the certificate and its chain."""

    key: Path
    """PEM file with the private key, without a passphrase."""


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway listens."""

    host: Host = Host("127.0.0.1")
    """Address or host name to listen on; of a name's addresses those that this machine has, and
    with ``::`` all of both families. Anything but loopback needs ``tls`` or ``insecure``."""

    port: Annotated[int, Meta(ge=0, le=65_535)] = 8443
    """TCP port; 0 takes any free one."""

    tls: TlsConfig | None = None
    """Certificate and key; without them the gateway speaks plain ``ws://``."""

    insecure: bool = False
    """Serve without TLS whatever ``host`` is; ``tls`` is then not looked at. Tokens travel in
    clear text: only behind a proxy that adds TLS. The flag ``--insecure`` sets it."""

    allowed_origins: tuple[Origin, ...] = ()
    """Origins whose pages may connect: ``https://console.example``, or of an app
    ``capacitor://localhost``, ``chrome-extension://…``. Programs send no origin and are not
    affected."""

    allowed_hosts: tuple[AllowedHost, ...] = ()
    """Names under which clients reach the gateway, as in ``gate.example`` (the header ``Host``,
    without port). ``localhost``, addresses, ``host`` and the name of this machine are allowed
    anyway. Any other is refused, because a page of a stranger can give its own name this address
    (DNS rebinding). ``"*"`` leaves the check to the proxy in front."""

    trusted_proxies: tuple[ProxyNetwork, ...] = ()
    """Addresses or networks, as in ``10.0.0.0/8``, of the proxies in front: what they say in
    ``X-Forwarded-For`` counts as the client's address in limits, logs and the audit. Without this,
    all clients behind a proxy have its address."""

    connections_max: Count = CONNECTIONS_MAX
    """Open connections of everybody together. Agents may have four fifths of them, and whoever has
    not said who it is half, of which the oldest end when others come."""

    connections_of_principal_max: Count = OF_PRINCIPAL_MAX
    """Open connections of one principal; further ones are refused, unless one of them looks dead,
    is idle plain HTTP, or is the same client's: that ends then."""

    memory_max: Annotated[int, Meta(ge=0)] | None = None
    """Bytes of memory that the gateway may take; beyond it new requests of agents are refused, and
    who reads least is cut off, until there is a tenth less. Left out: three quarters of what the
    machine or the container has. 0: no matter how many. Watched on Linux."""

    public_url: BaseUrl | None = None
    """Where phones and other machines reach this gateway, as in ``https://gate.example``: buttons
    of notifications call it. Its name counts among ``allowed_hosts``."""

    shutdown_s: Annotated[float, Meta(ge=0, le=600, extra=SECONDS)] = 10.0
    """Seconds that a shutdown waits for running tools."""

    @property
    def serves_tls(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.tls is not None and not self.insecure


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The single agent of seed 001: a principal called ``agent`` with role ``agent``."""

    token: Secret
    """Its token. Write ``${AGENT_TOKEN}`` and keep the token in ``.env``."""


class PrincipalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may connect. Give exactly one of ``token`` and ``token_hash``."""

    name: PrincipalName
    """Unique name: shown to approvers, matched by ``agents`` in the policy, kept in the audit."""

    role: Role
    """``agent`` asks for tools; ``approver`` answers approvals; ``operator`` runs the gateway: sees
    its health and everybody's requests, and may answer too; ``console`` talks to the named agents
    whose passwords it has; ``relay`` is another gateway in front of this one, which asks for tools
    and talks to agents on behalf of its own principals."""

    token: Secret | None = None
    """The token itself, best as ``${VARIABLE}``."""

    token_hash: TokenHash | None = None
    """``sha256:`` and the SHA-256 of the token in hex (``printf %s "$TOKEN" | sha256sum``), so
    that the file holds no secret."""

    totp: Secret | None = None
    """Base32 secret of the person's one-time codes (TOTP: SHA-1, 6 digits, 30 s), best as
    ``${VARIABLE}``; the same as in their authenticator app. Rules with ``code: true`` need it."""

    approves: bool = False
    """Of a relay: where a person there has said yes, nobody is asked here again, unless a rule here
    wants several people or a one-time code."""

    def __post_init__(self) -> None:
        if self.approves and self.role is not Role.RELAY:
            raise ValueError("approves is for the role relay only")
        if (self.token is None) == (self.token_hash is None):
            raise ValueError("needs exactly one of token and token_hash")


class StorageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests, approvals and outcomes are kept."""

    type: Literal["sqlite"] = "sqlite"
    """The engine."""

    path: Path = Path("data/agent-gate.db")
    """The database file; it and its folder are created if they are missing."""

    keep_days: Days = 7.0
    """Days that an outcome is kept after its client has it; until then an identical request is
    answered from it."""

    keep_undelivered_days: Days = 30.0
    """Days that an outcome is kept whose client has not come back for it."""

    keep_rows_max: Count = 100_000
    """Finished requests kept at most. First goes what ran nothing, last what keeps a write from
    running twice; each agent loses its own, and first what was delivered."""

    keep_bytes_max: Annotated[int, Meta(ge=100_000, le=10**13)] = 1_073_741_824
    """Bytes of finished requests, with their arguments and results, kept at most; beyond it they go
    as beyond ``keep_rows_max``. Conversations and the audit are not among them."""

    free_min: Annotated[int, Meta(ge=0, le=10**13)] = 268_435_456
    """Bytes that are to stay free on the disk of the database, or a tenth of it if that is less:
    below it new requests are refused, and outcomes are still stored. 0: no matter how many."""

    denials_per_minute: Count = 60
    """Requests of one agent that the policy denies and that are kept; more are answered alike, and
    only counted."""


class AuditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The audit log: what was asked, decided and done, in the database file, hash-chained."""

    keep_days: Days = 365.0
    """Days that entries are kept. What is dropped is signed for, so that the rest still verifies;
    requests are kept, and go, by ``storage.keep_days``."""

    keep_entries_max: Count = 4_000_000
    """Entries kept at most, about 400 bytes each; the oldest go first. Denials, reads and
    withdrawals of an agent have at most a 24th of them in ``keep_days``; more is told together."""

    keep_bytes_max: Annotated[int, Meta(ge=100_000, le=10**13)] = 2_147_483_648
    """Bytes of entries kept at most: with long arguments they have up to 10 kB each."""

    denials_per_hour: Count = 100
    """Requests of one agent that the policy denies and that have an entry each; what is more has
    one entry a minute at the most, which says how many there were."""

    reads_per_hour: Count = 600
    """Reads of one agent about which nobody was asked, withdrawals and repeats that have an entry
    each, long ones for several; what is more is told together. Writes always have theirs."""

    head_file: Path | None = None
    """File to which the head of the chain is added every minute and at shutdown, best on another
    disk or machine: ``agent-gate audit verify`` and the next start find by it that the end of the
    log is missing, or that the log was written anew."""


class RateLimitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What one principal may ask for."""

    max_pending_approvals: Annotated[int, Meta(ge=1, le=100_000)] = 10
    """Approvals of one agent that wait at once; a further ask is refused."""

    max_requests_per_minute: Count = 600
    """Tool requests, listings, and what makes and changes sessions, of one principal per minute."""

    max_request_bytes_per_minute: Annotated[int, Meta(ge=1_048_576, le=2**40)] = 16_777_216
    """Bytes of what comes with these requests, all of a minute together."""

    max_result_bytes_per_minute: Annotated[int, Meta(ge=1_048_576, le=2**40)] = 67_108_864
    """Bytes of what these requests bring, of results of 16 KiB and more. Beyond it nothing more is
    taken, and what has been taken waits before its tool begins, as long as it may take."""


class ToolsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The tools that this gateway offers."""

    python: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Modules (``house.tools``) or files (``tools.py``) whose ``@tool`` functions are offered."""

    http: tuple[Path, ...] = ()
    """Files that declare HTTP tools (``weather.yaml``)."""

    mcp: McpServersConfig = {}
    """Servers of the Model Context Protocol behind the gate, by a name of yours."""

    timeout_s: Annotated[float, Meta(gt=0, le=86_400, extra=SECONDS)] = 60.0
    """Seconds that a tool may run unless it names its own limit."""

    args_bytes_max: Annotated[int, Meta(ge=1_024, le=1_000_000)] = 65_536
    """Bytes that the arguments of a request may have as JSON, unless the tool names its own limit.
    A person has to judge them, and what policy and prompts do with them costs by the byte."""

    output_bytes_max: Annotated[int, Meta(ge=1_024, le=16_000_000)] = 1_000_000
    """Bytes of a tool's result as JSON; a larger one is an error. Clients of the first generation
    take messages of 1 MiB, our own take 16 MiB."""


class ServicesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Systems that the gateway has ready-made tools for."""

    homeassistant: HomeAssistantConfig | None = None
    """A house."""


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway says on standard error."""

    format: Literal["readable", "json"] = "readable"
    """``readable``: lines for people; ``json``: one object a line. ``--log-format`` wins."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is said. ``debug`` has every request, ``info`` what people are asked about,
    what is refused and what changes something. ``--log-level`` wins."""


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers for Prometheus, at ``/metrics`` of the gateway's own port."""

    enabled: bool = False
    """Count, and serve the numbers to whoever has an operator's token."""

    public: bool = False
    """Serve them without a token. They name tools and say how often each is used."""


class TracingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """OpenTelemetry traces, one span for each request. The environment says where they go
    (``OTEL_EXPORTER_OTLP_ENDPOINT`` and the other ``OTEL_`` variables)."""

    enabled: bool = False
    """Make spans. Needs the extra ``tracing``."""


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of ``config.yaml``. Relative paths start at the folder of that file."""

    gateway: GatewayConfig = GatewayConfig()
    """Where the gateway listens."""

    agent: AgentConfig | None = None
    """The single agent; short for a principal ``agent``."""

    principals: tuple[PrincipalConfig, ...] = ()
    """Everybody else who may connect."""

    tokens: Path | None = None
    """The file in which ``agent-gate token new`` keeps hashes of tokens; unless set it is
    ``tokens.json`` beside the database."""

    storage: StorageConfig = StorageConfig()
    """Where requests, approvals and outcomes are kept."""

    audit: AuditConfig = AuditConfig()
    """The audit log."""

    messenger: MessengerConfig | None = None
    """Where people are asked besides terminals and browsers."""

    approval_timeout: Annotated[float, Meta(gt=0, le=APPROVAL_TIMEOUT_S_MAX, extra=SECONDS)] = 900.0
    """Seconds that an approval waits for a person; then it expires and nothing runs."""

    rate_limit: RateLimitConfig = RateLimitConfig()
    """What one agent may ask for."""

    tools: ToolsConfig = ToolsConfig()
    """The tools that this gateway offers."""

    services: ServicesConfig = ServicesConfig()
    """Systems that the gateway has ready-made tools for."""

    sessions: SessionsConfig = SessionsConfig()
    """Conversations with models."""

    agents: dict[PrincipalName, NamedAgentConfig] = {}
    """Named agents, by id: conversations that last, and that many consoles share."""

    faces: FacesConfig = FacesConfig()
    """Other wire formats."""

    upstreams: Upstreams = {}
    """Other gateways behind this one, by the name that they have here."""

    log: LogConfig = LogConfig()
    """What the gateway says on standard error."""

    metrics: MetricsConfig = MetricsConfig()
    """Numbers for Prometheus."""

    tracing: TracingConfig = TracingConfig()
    """OpenTelemetry traces."""

    permissions: Path = Path("permissions.yaml")
    """The policy file. The flag ``--permissions`` wins."""
