"""Checking: everything that can be said of a gateway's files without starting it, part by part.

The parts are in the order in which a start opens them. ``agent-gate check`` shows what they find,
and ``agent-gate doctor`` does so beside what it finds by trying.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from agentgate_proto.principal import Principal, Role
from agentgate_server.approvals.channels import check_channels
from agentgate_server.assembly import catalogue_of, policy_of
from agentgate_server.backing import commands_of, dangers_of, problems_of, todo_of
from agentgate_server.checking.findings import attempt, line_of, warning
from agentgate_server.checking.policies import check_policy
from agentgate_server.config import Config, check_exposure, everybody, principals_of
from agentgate_server.config.exposure import why_unreadable
from agentgate_server.config.faces import OPEN_CONSOLE, held_nobodies, open_consoles
from agentgate_server.config.upstreams import nobodies
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.token_file import TokenFile
from agentgate_server.models.prices import PriceBook
from agentgate_server.models.rehearsal import read_script
from agentgate_server.observing.setup import open_tracing
from agentgate_server.opening import open_certificate
from agentgate_server.policy import Policy
from agentgate_server.policy.linting import Finding, Level
from agentgate_server.sessions.checks import (
    check_budgets,
    check_commands,
    check_folders,
    check_prices,
)
from agentgate_server.sockets.binding import check_address
from agentgate_server.store.looking import look_at_store
from agentgate_server.store.pace import Promises, clock_doubts, pace_doubts
from agentgate_server.tools.catalogue import Catalogue


def check(load: Callable[[], Config]) -> list[Finding]:
    """Check configuration, tools and policy, each as far as the others let it.

    Args:
        load: loads the configuration, with what the command line changes of it.
    """
    look = Look(load)
    return [finding for name in PARTS for finding in look.at(name)]


def said_at_start(config: Config, principals: Sequence[Principal]) -> list[str]:
    """What ``check`` says of the files that a start opens late, or not at all; a line each.

    Args:
        config: of the gateway.
        principals: those who have tokens.
    """
    findings = [*check_head_file(config), *check_mcp_servers(config), *check_sessions(config)]
    findings += check_consoles(config, principals)
    return [line_of(each) for each in findings if each.level is not Level.NOTE]


class Look:
    """A look at a gateway's files. A part needs those before it.

    Args:
        load: loads the configuration, with what the command line changes of it.

    Attributes:
        config, catalogue, policy, keyring, principals: what was loaded; None: not yet, or it can't
            be.
    """

    def __init__(self, load: Callable[[], Config]) -> None:
        self.load = load
        self.config: Config | None = None
        self.catalogue: Catalogue | None = None
        self.policy: Policy | None = None
        self.keyring: Keyring | None = None
        self.principals: Sequence[Principal] | None = None

    def at(self, name: str) -> list[Finding]:
        """Look at one of ``PARTS``; without a configuration there is nothing to look at."""
        if name == CONFIGURATION:
            return look_at_configuration(self)
        return [] if self.config is None else [*PARTS[name](self, self.config)]


def look_at_configuration(look: Look) -> list[Finding]:
    """Load it."""
    findings: list[Finding] = []
    look.config = attempt(look.load, findings)
    if look.config is not None:
        findings += map(warning, look.config.warnings)
    return findings


def look_at_listener(look: Look, config: Config) -> list[Finding]:
    """Whether it may be reached the way that it is configured, and can be."""
    findings: list[Finding] = []
    exposed = attempt(lambda: check_exposure(config), findings)
    findings += map(warning, exposed or ())
    attempt(partial(check_host, config), findings)
    return findings


def look_at_certificate(look: Look, config: Config) -> list[Finding]:
    """Load certificate and key, and say when they end; files that can't be read were named."""
    tls = config.gateway.tls
    if tls is None or any(map(why_unreadable, (tls.cert, tls.key))):
        return []
    return check_certificate(config)


def look_at_channels(look: Look, config: Config) -> list[Finding]:
    """Whether what asks people can be loaded."""
    findings: list[Finding] = []
    attempt(partial(check_extras, config), findings)
    return findings


def look_at_database(look: Look, config: Config) -> list[Finding]:
    """Whether it is one, and ours; and what there is to doubt."""
    findings: list[Finding] = []
    findings += attempt(lambda: check_store(config, time.time()), findings) or ()
    return [*findings, *check_head_file(config)]


def look_at_tools(look: Look, config: Config) -> list[Finding]:
    """Load them, but those of servers, which would have to be started."""
    findings = [*check_mcp_servers(config)]
    look.catalogue = attempt(lambda: catalogue_of(config), findings)
    return findings


def look_at_policy(look: Look, config: Config) -> list[Finding]:
    """Load it, and see who and what it is about."""
    findings: list[Finding] = []
    look.policy = policy = attempt(lambda: policy_of(config), findings)
    look.keyring = keyring = attempt(
        lambda: Keyring(config.identities, TokenFile(config.tokens)), findings
    )
    if keyring is not None:
        with_tokens, named = keyring.principals, principals_of(config.agents)
        look.principals = attempt(
            lambda: everybody(config.name, config.faces, with_tokens, named), findings
        )
    if look.catalogue is not None and policy is not None and look.principals is not None:
        findings += check_policy(config, policy, look.catalogue, look.principals)
    return findings


