"""Failed logins in the audit: each of a few, and of a flood how many there were.

They cost a stranger nothing, so what they may put there is little in a minute, and little in the
year for which the audit is to last.
"""

from __future__ import annotations

from agentgate_proto.quotas.denials import DAY_S, HOUR_S, Budget
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.rpc.behalf import OnBehalf

LOGIN_FAILURES_MAX = 10
"""Entries for failed logins in one window: enough to see who tries what, and not enough to push
everything else out of the audit."""

WINDOW_S = 60.0

AT_ONCE_MAX = 1_000
"""Entries for failed logins whenever they come: days of somebody who has forgotten a token."""

PER_DAY_MAX = 200
"""Those that come to that as time goes by: in a year of it a fiftieth of the audit by default."""


class FailedLogins:
    """Turns failed logins into entries, at most so many in a window, and for ever.

    Times are monotonic seconds.

    Args:
        event: what an entry says: ``login.failed`` by a token, or ``agent.login_failed``.
    """

    def __init__(self, event: str = "login.failed") -> None:
        self.event = event
        self.window_ends = 0.0
        self.told = 0
        self.untold = 0
        self.untold_since = 0.0
        self.share = Budget(AT_ONCE_MAX, AT_ONCE_MAX / PER_DAY_MAX * DAY_S, 0.0)

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
        if now >= self.window_ends:
            self.window_ends = now + WINDOW_S
        if self.told >= LOGIN_FAILURES_MAX or not self.share.take(now):
            if not self.untold:
                self.untold_since = now
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
        """Close the window if its time is over; returns what to append. Where there is no room for
        that it waits, but for an hour at the most.

        Call it now and then, and before the end with ``now=math.inf``.
        """
        if now < self.window_ends:
            return []
        self.told = 0
        if not self.untold or not (self.share.take(now) or now - self.untold_since >= HOUR_S):
            return []
        untold, self.untold = self.untold, 0
        return [AuditEntry(event=self.event, count=untold, detail="more, told together")]
