"""Checking: everything that can be said of a gateway's files without starting it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.decision import Action
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_server.approvals.messenger import import_telegram
from agentgate_server.assembly import catalogue_of, policy_of
from agentgate_server.backing import commands_of, dangers_of, problems_of, todo_of
from agentgate_server.config import (
    Config,
    check_exposure,
    everybody,
    principals_of,
    who_is_missing,
)
from agentgate_server.config.faces import OPEN_CONSOLE, askers_of, held_nobodies, open_consoles
from agentgate_server.config.mcp_servers import prefix_of
from agentgate_server.config.messenger import NAMELESS
from agentgate_server.config.upstreams import nobodies
from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import raise_first
from agentgate_server.errors import ToolError
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.token_file import TokenFile, TokenFileError
from agentgate_server.models.prices import PriceBook
from agentgate_server.models.rehearsal import read_script
from agentgate_server.observing.setup import open_tracing
from agentgate_server.opening import open_certificate
from agentgate_server.policy import Policy
from agentgate_server.policy.hours import own_zone_doubt
from agentgate_server.policy.linting import Finding, Level, lint, listed, may_ask
from agentgate_server.policy.rules import Rule
from agentgate_server.policy.tool import Tool
from agentgate_server.sessions.checks import (
    check_budgets,
    check_commands,
    check_folders,
    check_prices,
)
from agentgate_server.sockets.binding import ListenError, check_address
from agentgate_server.store.engine import StoreError
from agentgate_server.store.looking import look_at_store
from agentgate_server.store.pace import Promises, clock_doubts, pace_doubts
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.mcp.form import McpServerConfig

T = TypeVar("T")


def check(load: Callable[[], Config]) -> list[Finding]:
    """Check configuration, tools and policy, each as far as the others let it.

    Args:
        load: loads the configuration, with what the command line changes of it.
    """
    findings: list[Finding] = []
    config = attempt(load, findings)
    if config is None:
        return findings
    exposed = attempt(lambda: check_exposure(config), findings)
    findings += map(warning, (*config.warnings, *(exposed or ())))
    if exposed is not None:
        findings += check_certificate(config)
    for part in (check_host, check_extras):
        attempt(partial(part, config), findings)
    doubts = attempt(lambda: check_store(config, time.time()), findings)
    findings += (warning(text, config.name) for text in doubts or ())
    findings += [*check_head_file(config), *check_mcp_servers(config)]
    catalogue = attempt(lambda: catalogue_of(config), findings)
    policy = attempt(lambda: policy_of(config), findings)
    keyring = attempt(lambda: Keyring(config.identities, TokenFile(config.tokens)), findings)
    known = None
    if keyring is not None:
        with_tokens, named = keyring.principals, principals_of(config.agents)
        known = attempt(lambda: everybody(config.name, config.faces, with_tokens, named), findings)
    if catalogue is not None and policy is not None and known is not None:
        findings += check_policy(config, policy, catalogue, known)
    findings += check_sessions(config)
    if known is not None:
        findings += check_budgets(config, known)
    if keyring is not None:
        findings += check_consoles(config, keyring.principals)
        findings += (warning(text, config.name) for text in keyring.warnings())
    return findings


def check_certificate(config: Config) -> list[Finding]:
    """Load certificate and key, and say when they end."""
    findings: list[Finding] = []
    certificate = attempt(lambda: open_certificate(config), findings)
    now = time.time()
    if certificate is not None and (doubt := certificate.doubt(now)):
        level = Level.WARNING if certificate.counts_at(now) else Level.ERROR
        text = f"gateway.tls.cert: {doubt}"
        findings.append(Finding(level=level, message=text, file=config.name))
    return findings


def check_host(config: Config) -> None:
    """Make sure that this machine has the address to listen on; its port may be taken.

    Raises:
        ListenError: it has not.
    """
    check_address(config.gateway.host)


def check_store(config: Config, now: float) -> list[str]:
    """Make sure that the database is one, and ours; say what there is to doubt, and look ahead.

    Raises:
        StoreError: it is not.
    """
    storage, audit = config.storage, config.audit
    promised = (
        Promises(storage.keep_days, storage.keep_rows_max, storage.keep_bytes_max),
        Promises(audit.keep_days, audit.keep_entries_max, audit.keep_bytes_max),
    )

    def look_ahead(connection: sqlite3.Connection) -> list[str]:
        doubts = pace_doubts(connection, now, *promised)
        return [*clock_doubts(connection, now), *(doubt.text for doubt in doubts)]

    return look_at_store(storage.path, look_ahead)


def check_extras(config: Config) -> None:
    """Make sure that what the configuration names is installed.

    Raises:
        DocumentError: it is not.
    """
    if config.messenger is not None:
        import_telegram(config)
    if config.tracing.enabled:
        open_tracing(config.name).close()


def check_head_file(config: Config) -> Iterator[Finding]:
    """A folder that is not there: no head can be kept in it."""
    path = config.audit.head_file
    if path is not None and not path.parent.is_dir():
        yield warning(f"audit.head_file: there is no folder {path.parent}", config.name)


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


def check_start(
    config: Config,
    policy: Policy,
    principals: Sequence[Principal],
    *,
    catalogue: Catalogue,
    strict: bool,
) -> list[str]:
    """Look a policy over that is about to be put in force.

    Args:
        config, policy, catalogue: what the gateway will have.
        principals: those who will have tokens.
        strict: refuse what ``check`` calls an error.

    Returns:
        what the operator has to know, a line each: those errors, and that nobody can answer.

    Raises:
        DocumentError: strict, and there is an error; ``others`` are the rest. Or a name is that of
            two.
    """
    known = everybody(config.name, config.faces, principals, principals_of(config.agents))
    findings = check_policy(config, policy, catalogue, known, errors_only=True)
    findings += check_budgets(config, known)
    if strict:
        errors = (each for each in findings if each.level is Level.ERROR)
        raise_first([DocumentError(e.file, e.message, line=e.line or None) for e in errors])
    return [": ".join(part for part in (each.place, each.message) if part) for each in findings]


def check_policy(
    config: Config,
    policy: Policy,
    catalogue: Catalogue,
    principals: Sequence[Principal],
    *,
    errors_only: bool = False,
) -> list[Finding]:
    """Look a policy over, with all whom and what it is about.

    Args:
        config, policy, catalogue, principals: what the gateway has.
        errors_only: leave out what may be meant so, save that nobody can answer.
    """
    agents = [*askers_of(config.faces, principals)]
    agents += (each.name for each in principals if each.role is Role.RELAY)
    people = people_of(config, principals)
    tools = tuple(catalogue)
    findings: list[Finding] = []
    if agents and not people and may_ask(policy, tools=tools, agents=agents):
        text = (
            "the policy lets a person decide, and there is none: add a principal with role "
            "approver, or 'agent-gate token new NAME --role approver'"
        )
        findings.append(Finding(level=Level.ERROR, message=text, file=config.name))
    else:
        messenger = config.messenger is not None
        missing = attempt(
            lambda: who_is_missing(config.name, principals, messenger=messenger), findings
        )
        findings += map(warning, missing or ())
    file = file_of(config, policy)
    servers = config.tools.mcp.items()
    prefixes = [each for alias, server in servers for each in prefixes_of(alias, server)]
    found = [
        *lint(
            policy,
            file=file,
            tools=tools,
            agents=agents,
            sources=[*agents, *config.upstreams, *prefixes],  # which offer theirs when they run
            errors_only=errors_only,
        ),
        *(each for rule in policy.rules for each in look_at_demands(config, file, rule, people)),
        *look_at_sums(config, file, policy, tools, people),
        *look_at_hours(file, policy),
        *look_at_sight(file, policy, tools, agents),
    ]
    if not errors_only:
        found += (each for rule in policy.rules for each in look_at_rate(config, file, rule))
    return [*findings, *sorted(found, key=lambda finding: (finding.line, finding.level))]


def prefixes_of(alias: str, server: McpServerConfig) -> list[str]:
    """Return what names of an MCP server's tools begin with; "": with anything."""
    prefix = prefix_of(alias, server)
    others = server.resources or server.prompts  # whose tools are named otherwise
    return [prefix, ""] if others else [prefix]


