"""What a store must say before it is used again that was brought back from a backup.

It knows nothing of what happened since. A write that was open then may have been approved and run
meanwhile, so nobody can say how it ended (I7): it is unknown, and whoever asks for the same again
meets a person. A grant may have been revoked or used up meanwhile, so none holds any more. A read
does no harm if it runs again.
"""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.outcome import unknown
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.records.storage import Change, Put, PutAudit, PutGrant, Restored

RESTORED = "gateway.restored"
"""The event by which the audit says that what follows was not written after what stands before."""

WHY = "the gateway was restored from a backup, and it may have run since that was made"

BY = "restore"
"""Who has ended the grants, as the audit names them."""


def brought_back(restored: Restored, now: float, detail: str) -> list[Change]:
    """Say what is to be written, in this order.

    Args:
        restored: what the backup knows.
        now: UTC seconds.
        detail: which backup it was, for the audit.
    """
    changes: list[Change] = [PutAudit(AuditEntry(event=RESTORED, detail=detail))]
    changes += [
        Put(replace(each, phase=Phase.DONE, outcome=unknown(WHY), resolved_at=now, delivered=False))
        for each in restored.active
        if each.effects is Effects.WRITE
    ]
    changes += [
        PutGrant(replace(each, revoked_at=now, revoked_by=BY))
        for each in restored.grants
        if not each.ended(now)
    ]
    return changes
