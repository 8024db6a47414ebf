"""Sessions and their events, as those see them who may."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from agentgate_proto.records.request import rfc3339
from agentgate_proto.records.session import EMPTY_OBJECT, EventKind, LogRow, SessionRecord


class SectionName(StrEnum):
    """The parts of a context, in their order (seed 004)."""

    SYSTEM_PROMPT = "system_prompt"
    MEMORY = "memory"
    SKILLS = "skills"
    HISTORY = "history"
    TOOLS = "tools"


def empty_object() -> msgspec.Raw:
    """A factory: as a plain default it would have to be said in the schema, which can't say it."""
    return EMPTY_OBJECT


class SessionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session. Times are RFC 3339.

    Attributes:
        id: the session's id.
        key: the same with whose it is, for people: ``agent:PRINCIPAL:ID``.
        principal: whose it is.
        model: name of its model.
        workspace: its folder; "": none.
        user_id, metadata: the client's own.
        created_at, updated_at: when it was made, and when something last happened.
        messages: how many messages it has, of either side.
        epoch, oldest, next: of its log: cursors name the epoch, and are from ``oldest`` to
            ``next``.
        run: id of the run that is under way, if one is.
        waiting: ids of the runs that begin when it has ended, in their order.
    """

    id: str
    key: str
    principal: str
    model: str
    workspace: str
    user_id: str = ""
    metadata: msgspec.Raw = msgspec.field(default_factory=empty_object)
    created_at: str
    updated_at: str
    messages: int
    epoch: str
    oldest: int
    next: int
    run: str = ""
    waiting: list[str] = []


class SessionEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of a session's log, or several deltas of one text at once.

    Attributes:
        offset: of the (first) event.
        count: how many events these are; the cursor afterwards is ``offset + count``.
        kind: see :class:`~agentgate_proto.records.session.EventKind`; besides those, to a watcher:
            ``gap``: events from ``offset`` on are not to be had, ``count`` of them; ``behind``: the
            watcher was too slow, and what follows comes from the log; ``gone``: the session was
            deleted, and nothing follows. The last two have no offset of their own: the next event
            has theirs.
        at: when, RFC 3339.
        data: what it says. Of several deltas also ``cuts``: where each but the last ends in
            ``text``, in code points, so that a cursor between two of them is good.
    """

    offset: int
    count: int = 1
    kind: str
    at: str
    data: msgspec.Raw


GAP = "gap"
BEHIND = "behind"
GONE = "gone"


def session_view(record: SessionRecord) -> SessionView:
    """Show a session."""
    return SessionView(
        id=record.id,
        key=f"agent:{record.principal}:{record.id}",
        principal=record.principal,
        model=record.model,
        workspace=record.workspace,
        user_id=record.user_id,
        metadata=record.metadata,
        created_at=rfc3339(record.created_at),
        updated_at=rfc3339(record.updated_at),
        messages=record.messages,
        epoch=record.epoch,
        oldest=record.oldest,
        next=record.next,
        run=record.run.id if record.run is not None else "",
        waiting=[message.run for message in record.queue],
    )


def event_view(row: LogRow) -> SessionEvent:
    """Show a whole row of a log that is not of a merged kind, or has one event."""
    return SessionEvent(
        offset=row.first,
        count=row.count,
        kind=EventKind(row.kind).value,
        at=rfc3339(row.at),
        data=row.data,
    )
