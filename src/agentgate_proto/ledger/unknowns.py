"""What may have run: requests whose outcome nobody knows, so that a repeat asks a person."""

from __future__ import annotations

from agentgate_proto.records.outcome import RAN, Outcome, Status
from agentgate_proto.records.request import Record

MAY_HAVE_RUN = "an earlier request for exactly this ended as unknown: it may already have run"


class Unknowns:
    """Principals and digests of such requests; beyond the cap the oldest is forgotten."""

    def __init__(self, unknown_max: int) -> None:
        self.unknown_max = unknown_max
        self._found: dict[tuple[str, str], None] = {}

    def mark(self, record: Record) -> None:
        """Remember that this may have run: as it was asked, and as it was approved."""
        for digest in dict.fromkeys([record.digest, record.as_approved.digest]):
            self._found[record.principal, digest] = None
        while len(self._found) > self.unknown_max:
            del self._found[next(iter(self._found))]

    def repeats(self, record: Record) -> bool:
        """Whether a request is the same as one that may have run."""
        return (record.principal, record.digest) in self._found

    def ended(self, record: Record, outcome: Outcome) -> None:
        """A tool is over; one that was run again by somebody who knew settles it."""
        if outcome.status is Status.UNKNOWN:
            self.mark(record)
        elif (record.warning or record.edit) and outcome.status in RAN:
            self._found.pop((record.principal, record.as_approved.digest), None)
