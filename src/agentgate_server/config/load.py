"""Loading: ``config.yaml``, ``.env`` and the environment to a checked :class:`Config`."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agentgate_proto.limits import LedgerLimits
from agentgate_proto.principal import Role
from agentgate_proto.quotas.denials import share_of_audit
from agentgate_server.config.agents import NamedAgentConfig, agents_of, password_places
from agentgate_server.config.faces import FacesConfig, check_faces
from agentgate_server.config.form import (
    AuditConfig,
    ConfigFile,
    GatewayConfig,
    LogConfig,
    MetricsConfig,
    RateLimitConfig,
    ServicesConfig,
    StorageConfig,
    TlsConfig,
    ToolsConfig,
    TracingConfig,
)
from agentgate_server.config.identities import (
    code_secrets_of,
    entries,
    holds_literal_token,
    identities_of,
)
from agentgate_server.config.mcp_servers import check_mcp_servers, mcp_servers_of
from agentgate_server.config.mcp_servers import secret_places as places_of_mcp_servers
from agentgate_server.config.mcp_servers import secrets_of as secrets_of_mcp_servers
from agentgate_server.config.messenger import MessengerConfig, check_messenger
from agentgate_server.config.models import secret_places, secrets_of, sessions_of
from agentgate_server.config.sessions import SessionsConfig
from agentgate_server.config.texts import Host
from agentgate_server.config.upstreams import UpstreamConfig, UpstreamName, check_upstreams
from agentgate_server.config.upstreams import secret_places as places_of_upstreams
from agentgate_server.documents import Document, DocumentError, read_document, read_dotenv
from agentgate_server.documents.environment import Variables
from agentgate_server.documents.errors import Path as Place
from agentgate_server.documents.nodes import Scalar
from agentgate_server.documents.spans import DAY_S
from agentgate_server.identity.texts import PrincipalName
from agentgate_server.identity.tokens import Identity
from agentgate_server.secrets.masking import secrets_in_form
from agentgate_server.secrets.secret import Secret

if TYPE_CHECKING:
    from agentgate_server.tools.http.files import HttpDeclarations

TOKENS_NAME = "tokens.json"
"""The token file beside the database, unless the configuration names another."""

PORT_MAX = 65_535

FILE_KEYS = ("permissions", "gateway.tls.cert", "gateway.tls.key")
"""Keys that name files which are opened later: who can't open one says where it is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A configuration that was checked: what the gateway is started with.

    Attributes:
        name: the file, as the user gave it, or another name for errors.
        folder: where relative paths of the file start; absolute, and so are the paths of what a
            gateway opens after tools were imported, which may go to another folder. Others are as
            errors show them.
        gateway: where to listen.
        identities: who may connect, with the hashes of their tokens; give them to ``Tokens``.
        totp: secrets of one-time codes, by principal.
        tokens: the file with further identities; it need not exist.
        storage: where to keep requests.
        audit: how to keep the audit.
        approval_timeout_s: seconds that an approval waits.
        rate_limit: what one principal may ask for.
        tools: which tools to offer.
        services: systems that there are ready-made tools for.
        sessions: conversations with models; with at least one model, see ``models.sessions_of``.
        faces: which other wire formats to speak.
        upstreams: other gateways behind this one, by name.
        log: what to say on standard error.
        metrics: whether to count, and who may see it.
        tracing: whether to make traces.
        permissions: the policy file.
        agents: the named agents, by id, each with its name and its model.
        messenger: where people are asked besides terminals and browsers.
        http: what the files of HTTP tools declare; None: there are none.
        secrets: every secret that the file holds or names, to be masked wherever it turns up.
        warnings: what the operator should know, each one line; the caller prints them.
        hidden: variables in use that ``.env`` gives another value than the environment, which wins.
        lines: of each key of ``FILE_KEYS`` the line where it stands; None: the file has no lines,
            or says nothing. A key for which the command line stands in is not there.
    """

    name: str
    folder: Path
    gateway: GatewayConfig
    identities: tuple[Identity, ...]
    totp: Mapping[str, Secret]
    tokens: Path
    storage: StorageConfig
    audit: AuditConfig
    approval_timeout_s: float
    rate_limit: RateLimitConfig
    tools: ToolsConfig
    log: LogConfig
    metrics: MetricsConfig
    tracing: TracingConfig
    permissions: Path
    services: ServicesConfig
    sessions: SessionsConfig
    faces: FacesConfig
    upstreams: Mapping[UpstreamName, UpstreamConfig] = field(default_factory=dict)
    agents: Mapping[PrincipalName, NamedAgentConfig] = field(default_factory=dict)
    messenger: MessengerConfig | None = None
    http: HttpDeclarations | None = None
    secrets: tuple[Secret, ...] = ()
    warnings: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    lines: Mapping[str, int | None] = field(default_factory=dict)

    def file_error(self, key: str, message: str) -> DocumentError:
        """Make an error about a file that a key of ``FILE_KEYS`` names, for the caller to raise."""
        return DocumentError(self.name, message, line=self.lines.get(key), path=key)

    def ledger_limits(self) -> LedgerLimits:
        """Return the ledger's limits as this configuration sets them."""
        audit = self.audit
        at_once, per_day = share_of_audit(
            audit.keep_entries_max, audit.keep_bytes_max, audit.keep_days
        )
        return LedgerLimits(
            waiting_max=self.rate_limit.max_pending_approvals,
            requests_per_minute=self.rate_limit.max_requests_per_minute,
            request_bytes_per_minute=self.rate_limit.max_request_bytes_per_minute,
            result_bytes_per_minute=self.rate_limit.max_result_bytes_per_minute,
            args_bytes_max=self.tools.args_bytes_max,
            denials_per_minute=self.storage.denials_per_minute,
            denials_told_per_hour=audit.denials_per_hour,
            reads_told_per_hour=audit.reads_per_hour,
            told_at_once_max=at_once,
            told_per_day=per_day,
            approval_s=self.approval_timeout_s,
            retention_s=self.storage.keep_undelivered_days * DAY_S,
        )


