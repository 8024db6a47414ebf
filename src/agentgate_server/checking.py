"""Checking: everything that can be said of a gateway's files without starting it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from agentgate_proto.principal import Principal, Role
from agentgate_server.assembly import catalogue_of, policy_of
from agentgate_server.config import Config, check_exposure, who_is_missing
from agentgate_server.documents import DocumentError
from agentgate_server.documents.errors import raise_first
from agentgate_server.errors import ToolError
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.token_file import TokenFile, TokenFileError
from agentgate_server.policy import Policy
from agentgate_server.policy.linting import Finding, Level, lint, may_ask
from agentgate_server.policy.rules import Rule
from agentgate_server.tools.catalogue import Catalogue

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
    exposed = attempt(lambda: check_exposure(config), findings) or ()
    findings += map(warning, (*config.warnings, *exposed))
    catalogue = attempt(lambda: catalogue_of(config), findings)
    policy = attempt(lambda: policy_of(config), findings)
    keyring = attempt(lambda: Keyring(config.identities, TokenFile(config.tokens)), findings)
    if catalogue is not None and policy is not None and keyring is not None:
        findings += check_policy(config, policy, catalogue, keyring.principals)
    return findings


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
        config, policy, principals, catalogue: what the gateway will have.
        strict: refuse what ``check`` calls an error.

    Returns:
        what the operator has to know, a line each: those errors, and that nobody can answer.

    Raises:
        DocumentError: strict, and there is an error; ``others`` are the rest.
    """
    findings = check_policy(config, policy, catalogue, principals, errors_only=True)
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
    agents = [each.name for each in principals if each.role is Role.AGENT]
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
    found = [
        *lint(policy, file=file, tools=tools, agents=agents, errors_only=errors_only),
        *(each for rule in policy.rules for each in look_at_demands(config, file, rule, people)),
    ]
    if not errors_only:
        found += (each for rule in policy.rules for each in look_at_rate(config, file, rule))
    return [*findings, *sorted(found, key=lambda finding: (finding.line, finding.level))]


def file_of(config: Config, policy: Policy) -> str:
    """Return what findings call the policy's file; one that was given in code has its own name."""
    named = config.permissions.name == policy.name
    return str(config.permissions) if named else policy.name


def people_of(config: Config, principals: Sequence[Principal]) -> frozenset[str]:
    """Return everybody who can answer, by name: one person may have several ways to."""
    names = {each.name for each in principals if each.role is not Role.AGENT}
    if config.messenger is not None:
        names |= set(config.messenger.telegram.names.values())
    return frozenset(names)


def look_at_demands(
    config: Config, file: str, rule: Rule, people: frozenset[str]
) -> Iterator[Finding]:
    """A rule that demands more people, or more codes, than there are: what it asks expires."""
    needed = rule.decision.approvers
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
    except (TokenFileError, ToolError) as error:
        findings.append(Finding(level=Level.ERROR, message=str(error)))
    return None


def warning(text: str, file: str = "", line: int = 0) -> Finding:
    """Make a finding of what can be meant so."""
    return Finding(level=Level.WARNING, message=text, file=file, line=line)
