"""The books: what the audit says of each request must be its whole life, in order, and no more."""

from __future__ import annotations

from collections.abc import Iterable

from tests.sim.faults import Violation

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Phase, Record

ASKED, ENDORSED, APPROVED = "request.asked", "request.endorsed", "request.approved"
EDITED = "request.edited"
STARTED, ENDED = "request.started", "request.ended"

FOLLOWS: dict[str, frozenset[str]] = {
    "": frozenset((ASKED, STARTED, ENDED)),
    ASKED: frozenset((ASKED, ENDORSED, EDITED, APPROVED, STARTED, ENDED)),
    ENDORSED: frozenset((ASKED, ENDORSED, APPROVED, STARTED, ENDED)),
    EDITED: frozenset((APPROVED,)),
    APPROVED: frozenset((STARTED, ENDED)),
    STARTED: frozenset((ENDED,)),
    ENDED: frozenset(),
}
"""What may be said of a request after what; "" stands for nothing yet."""

RAN = frozenset((Status.EXECUTED, Status.FAILED))


class Books:
    """What was appended to the audit, in the same commits as the rows.

    Attributes:
        last: the last entry of each request, by rid.
        digests: of each request, as told first.
        grants: the uses of each grant, as told last.
        untold: the requests that are only counted.
    """

    def __init__(self) -> None:
        self.last: dict[str, AuditEntry] = {}
        self.digests: dict[str, str] = {}
        self.started: set[str] = set()
        self.grants: dict[str, int] = {}
        self.untold: set[str] = set()

    def count(self, record: Record) -> None:
        """Take that the audit only counts this."""
        outcome = record.outcome
        if outcome is None or record.expires_at or record.rid in self.last:
            raise Violation(f"the audit is to say nothing of {record.rid}, of which it must")
        ran = record.effects is Effects.WRITE and outcome.status is not Status.CANCELLED
        if ran and outcome.code != ErrorCode.DENIED_BY_POLICY and not record.joined:
            raise Violation(f"the audit is to say nothing of {record.rid}, which may have run")
        self.untold.add(record.rid)

    def append(self, entries: Iterable[AuditEntry]) -> None:
        """Take what one change tells."""
        for entry in entries:
            if entry.event.startswith("request."):
                self._of_request(entry)
            elif entry.event.startswith("grant."):
                self._of_grant(entry)

    def _of_request(self, entry: AuditEntry) -> None:
        rid = entry.rid
        before = self.last.get(rid)
        event = before.event if before is not None else ""
        if entry.event not in FOLLOWS[event]:
            raise Violation(f"the audit says {entry.event} of {rid} after {event or 'nothing'}")
        if before is None:
            self.digests[rid] = entry.digest
        if entry.event == STARTED:
            self.started.add(rid)
        self.last[rid] = entry

    def _of_grant(self, entry: AuditEntry) -> None:
        known = self.grants.get(entry.grant)
        if (known is None) is not (entry.event == "grant.made"):
            raise Violation(f"the audit says {entry.event} of {entry.grant}, of which {known} uses")
        self.grants[entry.grant] = entry.uses

    def compare(self, rows: Iterable[Record]) -> None:
        """Every row that ever was has its entries, and they say the same."""
        for row in rows:
            if row.rid in self.untold:
                continue
            entry = self.last.get(row.rid)
            if entry is None:
                raise Violation(f"the audit does not know {row.rid}")
            if self.digests[row.rid] != row.digest:
                raise Violation(f"the audit can't prove what {row.rid} asked for")
            if (row.phase is Phase.DONE) is not (entry.event == ENDED):
                raise Violation(f"{row.rid} is {row.phase}, and the audit ends with {entry.event}")
            if row.outcome is None:
                continue
            if entry.status != row.outcome.status:
                raise Violation(f"{row.rid} ended {row.outcome.status}, for the audit otherwise")
            ran = row.effects is Effects.WRITE and row.outcome.status in RAN and not entry.joined
            if ran and row.rid not in self.started:
                raise Violation(f"the audit does not say that {row.rid} was started")
