"""What the ledger tells its adapter to do. Each effect is done in order, and none twice."""

from __future__ import annotations

from enum import Enum

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.records.grant import Grant
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Effects, Record
from agentgate_proto.records.storage import Change, Query


class Write(msgspec.Struct, frozen=True):
    """Commit this change; report ``durable`` or ``write_failed`` with its number.

    Attributes:
        urgent: somebody waits for it. One that is not may wait a moment for others to come.
    """

    number: int
    change: Change
    urgent: bool = True


class Purpose(Enum):
    """Why the ledger asks the store."""

    ATTACH = "attach"
    REQUEST = "request"
    IDEMPOTENCY = "idempotency"
    TWIN = "twin"
    COLLECT = "collect"
    LATE = "late"
    DECIDE = "decide"


class Token(msgspec.Struct, frozen=True):
    """Says what an answer of the store is for; hand it back with the answer."""

    purpose: Purpose
    link: int = 0
    rid: str = ""
    ticket: str = ""
    call_id: int | str | None = None
    limit: int = 0


class Question(msgspec.Struct, frozen=True):
    """Answer this query after all writes before it; report ``answered`` with the token.

    An answer knows of every write that was reported as durable before it.
    """

    query: Query
    token: Token


class Attached(msgspec.Struct, frozen=True):
    """The connection may be told that it is authenticated."""

    link: int
    highest_id: int


class TakenOver(msgspec.Struct, frozen=True):
    """Close this connection with 4409: its client has a newer one."""

    link: int


class TurnedAway(msgspec.Struct, frozen=True):
    """Close this connection with 1013: its client can't be served at present, and why."""

    link: int
    reason: str


class Run(msgspec.Struct, frozen=True):
    """Start the tool, once; report ``finished``.

    Attributes:
        effects: that the decision was made for.
        definition: of the tool that was asked for, see ``Record.definition``.
        principal: whose request it is.
    """

    rid: str
    tool: str
    args: bytes
    effects: Effects = Effects.WRITE
    definition: str = ""
    principal: str = ""

    @classmethod
    def of(cls, record: Record) -> Run:
        """What was asked for, or what a person has made of it."""
        record = record.as_approved
        return cls(
            record.rid,
            record.tool,
            bytes(record.args),
            record.effects,
            record.definition,
            record.principal,
        )


class Stop(msgspec.Struct, frozen=True):
    """Stop the tool if that is possible; ``finished`` is reported all the same."""

    rid: str


class Answer(msgspec.Struct, frozen=True):
    """Send the outcome on the connection.

    Attributes:
        rid: of the row that a receipt is for; "": none is wanted.
        joined_at: when the request had ended that this one was a repeat of, UTC seconds: nothing
            was run again; 0: it is none.
    """

    link: int
    request_id: int | str
    outcome: Outcome
    rid: str
    joined_at: float = 0.0


class Refusal(msgspec.Struct, frozen=True):
    """Answer the request with an error: it was not taken."""

    link: int
    request_id: int | str | None
    code: ErrorCode
    message: str
    retry_after_s: float | None = None


class AnswerPending(msgspec.Struct, frozen=True):
    """Answer ``get_pending_results``."""

    link: int
    call_id: int | str | None
    records: list[Record]
    pending: list[int | str]
    more: bool


class AnswerCancel(msgspec.Struct, frozen=True):
    """Answer ``cancel_request``."""

    link: int
    call_id: int | str | None
    status: str


class Waiting(msgspec.Struct, frozen=True):
    """Tell the client, which wants to know, that a person is asked."""

    link: int
    record: Record


class ApprovalChanged(msgspec.Struct, frozen=True):
    """Show this on every channel: an approval was opened, got one yes of several, or was settled.

    It is durable.
    """

    record: Record


class Decided(msgspec.Struct, frozen=True):
    """Answer a channel's decision.

    Attributes:
        ticket: what the channel called its decision.
        won: this very decision was taken, durably. It may be one yes of several.
        record: the request as it stands now; None: there is no such approval.
        problem: why nothing could be taken, if so; the approval still waits.
        code: what kind of problem.
    """

    ticket: str
    won: bool
    record: Record | None
    problem: str = ""
    code: ErrorCode = ErrorCode.INTERNAL_ERROR


class Revoked(msgspec.Struct, frozen=True):
    """Answer whoever revoked a grant.

    Attributes:
        ticket: what they called it.
        grant: as it stands now, durably if there is no problem; None: there is no such grant.
        end: how it ended.
        problem: why its end could not be stored; it is not used any more all the same.
    """

    ticket: str
    grant: Grant | None
    end: str = ""
    problem: str = ""


Effect = (
    Write
    | Question
    | Attached
    | TakenOver
    | TurnedAway
    | Run
    | Stop
    | Answer
    | Refusal
    | AnswerPending
    | AnswerCancel
    | Waiting
    | ApprovalChanged
    | Decided
    | Revoked
)
