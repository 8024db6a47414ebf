"""Checking: everything that can be said of a gateway's files without starting it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from agentgate_proto.principal import Principal, Role
from agentgate_server.assembly import catalogue_of, policy_of
from agentgate_server.config import Config, check_exposure, who_is_missing
from agentgate_server.documents import DocumentError
from agentgate_server.keyring import Keyring
from agentgate_server.policy import Policy
from agentgate_server.policy.linting import Finding, Level, lint, may_ask
from agentgate_server.token_file import TokenFile, TokenFileError
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.errors import ToolError

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


def check_policy(
    config: Config, policy: Policy, catalogue: Catalogue, principals: Sequence[Principal]
) -> list[Finding]:
    """Look a policy over, with all whom and what it is about."""
    agents = [each.name for each in principals if each.role is Role.AGENT]
    tools = tuple(catalogue)
    people: list[Finding] = []
    alone = bool(agents) and len(agents) == len(principals) and config.messenger is None
    if alone and may_ask(policy, tools=tools, agents=agents):
        text = (
            "the policy lets a person decide, and there is none: add a principal with role "
            "approver, or 'agent-gate token new NAME --role approver'"
        )
        people.append(Finding(level=Level.ERROR, message=text, file=config.name))
    else:
        messenger = config.messenger is not None
        missing = attempt(
            lambda: who_is_missing(config.name, principals, messenger=messenger), people
        )
        people += map(warning, missing or ())
    file = str(config.permissions)
    return [*people, *lint(policy, file=file, tools=tools, agents=agents)]


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


def warning(text: str) -> Finding:
    """Make a finding of what a start warns of."""
    return Finding(level=Level.WARNING, message=text)
