"""The recorder: tells the audit what happens beside requests, and keeps its head elsewhere.

What requests tell is appended by the store itself, in the transaction that stores it; see
:mod:`agentgate_server.store.audit_rows`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

import anyio
import anyio.to_thread

from agentgate_proto.audit.chain import Head
from agentgate_proto.audit.denials import entry_of
from agentgate_proto.audit.logins import FailedLogins
from agentgate_proto.principal import Principal
from agentgate_proto.quotas.denials import Kind, Untold
from agentgate_proto.quotas.news import News
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.behalf import OnBehalf
from agentgate_server.audit.heads import Findings, append_head
from agentgate_server.store.writer import StoreWriter

EVERY_S = 60.0
"""How often the head is written, and floods of failed logins are summed up."""

DETAIL_CHARS_MAX = 2_000
"""Of the errors of a reload."""

CAPS = {
    Kind.DENIED: "denials in the audit",
    Kind.READ: "reads in the audit",
    Kind.WITHDRAWN: "withdrawals in the audit",
    Kind.REPEATED: "repeats in the audit",
}
"""What was capped where the audit counts only."""

log = logging.getLogger(__name__)


class AuditRecorder:
    """Tells the audit what no request tells.

    Args:
        writer: takes entries to the store.
        untold: returns the requests that have no entries of their own and are to be told together
            by this second, once; by infinity all.
        capped: hears of whom there were some.
        utc: what that goes by.

    Attributes:
        found: what a look back found at the start; heads are kept where it says.
    """

    def __init__(
        self,
        writer: StoreWriter,
        untold: Callable[[float], list[Untold]],
        capped: Callable[[str, str], None],
        utc: Callable[[], float],
    ) -> None:
        self.writer = writer
        self._untold = untold
        self._capped = capped
        self._utc = utc
        self.found = Findings(head_file=None)
        self.logins = FailedLogins()
        self.agent_logins = FailedLogins("agent.login_failed")
        self._written: Head | None = None
        self._heads = News()

    def tell(self, entry: AuditEntry) -> None:
        """Append an entry soon. Nobody hears when: what must not happen untold is a request's."""
        self.writer.tell(entry)

    def started(self, version: str, found: Findings) -> None:
        """The gateway goes on from an audit that was looked at; what is wrong with it is said."""
        self.found = found
        self.tell(AuditEntry(event="gateway.started", version=version))
        for entry in found.broken:
            log.error("the audit is not as it was kept: %s", entry.detail)
            self.tell(entry)

    def login_failed(self, address: str, now: float) -> None:
        """Somebody gave a wrong token, at this monotonic second."""
        for entry in self.logins.failed(address, now):
            self.tell(entry)

    def agent_login_failed(
        self, agent: str, by: str, behalf: OnBehalf | None, address: str, now: float
    ) -> None:
        """Somebody gave a wrong password, at this monotonic second.

        Args:
            agent: whose; "": of no agent that there is.
            by: the principal who tried; "": nobody knows.
            behalf: if that is a relay: for whom.
            address: where it came from.
            now: when.
        """
        for entry in self.agent_logins.failed(
            address, now, agent=agent, principal=by, behalf=behalf
        ):
            self.tell(entry)

    def policy_loaded(self, name: str, digest: str) -> None:
        """This policy decides from now on."""
        self.tell(AuditEntry(event="policy.loaded", name=name, sha256=digest))

    def policy_refused(self, errors: Sequence[str]) -> None:
        """A reload failed; what was in force stays."""
        self.tell(AuditEntry(event="policy.refused", detail="; ".join(errors)[:DETAIL_CHARS_MAX]))

    def tool_accepted(self, server: str, tool: str, sha256: str, by: str, at: str) -> None:
        """A tool of an MCP server may be used as it is from now on: somebody has looked at it."""
        entry = AuditEntry(
            event="tool.accepted",
            name=server,
            tool=tool,
            sha256=sha256,
            approver=by,
            decided_at=at,
        )
        self.tell(entry)

    def tool_dropped(self, server: str, tool: str) -> None:
        """A tool of an MCP server that is gone is accepted no more: somebody has looked at it."""
        self.tell(AuditEntry(event="tool.dropped", name=server, tool=tool))

    def principals_changed(self, before: Sequence[Principal], after: Sequence[Principal]) -> None:
        """Other people's tokens count from now on."""
        for event, some, others in (
            ("token.added", after, before),
            ("token.revoked", before, after),
        ):
            for principal in some:
                if principal not in others:
                    role = principal.role.value
                    self.tell(AuditEntry(event=event, principal=principal.name, role=role))

    async def run(self) -> None:
        """Keep the head file up to date until cancelled."""
        while True:
            self._sum_up(anyio.current_time())
            await self.keep_head()
            await anyio.sleep(EVERY_S)

    async def close(self, entry: AuditEntry) -> None:
        """Append the last entry, and keep the head as it is then.

        Raises:
            StoreError: the store has stopped before.
        """
        self._sum_up(math.inf)
        self.tell(entry)
        await self.writer.flush()
        await self.keep_head()

    async def keep_head(self) -> None:
        """Add to the head file if the head is another than last time."""
        head, path = self.writer.engine.head, self.found.head_file
        if path is None or head is None or head == self._written:
            return
        try:
            await anyio.to_thread.run_sync(append_head, path, head)
        except OSError as error:
            if (more := self._heads.failed(str(error), anyio.current_time())) is not None:
                log.error("the head of the audit can't be kept in %s: %s%s", path, error, more)
        else:
            self._written = head
            if (after := self._heads.well(anyio.current_time())) is not None:
                log.warning("the head of the audit is kept in %s again%s", path, after)

    def _sum_up(self, now: float) -> None:
        """Say how many requests and failed logins there were that have no entries of their own."""
        for untold in self._untold(self._utc() if now < math.inf else now):
            self._capped(untold.principal, CAPS[untold.kind])
            self.tell(entry_of(untold))
        for entry in (*self.logins.due(now), *self.agent_logins.due(now)):
            self.tell(entry)
