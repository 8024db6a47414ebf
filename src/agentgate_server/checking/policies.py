"""Checking a policy, with all whom and what it is about: agents, people, tools."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.decision import Action
from agentgate_proto.rpc.messages import PEOPLE
from agentgate_server.checking.findings import attempt, line_of, warning
from agentgate_server.config import Config, everybody, principals_of, who_is_missing
from agentgate_server.config.faces import askers_of
from agentgate_server.config.mcp_servers import prefix_of
from agentgate_server.config.messenger import NAMELESS
from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import raise_first
from agentgate_server.policy import Policy
from agentgate_server.policy.hours import own_zone_doubt
from agentgate_server.policy.linting import Finding, Level, lint, listed, may_ask
from agentgate_server.policy.rules import Rule
from agentgate_server.policy.tool import Tool
from agentgate_server.sessions.checks import check_budgets
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.mcp.form import McpServerConfig


def check_start(
    config: Config,
    policy: Policy,
    principals: Sequence[Principal],
    *,
    catalogue: Catalogue,
    strict: bool,
    errors_only: bool = True,
) -> list[str]:
    """Look a policy over that is about to be put in force.

    Args:
        config, policy, catalogue: what the gateway will have.
        principals: those who will have tokens.
        strict: refuse what ``check`` calls an error.
        errors_only: leave out what may be meant so: a start has said it, and a reload need not.

    Returns:
        what the operator has to know, a line each: those errors, and that nobody can answer.

    Raises:
        DocumentError: strict, and there is an error; ``others`` are the rest. Or a name is that of
            two.
    """
    known = everybody(config.name, config.faces, principals, principals_of(config.agents))
    findings = check_policy(config, policy, catalogue, known, errors_only=errors_only)
    findings += check_budgets(config, known)
    if strict:
        errors = (each for each in findings if each.level is Level.ERROR)
        raise_first([DocumentError(e.file, e.message, line=e.line or None) for e in errors])
    return [line_of(each) for each in findings]


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
        names |= config.messenger.names
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
