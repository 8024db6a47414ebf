"""The audit of sessions: when one begins and goes, and each run of it, with what it cost.

What was said does not stand in the audit: it is told by the session's log, to whom the session
belongs. What a session did stands there all the same, because its tools go through the gate.
"""

from __future__ import annotations

import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.session import DropSession, EventKind, LogRow, PutSession
from agentgate_proto.rpc.behalf import OnBehalf


class RunFacts(msgspec.Struct, frozen=True):
    """What the audit wants of the first and of the last event of a run."""

    run: str = ""
    by: str = ""
    on_behalf_of: OnBehalf | None = None
    model: str = ""
    status: str = ""
    cost_micros: int | None = None


def entries_of_session(change: PutSession | DropSession) -> list[AuditEntry]:
    """Return what the audit says of a change; nothing, if no session and no run begins or ends, or
    if it goes for its age."""
    if isinstance(change, DropSession):
        if change.is_old:
            return []
        return [
            AuditEntry(
                event="session.deleted",
                session=change.id,
                agent=change.principal,
                principal=change.by,
            )
        ]
    session = change.session
    entries: list[AuditEntry] = []
    if change.is_new:
        entries.append(
            AuditEntry(
                event="session.created",
                session=session.id,
                agent=session.principal,
                model=session.model,
            )
        )
    for row in change.rows:
        if row.kind is EventKind.RUN_STARTED:
            facts = facts_of(row)
            behalf = facts.on_behalf_of
            entries.append(
                AuditEntry(
                    event="session.run_started",
                    session=session.id,
                    agent=session.principal,
                    principal=facts.by,
                    on_behalf_of=behalf.principal if behalf is not None else "",
                    hops=behalf.hops if behalf is not None else (),
                    run=facts.run,
                    model=facts.model,
                )
            )
        elif row.kind is EventKind.RUN_ENDED:
            facts = facts_of(row)
            entries.append(
                AuditEntry(
                    event="session.run_ended",
                    session=session.id,
                    agent=session.principal,
                    run=facts.run,
                    status=facts.status,
                    cost_micros=facts.cost_micros,
                )
            )
    return entries


def facts_of(row: LogRow) -> RunFacts:
    """What a row says of its run; nothing, where it says it in another way than it should."""
    try:
        return msgspec.json.decode(row.data, type=RunFacts)
    except msgspec.DecodeError:  # the entry itself is worth more than what stands in it
        return RunFacts()