def file_of(config: Config, policy: Policy) -> str:
    """Return what findings call the policy's file; one that was given in code has its own name."""
    named = config.permissions.name == policy.name
    return str(config.permissions) if named else policy.name


def people_of(config: Config, principals: Sequence[Principal]) -> frozenset[str]:
    """Return everybody who can answer, by name: one person may have several ways to."""
    names = {each.name for each in principals if each.role in PEOPLE}
    if config.messenger is not None:
        names |= set(config.messenger.telegram.names.values())
    return frozenset(names)


def look_at_demands(
    config: Config, file: str, rule: Rule, people: frozenset[str]
) -> Iterator[Finding]:
    """A rule that demands more people, or more codes, than there are: what it asks expires."""
    needed = rule.decision.approvers
    nameless = sorted(name for name in people if name.startswith(NAMELESS))
    if needed > 1 and nameless:
        text = (
            f"needs {needed} people, and {listed(nameless)} may be one who answers elsewhere, too: "
            "give them names in messenger.telegram.allowed_users ({id, name}); until then they "
            "can't be one of several"
        )
        yield Finding(level=Level.ERROR, message=text, file=file, line=rule.line)
        people = people.difference(nameless)
    able = people & set(config.totp) if rule.decision.code else people
    if not people or len(able) >= needed:
        return
    if rule.decision.code:
        text = (
            f"needs {needed} with one-time codes and has {len(able)}: set totp of principals, see "
            "'agent-gate token totp'"
        )
    else:
        text = (
            f"needs {needed} people to say yes and has {len(able)}: add principals with role "
            "approver"
        )
    yield Finding(level=Level.ERROR, message=text, file=file, line=rule.line)


