"""What the ledger asks of a store: writes in order, and a few questions.

A store is dumb on purpose. It keeps records and answers questions; it never decides. Any engine
that commits ``Change`` values in the order given, atomically and durably, and answers the
``Query`` values from what it has committed, keeps the promises of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from agentgate_proto.records.audit_entry import AuditEntry
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.mute import Mute
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import NOT_RELAYED, Effects, Record
from agentgate_proto.records.session import (
    DropSession,
    FindSession,
    ListSessions,
    LogRow,
    PutSession,
    ReadLog,
    RestoredSessions,
    SessionRecord,
    SumUsage,
)
from agentgate_proto.records.usage import UsageSum


class Put(msgspec.Struct, frozen=True):
    """Insert the record, or replace the one with the same ``rid``; with it, all or nothing:

    Attributes:
        record: the request.
        joined: records of requests for the very same that had joined it and end as it does. They
            ran nothing of their own, so they never make an unknown outcome known.
        grant: as ``PutGrant``: made by the approval of the request, or used by it.
        is_told: the audit has an entry for it; else it is told with others.
    """

    record: Record
    joined: tuple[Record, ...] = ()
    grant: Grant | None = None
    is_told: bool = True


class PutGrant(msgspec.Struct, frozen=True):
    """Insert the grant, or replace the one with the same ``id``."""

    grant: Grant


class MarkDelivered(msgspec.Struct, frozen=True):
    """Set ``delivered`` on these records; rids that are not stored are ignored."""

    rids: tuple[str, ...]


class PutMute(msgspec.Struct, frozen=True):
    """Insert the mute, or replace that of the same agent."""

    mute: Mute


class PutNote(msgspec.Struct, frozen=True):
    """Keep what a channel must remember of an approval, in place of what it kept before.

    It goes when the request goes; for a rid that is not stored nothing is kept. The value is the
    channel's own: no engine looks into it.
    """

    channel: str
    rid: str
    value: str


class DropNote(msgspec.Struct, frozen=True):
    """Forget a note; one that is not there is ignored."""

    channel: str
    rid: str


class PutAudit(msgspec.Struct, frozen=True):
    """Append this to the audit. (What other changes tell is appended with them, unasked.)"""

    entry: AuditEntry


Change = (
    Put
    | PutGrant
    | PutMute
    | MarkDelivered
    | PutNote
    | DropNote
    | PutAudit
    | PutSession
    | DropSession
)


NO_BOUND = 2**63 - 1
"""Of bytes: as many as there are."""


def record_bytes(record: Record) -> int:
    """How much memory a record takes, about: its parts that can be large."""
    size = 1_000 + len(memoryview(record.args)) + len(record.signature)
    if record.edit is not None:
        size += len(memoryview(record.edit.args)) + len(record.edit.signature)
    if record.outcome is not None:
        size += len(bytes(record.outcome.data)) + len(record.outcome.message)
        size += edited_bytes(record.outcome)
    return size


def edited_bytes(outcome: Outcome) -> int:
    """How long the arguments are that an outcome tells, because a person has changed them."""
    return 0 if outcome.edited is msgspec.UNSET else len(memoryview(outcome.edited))


def may_be_repeated(record: Record) -> bool:
    """Whether ``FindTwin`` finds such a record, once it is done. An allowed read runs again."""
    asked = record.expires_at > 0.0 or record.relayed != NOT_RELAYED
    return asked or record.effects is Effects.WRITE


def as_many_as(rows: Iterable[Record], bytes_max: int) -> list[Record]:
    """The first rows, up to the one with which they have more than ``bytes_max`` bytes."""
    found: list[Record] = []
    size = 0
    for row in rows:
        found.append(row)
        size += record_bytes(row)
        if size > bytes_max:
            break
    return found


class FindRequest(msgspec.Struct, frozen=True):
    """The newest record with this key, or None. Answer: ``Record | None``."""

    principal: str
    client_id: str
    request_id: int | str


class FindIdempotencyKey(msgspec.Struct, frozen=True):
    """The newest record of the principal with this idempotency key. Answer: ``Record | None``."""

    principal: str
    key: str


class FindTwin(msgspec.Struct, frozen=True):
    """The principal's request with this digest that ended last. Answer: ``Record | None``.

    Of those that ended at once, the newest. Reads that nobody was asked about are left out.

    Attributes:
        since: it ended then or later, UTC seconds.
        as_written: the digest is of arguments as they are written, where the tool gets others
            (``Record.written``).
    """

    principal: str
    digest: str
    since: float
    as_written: bool = False


class FindRid(msgspec.Struct, frozen=True):
    """The record with this rid. Answer: ``Record | None``."""

    rid: str


class HighestId(msgspec.Struct, frozen=True):
    """The highest integer request id of this client up to ID_COUNTED_MAX, or 0. Answer: ``int``."""

    principal: str
    client_id: str


class Undelivered(msgspec.Struct, frozen=True):
    """Done and not delivered, at most ``limit``. Answer: ``list[Record]``.

    Oldest first, or newest first: then the newest ``limit`` of them. The last is the one with which
    they have more than ``bytes_max`` bytes (:func:`record_bytes`), if that comes before.

    Attributes:
        besides: rids that are left out.
    """

    principal: str
    client_id: str
    limit: int
    newest_first: bool = False
    besides: tuple[str, ...] = ()
    bytes_max: int = NO_BOUND


class ListRequests(msgspec.Struct, frozen=True):
    """The principal's requests, newest first; None: everybody's. Answer: ``list[Record]``.

    At most ``limit``, and ``bytes_max`` as for ``Undelivered``.

    Attributes:
        open_only: only what is not done or not delivered.
        before: the rid of a request: only what is older. None is the answer if it is not stored.
    """

    principal: str | None
    limit: int
    open_only: bool = False
    before: str = ""
    bytes_max: int = NO_BOUND


class ListNotes(msgspec.Struct, frozen=True):
    """The channel's notes by rid, oldest first, at most ``limit``. Answer: ``dict[str, str]``.

    With ``rid``: the note of that approval, if there is one.
    """

    channel: str
    limit: int
    rid: str = ""


Query = (
    FindRequest
    | FindIdempotencyKey
    | FindTwin
    | FindRid
    | HighestId
    | Undelivered
    | ListRequests
    | ListNotes
)
Answer = Record | None | int | list[Record] | dict[str, str]

SessionQuery = FindSession | ListSessions | ReadLog | SumUsage
SessionAnswer = SessionRecord | None | list[SessionRecord] | list[LogRow] | list[UsageSum]


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a ledger needs after a restart.

    Attributes:
        epoch: id of this store, made when it was created; a client that sees another one knows
            that the gateway's memory is not the one it talked to before.
        active: every record that is not done, oldest first.
        unknown: the newest record of each principal, digest and digest of what ran, where that one
            ended ``unknown``.
        grants: every grant that is kept, in force or over, oldest first.
        mutes: every mute that is kept, in force or over.
        coded_at: when a one-time code was last part of a decision, UTC seconds; 0: never.
        old_at: the latest ``created_at`` of an old client's request that is not done, or not
            delivered, UTC seconds; 0: there is none.
        sessions: what sessions need.
        seal: secret bytes, made with the store: the key of what faces seal. Not for logs.
    """

    epoch: str
    active: list[Record]
    unknown: list[Record]
    grants: list[Grant] = []
    mutes: list[Mute] = []
    coded_at: float = 0.0
    old_at: float = 0.0
    sessions: RestoredSessions = RestoredSessions()
    seal: bytes = b""
