"""Reloading: a new policy and other principals, without a restart.

All or nothing: if the configuration or the policy can't be used, what was in force stays in force,
and it is said loudly: in the log, in the answer, in ``/health``. Requests that are decided already
keep their decision; those that come next meet the new policy.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.messages import ReloadReport
from agentgate_server.config import Config
from agentgate_server.documents import DocumentError
from agentgate_server.identity.token_file import TokenFileError
from agentgate_server.policy import Policy
from agentgate_server.sockets.replies import Reply

if TYPE_CHECKING:
    from agentgate_server.gate.gate import Gate

log = logging.getLogger(__name__)

RELOADED = frozenset({"name", "folder", "identities", "permissions", "secrets", "totp", "warnings"})
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


class Reloader:
    """Puts what has changed on the disk in force.

    Args:
        gate: whose policy and principals are replaced.
        config: what the gateway was started with.
        load_config: reads the configuration anew; None: it was not read from a file.
        load_policy: reads the policy that a configuration names; None: it was given in code.
        look: looks at what is about to be put in force.

    Attributes:
        problem: that the last reload failed, for ``/health``, or "".
    """

    def __init__(
        self,
        gate: Gate,
        config: Config,
        load_config: Callable[[], Config] | None,
        load_policy: Callable[[Config], Policy] | None,
        look: Look,
    ) -> None:
        self.gate = gate
        self.problem = ""
        self._started_with = config
        self._config = config
        self._load_config = load_config
        self._load_policy = load_policy
        self._look = look
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
            self.gate.look_at_tokens()  # somebody revoked must be out whatever the rest is like
            try:
                config, policy, found = await anyio.to_thread.run_sync(self._read)
                before = self.gate.tokens.principals
                self.gate.tokens.reconfigure(config.identities)
                self.gate.audit.principals_changed(before, self.gate.tokens.principals)
            except DocumentError as error:
                return self._refuse([str(each) for each in (error, *error.others)])
            except TokenFileError as error:
                return self._refuse([str(error)])
            return self._put_in_force(config, policy, found)

    def _read(self) -> tuple[Config, Policy, list[str]]:
        config = self._config if self._load_config is None else self._load_config()
        policy = self.gate.policy if self._load_policy is None else self._load_policy(config)
        principals = self.gate.tokens.principals_with(config.identities)
        return config, policy, self._look(config, policy, principals)

    def _put_in_force(self, config: Config, policy: Policy, found: list[str]) -> ReloadReport:
        gate = self.gate
        self._config = config
        gate.masker.learn(config.secrets)
        gate.desk.codes.reconfigure(config.totp)
        gate.close_strangers()
        if policy is not gate.policy:
            policy.keep_counts_of(gate.policy)
            gate.policy = policy
        self.problem = ""
        gate.audit.policy_loaded(gate.policy.name, gate.policy.digest)
        problems = [gate.tokens.problem] if gate.tokens.problem else []
        report = ReloadReport(
            status="reloaded",
            policy=gate.policy.name,
            rules=len(gate.policy.rules),
            digest=gate.policy.digest,
            principals=len(gate.tokens.principals),
            warnings=(*config.warnings, *found, *problems),
            restart=tuple(changed_keys(self._started_with, config)),
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

    def _refuse(self, errors: list[str]) -> ReloadReport:
        gate = self.gate
        self.problem = STALE
        gate.audit.policy_refused(errors)
        for error in errors:
            log.error("not reloaded, what was in force stays in force: %s", error)
        return ReloadReport(
            status="refused",
            policy=gate.policy.name,
            rules=len(gate.policy.rules),
            digest=gate.policy.digest,
            principals=len(gate.tokens.principals),
            errors=tuple(errors),
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