def look_at_sums(
    config: Config,
    file: str,
    policy: Policy,
    tools: Sequence[Tool],
    people: frozenset[str],
) -> Iterator[Finding]:
    """Rules that demand more together than there are people for: one wants several, another one
    a code, and a request may be about both."""
    able = len(people & set(config.totp))
    seen: set[tuple[int, int]] = set()
    for tool in tools:
        rules = [each.rule for each in policy.rules_for(tool.name) if not each.rule.is_default]
        asks = [rule for rule in rules if rule.decision.action is Action.ASK]
        most = max(asks, key=lambda rule: rule.decision.approvers, default=None)
        coded = next((rule for rule in asks if rule.decision.code), None)
        if most is None or coded is None or most is coded or most.decision.code:
            continue
        needed = most.decision.approvers
        if needed > 1 and able < needed and (most.number, coded.number) not in seen:
            seen.add((most.number, coded.number))
            text = (
                f"together with {coded.decision.rule} it needs {needed} people with one-time codes "
                f"for {tool.name} and has {able}: see 'agent-gate token totp'"
            )
            yield warning(text, file, most.line)


def look_at_sight(
    file: str, policy: Policy, tools: Sequence[Tool], agents: Sequence[str]
) -> Iterator[Finding]:
    """Agents that may list the states of a house of which they may read none."""
    effects = {tool.name: tool.effects for tool in tools}
    if "ha_get_states" not in effects:
        return
    for agent in agents:
        one, many = (
            policy.possible(agent=agent, tool=name, effects=effects[name])
            for name in ("ha_get_state", "ha_get_states")
        )
        if one == {Action.DENY} and many != {Action.DENY}:
            text = "it leaves out what ha_get_state is denied of, and that is everything"
            yield warning(f"ha_get_states shows {agent} nothing: {text}", file)


def look_at_hours(file: str, policy: Policy) -> Iterator[Finding]:
    """Rules that go by the gateway's own clock, which is set to no time zone that there is."""
    doubt = own_zone_doubt(os.environ)
    for rule in policy.rules:
        if doubt and rule.hours is not None and rule.hours.zone is None:
            yield warning(f"{doubt}: set it, or give the rule's hours a tz", file, rule.line)


def look_at_rate(config: Config, file: str, rule: Rule) -> Iterator[Finding]:
    """A rate that is never used up, because an agent may not ask so often."""
    per_minute = config.rate_limit.max_requests_per_minute
    if rule.rate is None or rule.rate.count <= per_minute * (1 + rule.rate.period_s / 60):
        return
    text = (
        f"its rate never ends: an agent may ask only {per_minute} times a minute "
        "(rate_limit.max_requests_per_minute)"
    )
    yield warning(text, file, rule.line)


def attempt(work: Callable[[], T], findings: list[Finding]) -> T | None:
    """Do a part of a start; what would stop it becomes findings."""
    try:
        return work()
    except DocumentError as error:
        for each in (error, *error.others):
            text = ": ".join(part for part in (each.path, each.message) if part)
            at = each.line or 0
            findings.append(Finding(level=Level.ERROR, message=text, file=each.file, line=at))
    except (ListenError, StoreError, TokenFileError, ToolError) as error:
        findings.append(Finding(level=Level.ERROR, message=str(error)))
    return None


def warning(text: str, file: str = "", line: int = 0) -> Finding:
    """Make a finding of what can be meant so."""
    return Finding(level=Level.WARNING, message=text, file=file, line=line)