def look_at_sessions(look: Look, config: Config) -> list[Finding]:
    """All that conversations stand on."""
    findings = check_sessions(config)
    if look.principals is not None:
        findings += check_budgets(config, look.principals)
    return findings


def look_at_principals(look: Look, config: Config) -> list[Finding]:
    """Whether they are who others say that they are, and can come in."""
    if look.keyring is None:
        return []
    findings = [*check_consoles(config, look.keyring.principals)]
    return [*findings, *(warning(text, config.name) for text in look.keyring.warnings())]


RENEW = "renew it as you got it ('certbot renew'), then 'agent-gate reload'"

SET_CLOCK = "'sudo timedatectl set-ntp true', or set it by hand; see 'date'"

CONFIGURATION = "configuration"
"""The part without which there are no others."""

PARTS: dict[str, Callable[[Look, Config], list[Finding]]] = {
    CONFIGURATION: lambda look, _: look_at_configuration(look),
    "listener": look_at_listener,
    "certificate": look_at_certificate,
    "channels": look_at_channels,
    "database": look_at_database,
    "tools": look_at_tools,
    "policy": look_at_policy,
    "sessions": look_at_sessions,
    "principals": look_at_principals,
}
"""What is looked at, in this order."""


def check_certificate(config: Config) -> list[Finding]:
    """Load certificate and key, and say when they end."""
    findings: list[Finding] = []
    certificate = attempt(lambda: open_certificate(config), findings)
    now = time.time()
    if certificate is not None and (doubt := certificate.doubt(now)):
        level = Level.WARNING if certificate.counts_at(now) else Level.ERROR
        text = f"gateway.tls.cert: {doubt}"
        findings.append(Finding(level=level, message=text, file=config.name, step=RENEW))
    return findings


def check_host(config: Config) -> None:
    """Make sure that this machine has the address to listen on; its port may be taken.

    Raises:
        ListenError: it has not.
    """
    check_address(config.gateway.host)


def check_store(config: Config, now: float) -> list[Finding]:
    """Make sure that the database is one, and ours; say what there is to doubt, and look ahead.

    Raises:
        StoreError: it is not.
    """
    storage, audit = config.storage, config.audit
    promised = (
        Promises(storage.keep_days, storage.keep_rows_max, storage.keep_bytes_max),
        Promises(audit.keep_days, audit.keep_entries_max, audit.keep_bytes_max),
    )

    findings: list[Finding] = []

    def look_ahead(connection: sqlite3.Connection) -> list[str]:
        clock = clock_doubts(connection, now)
        findings.extend(warning(text, config.name, step=SET_CLOCK) for text in clock)
        for doubt in pace_doubts(connection, now, *promised):
            step = f"see {doubt.setting} in config.yaml, and docs/storage.md"
            findings.append(warning(doubt.text, config.name, step=step))
        return clock

    look_at_store(storage.path, look_ahead)
    return findings


def check_extras(config: Config) -> None:
    """Make sure that what the configuration names is installed.

    Raises:
        DocumentError: it is not.
    """
    check_channels(config)
    if config.tracing.enabled:
        open_tracing(config.name).close()


def check_head_file(config: Config) -> Iterator[Finding]:
    """A folder that is not there: no head can be kept in it."""
    path = config.audit.head_file
    if path is not None and not path.parent.is_dir():
        text = f"audit.head_file: there is no folder {path.parent}"
        yield warning(text, config.name, step=f"mkdir -p {path.parent}")


def check_mcp_servers(config: Config) -> Iterator[Finding]:
    """Say what would be started, and what must not be or can't be."""
    for text in (*dangers_of(config), *problems_of(config)):
        yield Finding(level=Level.ERROR, message=text, file=config.name)
    for text in (*commands_of(config), *todo_of(config)):
        yield Finding(level=Level.NOTE, message=text, file=config.name)


def check_sessions(config: Config) -> list[Finding]:
    """Look at all that sessions stand on."""
    findings = [*check_folders(config), *check_commands(config)]
    for model in config.sessions.models.values():
        if model.script is not None:
            attempt(partial(read_script, model.script), findings)
    return [*findings, *check_prices(config, PriceBook())]


def check_consoles(config: Config, principals: Sequence[Principal]) -> Iterator[Finding]:
    """Name those of whom ``upstreams`` says that they are consoles, or a face that they are held,
    and who are not."""
    consoles = {each.name for each in principals if each.role is Role.CONSOLE}
    if any(open_consoles(config.faces)):
        consoles.add(OPEN_CONSOLE.name)
    texts = (*nobodies(config.upstreams, consoles), *held_nobodies(config.faces, principals))
    return (warning(text, config.name) for text in texts)
