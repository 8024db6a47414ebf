"""Reloading: a new policy and other principals, without a restart.

All or nothing: if the configuration or the policy can't be used, what was in force stays in force,
and it is said loudly: in the log, in the answer, in ``/health``. Requests that are decided already
keep their decision; those that come next meet the new policy, and so do those that wait for people,
where it is stricter.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import anyio
import anyio.to_thread
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.messages import ReloadReport
from agentgate_server.approvals.codes import Codes
from agentgate_server.audit.recorder import AuditRecorder
from agentgate_server.config import Config
from agentgate_server.documents import DocumentError
from agentgate_server.gate.authenticator import Authenticator
from agentgate_server.gate.judge import Judge
from agentgate_server.identity.token_file import TokenFileError
from agentgate_server.policy import Policy
from agentgate_server.secrets.masking import Masker
from agentgate_server.sessions.agents import AgentDesk
from agentgate_server.sockets.replies import Reply

log = logging.getLogger(__name__)

RELOADED = frozenset(
    {
        *("name", "folder", "identities", "permissions", "secrets", "totp", "warnings", "hidden"),
        *("agents", "lines"),
    }
)
"""Of a configuration, what a reload puts in force; everything else takes a restart."""

KEYS = {
    "approval_timeout_s": "approval_timeout",
    "http": "tools.http",
}
"""Fields of a configuration whose key in the file has another name."""

STALE = "the last reload failed: what was in force before is in force"


Look = Callable[[Config, Policy, Sequence[Principal]], list[str]]
"""Says what the operator has to know of what is about to be put in force, a line each; may raise a
``DocumentError`` instead. It is called in a thread."""


Renew = Callable[[], tuple[list[str], list[str]]]
"""Puts in force what is beside policy and principals, and says what the operator has to know of it,
and what takes a restart. It is called in a thread."""


class Reloader:
    """Puts what has changed on the disk in force.

    Args:
        config: what the gateway was started with.
        load_config: reads the configuration anew; None: it was not read from a file.
        load_policy: reads the policy that a configuration names; None: it was given in code.
        look: looks at what is about to be put in force.
        renew: renews what is beside it, whatever becomes of the rest.
        judge: has the policy that is replaced.
        authenticator: has the principals that are.
        agents: the named agents; None: there are none.
        codes: the one-time codes of approvers.
        masker: learns new secrets.
        audit: hears what came of it.
        judge_again: judges what waits for people by another policy.

    Attributes:
        problem: that the last reload failed, for ``/health``, or "".
    """

    def __init__(
        self,
        config: Config,
        load_config: Callable[[], Config] | None,
        load_policy: Callable[[Config], Policy] | None,
        look: Look,
        renew: Renew,
        *,
        judge: Judge,
        authenticator: Authenticator,
        agents: AgentDesk | None,
        codes: Codes,
        masker: Masker,
        audit: AuditRecorder,
        judge_again: Callable[[], None],
    ) -> None:
        self.judge = judge
        self.authenticator = authenticator
        self.agents = agents
        self.codes = codes
        self.masker = masker
        self.audit = audit
        self._judge_again = judge_again
        self.problem = ""
        self._started_with = config
        self._config = config
        self._load_config = load_config
        self._load_policy = load_policy
        self._look = look
        self._renew = renew
        self._lock = anyio.Lock()

    async def answer(self, reply: Reply) -> None:
        """Reload for somebody who asked for it."""
        try:
            report = await self.reload()
        except Exception:
            log.exception("the reload failed")
            self.problem = STALE
            text = "the reload failed; the gateway's log says how"
            reply.error(ErrorCode.INTERNAL_ERROR, text, None)
        else:
            reply.result(report)

    async def reload(self) -> ReloadReport:
        """Read everything anew and put it in force; one at a time."""
        async with self._lock:
            self.authenticator.refresh()  # somebody revoked must be out whatever the rest is like
            warnings, restart = await anyio.to_thread.run_sync(self._renew)
            try:
                config, policy, found = await anyio.to_thread.run_sync(self._read)
                self.authenticator.reconfigure(config.identities)
            except DocumentError as error:
                return self._refuse([str(each) for each in (error, *error.others)], warnings)
            except TokenFileError as error:
                return self._refuse([str(error)], warnings)
            return self._put_in_force(config, policy, [*found, *warnings], restart)

    def _read(self) -> tuple[Config, Policy, list[str]]:
        config = self._config if self._load_config is None else self._load_config()
        policy = self.judge.policy if self._load_policy is None else self._load_policy(config)
        principals = self.authenticator.tokens.principals_with(config.identities)
        return config, policy, self._look(config, policy, principals)

    def _put_in_force(
        self, config: Config, policy: Policy, found: list[str], restart: list[str]
    ) -> ReloadReport:
        self._config = config
        self.masker.learn(config.secrets)
        self.codes.reconfigure(config.totp)
        if self.agents is not None:
            self.agents.reconfigure(config.agents)
            self.authenticator.named_agents = self.agents.ids
        self.authenticator.close_revoked()
        if policy is not self.judge.policy:
            policy.keep_counts_of(self.judge.policy)
            self.judge.policy = policy
        self.problem = ""
        self.audit.policy_loaded(policy.name, policy.digest)
        self._judge_again()
        problem = self.authenticator.tokens.problem
        report = self._report(
            "reloaded",
            warnings=(*config.warnings, *found, *([problem] if problem else ())),
            restart=(
                *changed_keys(self._started_with, config),
                *restart,
                *(f"{name}: the environment has another value than .env" for name in config.hidden),
            ),
        )
        log.info(
            "reloaded: policy %s (digest %.12s), rules: %d, principals: %d",
            *(report.policy, report.digest, report.rules, report.principals),
        )
        for warning in report.warnings:
            log.warning("%s", warning)
        for key in report.restart:
            log.warning("restart to change %s", key)
        return report

    def _refuse(self, errors: list[str], warnings: list[str]) -> ReloadReport:
        self.problem = STALE
        self.audit.policy_refused(errors)
        for error in errors:
            log.error("not reloaded, what was in force stays in force: %s", error)
        for warning in warnings:
            log.warning("%s", warning)
        return self._report("refused", errors=errors, warnings=warnings)

    def _report(
        self,
        status: Literal["reloaded", "refused"],
        *,
        errors: Iterable[str] = (),
        warnings: Iterable[str] = (),
        restart: Iterable[str] = (),
    ) -> ReloadReport:
        """Say what is in force now."""
        policy = self.judge.policy
        return ReloadReport(
            status=status,
            policy=policy.name,
            rules=len(policy.rules),
            digest=policy.digest,
            principals=len(self.authenticator.tokens.principals),
            errors=tuple(errors),
            warnings=tuple(warnings),
            restart=tuple(restart),
        )


def changed_keys(old: Config, new: Config) -> Iterator[str]:
    """Yield the keys whose change needs a restart, as they stand in the file."""
    for each in dataclasses.fields(Config):
        if each.name not in RELOADED:
            name = KEYS.get(each.name, each.name)
            yield from changed_in(name, getattr(old, each.name), getattr(new, each.name))


def changed_in(name: str, old: Any, new: Any) -> Iterator[str]:
    """Yield what differs between two values of a key."""
    if old == new:
        return
    if isinstance(old, msgspec.Struct) and type(old) is type(new):
        for key in old.__struct_fields__:
            yield from changed_in(f"{name}.{key}", getattr(old, key), getattr(new, key))
    else:
        yield name
