"""Failed logins in the audit: each of a few, and of a flood how many there were."""

from __future__ import annotations

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.behalf import OnBehalf

LOGIN_FAILURES_MAX = 10
"""Entries for failed logins in one window: enough to see who tries what, and not enough to push
everything else out of the audit."""

WINDOW_S = 60.0


class FailedLogins:
    """Turns failed logins into entries, at most so many in a window.

    Times are monotonic seconds.

    Args:
        event: what an entry says: ``login.failed`` by a token, or ``agent.login_failed``.
    """

    def __init__(self, event: str = "login.failed") -> None:
        self.event = event
        self.window_ends = 0.0
        self.told = 0
        self.untold = 0

    def failed(
        self,
        address: str,
        now: float,
        *,
        agent: str = "",
        principal: str = "",
        behalf: OnBehalf | None = None,
    ) -> list[AuditEntry]:
        """Somebody gave a wrong token, or a wrong password of an agent; returns what to append.

        Args:
            address: where it came from.
            now: when.
            agent: whose password was tried; "": of no agent that there is.
            principal: who tried; "": nobody knows.
            behalf: if that is a relay: for whom.
        """
        entries = self.due(now)
        if self.told == 0:
            self.window_ends = now + WINDOW_S
        if self.told >= LOGIN_FAILURES_MAX:
            self.untold += 1
            return entries
        self.told += 1
        entry = AuditEntry(
            event=self.event,
            address=address,
            agent=agent,
            principal=principal,
            on_behalf_of=behalf.principal if behalf is not None else "",
            hops=behalf.hops if behalf is not None else (),
        )
        return [*entries, entry]

    def due(self, now: float) -> list[AuditEntry]:
        """Close the window if its time is over; returns what to append.

        Call it now and then, and before the end with ``now=math.inf``.
        """
        if now < self.window_ends:
            return []
        untold, self.told, self.untold = self.untold, 0, 0
        if not untold:
            return []
        return [AuditEntry(event=self.event, count=untold, detail="more within a minute")]