def load_config(path: Path, *, environment: Mapping[str, str]) -> Config:
    """Load a configuration file.

    Args:
        path: ``config.yaml``; relative paths in it start at its folder.
        environment: usually ``os.environ``. It wins over a ``.env`` beside the file.

    Raises:
        DocumentError: the file or ``.env`` cannot be used, or says something wrong.
    """
    dotenv = path.parent / ".env"
    variables = Variables(read_dotenv(dotenv), environment)
    document = read_document(path, environment=variables)
    config = config_of(document, path.parent, variables)
    others = [
        *secret_places(config.sessions),
        *places_of_upstreams(config.upstreams),
        *places_of_mcp_servers(config.tools.mcp),
        *password_places(config.agents),
    ]
    literal = [path] if holds_literal_token(document, others) else []
    literal += config.http.literal if config.http else ()
    exposed = [
        f"{file} holds a token and others can read it: chmod 600 {file}"
        for file in literal
        if is_open_to_others(file)
    ]
    if is_open_to_others(dotenv):
        exposed.append(f"{dotenv} can be read by others: chmod 600 {dotenv}")
    return dataclasses.replace(
        config, warnings=(*config.warnings, *exposed), hidden=variables.hidden()
    )


def config_from_dict(
    data: Mapping[str, Any],
    *,
    folder: Path | None = None,
    name: str = "config",
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Make a configuration of a dict in the form of ``config.yaml``, to embed the gateway.

    Args:
        data: keys and values; ``${VAR}`` means nothing here.
        folder: where relative paths start; None: at the working folder.
        name: what errors call it.
        environment: where the files that it names find ``${VAR}``; None: nowhere.

    Raises:
        DocumentError: as :func:`load_config`, without lines.
    """
    return config_of(Document.from_data(data, name=name), folder or Path(), environment or {})


def override(
    config: Config,
    *,
    host: str | None = None,
    port: int | None = None,
    insecure: bool = False,
    permissions: Path | None = None,
) -> Config:
    """Apply the flags of the command line; what is None or False stays as configured.

    ``permissions`` starts at the working folder, unlike in the file.

    Raises:
        DocumentError: a value is wrong; ``file`` is the flag.
    """
    gateway = config.gateway
    if host is not None:
        try:
            gateway = msgspec.structs.replace(gateway, host=Host(host))
        except ValueError as error:
            raise DocumentError("--host", str(error)) from error
    if port is not None:
        if not 0 <= port <= PORT_MAX:
            raise DocumentError("--port", f"must be 0 to {PORT_MAX}, found {port}")
        gateway = msgspec.structs.replace(gateway, port=port)
    if insecure:
        gateway = msgspec.structs.replace(gateway, insecure=True)
    lines = config.lines
    if permissions is not None:
        lines = {key: line for key, line in lines.items() if key != "permissions"}
    return dataclasses.replace(
        config, gateway=gateway, permissions=permissions or config.permissions, lines=lines
    )


def unmasked(http: HttpDeclarations) -> Iterator[str]:
    """Warn of variables that are taken for no secrets, though their place does not tell."""
    for file, names in http.ordinary.items():
        for name in names:
            yield (
                f"{file}: what ${{{name}}} stands for is not masked, because it is short, a number "
                f"or plain words: if it is a secret, let the name say so (${{{name}_TOKEN}}); if "
                f"not, give it a default (${{{name}:-…}})"
            )


def config_of(document: Document, folder: Path, variables: Mapping[str, str]) -> Config:
    """Check a document against the form, resolve its paths, read the files that it names."""
    form = document.decode(ConfigFile)
    shown, folder = folder, folder.absolute()
    identities, warnings = identities_of(document, form)
    agents = {name for name, role, _, _ in entries(form) if role is Role.AGENT} | set(form.agents)
    gateway = form.gateway
    warnings += check_messenger(
        document,
        form.messenger,
        agents,
        public_url=gateway.public_url,
        has_house=form.services.homeassistant is not None,
    )
    if gateway.tls is not None:
        tls = TlsConfig(cert=at(shown, gateway.tls.cert), key=at(shown, gateway.tls.key))
        gateway = msgspec.structs.replace(gateway, tls=tls)
    audit = form.audit
    if audit.head_file is not None:
        head_file = at(folder, audit.head_file)
        audit = msgspec.structs.replace(audit, head_file=head_file)
    python = tuple(
        str(at(folder, Path(entry))) if entry.endswith(".py") else entry
        for entry in form.tools.python
    )
    node = document.node_at(("storage", "path"))
    if isinstance(node, Scalar) and str(node.value).endswith("/"):
        text = f"names a folder: write the name of a file in it, {node.value}agent-gate.db"
        raise document.error(("storage", "path"), text)
    database = at(folder, form.storage.path)
    sessions, doubts = sessions_of(document, form.sessions, partial(at, folder), database.parent)
    warnings += check_faces(document, form.faces, form.agents, form.upstreams)
    warnings += check_upstreams(document, form.upstreams, agents)
    warnings += check_mcp_servers(document, form.tools.mcp, agents, form.upstreams)
    with_tokens = {each.principal.name for each in identities}
    named, more = agents_of(document, form.agents, sessions, with_tokens)
    http = http_of(document, [at(shown, entry) for entry in form.tools.http], variables)
    warnings += (*doubts, *more, *(unmasked(http) if http else ()))
    return Config(
        name=document.name,
        folder=folder,
        gateway=gateway,
        identities=identities,
        totp=code_secrets_of(document, form),
        tokens=at(folder, form.tokens or form.storage.path.parent / TOKENS_NAME),
        messenger=messenger_of(form.messenger, shown),
        storage=msgspec.structs.replace(form.storage, path=database),
        audit=audit,
        approval_timeout_s=form.approval_timeout,
        rate_limit=form.rate_limit,
        tools=msgspec.structs.replace(
            form.tools,
            python=python,
            mcp=mcp_servers_of(form.tools.mcp, folder, partial(at, folder)),
        ),
        log=form.log,
        metrics=form.metrics,
        tracing=form.tracing,
        permissions=at(shown, form.permissions),
        services=services_of(form.services, shown),
        sessions=sessions,
        agents=named,
        faces=form.faces,
        upstreams=upstreams_of(form.upstreams, shown),
        http=http,
        secrets=secrets_in(form, http),
        warnings=warnings,
        lines={key: line_of(document, tuple(key.split("."))) for key in FILE_KEYS},
    )


def line_of(document: Document, path: Place) -> int | None:
    """Return the line of a key; None: it is not in the document, or that has no lines."""
    return None if document.node_at(path) is None else document.error(path, "").line


def secrets_in(form: ConfigFile, http: HttpDeclarations | None) -> tuple[Secret, ...]:
    """Return all that is to be masked. Of the variables of programs not all are secrets."""
    tools = msgspec.structs.replace(form.tools, mcp={})
    others = msgspec.structs.replace(form, sessions=SessionsConfig(), tools=tools)
    programs = (*secrets_of(form.sessions), *secrets_of_mcp_servers(form.tools.mcp))
    found = (*secrets_in_form(others), *programs)
    return (*found, *(http.secrets if http else ()))


def http_of(
    document: Document, paths: Sequence[Path], variables: Mapping[str, str]
) -> HttpDeclarations | None:
    """Read the files of HTTP tools that a document names, if there are any."""
    if not paths:
        return None
    from agentgate_server.tools.http.files import read_http_files

    try:
        return read_http_files(paths, variables)
    except DocumentError as error:
        for number, path in enumerate(paths):
            if error.is_about_file and error.file == str(path):
                place = ("tools", "http", number)
                raise document.error(place, f"{path}: {error.message}") from error
        raise


def services_of(form: ServicesConfig, folder: Path) -> ServicesConfig:
    """Resolve the paths of the services."""
    home = form.homeassistant
    if home is None or home.ca is None:
        return form
    home = msgspec.structs.replace(home, ca=at(folder, home.ca))
    return msgspec.structs.replace(form, homeassistant=home)


def messenger_of(form: MessengerConfig | None, folder: Path) -> MessengerConfig | None:
    """Resolve the paths of the channels."""
    ntfy = None if form is None else form.ntfy
    if form is None or ntfy is None or ntfy.ca is None:
        return form
    ntfy = msgspec.structs.replace(ntfy, ca=at(folder, ntfy.ca))
    return msgspec.structs.replace(form, ntfy=ntfy)


def upstreams_of(
    form: Mapping[UpstreamName, UpstreamConfig], folder: Path
) -> dict[UpstreamName, UpstreamConfig]:
    """Resolve the paths of the upstreams."""
    return {
        name: each if each.ca is None else msgspec.structs.replace(each, ca=at(folder, each.ca))
        for name, each in form.items()
    }


def at(folder: Path, path: Path) -> Path:
    """Resolve a path of the configuration; ``~`` is the home folder."""
    try:
        return folder / path.expanduser()
    except RuntimeError:  # No home folder: "~" is then a name like any other.
        return folder / path


def is_open_to_others(path: Path) -> bool:
    """Whether users other than the owner may read a file; False where there is none."""
    if os.name != "posix" or not path.is_file():
        return False
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
