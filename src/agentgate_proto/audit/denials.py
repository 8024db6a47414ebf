"""Denials, reads and the like in the audit beyond an agent's budget: one entry says how many."""

from __future__ import annotations

from msgspec.structs import replace

from agentgate_proto.audit.sealing import Seal
from agentgate_proto.errors import ErrorCode
from agentgate_proto.quotas.denials import Kind, Untold
from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.decision import Action
from agentgate_proto.records.outcome import Status

SUMS = frozenset(kind.value for kind in Kind)
"""The events of such entries."""

LAST = "last"
"""Where among its ``masked`` the digest of the last of them is."""


def entry_of(untold: Untold) -> AuditEntry:
    """Say that so many requests were denied, or read, with the digests of the first and the last.

    How each of those ended that were not denied, its row says.
    """
    entry = AuditEntry(
        event=untold.kind.value,
        agent=untold.principal,
        rid=untold.rid,
        tool=untold.tool,
        digest=untold.digest,
        masked={LAST: untold.last},
        count=untold.count,
        detail="beyond what has entries of its own",
    )
    if untold.kind is not Kind.DENIED:
        return entry
    return replace(
        entry,
        decision=Action.DENY,
        status=Status.DENIED,
        code=ErrorCode.DENIED_BY_POLICY,
        detail=f"{entry.detail}; {untold.dropped} of them are not kept",
    )


def sealed(entry: AuditEntry, seal: Seal) -> AuditEntry:
    """Key the digests of such an entry: nobody has looked what secrets the requests hold."""
    digest, last = entry.digest, entry.masked.get(LAST, "")
    return replace(
        entry,
        digest=seal.of_request(entry.rid, digest),
        masked={LAST: seal.of_request(entry.rid, last)},
    )
